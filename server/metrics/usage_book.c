/*
 * usage_book.c - two looks a node, and who waits for the second.
 *
 *   want -> ask -> (first look: 1 s -> ask again) -> waiters are told
 */
#include "server/metrics/usage_book.h"

#include <assert.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "net/http_client.h"
#include "server/metrics/usage_text.h"
#include "tunnel/tunnel.h"

#define FRESH_MS     15000 /* a look is good for so long */
#define STALE_MS     90000 /* an older one says nothing about now */
#define PAIR_MS      1000  /* between two looks that make a window */
#define ASK_MS       5000
#define FORGET_MS    180000
#define TEXT_MAX     (8u * 1024 * 1024)
#define WINDOW_MIN   500   /* ms; a shorter one says too little */
#define ANSWERED_MAX 20000 /* containers of one node */

/* One thing that is looked at. */
struct entry {
	unsigned look; /* the look that saw it last */
	int64_t cpu_before, cpu, memory, start_ms;
	int64_t time_before_ms, time_ms; /* 0 = none */
};

struct node_book {
	struct usage_book *book;
	char *name;
	struct entry self;
	struct map *containers; /* "namespace/pod/container" -> struct entry */
	unsigned look;
	int64_t heard_ms; /* monotonic; 0 = never */
	bool asking;
	struct http_client *client;
	struct http_call *call;
	struct loop_timer again;
	struct loop_task end; /* of the call: a client is not freed inside its own callback */
	struct list waits;
};

struct usage_book {
	struct server *server;
	struct map *nodes; /* name -> struct node_book */
	struct loop_timer forget;
};

struct waiting {
	struct list link;
	struct usage_wait *wait;
};

/* --- what a node says --- */

static struct entry *entry_of(struct node_book *node, const struct usage_line *line)
{
	auto_buf key = BUF_INIT;
	struct entry *entry;

	if (line->container.len == 0)
		return &node->self;
	buf_add_print(&key, STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(line->namespace),
		      STR_ARG(line->pod), STR_ARG(line->container));
	entry = map_find(node->containers, buf_str(&key));
	if (!entry && map_count(node->containers) < ANSWERED_MAX) {
		entry = memory_new(struct entry);
		map_put(node->containers, buf_str(&key), entry);
	}
	return entry;
}

static void take_cpu(struct entry *entry, const struct usage_line *line)
{
	int64_t now_ms = line->time_ms ? line->time_ms : clock_wall_us() / 1000;
	bool fits = line->whole < INT64_MAX / 1000000000000 - 1; /* also times 1000 */

	if (now_ms <= entry->time_ms || !fits)
		return; /* the node looks less often than we ask */
	entry->cpu_before = entry->cpu;
	entry->time_before_ms = entry->time_ms;
	entry->cpu = line->whole * 1000000000 + line->nanos;
	entry->time_ms = now_ms;
	if (entry->cpu < entry->cpu_before) /* another run of it */
		entry->time_before_ms = 0;
}

static void take_line(struct node_book *node, const struct usage_line *line)
{
	struct entry *entry = entry_of(node, line);

	if (!entry)
		return;
	entry->look = node->look;
	switch (line->what) {
	case USAGE_CPU: take_cpu(entry, line); break;
	case USAGE_MEMORY: entry->memory = line->whole; break;
	case USAGE_START:
		if (line->whole < INT64_MAX / 1000 - 1)
			entry->start_ms = line->whole * 1000 + line->nanos / 1000000;
		break;
	}
}

static void drop_unseen(struct node_book *node)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_next(node->containers, &i, &key, &value);)
		if (((struct entry *)value)->look != node->look) {
			map_remove(node->containers, key);
			free(value);
		}
}

static void take_text(struct node_book *node, struct str text)
{
	struct usage_line line;

	node->look++;
	while (usage_text_next(&text, &line))
		take_line(node, &line);
	drop_unseen(node);
	node->heard_ms = clock_now_ms();
}

/* --- asking --- */

static void tell_waits(struct node_book *node)
{
	node->asking = false;
	LIST_EACH_SAFE(&node->waits, link)
	{
		struct waiting *waiting = LIST_OWNER(link, struct waiting, link);
		struct usage_wait *wait = waiting->wait;

		list_remove(link);
		free(waiting);
		assert(wait->left > 0);
		if (--wait->left == 0)
			wait->on_ready(wait);
	}
}

static bool has_window(const struct entry *entry)
{
	return entry->time_before_ms > 0 && entry->time_ms - entry->time_before_ms >= WINDOW_MIN &&
	       entry->time_ms - entry->time_before_ms <= STALE_MS;
}

static void on_end(struct loop_task *task)
{
	struct node_book *node = CONTAINER_OF(task, struct node_book, end);

	http_client_free(take_ptr(&node->client));
	if (node->heard_ms > 0 && !has_window(&node->self))
		loop_timer_set(server_loop(node->book->server), &node->again, PAIR_MS);
	else
		tell_waits(node);
}

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	struct node_book *node = of;

	node->call = NULL;
	if (!err && head->status == 200)
		take_text(node, body);
	else
		node->heard_ms = 0; /* what we have will not get better */
	loop_defer(server_loop(node->book->server), &node->end);
}

static void dial(void *of,
		 void (*on_done)(void *call, struct stream *stream, const struct error *err),
		 void *call)
{
	struct node_book *node = of;
	struct tunnel *tunnel = server_node_tunnel(node->book->server, str_of(node->name));
	struct error why;

	if (tunnel) {
		tunnel_open(tunnel, STR("node"), TUNNEL_CONTROL, ASK_MS, on_done, call);
		return;
	}
	error_set(&why, ERROR_UNAVAILABLE, "node %s is not connected", node->name);
	on_done(call, NULL, &why);
}

static void ask(struct node_book *node)
{
	struct http_ask question = { .method = "GET",
				     .target = "/metrics/resource",
				     .timeout_ms = ASK_MS,
				     .body_max = TEXT_MAX,
				     .on_reply = on_reply,
				     .of = node };

	assert(!node->client);
	node->asking = true;
	node->client = http_client_new(server_loop(node->book->server), dial, node, "node");
	node->call = http_call(node->client, &question);
}

static void on_again(struct loop_timer *timer)
{
	ask(CONTAINER_OF(timer, struct node_book, again));
}

/* --- the book --- */

static struct node_book *node_new(struct usage_book *book, struct str name)
{
	struct node_book *node = memory_new(struct node_book);

	node->book = book;
	node->name = str_copy(name);
	node->containers = map_new();
	node->again.on_timer = on_again;
	node->end.on_task = on_end;
	list_init(&node->waits);
	map_put(book->nodes, name, node);
	return node;
}

static void node_free(struct node_book *node)
{
	loop_timer_stop(&node->again);
	loop_task_cancel(&node->end);
	if (node->call)
		http_call_cancel(node->call);
	http_client_free(node->client);
	assert(list_is_empty(&node->waits));
	map_free_all(node->containers);
	free(node->name);
	free(node);
}

static void forget_all(struct usage_book *book, bool also_busy)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_next(book->nodes, &i, &key, &value);) {
		struct node_book *node = value;

		if (node->asking && !also_busy)
			continue;
		tell_waits(node);
		map_remove(book->nodes, key);
		node_free(node);
	}
}

static void on_forget(struct loop_timer *timer)
{
	forget_all(CONTAINER_OF(timer, struct usage_book, forget), false);
}

bool usage_book_want(struct usage_book *book, struct str name, struct usage_wait *wait)
{
	struct node_book *node = map_find(book->nodes, name);
	struct waiting *waiting;

	if (!server_node_tunnel(book->server, name))
		return true;
	if (!node)
		node = node_new(book, name);
	loop_timer_set(server_loop(book->server), &book->forget, FORGET_MS);
	if (!node->asking && node->heard_ms > 0 && clock_now_ms() - node->heard_ms < FRESH_MS)
		return true;
	if (!node->asking)
		ask(node);
	waiting = memory_new(struct waiting);
	waiting->wait = wait;
	wait->left++;
	list_add(&node->waits, &waiting->link);
	return false;
}

/* What has just begun has its whole life for a window. */
static bool read_figure(const struct entry *entry, struct usage_figure *out)
{
	int64_t before_ms = entry->time_before_ms, cpu_before = entry->cpu_before;

	if (!has_window(entry)) {
		before_ms = entry->start_ms;
		cpu_before = 0;
	}
	if (entry->time_ms == 0 || before_ms == 0 || entry->time_ms - before_ms < WINDOW_MIN ||
	    entry->time_ms - before_ms > STALE_MS || entry->cpu < cpu_before)
		return false;
	*out = (struct usage_figure){ .memory = (uint64_t)entry->memory,
				      .time_ms = entry->time_ms,
				      .window_ms = entry->time_ms - before_ms };
	out->cpu_nanos = (uint64_t)((entry->cpu - cpu_before) * 1000 / out->window_ms);
	return true;
}

static const struct node_book *find_node(const struct usage_book *book, struct str name)
{
	const struct node_book *node = map_find(book->nodes, name);

	return node && node->heard_ms > 0 ? node : NULL;
}

bool usage_book_node(const struct usage_book *book, struct str name, struct usage_figure *out)
{
	const struct node_book *node = find_node(book, name);

	return node && read_figure(&node->self, out);
}

bool usage_book_container(const struct usage_book *book, struct str name, struct str namespace,
			  struct str pod, struct str container, struct usage_figure *out)
{
	const struct node_book *node = find_node(book, name);
	auto_buf key = BUF_INIT;
	const struct entry *entry;

	if (!node)
		return false;
	buf_add_print(&key, STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(pod),
		      STR_ARG(container));
	entry = map_find(node->containers, buf_str(&key));
	return entry && read_figure(entry, out);
}

struct usage_book *usage_book_new(struct server *server)
{
	struct usage_book *book = memory_new(struct usage_book);

	book->server = server;
	book->nodes = map_new();
	book->forget.on_timer = on_forget;
	return book;
}

void usage_book_free(struct usage_book *book)
{
	if (!book)
		return;
	loop_timer_stop(&book->forget);
	forget_all(book, true);
	map_free(book->nodes);
	free(book);
}
