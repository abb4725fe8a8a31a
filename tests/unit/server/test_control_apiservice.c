/*
 * test_control_apiservice.c - APIServices in a whole server without nodes: what is led to others,
 * what is judged before, what is told when nobody is there.
 */
#include <stdio.h>

#include "server/aggregate/remote_api.h"
#include "server/front/route.h"
#include "server/gate/authorize.h"
#include "server/registry/registry.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define ALL  "/apis/apiregistration.k8s.io/v1/apiservices"
#define CATS ALL "/v1.cats.example.com"

static void create_cats(void)
{
	cluster_create(ALL, "{\"metadata\":{\"name\":\"v1.cats.example.com\"},\"spec\":{\"group\":"
			    "\"cats.example.com\",\"version\":\"v1\",\"groupPriorityMinimum\":100,"
			    "\"versionPriority\":10,\"insecureSkipTLSVerify\":true,\"service\":{"
			    "\"namespace\":\"default\",\"name\":\"cats\"}}}");
}

/* "v1.apps True Local" */
static bool says(const void *of)
{
	char name[100], status[20], reason[40], path[200];
	auto_json_doc doc = NULL;
	const struct json *condition;

	CHECK_INT(sscanf(of, "%99s %19s %39s", name, status, reason), 3);
	snprintf(path, sizeof(path), ALL "/%s", name);
	doc = cluster_get(path);
	condition = meta_condition(json_root(doc), STR("Available"));
	return str_is(json_str(json_get(condition, "status")), status) &&
	       str_is(json_str(json_get(condition, "reason")), reason);
}

static bool is_told(const void *of)
{
	auto_json_doc doc = cluster_get("/apis");
	auto_buf text = BUF_INIT;

	json_print(json_root(doc), &text);
	return str_search(buf_str(&text), str_of(of)) > 0;
}

static bool is_not_told(const void *of)
{
	return !is_told(of);
}

/* Goal: the reasons as the objects come, and discovery with them; nobody there is no node here. */
static void reasons(void)
{
	cluster_start(NULL);
	CHECK(says("v1.apps True Local"));
	CHECK(!is_told("cats.example.com/v1"));
	create_cats();
	CHECK(cluster_await(says, "v1.cats.example.com False ServiceNotFound"));
	CHECK(cluster_await(is_told, "cats.example.com/v1"));
	CHECK(cluster_has("/apis/cats.example.com"));
	cluster_create("/api/v1/namespaces/default/services",
		       "{\"metadata\":{\"name\":\"cats\"},\"spec\":{\"ports\":[{\"port\":443}]}}");
	CHECK(cluster_await(says, "v1.cats.example.com False EndpointsNotFound"));
	cluster_create("/api/v1/namespaces/default/endpoints",
		       "{\"metadata\":{\"name\":\"cats\"},\"subsets\":[{\"addresses\":[{\"ip\":"
		       "\"10.1.1.1\"}],\"ports\":[{\"port\":443}]}]}");
	CHECK(cluster_await(says, "v1.cats.example.com False FailedDiscoveryCheck"));
	cluster_delete("/api/v1/namespaces/default/services/cats");
	CHECK(cluster_await(says, "v1.cats.example.com False ServiceNotFound"));
	cluster_delete(CATS);
	CHECK(cluster_await(is_not_told, "cats.example.com"));
	cluster_stop();
}

/* Goal: a server that stops while it asks, and one that starts again, are no trouble. */
static void stops_while_it_asks(void)
{
	cluster_start(NULL);
	cluster_create("/api/v1/namespaces/default/services",
		       "{\"metadata\":{\"name\":\"cats\"},\"spec\":{\"type\":\"ExternalName\","
		       "\"externalName\":\"a.example.com\"}}");
	create_cats();
	for (int i = 0; i < 6; i++) {
		for (int rounds = 0; rounds < i; rounds++)
			loop_once(cluster_loop(), 0);
		cluster_stop();
		cluster_start(NULL);
	}
	CHECK(cluster_await(says, "v1.cats.example.com False FailedDiscoveryCheck"));
	CHECK(cluster_await(is_told, "cats.example.com/v1"));
	cluster_stop();
}

/* A condition that somebody else has written, and a group of our own: ours stay ours. */
static void own_groups(void)
{
	cluster_start(NULL);
	cluster_patch(ALL "/v1.apps",
		      "{\"spec\":{\"insecureSkipTLSVerify\":true,\"service\":{\"namespace\":\"a\","
		      "\"name\":\"b\"}}}");
	CHECK(cluster_has("/apis/apps/v1/deployments"));
	cluster_settle(100);
	CHECK(says("v1.apps True Local"));
	CHECK(!remote_api_find(cluster_server(), STR("apps"), STR("v1")));
	CHECK(!remote_api_find(cluster_server(), STR(""), STR("v1")));
	cluster_stop();
}

/* --- what is asked for --- */

struct asked {
	struct arena *arena;
	struct http_request http;
	struct request req;
	struct error err;
};

static bool route(struct asked *it, const char *method, const char *target)
{
	struct str rest = str_of(target);

	it->arena = arena_new();
	it->http = (struct http_request){ .arena = it->arena };
	it->http.head.method = str_of(method);
	it->http.path = str_cut(&rest, '?');
	it->http.query = rest;
	it->req = (struct request){ .http = &it->http, .arena = it->arena };
	it->req.server = cluster_server();
	return route_parse(&it->req, &it->err);
}

/* "verb namespace resource name subresource", '-' for what is not there; "path": no resource. */
static void check_route(const char *method, const char *target, const char *wanted)
{
	struct asked asked;
	auto_buf have = BUF_INIT;

	if (!route(&asked, method, target)) {
		buf_add_print(&have, "refused: %s", asked.err.text);
	} else if (!asked.req.remote) {
		buf_add_text(&have, "ours");
	} else if (asked.req.remote->resource.len == 0) {
		buf_add_text(&have, "path");
	} else {
		const struct str words[] = { str_of(authorize_verb(&asked.req)),
					     asked.req.namespace, asked.req.remote->resource,
					     asked.req.name, asked.req.subresource };

		for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
			buf_add_print(&have, "%s" STR_FMT, i ? " " : "",
				      STR_ARG(words[i].len ? words[i] : STR("-")));
	}
	CHECK_STR(buf_text(&have), wanted);
	arena_free(asked.arena);
}

/* Goal: a path of another server means what it means to every API of Kubernetes, and what could
 * mean two things is refused. */
static void routes(void)
{
	static const struct {
		const char *method, *target, *wanted;
	} rows[] = {
		{ "GET", "", "path" },
		{ "GET", "/", "path" },
		{ "GET", "/cats", "list - cats - -" },
		{ "HEAD", "/cats", "list - cats - -" },
		{ "GET", "/cats/", "list - cats - -" },
		{ "GET", "/cats?watch=1", "watch - cats - -" },
		{ "GET", "/cats?watch=false", "list - cats - -" },
		{ "GET", "/watch/cats", "watch - cats - -" },
		{ "GET", "/watch/namespaces/n/cats/tom", "watch n cats tom -" },
		{ "POST", "/namespaces/n/cats", "create n cats - -" },
		{ "PUT", "/namespaces/n/cats/tom", "update n cats tom -" },
		{ "PATCH", "/namespaces/n/cats/tom/status", "patch n cats tom status" },
		{ "DELETE", "/namespaces/n/cats", "deletecollection n cats - -" },
		{ "DELETE", "/namespaces/n/cats/tom", "delete n cats tom -" },
		{ "OPTIONS", "/cats", "- - cats - -" },
		{ "GET", "/namespaces/n/pods/%2A/hits", "get n pods * hits" },
		{ "GET", "/namespaces/n/metrics/hits", "get n metrics hits -" },
		{ "GET", "/namespaces/n", "get n namespaces n -" },
		{ "PUT", "/namespaces/n/finalize", "update n namespaces n finalize" },
		{ "GET", "/namespaces", "list - namespaces - -" },
		{ "GET", "/namespaces/n/cats/tom/proxy/a/b", "get n cats tom proxy" },
		{ "GET", "/cats?fieldSelector=metadata.name%3Dtom", "list - cats tom -" },
		{ "GET", "/cats?fieldSelector=a%3Db,metadata.name%3D%3Dtom", "list - cats tom -" },
		{ "GET", "/cats?fieldSelector=metadata.name!%3Dtom", "list - cats - -" },
		{ "GET", "/cats?fieldSelector=metadata.name%3Da/b", "list - cats - -" },
		{ "GET", "/cats?watch=0&watch=1", "refused: watch may not be said more than once" },
		{ "GET", "/cats?fieldSelector=a&fieldSelector=b",
		  "refused: fieldSelector may not be said more than once" },
		{ "GET", "/namespaces/n/../m/cats", "refused: the path of the URL is malformed" },
		{ "GET", "/namespaces/%2e%2e/cats", "refused: the path of the URL is malformed" },
		{ "GET", "/namespaces//cats", "refused: the path of the URL is malformed" },
		{ "GET", "/namespaces/a%2Fb/cats", "refused: the path of the URL is malformed" },
	};

	cluster_start(NULL);
	create_cats();
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char target[200];

		snprintf(target, sizeof(target), "/apis/cats.example.com/v1%s", rows[i].target);
		check_route(rows[i].method, target, rows[i].wanted);
	}
	check_route("GET", "/apis/cats.example.com", "ours");
	check_route("GET", "/apis/cats.example.com/v2/cats",
		    "refused: the server could not find the requested resource");
	check_route("GET", "/api/cats.example.com/v1/cats",
		    "refused: the server could not find the requested resource");
	check_route("GET", "/apis/apps/v1/deployments", "ours");
	cluster_stop();
}

static const struct test tests[] = {
	{ "reasons", reasons, .time_limit_s = 30 },
	{ "stops while it asks", stops_while_it_asks, .time_limit_s = 60 },
	{ "own groups", own_groups },
	{ "routes", routes },
};
TEST_MAIN(tests)
