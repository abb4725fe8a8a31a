/*
 * test_discovery_remote.c - other servers' group-versions: their order, their resources, and where
 * they are among ours.
 */
#include "api/discovery_remote.h"

#include <stdio.h>

#include "api/discovery.h"
#include "tests/unit/harness.h"

static const char *at(const struct discovery_remote *items, size_t i)
{
	static char text[100];

	snprintf(text, sizeof(text), "%s/%s", items[i].group, items[i].version);
	return text;
}

/* Goal: the greater priority first, of groups and of versions; then names, and versions as
 * Kubernetes orders them. */
static void order(void)
{
	struct discovery_remote items[] = {
		{ "b.example.com", "v1", 100, 10, NULL },
		{ "a.example.com", "v1alpha1", 100, 10, NULL },
		{ "a.example.com", "v1", 100, 10, NULL },
		{ "a.example.com", "v10", 100, 10, NULL },
		{ "a.example.com", "v2beta1", 100, 10, NULL },
		{ "a.example.com", "first", 100, 10, NULL },
		{ "a.example.com", "v1beta2", 100, 11, NULL },
		{ "z.example.com", "v1", 200, 1, NULL },
		{ "c.example.com", "v1", 50, 1, NULL },
		{ "c.example.com", "v2", 150, 1, NULL },
	};
	static const char *const wanted[] = {
		"z.example.com/v1",      "c.example.com/v2",       "c.example.com/v1",
		"a.example.com/v1beta2", "a.example.com/v10",      "a.example.com/v1",
		"a.example.com/v2beta1", "a.example.com/v1alpha1", "a.example.com/first",
		"b.example.com/v1",
	};

	discovery_remote_sort(items, ARRAY_LENGTH(items));
	for (size_t i = 0; i < ARRAY_LENGTH(items); i++)
		CHECK_STR(at(items, i), wanted[i]);
}

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

/* The list as resources of the new form, printed; "" when it is none. */
static char *read_list(const char *text)
{
	auto_json_doc doc = json_doc_new();
	auto_json_doc list = parse(text);
	struct json *resources;
	auto_buf out = BUF_INIT;
	struct error err;

	if (discovery_remote_read(json_root(list), doc, &resources, &err))
		json_print(resources, &out);
	return buf_take(&out);
}

/* Goal: everything that clients use is taken over; what is below nothing gets a place. */
static void resources(void)
{
	auto_free char *plain = read_list(
		"{\"kind\":\"APIResourceList\",\"resources\":["
		"{\"name\":\"cats/"
		"status\",\"kind\":\"Cat\",\"namespaced\":true,\"verbs\":[\"get\"]},"
		"{\"name\":\"cats\",\"singularName\":\"cat\",\"kind\":\"Cat\",\"namespaced\":true,"
		"\"verbs\":[\"get\",\"list\"],\"shortNames\":[\"c\"],\"categories\":[\"all\"],"
		"\"group\":"
		"\"g\",\"version\":\"v\"}]}");
	auto_free char *metrics = read_list(
		"{\"kind\":\"APIResourceList\",\"resources\":["
		"{\"name\":\"pods/a/b\",\"kind\":\"M\",\"namespaced\":true,\"verbs\":[\"get\"]},"
		"{\"name\":\"pods/c\",\"kind\":\"M\",\"namespaced\":true,\"verbs\":[\"get\"]}]}");

	CHECK_STR(
		plain,
		"[{\"resource\":\"cats\",\"responseKind\":{\"group\":\"g\",\"version\":\"v\","
		"\"kind\":\"Cat\"},\"scope\":\"Namespaced\",\"singularResource\":\"cat\",\"verbs\":"
		"[\"get\",\"list\"],\"shortNames\":[\"c\"],\"categories\":[\"all\"],"
		"\"subresources\":[{\"subresource\":\"status\",\"responseKind\":{\"group\":\"\","
		"\"version\":\"\",\"kind\":\"Cat\"},\"verbs\":[\"get\"]}]}]");
	CHECK_STR(metrics,
		  "[{\"resource\":\"pods\",\"responseKind\":{\"group\":\"\",\"version\":\"\","
		  "\"kind\":"
		  "\"\"},\"scope\":\"Namespaced\",\"singularResource\":\"\",\"verbs\":[],"
		  "\"subresources\":[{\"subresource\":\"a/b\",\"responseKind\":{\"group\":\"\","
		  "\"version\":\"\",\"kind\":\"M\"},\"verbs\":[\"get\"]},{\"subresource\":\"c\","
		  "\"responseKind\":{\"group\":\"\",\"version\":\"\",\"kind\":\"M\"},\"verbs\":["
		  "\"get\"]}"
		  "]}]");
}

/* Goal: whatever another server answers is a list or is not; nothing strange gets into ours. */
static void nonsense(void)
{
	static const struct {
		const char *list, *wanted;
	} rows[] = {
		{ "[]", "" },
		{ "7", "" },
		{ "{\"kind\":\"Status\"}", "" },
		{ "{\"kind\":\"APIResourceList\",\"resources\":{\"name\":\"a\"}}", "" },
		{ "{\"kind\":\"APIResourceList\"}", "[]" },
		{ "{\"kind\":\"APIResourceList\",\"resources\":null}", "[]" },
		{ "{\"kind\":\"APIResourceList\",\"resources\":[7,{},{\"name\":\"\"},{\"name\":7},"
		  "{\"name\":\"/a\"},{\"name\":\"a/\"}]}",
		  "[]" },
		{ "{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"a\",\"kind\":{},"
		  "\"verbs\":"
		  "\"get\",\"shortNames\":[7],\"more\":1}]}",
		  "[{\"resource\":\"a\",\"responseKind\":{\"group\":\"\",\"version\":\"\",\"kind\":"
		  "\"\"},"
		  "\"scope\":\"Cluster\",\"singularResource\":\"\",\"verbs\":[]}]" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_free char *have = read_list(rows[i].list);

		CHECK_STR(have, rows[i].wanted);
	}
}

/* Goal: the largest list that is read takes no long time, whatever order it is in. */
static void large(void)
{
	auto_buf text = BUF_INIT;
	auto_free char *out = NULL;

	buf_add_text(&text, "{\"kind\":\"APIResourceList\",\"resources\":[{}");
	for (int i = 0; i < 30000; i++)
		buf_add_print(&text, ",{\"name\":\"r%d/x\"},{\"name\":\"r%d/y\"}", i, 29999 - i);
	buf_add_text(&text, "]}");
	out = read_list(buf_text(&text));
	CHECK(strstr(out, "{\"resource\":\"r29999\"") != NULL);
}

/* Where a text is in the document, in bytes. */
static ptrdiff_t place(const struct buf *document, const char *text)
{
	ptrdiff_t found = str_search(buf_str(document), str_of(text));

	if (found < 0)
		harness_fail(__FILE__, __LINE__, "there is no %s", text);
	return found;
}

/* Goal: groups are by priority among ours, never before who registers them; a version of a group of
 * ours is in that group; who cannot be asked is stale. */
static void among_ours(void)
{
	auto_json_doc cats = parse("[{\"resource\":\"cats\"}]");
	struct discovery_remote items[] = {
		{ "early.example.com", "v1", 20000, 1, json_root(cats) },
		{ "middle.example.com", "v1", discovery_priority(5) + 1, 1, NULL },
		{ "late.example.com", "v1", 100, 1, json_root(cats) },
		{ "apps", "v9", 90, 1, json_root(cats) },
	};
	struct discovery_remotes remotes = { items, ARRAY_LENGTH(items) };
	auto_buf groups = BUF_INIT, list = BUF_INIT, one = BUF_INIT, core = BUF_INIT;

	discovery_remote_sort(items, ARRAY_LENGTH(items));
	discovery_print_aggregated(false, "v2", &remotes, &groups);
	CHECK(place(&groups, "\"apiregistration.k8s.io\"") <
	      place(&groups, "\"early.example.com\""));
	CHECK(place(&groups, "\"early.example.com\"") < place(&groups, "\"apps\""));
	CHECK(place(&groups, "\"authentication.k8s.io\"") <
	      place(&groups, "\"middle.example.com\""));
	CHECK(place(&groups, "\"middle.example.com\"") <
	      place(&groups, "\"authorization.k8s.io\""));
	CHECK(place(&groups, "\"metrics.k8s.io\"") < place(&groups, "\"late.example.com\""));
	CHECK(place(&groups,
		    "\"name\":\"late.example.com\",\"creationTimestamp\":null},\"versions\":"
		    "[{\"version\":\"v1\",\"resources\":[{\"resource\":\"cats\"}],"
		    "\"freshness\":\"Current\"}]}") > 0);
	CHECK(place(&groups, "{\"name\":\"middle.example.com\",\"creationTimestamp\":null},"
			     "\"versions\":[{\"version\":\"v1\",\"freshness\":\"Stale\"}]}") > 0);
	discovery_print_groups(&remotes, &list);
	CHECK(place(&list,
		    "{\"name\":\"apps\",\"versions\":[{\"groupVersion\":\"apps/v1\",\"version\":"
		    "\"v1\"},{\"groupVersion\":\"apps/v9\",\"version\":\"v9\"}],"
		    "\"preferredVersion\":{\"groupVersion\":\"apps/v1\",\"version\":\"v1\"}}") > 0);
	CHECK(place(&list, "\"late.example.com/v1\"") > 0);
	CHECK(discovery_print_group(STR("early.example.com"), &remotes, &one));
	CHECK(place(&one, "\"name\":\"early.example.com\"") > 0);
	CHECK(!discovery_print_group(STR("other.example.com"), &remotes, &one));
	discovery_print_aggregated(true, "v2", &remotes, &core);
	CHECK(str_search(buf_str(&core), STR("example.com")) < 0);
}

/* Goal: what this process has is known; what it leaves out is free for others. */
static void own(void)
{
	CHECK(discovery_serves(STR("apps"), STR("v1")));
	CHECK(discovery_serves(STR("authorization.k8s.io"), STR("v1")));
	CHECK(!discovery_serves(STR("apps"), STR("v9")));
	CHECK(discovery_serves(STR("metrics.k8s.io"), STR("v1beta1")));
	discovery_leave_out("metrics.k8s.io");
	CHECK(!discovery_serves(STR("metrics.k8s.io"), STR("v1beta1")));
}

static const struct test tests[] = {
	{ "order", order }, { "resources", resources },   { "nonsense", nonsense },
	{ "large", large }, { "among ours", among_ours }, { "own", own },
};
TEST_MAIN(tests)
