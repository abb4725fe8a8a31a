/*
 * test_protobuf.c - protobuf bodies that are unusual or broken: each is read rightly or refused
 * with a reason.
 */
#include "api/protobuf.h"

#include <stdio.h>

#include "base/limits.h"
#include "tests/unit/harness.h"

static const struct type *type_of(const char *name)
{
	const struct type *type = type_find(str_of(name));

	CHECK(type != NULL);
	return type;
}

static const struct type *review_type(void)
{
	return type_of("io.k8s.api.authorization.v1.SubjectAccessReview");
}

static const struct type *pod_type(void)
{
	return type_of("io.k8s.api.core.v1.Pod");
}

/* One field on the wire: a message, a text, bytes. */
static void add_bytes(struct buf *out, unsigned number, struct str bytes)
{
	CHECK(number < 16 && bytes.len < 0x4000);
	buf_add_byte(out, (char)(number << 3 | 2));
	if (bytes.len >= 0x80) {
		buf_add_byte(out, (char)(bytes.len | 0x80));
		buf_add_byte(out, (char)(bytes.len >> 7));
	} else {
		buf_add_byte(out, (char)bytes.len);
	}
	buf_add_str(out, bytes);
}

/* Bytes as a field inside field after field: outermost number first. */
static void wrap(struct buf *out, const unsigned *numbers, size_t count, struct str inner)
{
	auto_buf now = BUF_INIT;

	buf_add_str(&now, inner);
	for (size_t i = count; i-- > 0;) {
		auto_buf next = BUF_INIT;

		add_bytes(&next, numbers[i], buf_str(&now));
		buf_reset(&now);
		buf_add_str(&now, buf_str(&next));
	}
	buf_add_str(out, buf_str(&now));
}

static void check_reads(const struct type *type, struct str raw, const char *want)
{
	auto_json_doc doc = json_doc_new();
	auto_buf text = BUF_INIT;
	struct json *root;
	struct error err;

	CHECK_OK(protobuf_to_json(type, raw, doc, &root, &err), &err);
	json_print(root, &text);
	CHECK_STR(buf_text(&text), want);
}

static void check_refuses(const struct type *type, struct str raw, const char *why)
{
	auto_json_doc doc = json_doc_new();
	struct json *root;
	struct error err;

	if (protobuf_to_json(type, raw, doc, &root, &err)) {
		auto_buf text = BUF_INIT;

		json_print(root, &text);
		harness_fail(__FILE__, __LINE__, "taken: %s (wanted: %s)", buf_text(&text), why);
	}
	CHECK_INT(err.kind, ERROR_BAD_REQUEST);
	CHECK_STR(err.text, why);
}

/* Goal: spec.extra of a review is a list of texts by key, as Go writes it. */
static void reads_extra(void)
{
	static const unsigned in_spec[] = { 2, 5 };
	auto_buf value = BUF_INIT;
	auto_buf entry = BUF_INIT;
	auto_buf raw = BUF_INIT;

	add_bytes(&value, 1, STR("alpha"));
	add_bytes(&value, 1, STR("beta"));
	add_bytes(&entry, 1, STR("scopes"));
	add_bytes(&entry, 2, buf_str(&value));
	wrap(&raw, in_spec, 2, buf_str(&entry));
	check_reads(review_type(), buf_str(&raw),
		    "{\"spec\":{\"extra\":{\"scopes\":[\"alpha\",\"beta\"]}}}");
}

/* Goal: entries with an empty value, no value and no key are what Go reads them as. */
static void reads_bare_entries(void)
{
	static const unsigned in_spec[] = { 2, 5 };
	auto_buf raw = BUF_INIT;

	wrap(&raw, in_spec, 2, STR("\x0a\x01k\x12\x00"));
	check_reads(review_type(), buf_str(&raw), "{\"spec\":{\"extra\":{\"k\":[]}}}");
	buf_reset(&raw);
	wrap(&raw, in_spec, 2, STR("\x0a\x01k"));
	check_reads(review_type(), buf_str(&raw), "{\"spec\":{\"extra\":{\"k\":[]}}}");
	buf_reset(&raw);
	wrap(&raw, in_spec, 2, STR(""));
	check_reads(review_type(), buf_str(&raw), "{\"spec\":{\"extra\":{\"\":[]}}}");
}

/* Goal: a review with extra goes to JSON, to bytes and back unchanged. */
static void extra_round_trip(void)
{
	static const char text[] = "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":"
				   "\"SubjectAccessReview\",\"spec\":{\"user\":\"ann\",\"extra\":{"
				   "\"a\":[\"x\",\"\"],\"b\":[]}}}";
	auto_json_doc doc = NULL;
	auto_json_doc back = json_doc_new();
	auto_buf bytes = BUF_INIT;
	struct str version, kind, raw;
	struct json *root;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	CHECK_OK(protobuf_from_json(review_type(), json_root(doc), &bytes, &err), &err);
	CHECK_OK(protobuf_open(buf_str(&bytes), &version, &kind, &raw, &err), &err);
	CHECK_OK(protobuf_to_json(review_type(), raw, back, &root, &err), &err);
	CHECK(json_equal(json_get(root, "spec"), json_get(json_root(doc), "spec")));
}

/* Goal: what Go would refuse is refused with a reason, and never becomes a value JSON has no word
 * for. */
static void refuses_values(void)
{
	static const unsigned to_label[] = { 1, 11 }, to_extra[] = { 2, 5 }, to_meta[] = { 1 };
	static const unsigned to_created[] = { 1, 8 };
	auto_buf raw = BUF_INIT;

	wrap(&raw, to_label, 2, STR("\x0a\x01\xff\x12\x01v"));
	check_refuses(pod_type(), buf_str(&raw),
		      "the key of the protobuf field labels is not UTF-8");
	buf_reset(&raw);
	wrap(&raw, to_label, 2, STR("\x0a\x01k\x12\x01\xc3"));
	check_refuses(pod_type(), buf_str(&raw), "the protobuf field labels is not UTF-8");
	buf_reset(&raw);
	wrap(&raw, to_extra, 2, STR("\x0a\x01k\x12\x03\x0a\x01\xff"));
	check_refuses(review_type(), buf_str(&raw), "the protobuf field extra is not UTF-8");
	buf_reset(&raw);
	wrap(&raw, to_extra, 2, STR("\x0a\x01k\x10\x05"));
	check_refuses(review_type(), buf_str(&raw),
		      "the protobuf field extra has the wrong wire type 0");
	buf_reset(&raw);
	wrap(&raw, to_meta, 1, STR("\x08\x05"));
	check_refuses(pod_type(), buf_str(&raw),
		      "the protobuf field name has the wrong wire type 0");
	buf_reset(&raw);
	wrap(&raw, to_created, 2, STR("\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"));
	check_refuses(pod_type(), buf_str(&raw),
		      "the protobuf field creationTimestamp is no time of the years 1 to 9999");
	buf_reset(&raw);
	wrap(&raw, to_created, 2, STR("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"));
	check_refuses(pod_type(), buf_str(&raw),
		      "the protobuf field creationTimestamp is no time of the years 1 to 9999");
}

/* Goal: a message in two pieces is one, of equal keys the last wins, packed numbers are a list. */
static void reads_pieces(void)
{
	static const unsigned to_groups[] = { 2, 14, 4 };
	auto_buf raw = BUF_INIT;

	buf_add_str(&raw, STR("\x0a\x03\x0a\x01n\x0a\x03\x1a\x01s"));
	check_reads(pod_type(), buf_str(&raw),
		    "{\"metadata\":{\"name\":\"n\",\"namespace\":\"s\"}}");
	buf_reset(&raw);
	buf_add_str(&raw, STR("\x0a\x18\x5a\x06\x0a\x01k\x12\x01v\x5a\x06\x0a\x01l\x12\x01w"
			      "\x5a\x06\x0a\x01k\x12\x01x"));
	check_reads(pod_type(), buf_str(&raw),
		    "{\"metadata\":{\"labels\":{\"k\":\"x\",\"l\":\"w\"}}}");
	buf_reset(&raw);
	wrap(&raw, to_groups, 3, STR("\x05\x80\x01"));
	check_reads(pod_type(), buf_str(&raw),
		    "{\"spec\":{\"securityContext\":{\"supplementalGroups\":[5,128]}}}");
}

/* Goal: a map in the pieces of its message is one map, of equal keys the last wins; many pieces of
 * one entry each take linear time. */
static void reads_maps_in_pieces(void)
{
	auto_buf raw = BUF_INIT;
	auto_json_doc doc = json_doc_new();
	struct json *root;
	struct error err;

	buf_add_str(&raw, STR("\x0a\x08\x5a\x06\x0a\x01k\x12\x01v"
			      "\x0a\x10\x5a\x06\x0a\x01l\x12\x01w\x5a\x06\x0a\x01k\x12\x01x"));
	check_reads(pod_type(), buf_str(&raw),
		    "{\"metadata\":{\"labels\":{\"k\":\"x\",\"l\":\"w\"}}}");
	buf_reset(&raw);
	for (unsigned i = 0; i < 60000; i++) {
		char key[9];

		snprintf(key, sizeof(key), "%08u", i / 2);
		buf_add_str(&raw, STR("\x0a\x0c\x5a\x0a\x0a\x08"));
		buf_add(&raw, key, 8);
	}
	CHECK_OK(protobuf_to_json(pod_type(), buf_str(&raw), doc, &root, &err), &err);
	CHECK_INT(json_count(json_path(root, "metadata", "labels", NULL)), 30000);
}

/* Goal: a map's time that is none stays in the map, as null, there and back. */
static void keeps_zero_times(void)
{
	static const unsigned in_status[] = { 3, 2 };
	static const char text[] = "{\"status\":{\"disruptedPods\":{\"p\":null}}}";
	const struct type *type = type_of("io.k8s.api.policy.v1.PodDisruptionBudget");
	auto_buf want = BUF_INIT;
	auto_buf bytes = BUF_INIT;
	auto_json_doc doc = NULL;
	struct str version, kind, raw;
	struct error err;

	wrap(&want, in_status, 2, STR("\x0a\x01p\x12\x00"));
	check_reads(type, buf_str(&want), text);
	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	CHECK_OK(protobuf_from_json(type, json_root(doc), &bytes, &err), &err);
	CHECK_OK(protobuf_open(buf_str(&bytes), &version, &kind, &raw, &err), &err);
	CHECK_INT(raw.len, want.len);
	CHECK_BYTES(raw.at, want.at, raw.len);
}

/* Goal: raw JSON may not make the whole deeper than a text that can be read again. */
static void refuses_raw_json(void)
{
	static const unsigned to_default[] = { 8, 1 };
	const struct type *type = type_find(STR("io.k8s.apiextensions-apiserver.pkg.apis."
						"apiextensions.v1.JSONSchemaProps"));
	auto_buf raw = BUF_INIT;
	auto_buf deep = BUF_INIT;
	auto_buf text = BUF_INIT;

	for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
		buf_add_byte(&deep, '[');
	for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
		buf_add_byte(&deep, ']');
	wrap(&raw, to_default + 1, 1, buf_str(&deep));
	wrap(&text, to_default, 1, buf_str(&raw));
	check_refuses(type, buf_str(&text), "the protobuf field default is nested too deep");
	buf_reset(&raw);
	buf_reset(&text);
	wrap(&raw, to_default + 1, 1, str_from(deep.at + 1, deep.len - 2));
	wrap(&text, to_default, 1, buf_str(&raw));
	buf_add_str(&text, STR("\x49\0\0\0\0\0\0\xf8\x7f"));
	check_refuses(type, buf_str(&text), "the protobuf field maximum is no finite number");
}

/* Goal: half a megabyte of map entries, each key twice, takes no noticeable time. */
static void reads_large_maps(void)
{
	auto_buf labels = BUF_INIT;
	auto_buf raw = BUF_INIT;
	auto_json_doc doc = json_doc_new();
	struct json *root;
	struct error err;

	for (unsigned i = 0; i < 60000; i++) {
		char key[9];

		snprintf(key, sizeof(key), "%08u", i / 2);
		buf_add_str(&labels, STR("\x5a\x0a\x0a\x08"));
		buf_add(&labels, key, 8);
	}
	CHECK(labels.len > 0x4000 && labels.len < 0x200000);
	buf_add_byte(&raw, '\x0a');
	buf_add_byte(&raw, (char)(labels.len | 0x80));
	buf_add_byte(&raw, (char)(labels.len >> 7 | 0x80));
	buf_add_byte(&raw, (char)(labels.len >> 14));
	buf_add_str(&raw, buf_str(&labels));
	CHECK_OK(protobuf_to_json(pod_type(), buf_str(&raw), doc, &root, &err), &err);
	CHECK_INT(json_count(json_path(root, "metadata", "labels", NULL)), 30000);
}

/* Goal: what is no envelope, or one in a coding we do not know, is refused. */
static void refuses_envelopes(void)
{
	static const struct {
		struct str bytes;
		const char *why;
	} rows[] = {
		{ STR("{}"), "the body does not begin with the Kubernetes protobuf mark" },
		{ STR("k8s\0\x0a"), "the protobuf body is malformed" },
		{ STR("k8s\0\x08\x01"), "the protobuf body is malformed" },
		{ STR("k8s\0\x10\x01"), "the protobuf body is malformed" },
		{ STR("k8s\0\x0a\x03\x0a\x01\xff"), "the protobuf body is malformed" },
		{ STR("k8s\0\x0a\x02\x08\x01"), "the protobuf body is malformed" },
		{ STR("k8s\0\x1a\x04gzip"), "an encoded protobuf body is not taken" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str version, kind, raw;
		struct error err;

		CHECK(!protobuf_open(rows[i].bytes, &version, &kind, &raw, &err));
		CHECK_INT(err.kind, ERROR_BAD_REQUEST);
		CHECK_STR(err.text, rows[i].why);
	}
}

#define SCHEMA "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"

/* Goal: what is a schema or something else comes back as what it was, and the bytes are those of
 * Go: the schema of `items` is number 1, that of additionalProperties number 2 behind its yes. */
static void schema_or_something_else(void)
{
	static const char *const rows[] = {
		"{\"type\":\"array\",\"items\":{\"type\":\"string\"}}",
		"{\"items\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}",
		"{\"additionalProperties\":true}",
		"{\"additionalProperties\":false}",
		"{\"additionalProperties\":{\"items\":{\"type\":\"string\"}}}",
		"{\"dependencies\":{\"a\":[\"b\",\"c\"]}}",
		"{\"dependencies\":{\"a\":{\"type\":\"object\"}}}",
	};
	const struct type *type = type_of(SCHEMA);

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_json_doc doc = NULL;
		auto_buf bytes = BUF_INIT;
		struct str version, kind, raw;
		struct error err;

		CHECK_OK(json_parse(str_of(rows[i]), &doc, NULL, &err), &err);
		CHECK_OK(protobuf_from_json(type, json_root(doc), &bytes, &err), &err);
		CHECK_OK(protobuf_open(buf_str(&bytes), &version, &kind, &raw, &err), &err);
		check_reads(type, raw, rows[i]);
	}
	/* items (24): {1: {5: "string"}}; additionalProperties (30): {1: 1, 2: {5: "object"}} */
	check_reads(type, STR("\xc2\x01\x0a\x0a\x08\x2a\x06string"),
		    "{\"items\":{\"type\":\"string\"}}");
	check_reads(type, STR("\xf2\x01\x0c\x08\x01\x12\x08\x2a\x06object"),
		    "{\"additionalProperties\":{\"type\":\"object\"}}");
	check_reads(type, STR("\xf2\x01\x02\x08\x01"), "{\"additionalProperties\":true}");
	check_refuses(type, STR("\xf2\x01\x02\x10\x01"),
		      "the protobuf field additionalProperties has a part of the wrong wire type");
}

static const struct test tests[] = {
	{ "a schema or something else", schema_or_something_else },
	{ "reads pieces", reads_pieces },
	{ "reads maps in pieces", reads_maps_in_pieces, .time_limit_s = 3 },
	{ "keeps zero times", keeps_zero_times },
	{ "refuses raw json", refuses_raw_json },
	{ "reads large maps", reads_large_maps, .time_limit_s = 3 },
	{ "refuses envelopes", refuses_envelopes },
	{ "refuses values", refuses_values },
	{ "reads extra", reads_extra },
	{ "reads bare entries", reads_bare_entries },
	{ "extra round trip", extra_round_trip },
};
TEST_MAIN(tests)
