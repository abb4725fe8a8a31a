/*
 * test_reading.c - which state a read asks for, and how a watch's events look.
 */
#include "server/registry/reading.h"

#include "api/kind.h"
#include "server/registry/watch_event.h"
#include "tests/unit/harness.h"

#define PREFIX STR("/core/configmaps/default/")

static struct request request_with(struct arena *arena)
{
	struct request req = { .arena = arena };

	req.kind = kind_find_name(STR("v1"), STR("ConfigMap"));
	return req;
}

/* Goal: each combination of the table is taken or refused as the real server does. */
static void table_of_options(void)
{
	static const struct {
		const char *revision, *match, *token;
		bool watch, initial;
		const char *refusal; /* of the first error; NULL = taken */
	} rows[] = {
		{ "", "", "", false, false, NULL },
		{ "0", "NotOlderThan", "", false, false, NULL },
		{ "5", "Exact", "", false, false, NULL },
		{ "", "Exact", "", false, false,
		  "resourceVersionMatch is forbidden unless resourceVersion is provided" },
		{ "", "NotOlderThan", "", false, false,
		  "resourceVersionMatch is forbidden unless resourceVersion is provided" },
		{ "0", "Exact", "", false, false,
		  "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"" },
		{ "5", "exact", "", false, false,
		  "supported values: \"Exact\", \"NotOlderThan\", \"\"" },
		{ "5", "Exact", "x", false, false,
		  "resourceVersionMatch is forbidden when continue is provided" },
		{ "", "", "", false, true, "sendInitialEvents is forbidden for list" },
		{ "", "", "", true, false, NULL },
		{ "", "NotOlderThan", "", true, true, NULL },
		{ "", "", "", true, true,
		  "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan" },
		{ "5", "NotOlderThan", "", true, false,
		  "resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
		  "provided" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_arena arena = arena_new();
		struct field_errors errors = { .arena = arena };
		struct request req = request_with(arena);

		req.params.resource_version = str_of(rows[i].revision);
		req.params.resource_version_match = str_of(rows[i].match);
		req.params.continue_token = str_of(rows[i].token);
		req.params.has_send_initial_events = rows[i].initial;
		req.params.send_initial_events = rows[i].initial;
		reading_check(&req, rows[i].watch, &errors);
		CHECK_INT(errors.count > 0, rows[i].refusal != NULL);
		if (rows[i].refusal)
			CHECK_STR(errors.items[0].detail, rows[i].refusal);
	}
}

/* Goal: what a list is of, by its revision, match and limit. */
static void revisions_of_lists(void)
{
	static const struct {
		const char *revision, *match;
		int64_t limit;
		uint64_t at_least, exact;
	} rows[] = {
		{ "", "", 0, 0, 0 },       { "", "", 5, 0, 0 },  { "0", "", 5, 0, 0 },
		{ "7", "", 0, 7, 0 },      { "7", "", 5, 7, 7 }, { "7", "NotOlderThan", 5, 7, 0 },
		{ "7", "Exact", 0, 7, 7 },
	};
	auto_arena arena = arena_new();
	struct request req = request_with(arena);
	struct reading reading;
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		req.params.resource_version = str_of(rows[i].revision);
		req.params.resource_version_match = str_of(rows[i].match);
		req.params.limit = rows[i].limit;
		CHECK_OK(reading_of_list(&req, PREFIX, &reading, &err), &err);
		CHECK_INT(reading.at_least, rows[i].at_least);
		CHECK_INT(reading.exact, rows[i].exact);
		CHECK(!reading.after.at);
	}
	req.params.resource_version = STR("1e3");
	CHECK(!reading_of_list(&req, PREFIX, &reading, &err));
	CHECK_INT(err.kind, ERROR_BROKEN);
	CHECK_STR(err.text, "resourceVersion: Invalid value: \"1e3\": strconv.ParseUint: parsing "
			    "\"1e3\": invalid syntax");
	req.params.resource_version = STR("99999999999999999999");
	CHECK(!reading_of_watch(&req, &reading, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
	CHECK(str_ends(str_of(err.text), STR("value out of range")));
}

/* Goal: a token goes on where its page ended, in its own list only; anything else is refused. */
static void tokens(void)
{
	static const char *const bad[] = { "!", "AAAA", "MSAx", "" /* other list, below */ };
	auto_arena arena = arena_new();
	struct request req = request_with(arena);
	struct reading reading;
	struct error err;

	req.params.continue_token =
		str_of(reading_token(&req, 12, 34, STR("/core/configmaps/default/a b")));
	CHECK_OK(reading_of_list(&req, PREFIX, &reading, &err), &err);
	CHECK_INT(reading.exact, 12);
	CHECK_INT(reading.remaining, 34);
	CHECK(str_is(reading.after, "/core/configmaps/default/a b"));
	CHECK(!reading_of_list(&req, STR("/core/secrets/"), &reading, &err));
	CHECK_INT(err.kind, ERROR_BAD_REQUEST);
	req.params.resource_version = STR("3");
	CHECK(!reading_of_list(&req, PREFIX, &reading, &err));
	CHECK_STR(err.text, "specifying resource version is not allowed when using continue");
	req.params.resource_version = STR("");
	for (size_t i = 0; bad[i][0]; i++) {
		req.params.continue_token = str_of(bad[i]);
		CHECK(!reading_of_list(&req, PREFIX, &reading, &err));
		CHECK_INT(err.kind, ERROR_BAD_REQUEST);
		CHECK(str_starts(str_of(err.text),
				 STR("invalid continue token: continue key is not valid: ")));
	}
}

/* Goal: where a watch begins. */
static void starts_of_watches(void)
{
	static const struct {
		const char *revision;
		int send; /* -1: not said */
		bool initial, from_now;
	} rows[] = {
		{ "", -1, true, false },  { "0", -1, true, false }, { "9", -1, false, false },
		{ "", 1, true, false },   { "9", 1, true, false },  { "", 0, false, true },
		{ "9", 0, false, false },
	};
	auto_arena arena = arena_new();
	struct request req = request_with(arena);
	struct reading reading;
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		req.params.resource_version = str_of(rows[i].revision);
		req.params.has_send_initial_events = rows[i].send >= 0;
		req.params.send_initial_events = rows[i].send == 1;
		CHECK_OK(reading_of_watch(&req, &reading, &err), &err);
		CHECK_INT(reading.initial, rows[i].initial);
		CHECK_INT(reading.from_now, rows[i].from_now);
	}
}

/* Goal: the bytes of an event in each form. */
static void forms_of_events(void)
{
	static const unsigned char frame[] = { 0,   0,   0,   0x49, 0x0a, 8,    'B',  'O', 'O',
					       'K', 'M', 'A', 'R',  'K',  0x12, 0x3d, 0x0a };
	auto_arena arena = arena_new();
	struct request req = request_with(arena);
	struct watch_form form;
	auto_buf text = BUF_INIT;

	watch_form_of(&req, &form);
	watch_print_bookmark(&form, 7, false, &text);
	CHECK_STR(buf_text(&text),
		  "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\","
		  "\"metadata\":{\"resourceVersion\":\"7\",\"creationTimestamp\":null}}}\n");
	buf_reset(&text);
	req.answer = ANSWER_TABLE;
	watch_form_of(&req, &form);
	watch_print_bookmark(&form, 7, false, &text);
	CHECK_STR(buf_text(&text),
		  "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Table\",\"apiVersion\":"
		  "\"meta.k8s.io/v1\",\"metadata\":{\"resourceVersion\":\"7\"},"
		  "\"columnDefinitions\":null,\"rows\":[]}}\n");
	buf_reset(&text);
	req.answer = ANSWER_PARTIAL;
	req.carrier = ANSWER_PROTOBUF;
	watch_form_of(&req, &form);
	watch_print_bookmark(&form, 77, false, &text);
	CHECK(text.len > sizeof(frame));
	CHECK_INT(text.len - 4, frame[3]);
	CHECK_BYTES(text.at, frame, sizeof(frame));
}

static const struct test tests[] = {
	{ "table of options", table_of_options },
	{ "revisions of lists", revisions_of_lists },
	{ "tokens", tokens },
	{ "starts of watches", starts_of_watches },
	{ "forms of events", forms_of_events },
};
TEST_MAIN(tests)
