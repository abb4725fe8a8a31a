/*
 * packed.c - one struct packed for each answer that is being compressed or is kept; whoever asks
 * for it meanwhile waits in its list.
 *
 *   packed_start -> servant thread -> on_done: all who wait are answered -> kept, oldest goes first
 */
#include "server/front/packed.h"

#include <assert.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/work.h"
#include "net/http_gzip.h"
#include "server/front/reply.h"

#define SMALLEST (128u * 1024) /* as the real server: below it nothing is gained */
#define KEPT_MS  5000
#define THREADS  2

struct asker {
	struct list link;
	struct request *req;
};

struct packed {
	struct work_job job;
	struct list link; /* of packing->all, oldest first */
	struct packing *packing;
	char *key; /* NULL: for one asker */
	char *content_type;
	struct buf plain, bytes;
	struct list askers;
	bool ready, failed;
	int64_t until_ms;
};

struct packing {
	struct loop *loop;
	struct work_pool *pool; /* opened at the first use */
	struct list all;
	size_t kept; /* bytes of those that are ready */
	struct loop_timer timer;
};

bool packed_is_wanted(const struct request *req, int status, size_t len)
{
	return status == 200 && len > SMALLEST && server_packing(req->server) &&
	       http_accepts_gzip(http_header(&req->http->head, "Accept-Encoding"));
}

/* --- on the servant thread --- */

static void run(struct work_job *job)
{
	struct packed *packed = CONTAINER_OF(job, struct packed, job);

	packed->failed = !http_gzip(buf_str(&packed->plain), &packed->bytes);
}

/* --- answers --- */

static void packed_free(struct packed *packed)
{
	assert(list_is_empty(&packed->askers));
	if (packed->ready)
		packed->packing->kept -= packed->bytes.len;
	list_remove(&packed->link);
	buf_clear(&packed->plain);
	buf_clear(&packed->bytes);
	free(packed->key);
	free(packed->content_type);
	free(packed);
}

static void answer(struct packed *packed, struct request *req)
{
	if (packed->failed) {
		reply_bytes(req, 200, packed->content_type, buf_str(&packed->plain));
		return;
	}
	http_reply_header(req->http, "Content-Encoding", "gzip");
	http_reply_header(req->http, "Vary", "Accept-Encoding");
	reply_bytes(req, 200, packed->content_type, buf_str(&packed->bytes));
}

static void answer_all(struct packed *packed)
{
	while (!list_is_empty(&packed->askers)) {
		struct asker *asker = LIST_OWNER(packed->askers.next, struct asker, link);
		struct request *req = asker->req;

		list_remove(&asker->link);
		free(asker);
		answer(packed, req);
	}
}

static void drop_old(struct packing *packing)
{
	int64_t now = clock_now_ms();

	LIST_EACH_SAFE(&packing->all, link)
	{
		struct packed *packed = LIST_OWNER(link, struct packed, link);

		if (packed->ready &&
		    (packed->until_ms <= now || packing->kept > LIMIT_PACKED_BYTES))
			packed_free(packed);
	}
	if (packing->kept > 0 && packing->timer.heap_at == 0)
		loop_timer_set(packing->loop, &packing->timer, KEPT_MS);
}

static void on_timer(struct loop_timer *timer)
{
	drop_old(CONTAINER_OF(timer, struct packing, timer));
}

static void on_done(struct work_job *job)
{
	struct packed *packed = CONTAINER_OF(job, struct packed, job);
	struct packing *packing = packed->packing;

	answer_all(packed);
	buf_clear(&packed->plain);
	if (!packed->key || packed->failed) {
		packed_free(packed);
		return;
	}
	packed->ready = true;
	packed->until_ms = clock_now_ms() + KEPT_MS;
	packing->kept += packed->bytes.len;
	drop_old(packing);
}

/* --- asking --- */

static void ask(struct packed *packed, struct request *req)
{
	struct asker *asker = memory_new(struct asker);

	asker->req = req;
	list_add(&packed->askers, &asker->link);
}

bool packed_join(struct packing *packing, struct request *req, const char *key)
{
	LIST_EACH(&packing->all, link)
	{
		struct packed *packed = LIST_OWNER(link, struct packed, link);

		if (!packed->key || strcmp(packed->key, key) != 0)
			continue;
		if (packed->ready)
			answer(packed, req);
		else
			ask(packed, req);
		return true;
	}
	return false;
}

static bool open_pool(struct packing *packing)
{
	struct error err;

	if (packing->pool || work_open(packing->loop, THREADS, &packing->pool, &err))
		return true;
	log_error("server", "answers cannot be compressed", "why=\"%s\"", err.text);
	return false;
}

void packed_start(struct packing *packing, struct request *req, const char *content_type,
		  struct buf *text, const char *key)
{
	struct packed *packed = memory_new(struct packed);

	packed->packing = packing;
	packed->key = key ? memory_string(key) : NULL;
	packed->content_type = memory_string(content_type);
	packed->plain = *text;
	*text = BUF_INIT;
	packed->job.run = run;
	packed->job.on_done = on_done;
	list_init(&packed->askers);
	list_add(&packing->all, &packed->link);
	ask(packed, req);
	if (open_pool(packing)) {
		work_start(packing->pool, &packed->job);
		return;
	}
	packed->failed = true;
	on_done(&packed->job);
}

struct packing *packing_new(struct loop *loop)
{
	struct packing *packing = memory_new(struct packing);

	packing->loop = loop;
	packing->timer.on_timer = on_timer;
	list_init(&packing->all);
	return packing;
}

void packing_free(struct packing *packing)
{
	if (!packing)
		return;
	if (packing->pool)
		work_close(packing->pool); /* on_done of all */
	loop_timer_stop(&packing->timer);
	while (!list_is_empty(&packing->all))
		packed_free(LIST_OWNER(packing->all.next, struct packed, link));
	free(packing);
}
