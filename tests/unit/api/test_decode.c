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

#define UNMARSHAL "json: cannot unmarshal "
#define FORMAT                                                                                     \
	"quantities must match the regular expression "                                            \
	"'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

static const struct {
	const char *text, *front, *words;
} bad[] = {
	{ "{\"spec\":[]}", UNMARSHAL, "array into Go struct field Pod.spec of type v1.PodSpec" },
	{ "{\"spec\":{\"containers\":{}}}", UNMARSHAL,
	  "object into Go struct field PodSpec.spec.containers of type []v1.Container" },
	{ "{\"spec\":{\"containers\":[1]}}", UNMARSHAL,
	  "number into Go struct field PodSpec.spec.containers of type v1.Container" },
	{ "{\"spec\":{\"containers\":[{},{\"ports\":[{\"containerPort\":\"x\"}]}]}}", UNMARSHAL,
	  "string into Go struct field ContainerPort.spec.containers.ports.containerPort "
	  "of "
	  "type int32" },
	{ "{\"spec\":{\"containers\":[{\"command\":[1]}]}}", UNMARSHAL,
	  "number into Go struct field Container.spec.containers.command of type string" },
	{ "{\"spec\":{\"volumes\":[{\"secret\":{\"defaultMode\":\"0644\"}}]}}", UNMARSHAL,
	  "string into Go struct field SecretVolumeSource.spec.volumes.secret.defaultMode "
	  "of "
	  "type int32" },
	{ "{\"spec\":{\"hostNetwork\":\"yes\"}}", UNMARSHAL,
	  "string into Go struct field PodSpec.spec.hostNetwork of type bool" },
	{ "{\"spec\":{\"priority\":1.5}}", UNMARSHAL,
	  "number 1.5 into Go struct field PodSpec.spec.priority of type int32" },
	{ "{\"spec\":{\"priority\":3000000000}}", UNMARSHAL,
	  "number 3000000000 into Go struct field PodSpec.spec.priority of type int32" },
	{ "{\"metadata\":{\"labels\":{\"a\":1}}}", UNMARSHAL,
	  "number into Go struct field ObjectMeta.metadata.labels of type string" },
	{ "{\"metadata\":{\"labels\":[]}}", UNMARSHAL,
	  "array into Go struct field ObjectMeta.metadata.labels of type "
	  "map[string]string" },
	{ "{\"kind\":1}", UNMARSHAL, "number into Go struct field Pod.kind of type string" },
	{ "{\"metadata\":{\"creationTimestamp\":1}}", UNMARSHAL,
	  "number into Go struct field ObjectMeta.metadata.creationTimestamp of type "
	  "string" },
	{ "{\"spec\":{\"overhead\":[]}}", UNMARSHAL,
	  "array into Go struct field PodSpec.spec.overhead of type v1.ResourceList" },
	{ "{\"metadata\":{\"creationTimestamp\":\"today\"}}", "parsing time \"today\" as ",
	  "\"2006-01-02T15:04:05Z07:00\": cannot parse \"today\" as \"2006\"" },
	{ "{\"metadata\":{\"creationTimestamp\":\"2026-11-20\"}}",
	  "parsing time \"2026-11-20\" as ",
	  "\"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"T\"" },
	{ "{\"metadata\":{\"creationTimestamp\":\"2026-13-20T00:00:00Z\"}}",
	  "parsing time \"2026-13-20T00:00:00Z\": ", "month out of range" },
	{ "{\"spec\":{\"overhead\":{\"cpu\":\"lots\"}}}", FORMAT, "" },
	{ "{\"spec\":{\"overhead\":{\"cpu\":true}}}", FORMAT, "" },
	{ "{\"spec\":{\"overhead\":{\"cpu\":\"\"}}}", FORMAT, "" },
	{ "{\"spec\":{\"overhead\":{\"cpu\":\"5mm\"}}}", "", "unable to parse quantity's suffix" },
};

/* Goal: wrong types are refused in the words of the real server.  Method: the sentences of Go's
 * encoding/json: the innermost struct, names of fields only, the Go type. */
static void refuses_types(void)
{
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		auto_arena arena = arena_new();
		struct decode_notes notes = { .arena = arena };
		auto_free char *wanted = memory_print("%s%s", bad[i].front, bad[i].words);
		struct json_doc *doc;
		struct error err;

		CHECK_OK(json_parse(str_of(bad[i].text), &doc, NULL, &err), &err);
		if (decode_check(pod_type(), doc, json_root(doc), &notes, &err))
			harness_fail(__FILE__, __LINE__, "taken: %s", bad[i].text);
		CHECK_INT(err.kind, ERROR_BAD_REQUEST);
		CHECK_STR(err.text, wanted);
		json_doc_free(doc);
	}
}

/* Goal: unknown and duplicate fields are told in the text's order; what is unknown is told once,
 * entries of maps count, too. */
static void tells_duplicates(void)
{
	static const char *const wanted[] = {
		"unknown field \"spec.unknown1\"",
		"unknown field \"spec.twice\"",
		"duplicate field \"spec.hostNetwork\"",
		"unknown field \"spec.containers[0].nested\"",
		"duplicate field \"spec.containers[0].image\"",
		"duplicate field \"metadata.labels.a\"",
		"unknown field \"metadata.Name\"",
	};
	auto_arena arena = arena_new();
	struct decode_notes notes = { .arena = arena, .duplicates = true };
	auto_json_doc doc = NULL;
	struct error err;

	CHECK_OK(
		json_parse_kept(
			STR("{\"spec\":{\"unknown1\":1,\"twice\":1,\"twice\":2,\"hostNetwork\":"
			    "true,"
			    "\"hostNetwork\":false,\"containers\":[{\"image\":\"a\",\"nested\":1,"
			    "\"image\":\"b\"}]},\"metadata\":{\"labels\":{\"a\":\"1\",\"a\":\"2\"},"
			    "\"Name\":\"x\"}}"),
			&doc, &err),
		&err);
	CHECK_OK(decode_check(pod_type(), doc, json_root(doc), &notes, &err), &err);
	CHECK_INT(notes.count, ARRAY_LENGTH(wanted));
	for (size_t i = 0; i < notes.count; i++)
		CHECK_STR(notes.notes[i], wanted[i]);
}

/* Goal: objects within objects may say what they are, as a claim's template does; others not. */
static void takes_kinds_inside(void)
{
	auto_arena arena = arena_new();
	struct decode_notes notes = { .arena = arena };
	const struct type *type = type_find(STR("io.k8s.api.core.v1.PodList"));
	auto_json_doc doc = NULL;
	struct error err;

	CHECK_OK(json_parse(STR("{\"kind\":\"PodList\",\"items\":[{\"apiVersion\":\"v1\",\"kind\":"
				"\"Pod\","
				"\"spec\":{\"kind\":\"x\"}}]}"),
			    &doc, NULL, &err),
		 &err);
	CHECK_OK(decode_check(type, doc, json_root(doc), &notes, &err), &err);
	CHECK_INT(notes.count, 1);
	CHECK_STR(notes.notes[0], "unknown field \"items[0].spec.kind\"");
	CHECK(json_path(json_at(json_get(json_root(doc), "items"), 0), "kind", NULL) != NULL);
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
	{ "tells duplicates", tells_duplicates },
	{ "takes kinds inside", takes_kinds_inside },
	{ "defaults", defaults },
	{ "protobuf round trip", protobuf_round_trip },
	{ "protobuf truncated", protobuf_truncated },
};
TEST_MAIN(tests)
