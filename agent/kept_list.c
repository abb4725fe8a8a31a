/*
 * kept_list.c - one file a list: {"items":[...]} as the API prints them.
 */
#include "agent/kept_list.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "net/hash.h"

#define GATHER_MS      1000  /* after a change: others come with it */
#define APART_MS       10000 /* between two writings in the long run: flash wears out */
#define AT_ONCE        6     /* that many may come without it: a deployment is many changes */
#define KEPT_MAX_BYTES (64u * 1024 * 1024)

struct kept_list {
	struct node *node;
	struct cache *cache;
	char *path;
	struct loop_timer timer;
	int64_t paid_until_ms;      /* each writing costs APART_MS; AT_ONCE of them may be owed */
	char hash[HASH_SHA256_HEX]; /* of what the disk has; "" = not known */
};

struct saving {
	struct work_job job;
	char *path;
	struct buf text;
	bool worked;
	struct error err;
};

static void run(struct work_job *job)
{
	struct saving *saving = CONTAINER_OF(job, struct saving, job);

	saving->worked = file_replace(saving->path, buf_str(&saving->text), 0600, &saving->err);
}

/* The next change tries again. */
static void on_done(struct work_job *job)
{
	struct saving *saving = CONTAINER_OF(job, struct saving, job);

	if (!saving->worked)
		log_warn("agent.kept", "a list cannot be kept", "file=%s why=\"%s\"", saving->path,
			 saving->err.text);
	buf_clear(&saving->text);
	free(saving->path);
	free(saving);
}

static void print_items(const struct cache *cache, struct buf *out)
{
	const struct object *object;
	bool first = true;

	buf_add_text(out, "{\"items\":[");
	for (size_t i = 0; (object = cache_next(cache, &i));) {
		if (!first)
			buf_add_byte(out, ',');
		first = false;
		json_print(object_json(object), out);
		object_trim(object);
	}
	buf_add_text(out, "]}");
}

static void pay(struct kept_list *list)
{
	int64_t now = clock_now_ms();

	if (list->paid_until_ms < now)
		list->paid_until_ms = now;
	list->paid_until_ms += APART_MS;
}

static void save(struct kept_list *list)
{
	char hash[HASH_SHA256_HEX];
	struct saving *saving;
	auto_buf text = BUF_INIT;

	print_items(list->cache, &text);
	hash_sha256_hex(buf_str(&text), hash);
	if (text.len > KEPT_MAX_BYTES || strcmp(hash, list->hash) == 0)
		return;
	memcpy(list->hash, hash, sizeof(hash));
	pay(list);
	saving = memory_new(struct saving);
	saving->job = (struct work_job){ .run = run, .on_done = on_done };
	saving->path = memory_string(list->path);
	buf_add_str(&saving->text, buf_str(&text));
	work_start(list->node->chores, &saving->job);
}

static void on_timer(struct loop_timer *timer)
{
	struct kept_list *list = CONTAINER_OF(timer, struct kept_list, timer);

	/* Half a list would forget what the disk knows. */
	if (cache_is_synced(list->cache))
		save(list);
}

struct kept_list *kept_list_open(struct node *node, const char *name, struct cache *cache)
{
	struct kept_list *list = memory_new(struct kept_list);

	list->node = node;
	list->cache = cache;
	list->path = memory_print("%s/%s.json", node->folder, name);
	list->timer.on_timer = on_timer;
	return list;
}

void kept_list_close(struct kept_list *list)
{
	if (!list)
		return;
	if (list->timer.heap_at != 0)
		on_timer(&list->timer);
	loop_timer_stop(&list->timer);
	free(list->path);
	free(list);
}

bool kept_list_load(struct kept_list *list)
{
	auto_buf text = BUF_INIT;
	auto_json_doc doc = NULL;
	struct error err;

	if (!file_read(list->path, KEPT_MAX_BYTES, &text, &err) ||
	    !json_parse(buf_str(&text), &doc, NULL, &err)) {
		if (err.kind != ERROR_NOT_FOUND)
			log_warn("agent.kept", "a kept list makes no sense; the server will say",
				 "file=%s why=\"%s\"", list->path, err.text);
		return false;
	}
	hash_sha256_hex(buf_str(&text), list->hash);
	cache_seed(list->cache, json_root(doc));
	return true;
}

void kept_list_changed(struct kept_list *list)
{
	int64_t now = clock_now_ms(), due = now + GATHER_MS;
	int64_t allowed = list->paid_until_ms - (AT_ONCE - 1) * APART_MS;

	if (list->timer.heap_at != 0 || !cache_is_synced(list->cache))
		return;
	if (due < allowed)
		due = allowed;
	loop_timer_set(list->node->loop, &list->timer, due - now);
}
