/*
 * test_log.c - log lines as text and as JSON, caught from standard error.
 */
#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "tests/unit/harness.h"

static int before = -1;

/* From here on standard error is a file. */
static void catch (void)
{
	auto_free char *path = memory_print("%s/log", harness_folder());
	auto_fd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	CHECK(fd >= 0 && before >= 0);
	CHECK(dup2(fd, STDERR_FILENO) >= 0);
}

static void caught(struct buf *out)
{
	auto_free char *path = memory_print("%s/log", harness_folder());
	struct error err;

	CHECK(dup2(before, STDERR_FILENO) >= 0);
	close(before);
	buf_reset(out);
	CHECK_OK(file_read(path, 100000, out, &err), &err);
}

/* Goal: a text line has time, level, room, message, fields; it is one line whatever they hold. */
static void prints_text(void)
{
	auto_buf text = BUF_INIT;
	struct str rest;

	catch ();
	log_info("agent.pod", "container started", "pod=%s why=\"%s\"", "web",
		 "a\nb\x1b[31m\r\x7f");
	log_warn("server", "plain", "%s", "");
	caught(&text);
	rest = buf_str(&text);
	CHECK(str_find(rest, 'Z') == 23);
	rest = str_from(rest.at + 24, rest.len - 24);
	CHECK(str_is(str_cut(&rest, '\n'),
		     " info  agent.pod    container started  pod=web why=\"a b [31m  \""));
	rest = str_from(rest.at + 24, rest.len - 24);
	CHECK(str_is(rest, " warn  server       plain\n"));
}

/* Goal: nothing under the level is written. */
static void keeps_the_level(void)
{
	auto_buf text = BUF_INIT;

	catch ();
	log_set(LOG_WARN, false);
	CHECK(log_wants(LOG_ERROR) && log_wants(LOG_WARN) && !log_wants(LOG_INFO));
	log_info("x", "not this", "%s", "");
	log_debug("x", "nor this", "%s", "");
	log_error("x", "but this", "%s", "");
	log_set(LOG_DEBUG, false);
	log_debug("x", "and this", "%s", "");
	caught(&text);
	CHECK(str_search(buf_str(&text), STR("not this")) < 0);
	CHECK(str_search(buf_str(&text), STR("nor this")) < 0);
	CHECK(str_search(buf_str(&text), STR("error x            but this\n")) > 0);
	CHECK(str_search(buf_str(&text), STR("debug x            and this\n")) > 0);
}

/* The fields of a line as JSON: without time, level, room and message. */
static void check_fields(const char *fields, const char *wanted)
{
	auto_buf line = BUF_INIT;
	auto_buf json = BUF_INIT;
	auto_json_doc doc = NULL;
	struct json *root;
	struct error err;

	catch ();
	log_set(LOG_INFO, true);
	log_info("room", "a \"message\"", "%s", fields);
	caught(&line);
	CHECK(str_ends(buf_str(&line), STR("}\n")));
	CHECK_OK(json_parse(str_from(line.at, line.len - 1), &doc, NULL, &err), &err);
	root = json_root(doc);
	CHECK(json_str(json_get(root, "time")).len == 24);
	CHECK(str_is(json_str(json_get(root, "level")), "info"));
	CHECK(str_is(json_str(json_get(root, "room")), "room"));
	CHECK(str_is(json_str(json_get(root, "message")), "a \"message\""));
	for (int i = 0; i < 4; i++) {
		struct json_iter it = json_iter(root);

		CHECK(json_next(&it) && json_remove(root, it.key));
	}
	json_print(root, &json);
	CHECK_STR(buf_text(&json), wanted);
}

/* Goal: fields become members, whatever quotes their values have. */
static void splits_fields(void)
{
	check_fields("", "{}");
	check_fields("pod=web took_ms=31", "{\"pod\":\"web\",\"took_ms\":\"31\"}");
	check_fields("why=\"a b\" pod=x", "{\"why\":\"a b\",\"pod\":\"x\"}");
	check_fields("why=\"\" empty= last=1", "{\"why\":\"\",\"empty\":\"\",\"last\":\"1\"}");
	check_fields("why=\"say \\\"no\\\" c:\\\\d\" pod=x",
		     "{\"why\":\"say \\\"no\\\" c:\\\\d\",\"pod\":\"x\"}");
	check_fields("why=\"must be true, not \"maybe\"\" pod=x",
		     "{\"why\":\"must be true, not \\\"maybe\\\"\",\"pod\":\"x\"}");
	check_fields("why=\"\"a\" is \"b\"\"", "{\"why\":\"\\\"a\\\" is \\\"b\\\"\"}");
	check_fields("why=\"no end", "{\"why\":\"no end\"}");
	check_fields("word", "{\"word\":\"\"}");
}

/* Goal: a JSON line is JSON in UTF-8 whatever the values are, cut ones too. */
static void stays_json(void)
{
	auto_buf fields = BUF_INIT;
	auto_buf wanted = BUF_INIT;

	check_fields("a=\"x\ty\nz\x7f\"", "{\"a\":\"x\\ty\\nz\x7f\"}");
	check_fields("a=\xff\xc3\xbc\xe2\x82 b=\xf0\x9f\x8c\xbb",
		     "{\"a\":\"\xef\xbf\xbd\xc3\xbc\xef\xbf\xbd\xef\xbf\xbd\",\"b\":"
		     "\"\xf0\x9f\x8c\xbb\"}");
	buf_add_text(&fields, "a=\"");
	buf_add_text(&wanted, "{\"a\":\"");
	for (int i = 0; i < 2000; i++)
		buf_add_text(&fields, "\xc3\xbc");
	for (int i = 0; i < 1022; i++)
		buf_add_text(&wanted, "\xc3\xbc");
	buf_add_text(&wanted, "\"}");
	check_fields(buf_text(&fields), buf_text(&wanted));
	/* one byte more in front: the cut goes through a character */
	buf_reset(&fields);
	buf_add_text(&fields, "a=\"x");
	for (int i = 0; i < 2000; i++)
		buf_add_text(&fields, "\xc3\xbc");
	buf_reset(&wanted);
	buf_add_text(&wanted, "{\"a\":\"x");
	for (int i = 0; i < 1021; i++)
		buf_add_text(&wanted, "\xc3\xbc");
	buf_add_text(&wanted, "\xef\xbf\xbd\"}");
	check_fields(buf_text(&fields), buf_text(&wanted));
}

static const struct test tests[] = {
	{ "prints text", prints_text },
	{ "keeps the level", keeps_the_level },
	{ "splits fields", splits_fields },
	{ "stays json", stays_json },
};
TEST_MAIN(tests)
