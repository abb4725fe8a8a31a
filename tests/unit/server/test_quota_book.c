/*
 * test_quota_book.c - what objects use of a quota, who is refused, and what is free again.
 */
#include "server/registry/quota_book.h"

#include <stdio.h>

#include "client/client.h"
#include "server/registry/quota_use.h"
#include "server/server.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define QUOTAS  "/api/v1/namespaces/default/resourcequotas"
#define SECRETS "/api/v1/namespaces/default/secrets"
#define PODS    "/api/v1/namespaces/default/pods"

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

/* Goal: what each kind of object uses, by name and amount. */
static void measures(void)
{
	static const struct {
		const char *group, *plural, *object, *uses;
	} rows[] = {
		{ "", "pods",
		  "{\"spec\":{\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"100m\","
		  "\"memory\":\"64Mi\",\"example.com/x\":\"2\"},\"limits\":{\"cpu\":\"1\"}}},"
		  "{\"resources\":{\"requests\":{\"memory\":\"64Mi\"}}}]}}",
		  "count/pods=1 pods=1 cpu=100m requests.cpu=100m memory=128Mi "
		  "requests.memory=128Mi requests.example.com/x=2 limits.cpu=1 " },
		{ "", "pods",
		  "{\"spec\":{\"initContainers\":[{\"resources\":{\"requests\":{\"cpu\":\"2\"}}},"
		  "{\"restartPolicy\":\"Always\",\"resources\":{\"requests\":{\"cpu\":\"1\"}}}],"
		  "\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"500m\"}}}],"
		  "\"overhead\":{\"cpu\":\"10m\"}}}",
		  "count/pods=1 pods=1 cpu=2010m requests.cpu=2010m " },
		{ "", "pods", "{\"spec\":{},\"status\":{\"phase\":\"Failed\"}}", "count/pods=1 " },
		{ "", "services",
		  "{\"spec\":{\"type\":\"LoadBalancer\",\"ports\":[{\"port\":1},{\"port\":2}]}}",
		  "count/services=1 services=1 services.loadbalancers=1 services.nodeports=2 " },
		{ "", "persistentvolumeclaims",
		  "{\"spec\":{\"storageClassName\":\"fast\",\"resources\":{\"requests\":{"
		  "\"storage\":\"1Gi\"}}}}",
		  "count/persistentvolumeclaims=1 persistentvolumeclaims=1 requests.storage=1Gi "
		  "fast.storageclass.storage.k8s.io/persistentvolumeclaims=1 "
		  "fast.storageclass.storage.k8s.io/requests.storage=1Gi " },
		{ "", "secrets", "{}", "count/secrets=1 secrets=1 " },
		{ "apps", "deployments", "{}", "count/deployments.apps=1 " },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_json_doc doc = parse(rows[i].object);
		auto_quota_sum sum = { 0 };
		auto_buf text = BUF_INIT;

		quota_use_add(&sum, str_of(rows[i].group), str_of(rows[i].plural), json_root(doc));
		for (size_t k = 0; k < sum.count; k++) {
			buf_add_print(&text, "%s=", sum.items[k].name);
			quota_amount_print(&sum.items[k], &text);
			buf_add_byte(&text, ' ');
		}
		CHECK_STR(buf_text(&text), rows[i].uses);
	}
}

/* Goal: each scope lets through what it is about, and nothing else. */
static void knows_scopes(void)
{
	static const struct {
		const char *quota, *pod;
		bool is;
	} rows[] = {
		{ "{\"scopes\":[\"BestEffort\"]}", "{\"spec\":{\"containers\":[{}]}}", true },
		{ "{\"scopes\":[\"NotBestEffort\"]}", "{\"spec\":{\"containers\":[{}]}}", false },
		{ "{\"scopes\":[\"Terminating\"]}", "{\"spec\":{\"activeDeadlineSeconds\":1}}",
		  true },
		{ "{\"scopes\":[\"NotTerminating\"]}", "{\"spec\":{}}", true },
		{ "{\"scopeSelector\":{\"matchExpressions\":[{\"scopeName\":\"PriorityClass\","
		  "\"operator\":\"In\",\"values\":[\"high\"]}]}}",
		  "{\"spec\":{\"priorityClassName\":\"high\"}}", true },
		{ "{\"scopeSelector\":{\"matchExpressions\":[{\"scopeName\":\"PriorityClass\","
		  "\"operator\":\"In\",\"values\":[\"high\"]}]}}",
		  "{\"spec\":{\"priorityClassName\":\"low\"}}", false },
		{ "{\"scopeSelector\":{\"matchExpressions\":[{\"scopeName\":\"PriorityClass\","
		  "\"operator\":\"DoesNotExist\"}]}}",
		  "{\"spec\":{}}", true },
		{ "{\"scopes\":[\"CrossNamespacePodAffinity\"]}",
		  "{\"spec\":{\"affinity\":{\"podAffinity\":{"
		  "\"requiredDuringSchedulingIgnoredDuringExecution\":[{\"namespaces\":[\"x\"]}]}}}"
		  "}",
		  true },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_json_doc quota = parse(rows[i].quota);
		auto_json_doc pod = parse(rows[i].pod);

		printf("%s %s\n", rows[i].quota, rows[i].pod);
		CHECK(quota_use_in_scope(json_root(quota), STR(""), STR("pods"), json_root(pod)) ==
		      rows[i].is);
	}
}

static int make_secret(int number, char *out_message, size_t room)
{
	auto_free char *body = memory_print("{\"metadata\":{\"name\":\"s%d\"}}", number);
	auto_json_doc doc = NULL;
	int status = cluster_call("POST", SECRETS, body, &doc);
	struct str message = json_str(json_get(json_root(doc), "message"));

	snprintf(out_message, room, STR_FMT, STR_ARG(message));
	return status;
}

static bool used_is(const void *of)
{
	auto_json_doc doc = cluster_get(QUOTAS "/q");
	const struct json *used = json_path(json_root(doc), "status", "used", NULL);
	auto_buf text = BUF_INIT;

	json_print(used, &text);
	return strcmp(buf_text(&text), of) == 0;
}

/* Goal: so many and no more, told in the words of the real server; what goes is free again, also
 * after a restart. */
static void counts(void)
{
	char why[512];

	cluster_start(NULL);
	cluster_create(QUOTAS, "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{"
			       "\"count/secrets\":\"2\"}}}");
	CHECK_INT(make_secret(1, why, sizeof(why)), 201);
	CHECK_INT(make_secret(2, why, sizeof(why)), 201);
	CHECK_INT(make_secret(3, why, sizeof(why)), 403);
	CHECK_STR(why, "secrets \"s3\" is forbidden: exceeded quota: q, requested: "
		       "count/secrets=1, used: count/secrets=2, limited: count/secrets=2");
	CHECK(cluster_await(used_is, "{\"count/secrets\":\"2\"}"));
	cluster_stop();
	cluster_start(NULL);
	CHECK_INT(make_secret(3, why, sizeof(why)), 403);
	cluster_delete(SECRETS "/s1");
	CHECK_INT(make_secret(3, why, sizeof(why)), 201);
	CHECK(cluster_await(used_is, "{\"count/secrets\":\"2\"}"));
	cluster_patch(QUOTAS "/q", "{\"spec\":{\"hard\":{\"count/secrets\":\"3\"}}}");
	CHECK_INT(make_secret(4, why, sizeof(why)), 201);
	cluster_stop();
}

/* Goal: a bound on amounts wants to be told them, and a dry run is charged nothing. */
static void wants_amounts(void)
{
	static const char pod[] = "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{"
				  "\"name\":\"b\",\"image\":\"i\"},{\"name\":\"a\",\"image\":\"i\"}"
				  "]}}";
	auto_json_doc doc = NULL;

	cluster_start(NULL);
	cluster_create(QUOTAS, "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{\"pods\":\"1\","
			       "\"requests.cpu\":\"1\",\"limits.memory\":\"1Gi\"}}}");
	CHECK_INT(cluster_call("POST", PODS, pod, &doc), 403);
	CHECK(str_is(json_str(json_get(json_root(doc), "message")),
		     "pods \"p\" is forbidden: failed quota: q: must specify limits.memory for: "
		     "a,b; requests.cpu for: a,b"));
	cluster_patch(QUOTAS "/q",
		      "{\"spec\":{\"hard\":{\"requests.cpu\":null,\"limits.memory\":null}}}");
	CHECK_INT(cluster_call("POST", PODS "?dryRun=All", pod, NULL), 201);
	CHECK_INT(cluster_call("POST", PODS, pod, NULL), 201);
	CHECK(cluster_await(used_is, "{\"pods\":\"1\"}"));
	cluster_stop();
}

/* --- many at once --- */

#define CREATORS 30
#define ROOM     10

struct crowd {
	int made, refused;
};

static void on_made(void *of, const struct json *result, const struct error *err)
{
	struct crowd *crowd = of;

	(void)result;
	crowd->made += !err;
	crowd->refused += err && err->kind == ERROR_FORBIDDEN;
}

static bool all_answered(const void *of)
{
	const struct crowd *crowd = of;

	return crowd->made + crowd->refused == CREATORS;
}

/* Goal: of many that are on their way together only as many come through as there is room for. */
static void is_exact(void)
{
	struct client *client;
	struct crowd crowd = { 0 };

	cluster_start(NULL);
	cluster_create(QUOTAS,
		       "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{\"pods\":\"10\"}}}");
	client = client_new(cluster_loop(), server_local_client(cluster_server(),
								"system:kube-controller-manager"));
	for (int i = 0; i < CREATORS; i++) {
		auto_free char *body = memory_print("{\"metadata\":{\"name\":\"p%d\"},\"spec\":{"
						    "\"containers\":[{\"name\":\"a\","
						    "\"image\":\"i\"}]}}",
						    i);
		struct client_ask ask = { .verb = CLIENT_CREATE,
					  .kind = kind_find_name(STR("v1"), STR("Pod")),
					  .namespace = STR("default"),
					  .body = str_of(body),
					  .on_done = on_made,
					  .of = &crowd };

		client_call(client, &ask);
	}
	CHECK(cluster_await(all_answered, &crowd));
	CHECK_INT(crowd.made, ROOM);
	CHECK(cluster_await(used_is, "{\"pods\":\"10\"}"));
	client_free(client);
	cluster_stop();
}

static const struct test tests[] = {
	{ "is exact", is_exact, .time_limit_s = 30 },
	{ "measures", measures },
	{ "knows scopes", knows_scopes },
	{ "counts", counts, .time_limit_s = 30 },
	{ "wants amounts", wants_amounts, .time_limit_s = 30 },
};
TEST_MAIN(tests)
