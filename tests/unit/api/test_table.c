/*
 * test_table.c - Table answers: columns, cells, ages, conditions of rows.
 */
#include "api/table.h"

#include "base/clock.h"
#include "tests/unit/harness.h"

/* The cells of an object's row, as JSON. */
static void check_cells(const char *text, const char *wanted)
{
	auto_json_doc doc = NULL;
	auto_buf row = BUF_INIT;
	auto_buf cells = BUF_INIT;
	const struct kind *kind;
	struct object *object;
	struct error err;

	CHECK_OK(object_from_bytes(str_of(text), &object, &err), &err);
	kind = kind_find_name(object_api_version(object), object_kind(object));
	CHECK(kind != NULL);
	table_print_row(kind, object, TABLE_NONE, &row);
	object_unref(object);
	CHECK_OK(json_parse(buf_str(&row), &doc, NULL, &err), &err);
	json_print(json_get(json_root(doc), "cells"), &cells);
	CHECK_STR(buf_text(&cells), wanted);
}

/* Goal: ages as kubectl prints them, at every change of their form. */
static void prints_ages(void)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = {
		{ -2, "<invalid>" },      { -1, "0s" },          { 0, "0s" },
		{ 119, "119s" },          { 120, "2m" },         { 125, "2m5s" },
		{ 599, "9m59s" },         { 601, "10m" },        { 10799, "179m" },
		{ 10800, "3h" },          { 10860, "3h1m" },     { 28860, "8h" },
		{ 172799, "47h" },        { 172800, "2d" },      { 176400, "2d1h" },
		{ 694800, "8d" },         { 730 * 86400, "2y" }, { 731 * 86400, "2y1d" },
		{ 3000ll * 86400, "8y" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_buf text = BUF_INIT;

		table_print_age(rows[i].seconds, &text);
		CHECK_STR(buf_text(&text), rows[i].text);
	}
}

static void check_pod(const char *meta, const char *spec, const char *status, const char *wanted)
{
	auto_arena arena = arena_new();

	check_cells(arena_print(arena,
				"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":"
				"\"p\"%s},\"spec\":{%s},\"status\":{%s}}",
				meta, spec, status),
		    wanted);
}

/* Goal: what a pod's row says in its states. */
static void prints_pods(void)
{
	static const char two[] = "\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]";

	check_pod("", two, "\"phase\":\"Pending\"",
		  "[\"p\",\"0/2\",\"Pending\",\"0\",\"<unknown>\",\"<none>\",\"<none>\",\"<none>\","
		  "\"<none>\"]");
	check_pod("", two,
		  "\"phase\":\"Running\",\"podIP\":\"10.0.0.9\",\"containerStatuses\":[{\"ready\":"
		  "true,"
		  "\"restartCount\":2,\"state\":{\"running\":{}}},{\"ready\":false,\"state\":{"
		  "\"waiting\":{\"reason\":\"CrashLoopBackOff\"}}}]",
		  "[\"p\",\"1/2\",\"CrashLoopBackOff\",\"2\",\"<unknown>\",\"10.0.0.9\",\"<none>\","
		  "\"<none>\",\"<none>\"]");
	check_pod(
		"", two,
		"\"phase\":\"Running\",\"containerStatuses\":[{\"ready\":false,\"state\":{"
		"\"terminated\":{\"reason\":\"Error\"}}},{\"ready\":false,\"state\":{\"waiting\":{"
		"\"reason\":\"ImagePullBackOff\"}}}]",
		"[\"p\",\"0/2\",\"Error\",\"0\",\"<unknown>\",\"<none>\",\"<none>\",\"<none>\","
		"\"<none>\"]");
	check_pod("", two,
		  "\"phase\":\"Running\",\"containerStatuses\":[{\"ready\":true,\"state\":{"
		  "\"running\":"
		  "{}}},{\"state\":{\"terminated\":{\"reason\":\"Completed\"}}}]",
		  "[\"p\",\"1/2\",\"NotReady\",\"0\",\"<unknown>\",\"<none>\",\"<none>\","
		  "\"<none>\",\"<none>\"]");
	check_pod(",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"", two, "\"phase\":\"Running\"",
		  "[\"p\",\"0/2\",\"Terminating\",\"0\",\"<unknown>\",\"<none>\",\"<none>\","
		  "\"<none>\",\"<none>\"]");
}

/* Goal: init containers and sidecars have their say; gates are counted. */
static void prints_pod_parts(void)
{
	check_pod(
		"", "\"initContainers\":[{\"name\":\"i\"},{\"name\":\"j\"}],\"containers\":[{}]",
		"\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{\"terminated\":{"
		"\"exitCode\":0}}},{\"name\":\"j\",\"state\":{\"running\":{}}}]",
		"[\"p\",\"0/1\",\"Init:1/2\",\"0\",\"<unknown>\",\"<none>\",\"<none>\",\"<none>\","
		"\"<none>\"]");
	check_pod(
		"",
		"\"initContainers\":[{\"name\":\"i\",\"restartPolicy\":\"Always\"}],"
		"\"containers\":[{}],\"readinessGates\":[{\"conditionType\":\"a\"},{"
		"\"conditionType\":\"b\"}]",
		"\"phase\":\"Running\",\"conditions\":[{\"type\":\"a\",\"status\":\"True\"},{"
		"\"type\":\"b\",\"status\":\"False\"}],\"initContainerStatuses\":[{\"name\":\"i\","
		"\"started\":true,\"ready\":true,\"state\":{\"running\":{}}}]",
		"[\"p\",\"1/2\",\"Running\",\"0\",\"<unknown>\",\"<none>\",\"<none>\",\"<none>\","
		"\"1/2\"]");
}

/* Goal: finished pods are told as such beside their cells. */
static void prints_conditions(void)
{
	auto_buf row = BUF_INIT;
	struct object *object;
	struct error err;

	CHECK_OK(object_from_bytes(STR("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{"
				       "\"name\":\"p\"},\"status\":{\"phase\":\"Failed\"}}"),
				   &object, &err),
		 &err);
	table_print_row(kind_find_name(STR("v1"), STR("Pod")), object, TABLE_METADATA, &row);
	object_unref(object);
	CHECK_STR(buf_text(&row),
		  "{\"cells\":[\"p\",\"0/0\",\"Failed\",\"0\",\"<unknown>\",\"<none>\",\"<none>\","
		  "\"<none>\",\"<none>\"],\"conditions\":[{\"type\":\"Completed\",\"status\":"
		  "\"True\","
		  "\"reason\":\"Failed\",\"message\":\"The pod failed.\"}],\"object\":{"
		  "\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\","
		  "\"metadata\":{\"name\":\"p\"}}}");
}

/* Goal: a row of every kind has a cell for every column, and both are JSON, even for an object that
 * is nearly empty. */
static void fits_columns(void)
{
	for (const struct kind *const *at = kind_list; *at; at++) {
		auto_json_doc columns = NULL;
		auto_json_doc row = NULL;
		auto_buf text = BUF_INIT;
		auto_buf cells = BUF_INIT;
		struct object *object;
		struct error err;

		CHECK_OK(object_from_bytes(STR("{\"metadata\":{\"name\":\"x\"}}"), &object, &err),
			 &err);
		table_print_columns(*at, &text);
		table_print_row(*at, object, TABLE_OBJECT, &cells);
		CHECK_OK(json_parse(buf_str(&text), &columns, NULL, &err), &err);
		CHECK_OK(json_parse(buf_str(&cells), &row, NULL, &err), &err);
		CHECK_INT(json_count(json_get(json_root(row), "cells")),
			  json_count(json_root(columns)));
		object_unref(object);
	}
}

/* Goal: times become ages, and other texts stay. */
static void prints_times(void)
{
	auto_arena arena = arena_new();
	char then[CLOCK_TEXT];

	clock_print(clock_wall_s() - 300, then);
	check_cells(
		arena_print(arena,
			    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
			    "\"c\",\"creationTimestamp\":\"%s\"},\"data\":{\"a\":\"\"}}",
			    then),
		"[\"c\",1,\"5m\"]");
}

static const struct test tests[] = {
	{ "prints ages", prints_ages },           { "prints pods", prints_pods },
	{ "prints pod parts", prints_pod_parts }, { "prints conditions", prints_conditions },
	{ "fits columns", fits_columns },         { "prints times", prints_times },
};
TEST_MAIN(tests)
