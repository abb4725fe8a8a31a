/*
 * meter_reads.c - what idle watches cost a server, and how many lists it gives: the client does as
 * little as it can, so that the figures are the server's.
 */
#include "tests/bench/meter.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"

#define LISTERS 16
#define OBJECTS 3000 /* of 1 KiB and what belongs to them */
#define TARGET  "/api/v1/namespaces/default/configmaps"

/* --- watches --- */

struct reads {
	struct meter *meter;
	size_t begun, wanted, ended;
	uint64_t bytes;
	int64_t start_us;
	struct samples times;
};

static bool on_watch_head(void *of, const struct http_head *head)
{
	struct reads *reads = of;

	if (head->status != 200)
		meter_fail("a watch was answered with %d", head->status);
	reads->begun++;
	return true;
}

static void on_piece(void *of, struct str piece)
{
	struct reads *reads = of;

	reads->bytes += piece.len;
}

static void on_watch_end(void *of, const struct error *err)
{
	(void)of;
	meter_fail("a watch has ended: %s", err ? err->text : "in peace");
}

static int64_t resident_kib(const char *pid)
{
	auto_free char *path = memory_print("/proc/%s/smaps_rollup", pid);
	auto_buf text = BUF_INIT;
	struct error err;
	struct str rest, number;
	ptrdiff_t at;
	int64_t kib = 0;

	if (!file_read(path, 65536, &text, &err))
		meter_fail("%s", err.text);
	at = str_search(buf_str(&text), STR("Rss:"));
	rest = at < 0 ? STR("") : str_from(text.at + at + 4, text.len - (size_t)at - 4);
	rest = str_trim(rest);
	number = str_cut(&rest, ' ');
	if (!str_to_i64(number, 0, INT64_MAX, &kib))
		meter_fail("%s has no figure", path);
	return kib;
}

/* A watch that is open is answered before it costs what it will: let the server come to rest. */
static void settle(struct meter *meter, int ms)
{
	int64_t until = clock_now_ms() + ms;

	while (clock_now_ms() < until)
		loop_once(meter->loop, 50);
}

/* word: the process of the server. */
static void watches_run(struct meter *meter, size_t count, const char *word)
{
	struct reads reads = { .meter = meter };
	struct http_ask ask = {
		.method = "GET",
		.target = "/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=0&"
			  "fieldSelector=metadata.name%3Dnone&timeoutSeconds=600",
		.on_head = on_watch_head,
		.on_body = on_piece,
		.on_end = on_watch_end,
		.of = &reads,
	};
	int64_t before;

	if (!word)
		meter_fail("watches COUNT PID");
	before = resident_kib(word);
	for (size_t i = 0; i < count; i++) {
		http_call(client_http(meter->client), &ask);
		meter_until(meter, &reads.begun, i < 50 ? 0 : i - 50, "watches open");
	}
	meter_until(meter, &reads.begun, count, "watches open");
	settle(meter, 1500);
	printf("watches.memory %.2f MiB\n", (double)(resident_kib(word) - before) / 1024);
	_exit(fflush(stdout)); /* all of them at once */
}

const struct task task_watches = { "watches", watches_run,
				   "COUNT idle watches, each on its own connection; WORD: the "
				   "server's process" };

/* --- lists --- */

struct lister {
	struct reads *reads;
	int64_t asked_us;
};

static void list_again(struct lister *lister);

static bool on_list_head(void *of, const struct http_head *head)
{
	(void)of;
	if (head->status != 200)
		meter_fail("a list was answered with %d", head->status);
	return true;
}

static void on_list_piece(void *of, struct str piece)
{
	struct lister *lister = of;

	lister->reads->bytes += piece.len;
}

static void on_list_end(void *of, const struct error *err)
{
	struct lister *lister = of;

	if (err)
		meter_fail("a list: %s", err->text);
	samples_add(&lister->reads->times, clock_now_us() - lister->asked_us);
	lister->reads->ended++;
	if (lister->reads->begun < lister->reads->wanted)
		list_again(lister);
}

static const char *encoding;

static void list_again(struct lister *lister)
{
	struct http_header header = { .name = STR("Accept-Encoding"), .value = str_of(encoding) };
	struct http_ask ask = {
		.method = "GET",
		.target = TARGET,
		.headers = &header,
		.header_count = 1,
		.on_head = on_list_head,
		.on_body = on_list_piece,
		.on_end = on_list_end,
		.of = lister,
	};

	lister->reads->begun++;
	lister->asked_us = clock_now_us();
	http_call(client_http(lister->reads->meter->client), &ask);
}

static void make_objects(struct meter *meter)
{
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = meter_kind("", "configmaps"),
				  .namespace = METER_NAMESPACE };
	auto_buf payload = BUF_INIT;

	for (int i = 0; i < 1024; i++)
		buf_add_byte(&payload, (char)('a' + i * i % 26));
	for (int i = 0; i < OBJECTS; i++) {
		auto_free char *body = memory_print(
			"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
			"\"list-%d\",\"labels\":{\"bench\":\"lists\"}},\"data\":{\"payload\":\"%"
			"s\"}}",
			i, buf_text(&payload));

		ask.body = str_of(body);
		meter_call(meter, ask);
	}
}

static void remove_objects(struct meter *meter)
{
	struct client_ask ask = { .verb = CLIENT_DELETE_COLLECTION,
				  .kind = meter_kind("", "configmaps"),
				  .namespace = METER_NAMESPACE,
				  .query = "labelSelector=bench%3Dlists" };

	meter_call(meter, ask);
}

/* word: "identity", or "gzip" when there is none. */
static void lists_run(struct meter *meter, size_t count, const char *word)
{
	struct reads reads = { .meter = meter, .wanted = LISTERS };
	struct lister listers[LISTERS];
	int64_t start_us;

	encoding = word ? word : "gzip";
	make_objects(meter);
	for (size_t i = 0; i < LISTERS; i++) { /* the connections are made before the clock runs */
		listers[i].reads = &reads;
		list_again(&listers[i]);
	}
	meter_until(meter, &reads.ended, LISTERS, "first lists");
	free(reads.times.at);
	reads.times = (struct samples){ 0 };
	reads.wanted = count + LISTERS;
	reads.bytes = 0;
	start_us = clock_now_us();
	for (size_t i = 0; i < LISTERS && reads.begun < reads.wanted; i++)
		list_again(&listers[i]);
	meter_until(meter, &reads.ended, reads.wanted, "lists");
	printf("lists.rate %.0f /s\n", (double)count * 1e6 / (double)(clock_now_us() - start_us));
	printf("lists.bytes %" PRIu64 " B\n", reads.bytes / count);
	samples_print(&reads.times, "lists");
	remove_objects(meter);
}

const struct task task_lists = { "lists", lists_run,
				 "COUNT lists of 3000 objects, 16 at once; WORD: the "
				 "encoding" };
