/*
 * storage_removal.c - one job a folder; it goes on when nobody waits for its answer any more.
 */
#include "agent/storage_removal.h"

#include "agent/volume_claim.h"
#include "api/status.h"
#include "base/log.h"

struct storage_removals {
	struct work_pool *pool;
	struct list jobs;
};

struct removal {
	struct work_job job;
	struct list link;
	struct http_request *req; /* NULL: nobody waits */
	char *path;
	bool worked;
	struct error err;
};

static void run(struct work_job *job)
{
	struct removal *removal = CONTAINER_OF(job, struct removal, job);

	removal->worked = volume_claim_remove(removal->path, &removal->err);
}

static void answer(struct removal *removal)
{
	struct status_about about = { 0 };
	auto_buf body = BUF_INIT;
	int code = 200;

	if (removal->worked)
		buf_add_text(&body, "{}");
	else
		code = status_print(&removal->err, &about, &body);
	http_reply(removal->req, code, "application/json", buf_str(&body));
}

static void on_done(struct work_job *job)
{
	struct removal *removal = CONTAINER_OF(job, struct removal, job);

	if (removal->worked)
		log_info("agent.storage", "folder of a released volume is removed", "path=\"%s\"",
			 removal->path);
	if (removal->req)
		answer(removal);
	list_remove(&removal->link);
	free(removal->path);
	free(removal);
}

static void on_gone(struct http_request *req)
{
	struct removal *removal = req->user;

	removal->req = NULL;
	http_request_free(req);
}

struct storage_removals *storage_removals_new(struct work_pool *pool)
{
	struct storage_removals *removals = memory_new(struct storage_removals);

	removals->pool = pool;
	list_init(&removals->jobs);
	return removals;
}

void storage_removals_free(struct storage_removals *removals)
{
	LIST_EACH_SAFE(&removals->jobs, link)
	{
		struct removal *removal = LIST_OWNER(link, struct removal, link);

		if (removal->req)
			http_request_free(removal->req);
		removal->req = NULL;
		list_remove(link);
	}
	free(removals);
}

void storage_removal_start(struct storage_removals *removals, struct http_request *req,
			   struct str path)
{
	struct removal *removal = memory_new(struct removal);

	removal->path = str_copy(path);
	removal->job = (struct work_job){ .run = run, .on_done = on_done };
	removal->req = req;
	req->user = removal;
	req->on_gone = on_gone;
	list_add(&removals->jobs, &removal->link);
	work_start(removals->pool, &removal->job);
}
