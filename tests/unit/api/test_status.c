/*
 * test_status.c - Status objects: wordings, causes, long lists, texts that were cut.
 */
#include "api/status.h"

#include "api/kind.h"
#include "tests/unit/harness.h"

static const struct kind *pod(void)
{
	return kind_find_name(STR("v1"), STR("Pod"));
}

static struct json_doc *print(const struct error *err, const struct status_about *about)
{
	struct json_doc *doc;
	auto_buf text = BUF_INIT;
	struct error unused;

	status_print(err, about, &text);
	CHECK_OK(json_parse(buf_str(&text), &doc, NULL, &unused), &unused);
	return doc;
}

static const char *text_of(const struct json *value)
{
	CHECK(json_type(value) == JSON_STRING);
	return json_str(value).at;
}

/* Goal: the whole Status of a usual error, byte for byte. */
static void prints_not_found(void)
{
	struct status_about about = { .kind = kind_find_name(STR("apps/v1"), STR("Deployment")),
				      .name = STR("web") };
	auto_buf text = BUF_INIT;
	struct error err;

	CHECK(!status_not_found(&err, about.kind, about.name));
	CHECK_INT(status_print(&err, &about, &text), 404);
	CHECK_STR(buf_text(&text),
		  "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":"
		  "\"Failure\",\"message\":\"deployments.apps \\\"web\\\" not found\",\"reason\":"
		  "\"NotFound\",\"details\":{\"name\":\"web\",\"group\":\"apps\",\"kind\":"
		  "\"deployments\"},\"code\":404}");
}

/* Goal: causes become one message and the list of causes. */
static void prints_causes(void)
{
	auto_arena arena = arena_new();
	struct field_errors errors = { .arena = arena };
	struct status_about about = { .kind = pod(), .name = STR("x"), .causes = &errors };
	auto_json_doc doc = NULL;
	const struct json *causes;
	struct error err;

	CHECK(status_invalid(&err, pod(), STR("x"), &errors));
	field_errors_add(&errors, FIELD_REQUIRED, "spec.containers", "ignored", "");
	field_errors_add(&errors, FIELD_INVALID, "metadata.name", "\"X\"", "must be lower case");
	CHECK(!status_invalid(&err, pod(), STR("x"), &errors));
	doc = print(&err, &about);
	CHECK_STR(text_of(json_get(json_root(doc), "message")),
		  "Pod \"x\" is invalid: [spec.containers: Required value, metadata.name: Invalid "
		  "value: \"X\": must be lower case]");
	causes = json_path(json_root(doc), "details", "causes", NULL);
	CHECK_INT(json_count(causes), 2);
	CHECK_STR(text_of(json_get(json_at(causes, 1), "reason")), "FieldValueInvalid");
	CHECK_STR(text_of(json_get(json_at(causes, 1), "field")), "metadata.name");
	CHECK_STR(text_of(json_get(json_at(causes, 1), "message")),
		  "Invalid value: \"X\": must be lower case");
}

/* Goal: a message longer than an error's text is told whole. */
static void tells_long_messages(void)
{
	auto_arena arena = arena_new();
	struct field_errors errors = { .arena = arena };
	struct status_about about = { .kind = pod(), .name = STR("x"), .causes = &errors };
	auto_json_doc doc = NULL;
	struct str message;
	struct error err;

	for (int i = 0; i < 30; i++)
		field_errors_add(&errors, FIELD_REQUIRED, arena_print(arena, "spec.field%d", i),
				 NULL, "must be given, whatever it costs");
	CHECK(!status_invalid(&err, pod(), STR("x"), &errors));
	CHECK_INT(strlen(err.text), sizeof(err.text) - 1);
	doc = print(&err, &about);
	message = json_str(json_get(json_root(doc), "message"));
	CHECK(message.len > 1500);
	CHECK(str_ends(message,
		       STR("spec.field29: Required value: must be given, whatever it costs]")));
	doc = (json_doc_free(doc), print(&err, &(struct status_about){ .kind = pod() }));
	CHECK_INT(json_str(json_get(json_root(doc), "message")).len, sizeof(err.text) - 1);
}

/* Goal: an error about something else is not replaced by the causes' message. */
static void keeps_other_messages(void)
{
	auto_arena arena = arena_new();
	struct field_errors errors = { .arena = arena };
	struct status_about about = { .kind = pod(), .name = STR("x"), .causes = &errors };
	auto_json_doc doc = NULL;
	struct error err;

	field_errors_add(&errors, FIELD_REQUIRED, "spec", NULL, "");
	error_set(&err, ERROR_INVALID, "patch: no");
	doc = print(&err, &about);
	CHECK_STR(text_of(json_get(json_root(doc), "message")), "patch: no");
}

/* Goal: of a million errors a hundred are kept, and the rest is counted. */
static void caps_errors(void)
{
	auto_arena arena = arena_new();
	struct field_errors errors = { .arena = arena };
	auto_json_doc values = json_doc_new();
	struct status_about about = { .kind = pod(), .name = STR("x"), .causes = &errors };
	auto_json_doc doc = NULL;
	struct error err;

	for (int i = 0; i < 1000000; i++)
		field_errors_add(&errors, FIELD_REQUIRED, "spec", NULL, "");
	CHECK_INT(errors.count, FIELD_ERRORS_MAX);
	CHECK(arena_used(arena) < 65536);
	CHECK_STR(field_value(&errors, json_new_int(values, 5)), "");
	CHECK_STR(field_path(&errors, "spec[%d]", 5), "");
	CHECK(!status_invalid(&err, pod(), STR("x"), &errors));
	doc = print(&err, &about);
	CHECK(str_ends(json_str(json_get(json_root(doc), "message")),
		       STR("spec: Required value, and 999900 more]")));
}

/* Goal: a text that was cut inside a character, or is no UTF-8 at all, is still a message. */
static void keeps_characters_whole(void)
{
	auto_json_doc doc = NULL;
	auto_buf euros = BUF_INIT;
	struct status_about about = { .kind = pod(), .name = STR("a\xff b") };
	struct str message;
	struct error err;

	for (int i = 0; i < 300; i++)
		buf_add_text(&euros, "\xe2\x82\xac");
	error_set(&err, ERROR_BAD_REQUEST, "-%s", buf_text(&euros));
	doc = print(&err, &(struct status_about){ .kind = NULL });
	message = json_str(json_get(json_root(doc), "message"));
	CHECK_INT(message.len, 1 + 510 / 3 * 3);
	CHECK(str_is_utf8(message));
	status_not_found(&err, pod(), about.name);
	doc = (json_doc_free(doc), print(&err, &about));
	CHECK_STR(text_of(json_get(json_root(doc), "message")),
		  "pods \"a\xef\xbf\xbd b\" not found");
	CHECK_STR(text_of(json_path(json_root(doc), "details", "name", NULL)), "a b");
}

/* Goal: a revision that is yet to come has the cause clients look for. */
static void names_the_future(void)
{
	struct status_about about = { .kind = pod(), .name = STR("x") };
	auto_json_doc doc = NULL;
	auto_buf details = BUF_INIT;
	struct error err;

	CHECK(!status_too_large_revision(&err, 900, 7));
	CHECK_STR(err.text, "Timeout: Too large resource version: 900, current: 7");
	CHECK_INT(err.kind, ERROR_TIMEOUT);
	doc = print(&err, &about);
	json_print(json_get(json_root(doc), "details"), &details);
	CHECK_STR(buf_text(&details),
		  "{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"Too large "
		  "resource version\"}],\"retryAfterSeconds\":1}");
	error_set(&err, ERROR_TIMEOUT, "Timeout: slow");
	doc = (json_doc_free(doc), print(&err, &about));
	CHECK(!json_get(json_root(doc), "details"));
}

/* Goal: a Status read back is the same kind of error. */
static void reads_back(void)
{
	struct error err, back;

	for (unsigned kind = 1; kind < ERROR_KINDS; kind++) {
		auto_json_doc doc = NULL;

		error_set(&err, (enum error_kind)kind, "words %u", kind);
		doc = print(&err, &(struct status_about){ .kind = NULL });
		status_to_error(json_root(doc), error_rows[kind].status, &back);
		CHECK_INT(back.kind, kind);
		CHECK_STR(back.text, err.text);
	}
	status_to_error(NULL, 418, &back);
	CHECK_INT(back.kind, ERROR_BAD_REQUEST);
}

static const struct test tests[] = {
	{ "prints not found", prints_not_found },
	{ "prints causes", prints_causes },
	{ "tells long messages", tells_long_messages },
	{ "keeps other messages", keeps_other_messages },
	{ "caps errors", caps_errors },
	{ "keeps characters whole", keeps_characters_whole },
	{ "names the future", names_the_future },
	{ "reads back", reads_back },
};
TEST_MAIN(tests)
