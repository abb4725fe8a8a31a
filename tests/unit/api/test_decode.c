/*
 * test_decode.c - strict decoding, defaults, and protobuf there and back.
 */
#include "api/decode.h"

#include "api/protobuf.h"
#include "tests/unit/harness.h"

static const struct type *pod_type(void)
{
	const struct type *type = type_find(STR("io.k8s.api.core.v1.Pod"));

	CHECK(type != NULL);
	return type;
}

/* Goal: unknown fields are noted with their paths and taken out, nulls go, quantities and times
 * become canonical. */
static void cleans(void)
{
	auto_arena arena = arena_new();
	struct decode_notes notes = { .arena = arena };
	auto_buf text = BUF_INIT;
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(STR("{\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\","
				"\"creationTimestamp\":null,\"foo\":1},"
				"\"spec\":{\"containers\":[{\"name\":\"a\",\"bar\":2,\"resources\":"
				"{\"limits\":"
				"{\"cpu\":1.5,\"memory\":\"1024Mi\"}}}]},\"status\":{\"startTime\":"
				"\"2026-11-20T18:14:06+01:00\"}}"),
			    &doc, NULL, &err),
		 &err);
	CHECK_OK(decode_check(pod_type(), doc, json_root(doc), &notes, &err), &err);
	CHECK_INT(notes.count, 2);
	CHECK_STR(notes.notes[0], "unknown field \"metadata.foo\"");
	CHECK_STR(notes.notes[1], "unknown field \"spec.containers[0].bar\"");
	json_print(json_root(doc), &text);
	CHECK_STR(buf_text(&text),
		  "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"},\"spec\":{\"containers\":[{"
		  "\"name\":\"a\","
		  "\"resources\":{\"limits\":{\"cpu\":\"1500m\",\"memory\":\"1Gi\"}}}]},\"status\":"
		  "{\"startTime\":\"2026-11-20T17:14:06Z\"}}");
	json_doc_free(doc);
}

/* Goal: a null in a list or map is what Go makes of it: the zero value. */
static void zeroes_nulls(void)
{
	auto_arena arena = arena_new();
	struct decode_notes notes = { .arena = arena };
	auto_json_doc doc = NULL;
	auto_buf text = BUF_INIT;
	struct error err;

	CHECK_OK(json_parse(STR("{\"metadata\":{\"labels\":{\"a\":null},\"finalizers\":[null]},"
				"\"spec\":{\"containers\":[null,{\"name\":null,\"resources\":"
				"{\"limits\":{\"cpu\":null}}}],"
				"\"securityContext\":{\"supplementalGroups\":[null,1]}}}"),
			    &doc, NULL, &err),
		 &err);
	CHECK_OK(decode_check(pod_type(), doc, json_root(doc), &notes, &err), &err);
	CHECK_INT(notes.count, 0);
	json_print(json_root(doc), &text);
	CHECK_STR(buf_text(&text),
		  "{\"metadata\":{\"labels\":{\"a\":\"\"},\"finalizers\":[\"\"]},"
		  "\"spec\":{\"containers\":[{},{\"resources\":{\"limits\":{\"cpu\":\"0\"}}}],"
		  "\"securityContext\":{\"supplementalGroups\":[0,1]}}}");
}

/* Goal: wrong types are refused, each with the field's path. */
static void refuses_types(void)
{
	static const char *const bad[] = {
		"{\"spec\":[]}",
		"{\"spec\":{\"containers\":{}}}",
		"{\"spec\":{\"containers\":[1]}}",
		"{\"spec\":{\"hostNetwork\":\"yes\"}}",
		"{\"spec\":{\"priority\":1.5}}",
		"{\"spec\":{\"priority\":3000000000}}",
		"{\"metadata\":{\"labels\":{\"a\":1}}}",
		"{\"metadata\":{\"creationTimestamp\":\"today\"}}",
		"{\"spec\":{\"overhead\":{\"cpu\":\"lots\"}}}",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		auto_arena arena = arena_new();
		struct decode_notes notes = { .arena = arena };
		struct json_doc *doc;
		struct error err;

		CHECK_OK(json_parse(str_of(bad[i]), &doc, NULL, &err), &err);
		if (decode_check(pod_type(), doc, json_root(doc), &notes, &err))
			harness_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
		CHECK_INT(err.kind, ERROR_BAD_REQUEST);
		json_doc_free(doc);
	}
}

/* Goal: defaults come where fields are absent, inside what is there only. */
static void defaults(void)
{
	auto_buf text = BUF_INIT;
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(STR("{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"ports\":"
				"[{\"containerPort\":1}]}]}}"),
			    &doc, NULL, &err),
		 &err);
	decode_default(pod_type(), doc, json_root(doc));
	json_print(json_root(doc), &text);
	CHECK_STR(buf_text(&text), "{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{"
				   "\"ports\":[{\"containerPort\":1,\"protocol\":\"TCP\"}],"
				   "\"terminationMessagePath\":\"/dev/"
				   "termination-log\",\"terminationMessagePolicy\":\"File\"}],"
				   "\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":"
				   "\"ClusterFirst\",\"schedulerName\":\"default-scheduler\"}}");
	json_doc_free(doc);
}

/* Goal: JSON to protobuf and back is the same value: maps, inlined messages, quantities,
 * int-or-string, times. */
static void protobuf_round_trip(void)
{
	static const char text[] = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":"
				   "\"x\",\"creationTimestamp\":"
				   "\"2026-11-20T17:14:06Z\",\"labels\":{\"a\":\"b\"}},\"spec\":{"
				   "\"volumes\":[{\"name\":\"v\",\"configMap\":"
				   "{\"name\":\"c\",\"defaultMode\":420}}],\"containers\":[{"
				   "\"name\":\"a\",\"image\":\"i\",\"resources\":"
				   "{\"limits\":{\"cpu\":\"1500m\"}},\"livenessProbe\":{"
				   "\"httpGet\":{\"path\":\"/\",\"port\":\"web\"}},"
				   "\"readinessProbe\":{\"tcpSocket\":{\"port\":80}}}],"
				   "\"priority\":-5,\"enableServiceLinks\":false}}";
	auto_json_doc doc = NULL;
	auto_json_doc back = json_doc_new();
	auto_buf bytes = BUF_INIT;
	struct str version, kind, raw;
	struct json *root;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	CHECK_OK(protobuf_from_json(pod_type(), json_root(doc), &bytes, &err), &err);
	CHECK_OK(protobuf_open(buf_str(&bytes), &version, &kind, &raw, &err), &err);
	CHECK(str_is(version, "v1"));
	CHECK(str_is(kind, "Pod"));
	CHECK_OK(protobuf_to_json(pod_type(), raw, back, &root, &err), &err);
	json_put(back, root, "apiVersion", json_new_text(back, "v1"));
	json_put(back, root, "kind", json_new_text(back, "Pod"));
	if (!json_equal(root, json_root(doc))) {
		auto_buf have = BUF_INIT;

		json_print(root, &have);
		CHECK_STR(buf_text(&have), text);
	}
}

/* Goal: every truncation of a protobuf body is refused or read, never a crash. */
static void protobuf_truncated(void)
{
	auto_json_doc doc = NULL;
	auto_buf bytes = BUF_INIT;
	struct error err;

	CHECK_OK(json_parse(STR("{\"metadata\":{\"name\":\"x\",\"labels\":{\"a\":\"b\"}},\"spec\":{"
				"\"containers\":[{\"name\":\"a\"}]}}"),
			    &doc, NULL, &err),
		 &err);
	CHECK_OK(protobuf_from_json(pod_type(), json_root(doc), &bytes, &err), &err);
	for (size_t len = 0; len < bytes.len; len++) {
		auto_json_doc back = json_doc_new();
		struct str version, kind, raw;
		struct json *root;

		if (protobuf_open(str_from(bytes.at, len), &version, &kind, &raw, &err) &&
		    protobuf_to_json(pod_type(), raw, back, &root, &err))
			CHECK(json_type(root) == JSON_OBJECT);
	}
}

static const struct test tests[] = {
	{ "cleans", cleans },
	{ "zeroes nulls", zeroes_nulls },
	{ "refuses types", refuses_types },
	{ "defaults", defaults },
	{ "protobuf round trip", protobuf_round_trip },
	{ "protobuf truncated", protobuf_truncated },
};
TEST_MAIN(tests)
