/*
 * test_large.c - objects as large as a body may be pass the rules of their kinds at once: nothing
 * takes time that grows with the square of their entries.
 */
#include "api/decode.h"
#include "api/object.h"
#include "api/selector.h"
#include "tests/unit/api/rules.h"
#include "tests/unit/harness.h"

#define MANY 60000

/* Texts that vary with a number, joined by commas: `front` number `back`. */
static void add_many(struct buf *out, const char *front, const char *back)
{
	for (int i = 0; i < MANY; i++)
		buf_add_print(out, "%s%s%d%s", i ? "," : "", front, i, back);
}

/* An object of a kind; its text in `out` stands open for more. */
static void begin(struct buf *out, const char *version, const char *kind)
{
	buf_add_print(out, "{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"metadata\":{\"name\":\"x\"},",
		      version, kind);
}

static size_t lines_of(const struct buf *text)
{
	size_t lines = 0;

	for (size_t i = 0; i < text->len; i++)
		lines += text->at[i] == '\n';
	return lines;
}

static size_t count_errors(const struct buf *text)
{
	auto_buf object = BUF_INIT;
	auto_buf errors = BUF_INIT;

	rules_run(buf_text(text), NULL, &object, &errors);
	return lines_of(&errors);
}

static void secret_data(void)
{
	auto_buf text = BUF_INIT;

	begin(&text, "v1", "Secret");
	buf_add_text(&text, "\"data\":{");
	add_many(&text, "\"k", "\":\"\"");
	buf_add_text(&text, "},\"stringData\":{");
	add_many(&text, "\"l", "\":\"\"");
	buf_add_text(&text, "}}");
	CHECK_INT(count_errors(&text), 0);
}

static void pod_containers(void)
{
	auto_buf text = BUF_INIT;

	begin(&text, "v1", "Pod");
	buf_add_text(&text, "\"spec\":{\"containers\":[");
	for (int i = 0; i < MANY / 10; i++)
		buf_add_print(&text, "%s{\"name\":\"c%d\",\"image\":\"i\"}", i ? "," : "", i);
	buf_add_text(&text, "],\"tolerations\":[");
	add_many(&text, "{\"key\":\"k", "\"}");
	buf_add_text(&text, "]}}");
	CHECK_INT(count_errors(&text), 0);
}

static void pod_lists(void)
{
	auto_buf text = BUF_INIT;

	begin(&text, "v1", "Pod");
	buf_add_text(&text, "\"spec\":{\"volumes\":[");
	add_many(&text, "{\"name\":\"v", "\"}");
	buf_add_text(&text, "],\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"volumeMounts\":[");
	for (int i = 0; i < MANY; i++)
		buf_add_print(&text, "%s{\"name\":\"v%d\",\"mountPath\":\"/%d\"}", i ? "," : "", i,
			      i);
	buf_add_text(&text, "],\"ports\":[");
	add_many(&text, "{\"containerPort\":1,\"name\":\"p", "\"}");
	buf_add_text(&text, "],\"resources\":{\"limits\":{");
	add_many(&text, "\"a.b/k", "\":\"1\"");
	buf_add_text(&text, "}}}]}}");
	CHECK_INT(count_errors(&text), 0);
}

static void deployment_selector(void)
{
	auto_buf text = BUF_INIT;

	begin(&text, "apps/v1", "Deployment");
	buf_add_text(&text, "\"spec\":{\"selector\":{\"matchLabels\":{");
	add_many(&text, "\"k", "\":\"\"");
	buf_add_text(&text, "}},\"template\":{\"metadata\":{\"labels\":{");
	add_many(&text, "\"k", "\":\"\"");
	buf_add_text(&text, "}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}");
	CHECK_INT(count_errors(&text), 0);
}

static void service_ports(void)
{
	auto_buf text = BUF_INIT;

	begin(&text, "v1", "Service");
	buf_add_text(&text, "\"spec\":{\"ports\":[");
	for (int i = 1; i < MANY; i++)
		buf_add_print(&text, "%s{\"port\":%d,\"name\":\"p%d\"}", i > 1 ? "," : "", i, i);
	buf_add_text(&text, "]}}");
	CHECK_INT(count_errors(&text), 0);
}

static void limits(void)
{
	auto_buf text = BUF_INIT;

	begin(&text, "v1", "LimitRange");
	buf_add_text(&text, "\"spec\":{\"limits\":[{\"type\":\"Container\",\"max\":{");
	add_many(&text, "\"a.b/k", "\":\"1\"");
	buf_add_text(&text, "}}]}}");
	CHECK_INT(count_errors(&text), 0);
}

/* Each scope is looked at with all amounts. */
static void quotas(void)
{
	auto_buf text = BUF_INIT;

	begin(&text, "v1", "ResourceQuota");
	buf_add_text(&text, "\"spec\":{\"hard\":{");
	add_many(&text, "\"a.b/k", "\":\"1\"");
	buf_add_text(&text, "},\"scopes\":[");
	for (int i = 0; i < MANY; i++)
		buf_add_print(&text, "%s\"Terminating\"", i ? "," : "");
	buf_add_text(&text, "]}}");
	CHECK_INT(count_errors(&text), 0);
}

/* Goal: of many errors a hundred are told. */
static void bad_labels(void)
{
	auto_buf text = BUF_INIT;

	buf_add_text(&text, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
			    "\"x\",\"labels\":{");
	add_many(&text, "\"_", "\":\"-\"");
	buf_add_text(&text, "}}}");
	CHECK_INT(count_errors(&text), FIELD_ERRORS_MAX);
}

/* Goal: unknown fields and amounts that become canonical, as many as there is room for. */
static void decoding(void)
{
	auto_arena arena = arena_new();
	struct decode_notes notes = { .arena = arena };
	auto_buf text = BUF_INIT;
	auto_json_doc doc = NULL;
	struct json *root;
	struct error err;

	buf_add_text(&text, "{\"spec\":{\"overhead\":{");
	add_many(&text, "\"k", "\":\"1000m\"");
	buf_add_text(&text, "},");
	add_many(&text, "\"u", "\":1");
	buf_add_text(&text, "},\"metadata\":{\"name\":\"x\",\"kind\":1},\"kind\":\"Pod\"}");
	CHECK_OK(json_parse(buf_str(&text), &doc, NULL, &err), &err);
	root = json_root(doc);
	CHECK_OK(decode_check(type_find(STR("io.k8s.api.core.v1.Pod")), doc, root, &notes, &err),
		 &err);
	CHECK_INT(notes.count, DECODE_NOTES_MAX);
	CHECK_STR(notes.notes[0], "unknown field \"spec.u0\"");
	CHECK_INT(json_count(json_get(root, "spec")), 1);
	CHECK_INT(json_count(json_path(root, "spec", "overhead", NULL)), MANY);
	CHECK_STR(json_str(json_path(root, "spec", "overhead", "k7", NULL)).at, "1");
	CHECK_INT(json_count(json_get(root, "metadata")), 1);
	CHECK(str_is(json_str(json_get(root, "kind")), "Pod"));
}

/* Goal: a selector of many labels over an object of many labels. */
static void selecting(void)
{
	auto_buf text = BUF_INIT;
	auto_json_doc doc = NULL;
	struct selector *selector;
	struct object *object;
	struct error err;

	buf_add_text(&text, "{\"metadata\":{\"labels\":{");
	add_many(&text, "\"k", "\":\"\"");
	buf_add_text(&text, "}}}");
	CHECK_OK(object_from_bytes(buf_str(&text), &object, &err), &err);
	CHECK_OK(json_parse(buf_str(&text), &doc, NULL, &err), &err);
	selector = selector_from_map(json_path(json_root(doc), "metadata", "labels", NULL));
	CHECK(selector_match(selector, object));
	CHECK(selector_match_labels(selector,
				    json_path(json_root(doc), "metadata", "labels", NULL)));
	CHECK(!selector_match_labels(selector, NULL));
	selector_free(selector);
	object_unref(object);
}

static const struct test tests[] = {
	{ "secret data", secret_data, .time_limit_s = 4 },
	{ "pod containers", pod_containers, .time_limit_s = 4 },
	{ "pod lists", pod_lists, .time_limit_s = 10 },
	{ "deployment selector", deployment_selector, .time_limit_s = 4 },
	{ "service ports", service_ports, .time_limit_s = 4 },
	{ "limits", limits, .time_limit_s = 4 },
	{ "quotas", quotas, .time_limit_s = 4 },
	{ "bad labels", bad_labels, .time_limit_s = 4 },
	{ "decoding", decoding, .time_limit_s = 4 },
	{ "selecting", selecting, .time_limit_s = 4 },
};
TEST_MAIN(tests)
