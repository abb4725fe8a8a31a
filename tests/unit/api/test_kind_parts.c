/*
 * test_kind_parts.c - what a write through each subresource changes, and what it leaves.
 */
#include "api/kind_parts.h"

#include "tests/unit/harness.h"

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

static void check(const char *version, const char *name, const char *subresource, const char *old,
		  const char *wish, const char *wanted)
{
	auto_json_doc before = parse(old);
	auto_json_doc doc = parse(wish);
	auto_json_doc right = parse(wanted);
	auto_buf text = BUF_INIT;
	struct kind_work work = {
		.kind = kind_find_name(str_of(version), str_of(name)),
		.doc = doc,
		.object = json_root(doc),
		.old = json_root(before),
		.subresource = subresource,
	};

	kind_keep_parts(&work);
	json_print(json_root(doc), &text);
	if (!json_equal(json_root(doc), json_root(right)))
		CHECK_STR(buf_text(&text), wanted);
}

#define OLD                                                                                        \
	"{\"metadata\":{\"name\":\"x\",\"labels\":{\"a\":\"1\"}},\"spec\":{\"replicas\":1,"        \
	"\"finalizers\":[\"k\"]},\"status\":{\"phase\":\"A\",\"conditions\":[]}}"
#define WISH                                                                                       \
	"{\"metadata\":{\"name\":\"x\",\"labels\":{\"a\":\"2\"}},\"spec\":{\"replicas\":2},"       \
	"\"status\":{\"phase\":\"B\",\"conditions\":[{\"type\":\"C\"}]}}"

/* Goal: each subresource changes its own part. */
static void keeps_the_rest(void)
{
	check("apps/v1", "ReplicaSet", "", OLD, WISH,
	      "{\"metadata\":{\"name\":\"x\",\"labels\":{\"a\":\"2\"}},\"spec\":{\"replicas\":2},"
	      "\"status\":{\"phase\":\"A\",\"conditions\":[]}}");
	check("apps/v1", "ReplicaSet", "status", OLD, WISH,
	      "{\"metadata\":{\"name\":\"x\",\"labels\":{\"a\":\"2\"}},\"spec\":{\"replicas\":1,"
	      "\"finalizers\":[\"k\"]},\"status\":{\"phase\":\"B\",\"conditions\":[{\"type\":"
	      "\"C\"}]}}");
	/* Labels of a Deployment are not written with its status. */
	check("apps/v1", "Deployment", "status", OLD, WISH,
	      "{\"metadata\":{\"name\":\"x\",\"labels\":{\"a\":\"1\"}},\"spec\":{\"replicas\":1,"
	      "\"finalizers\":[\"k\"]},\"status\":{\"phase\":\"B\",\"conditions\":[{\"type\":"
	      "\"C\"}]}}");
	check("v1", "Namespace", "finalize", OLD, WISH,
	      "{\"metadata\":{\"name\":\"x\",\"labels\":{\"a\":\"2\"}},\"spec\":{\"replicas\":1},"
	      "\"status\":{\"phase\":\"A\",\"conditions\":[]}}");
	check("certificates.k8s.io/v1", "CertificateSigningRequest", "approval", OLD, WISH,
	      "{\"metadata\":{\"name\":\"x\",\"labels\":{\"a\":\"2\"}},\"spec\":{\"replicas\":1,"
	      "\"finalizers\":[\"k\"]},\"status\":{\"phase\":\"A\",\"conditions\":[{\"type\":"
	      "\"C\"}]}}");
	check("v1", "Pod", "delete", OLD, WISH, WISH);
	/* A kind without a status subresource has no status to keep. */
	check("v1", "ConfigMap", "", OLD, WISH, WISH);
}

/* Goal: debugging containers and amounts are taken, images and all else are not. */
static void takes_parts_of_pods(void)
{
	static const char old[] =
		"{\"metadata\":{\"name\":\"x\"},\"spec\":{\"hostname\":\"h\","
		"\"containers\":[{\"name\":\"a\",\"image\":\"i\"},{\"name\":\"b\","
		"\"image\":\"i\"}]}}";
	static const char wish[] =
		"{\"metadata\":{\"name\":\"x\",\"labels\":{}},\"spec\":{\"hostname\":\"no\","
		"\"ephemeralContainers\":[{\"name\":\"e\"}],\"containers\":[{\"name\":\"b\","
		"\"image\":\"no\",\"resources\":{\"limits\":{\"cpu\":\"1\"}}}]}}";

	check("v1", "Pod", "ephemeralcontainers", old, wish,
	      "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"hostname\":\"h\",\"containers\":[{"
	      "\"name\":\"a\",\"image\":\"i\"},{\"name\":\"b\",\"image\":\"i\"}],"
	      "\"ephemeralContainers\":[{\"name\":\"e\"}]}}");
	check("v1", "Pod", "resize", old, wish,
	      "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"hostname\":\"h\",\"containers\":[{"
	      "\"name\":\"a\",\"image\":\"i\"},{\"name\":\"b\",\"image\":\"i\",\"resources\":{"
	      "\"limits\":{\"cpu\":\"1\"}}}]},\"status\":{\"resize\":\"Proposed\"}}");
}

static const struct test tests[] = {
	{ "keeps the rest", keeps_the_rest },
	{ "takes parts of pods", takes_parts_of_pods },
};

TEST_MAIN(tests)
