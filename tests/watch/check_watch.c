/*
 * check_watch.c - no event is lost, doubled or told out of order; revisions only grow; whatever
 * happens to the server meanwhile.
 *
 * usage: check_watch URL CERTIFICATE KEY SECONDS
 *
 * 8 writers make, change and remove objects; 32 watchers in several forms leave at random and come
 * back from their last revision.  Who runs this kills the server now and then.
 */
#include "tests/watch/check_watch.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "net/tls.h"

#define PEM_MAX   (64u * 1024)
#define SETTLE_MS 15000

_Noreturn void check_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("check_watch: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

size_t check_index(struct str name)
{
	int64_t writer, object;

	if (!str_starts(name, STR("w")))
		return SIZE_MAX;
	name = str_from(name.at + 1, name.len - 1);
	if (!str_to_i64(str_cut(&name, '-'), 0, WRITERS - 1, &writer) ||
	    !str_to_i64(name, 0, OBJECTS - 1, &object))
		return SIZE_MAX;
	return (size_t)(writer * OBJECTS + object);
}

bool check_read(const struct json *metadata, size_t *out_index, uint64_t *out_seq,
		uint64_t *out_revision)
{
	struct str seq = json_str(json_get(json_get(metadata, "annotations"), "seq"));

	*out_index = check_index(json_str(json_get(metadata, "name")));
	return *out_index != SIZE_MAX && str_to_u64(seq, UINT64_MAX, out_seq) &&
	       str_to_u64(json_str(json_get(metadata, "resourceVersion")), UINT64_MAX,
			  out_revision);
}

static void connect_to(struct check *check, char **argv)
{
	struct tls_config *config;
	auto_buf chain = BUF_INIT;
	auto_buf key = BUF_INIT;
	struct error err;

	if (!loop_open(&check->loop, &err) || !file_read(argv[2], PEM_MAX, &chain, &err) ||
	    !file_read(argv[3], PEM_MAX, &key, &err) ||
	    !tls_client_config(STR_NONE, buf_str(&chain), buf_str(&key), true, &config, &err))
		check_fail("%s", err.text);
	check->http = http_client_to(check->loop, str_of(argv[1]), config, &err);
	if (!check->http)
		check_fail("%s", err.text);
	tls_config_unref(config);
}

static void run_for(struct check *check, int64_t ms, bool (*done)(const struct check *check),
		    const char *what)
{
	int64_t until = clock_now_ms() + ms;

	while (!done || !done(check)) {
		if (clock_now_ms() >= until && done)
			check_fail("%s: not so after %" PRId64 " ms", what, ms);
		if (clock_now_ms() >= until)
			return;
		loop_once(check->loop, 50);
	}
}

int main(int argc, char **argv)
{
	struct check check = { .writing = true };
	int64_t seconds;

	if (argc != 5 || !str_to_i64(str_of(argv[4]), 1, 3600, &seconds))
		check_fail("usage: check_watch URL CERTIFICATE KEY SECONDS");
	connect_to(&check, argv);
	writers_start(&check);
	watchers_start(&check);
	run_for(&check, seconds * 1000, NULL, "");
	check.writing = false;
	run_for(&check, SETTLE_MS, writers_idle, "the writers have ended");
	check.final = check.newest;
	run_for(&check, SETTLE_MS, watchers_agree, "all watchers have seen what was written");
	printf("check_watch: %" PRIu64 " writes (%" PRIu64 " of them unsure for a while), %" PRIu64
	       " events, %" PRIu64 " connections, %" PRIu64 " lists after 410, %" PRIu64
	       " bookmarks\n",
	       check.writes, check.unsure, check.events, check.connects, check.relists,
	       check.bookmarks);
	watchers_stop();
	http_client_free(check.http);
	loop_close(check.loop);
	return 0;
}
