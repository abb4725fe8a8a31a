/*
 * test_manifest_text.c - texts of manifests and the objects in them.
 */
#include "server/control/manifest_text.h"

#include "base/limits.h"
#include "tests/unit/harness.h"

/* "1 v1 ConfigMap ns/a; 2 ..." and then "! 2 problem" a line each. */
static void print(const struct manifest_text *text, struct buf *out)
{
	for (size_t i = 0; i < text->count; i++) {
		const struct manifest_object *object = &text->objects[i];

		buf_add_print(out, "%u " STR_FMT " " STR_FMT " " STR_FMT "/" STR_FMT "\n",
			      object->document, STR_ARG(object->api_version), STR_ARG(object->kind),
			      STR_ARG(object->namespace), STR_ARG(object->name));
	}
	for (size_t i = 0; i < text->problem_count; i++)
		buf_add_print(out, "! %u %s\n", text->problems[i].document, text->problems[i].text);
}

static void check(const char *given, bool is_json, const char *wanted)
{
	struct manifest_text text;
	auto_buf out = BUF_INIT;

	manifest_text_parse(str_of(given), is_json, &text);
	print(&text, &out);
	manifest_text_clear(&text);
	CHECK_STR(buf_text(&out), wanted);
}

#define MAP(name) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\n"

/* Goal: documents are told apart as kubectl does it, whatever stands between them. */
static void documents(void)
{
	check("", false, "");
	check("# nothing\n---\n\n--- # still nothing\n...\n", false, "");
	check(MAP("a"), false, "1 v1 ConfigMap /a\n");
	check("\xef\xbb\xbf" MAP("a") "---\r\n" MAP("b") "...\n" MAP(
		      "c") "--- {apiVersion: v1, kind: "
			   "Namespace, metadata: {name: d}}\n---",
	      false,
	      "1 v1 ConfigMap /a\n2 v1 ConfigMap /b\n3 v1 ConfigMap /c\n4 v1 Namespace /d\n");
	check("%YAML 1.1\n# a directive\n---\n" MAP("a") "data:\n  x: |\n    ---\n    y\n", false,
	      "1 v1 ConfigMap /a\n");
	check("---x: 1\n", false, "! 1 apiVersion: must be a text and is missing\n");
	check("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":"
	      "\"n\"}}\n\n\t{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":"
	      "\"}\\\"]\"}}",
	      true, "1 v1 Pod n/p\n2 v1 Pod /}\"]\n");
}

/* Goal: lists are taken apart; entries of a typed one know what they are. */
static void lists(void)
{
	check("apiVersion: v1\nkind: List\nitems:\n- "
	      "{apiVersion: v1, kind: Pod, metadata: {name: a}}\n- {apiVersion: v1, kind: List, "
	      "items: [{apiVersion: v1, kind: Pod, metadata: {name: b}}]}\n- 7\n",
	      false, "1 v1 Pod /a\n1 v1 Pod /b\n! 1 is no object\n");
	check("apiVersion: v1\nkind: ConfigMapList\nitems: [{metadata: {name: a}}]\n", false,
	      "1 v1 ConfigMap /a\n");
	check("apiVersion: v1\nkind: List\nitems: [{metadata: {name: a}}]\n", false,
	      "! 1 apiVersion: must be a text and is missing\n");
	check("apiVersion: x/v1\nkind: WaitList\nmetadata: {name: a}\n", false,
	      "1 x/v1 WaitList /a\n");
}

/* Goal: one wrong document hides no other, and is told with its number and line. */
static void mistakes(void)
{
	struct manifest_text text;

	manifest_text_parse(
		STR("a: [\n---\n" MAP("a") "---\n- 1\n---\nkind: X\n---\na: 1\na: 2\n"
					   "---\napiVersion: v1\nkind: ConfigMap\n---\n" MAP("z")),
		false, &text);
	CHECK_INT(text.count, 2);
	CHECK_INT(text.objects[1].document, 7);
	CHECK_INT(text.problem_count, 5);
	CHECK(strncmp(text.problems[0].text, "(from line 1) ", 14) == 0);
	CHECK_INT(text.problems[1].document, 3);
	CHECK_STR(text.problems[1].text, "is no object");
	CHECK_STR(text.problems[3].text, "duplicate field \"a\"");
	CHECK_STR(text.problems[4].text, "ConfigMap without metadata.name");
	manifest_text_clear(&text);
	check("{\"apiVersion\":\"v1\"", true,
	      "! 1 (from line 1) invalid JSON at byte 18: unexpected end of data\n");
	check("a: \xff\n", false, "! 0 is no text in UTF-8\n");
	manifest_text_parse(str_from("a\0b", 3), false, &text);
	CHECK_INT(text.problem_count, 1);
	manifest_text_clear(&text);
}

/* Goal: a file of nothing but mistakes, or of too many objects, costs little and says so. */
static void limits(void)
{
	auto_buf many = BUF_INIT;
	struct manifest_text text;

	for (int i = 0; i < LIMIT_MANIFEST_OBJECTS + 2; i++)
		buf_add_text(&many, "---\n" MAP("a"));
	manifest_text_parse(buf_str(&many), false, &text);
	CHECK_INT(text.count, LIMIT_MANIFEST_OBJECTS);
	CHECK_INT(text.problem_count, 2);
	manifest_text_clear(&text);
	buf_reset(&many);
	for (int i = 0; i < 1000; i++)
		buf_add_text(&many, "---\nx: [\n");
	manifest_text_parse(buf_str(&many), false, &text);
	CHECK_INT(text.problem_count, MANIFEST_PROBLEMS_MAX);
	manifest_text_clear(&text);
}

static const struct test tests[] = {
	{ "documents", documents },
	{ "lists", lists },
	{ "mistakes", mistakes },
	{ "limits", limits },
};
TEST_MAIN(tests)
