/*
 * paths.c - one table of non-resource paths, and the small ones of them.
 */
#include "server/front/paths.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "api/discovery.h"
#include "base/clock.h"
#include "base/exposition.h"
#include "base/time_floor.h"
#include "base/version.h"
#include "server/bootstrap.h"
#include "server/front/documents.h"
#include "server/front/front.h"
#include "server/front/reply.h"
#include "server/front/route.h"
#include "server/gate/token.h"
#include "server/gate/share.h"
#include "server/metrics/request_counts.h"
#include "server/metrics/schedule_counts.h"
#include "server/nodes.h"
#include "server/registry/registry.h"

#define KUBERNETES_MINOR "32"
#define JSON_TYPE        "application/json"
#define INDEX_MAX        128 /* paths that are told */

static enum step not_found(struct request *req, struct error *err)
{
	(void)req;
	error_set(err, ERROR_NOT_FOUND, "the server could not find the requested resource");
	return STEP_FAIL;
}

/* --- plain ones --- */

static enum step version_path(struct request *req, struct error *err)
{
	auto_buf text = BUF_INIT;
	char built[CLOCK_TEXT];

	(void)err;
	clock_print(time_floor_built_s(), built);
	buf_add_print(&text,
		      "{\"major\":\"1\",\"minor\":\"" KUBERNETES_MINOR
		      "\",\"gitVersion\":\"" VERSION_KUBERNETES
		      "+mote%s\",\"gitCommit\":\"\",\"gitTreeState\":\"clean\",\"buildDate\":"
		      "\"%s\","
		      "\"goVersion\":\"none\",\"compiler\":\"gcc\",\"platform\":\"linux\"}",
		      version_text(), built);
	/* semver allows one '+' */
	for (size_t i = (size_t)str_search(buf_str(&text), STR("+mote")) + 1; i < text.len; i++)
		if (text.at[i] == '+')
			text.at[i] = '.';
	reply_text(req, 200, JSON_TYPE, buf_str(&text));
	return STEP_DONE;
}

static const char *const checks[] = { "ping", "datastore", "informers" };

static bool is_excluded(const struct request *req, const char *check)
{
	for (size_t i = 0; i < req->query_count; i++)
		if (str_is(req->query[i].name, "exclude") && str_is(req->query[i].value, check))
			return true;
	return false;
}

static bool is_check(struct str name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(checks); i++)
		if (str_is(name, checks[i]))
			return true;
	return false;
}

/* All checks of `name` (healthz, livez, readyz), a line each. */
static void print_checks(const struct request *req, struct str name, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LENGTH(checks); i++)
		buf_add_print(out, "[+]%s %s\n", checks[i],
			      is_excluded(req, checks[i]) ? "excluded: ok" : "ok");
	for (size_t i = 0; i < req->query_count; i++)
		if (str_is(req->query[i].name, "exclude") && !is_check(req->query[i].value))
			buf_add_print(out,
				      "warn: some health checks cannot be excluded: no matches for "
				      "\"" STR_FMT "\"\n",
				      STR_ARG(req->query[i].value));
	buf_add_print(out, STR_FMT " check passed\n", STR_ARG(name));
}

static enum step health_path(struct request *req, struct error *err)
{
	struct str rest = req->http->path, name;
	auto_buf text = BUF_INIT;

	str_cut(&rest, '/');
	name = str_cut(&rest, '/');
	if (rest.len > 0 && !is_check(rest))
		return not_found(req, err);
	if (rest.len == 0 && params_find(req, "verbose").at)
		print_checks(req, name, &text);
	else
		buf_add_text(&text, "ok");
	http_reply_header(req->http, "X-Content-Type-Options", "nosniff");
	reply_text(req, 200, "text/plain; charset=utf-8", buf_str(&text));
	return STEP_DONE;
}

static enum step cacerts_path(struct request *req, struct error *err)
{
	(void)err;
	reply_text(req, 200, "application/x-pem-file",
		   buf_str(&server_secrets(req->server)->server_ca));
	return STEP_DONE;
}

static void drop_text(void *text)
{
	free(text);
}

/* What token verifiers read now and then.  Takes the text. */
static void reply_public(struct request *req, const char *type, struct buf *text)
{
	struct str bytes = buf_str(text);

	reply_ready(req, 200, type, "public, max-age=3600", bytes, buf_take(text), drop_text);
}

static enum step oidc_path(struct request *req, struct error *err)
{
	const struct server_plan *plan = server_plan_of(req->server);
	auto_buf text = BUF_INIT;

	(void)err;
	buf_add_print(
		&text,
		"{\"issuer\":\"https://kubernetes.default.svc.%s\",\"jwks_uri\":\"https://"
		"%s:%" PRId64 "/openid/v1/"
		"jwks\",\"response_types_supported\":[\"id_token\"],\"subject_types_supported\":"
		"[\"public\"],\"id_token_signing_alg_values_supported\":[\"ES256\"]}",
		plan->cluster_domain, server_secrets(req->server)->address,
		plan->https_listen_port);
	reply_public(req, JSON_TYPE, &text);
	return STEP_DONE;
}

static enum step jwks_path(struct request *req, struct error *err)
{
	auto_buf text = BUF_INIT;

	if (!token_print_jwks(server_tokens(req->server), &text, err))
		return STEP_FAIL;
	reply_public(req, "application/jwk-set+json", &text);
	return STEP_DONE;
}

static uint64_t resident_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return (uint64_t)pages * 4096;
}

static void metric(struct buf *out, const char *name, const char *type, const char *help,
		   uint64_t value)
{
	buf_add_print(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type,
		      name, value);
}

static void add_process(struct buf *out)
{
	struct timespec used = { 0 };

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	exposition_head(out, "process_cpu_seconds_total", "counter",
			"Total user and system CPU time spent in seconds.");
	exposition_ns(out, "process_cpu_seconds_total", STR(""),
		      (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec, 0);
	metric(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
	       resident_bytes());
}

struct tally {
	struct buf *out;
	int64_t count;
};

static bool count_object(void *of, const struct object *object)
{
	(void)object;
	((struct tally *)of)->count++;
	return true;
}

static void add_inflight(struct request *req, struct buf *out)
{
	static const char name[] = "apiserver_current_inflight_requests";
	size_t reading, writing;

	share_figures(server_shares(req->server), &reading, &writing);
	exposition_head(out, name, "gauge",
			"[STABLE] Maximal number of currently used inflight request limit of this "
			"apiserver per request kind in last second.");
	exposition_int(out, name, STR("request_kind=\"mutating\""), (int64_t)writing, 0);
	exposition_int(out, name, STR("request_kind=\"readOnly\""), (int64_t)reading, 0);
}

/* The words that dashboards of Kubernetes look for. */
static void add_apiserver(struct request *req, struct buf *out)
{
	auto_buf build = BUF_INIT;

	exposition_label(&build, "git_version", STR(VERSION_KUBERNETES "+mote"));
	exposition_label(&build, "major", STR("1"));
	exposition_label(&build, "minor", STR(KUBERNETES_MINOR));
	exposition_label(&build, "platform", STR("linux"));
	exposition_head(out, "kubernetes_build_info", "gauge",
			"[ALPHA] A metric with a constant '1' value labeled by what it was built "
			"from");
	exposition_int(out, "kubernetes_build_info", buf_str(&build), 1, 0);
	exposition_head(out, "apiserver_storage_objects", "gauge",
			"[STABLE] Number of stored objects at the time of last check split by "
			"kind.");
	for (const struct kind *const *kind = kind_list; *kind; kind++) {
		struct tally tally = { out, 0 };
		auto_buf labels = BUF_INIT, resource = BUF_INIT;

		if ((*kind)->stored_as || !((*kind)->verbs & VERB_UPDATE))
			continue;
		registry_each(server_registry(req->server), *kind, STR_NONE, count_object, &tally);
		kind_resource(*kind, &resource);
		exposition_label(&labels, "resource", buf_str(&resource));
		exposition_int(out, "apiserver_storage_objects", buf_str(&labels), tally.count, 0);
	}
	add_inflight(req, out);
	request_counts_print(server_request_counts(req->server), out);
	schedule_counts_print(server_schedule_counts(req->server), out);
}

static enum step metrics_path(struct request *req, struct error *err)
{
	struct registry *registry = server_registry(req->server);
	struct datastore_figures store;
	struct front_figures front;
	auto_buf text = BUF_INIT;

	(void)err;
	datastore_figures(registry_store(registry), &store);
	front_figures(server_front(req->server), &front);
	metric(&text, "mote_requests_total", "counter", "Requests of the API port.",
	       front.requests);
	metric(&text, "mote_connections", "gauge", "Open connections.", front.connections_now);
	metric(&text, "mote_watches", "gauge", "Open watches.", registry_watch_count(registry));
	metric(&text, "mote_nodes_connected", "gauge", "Nodes with a session.",
	       nodes_count(server_nodes(req->server)));
	metric(&text, "mote_store_objects", "gauge", "Objects in the store.", store.records);
	metric(&text, "mote_store_writes_total", "counter", "Writes of the store.", store.writes);
	metric(&text, "mote_store_groups_total", "counter", "Groups committed to the disk.",
	       store.groups);
	metric(&text, "mote_store_feed_bytes", "gauge", "Memory of kept changes.",
	       store.feed_bytes);
	add_process(&text);
	add_apiserver(req, &text);
	reply_text(req, 200, EXPOSITION_TYPE, buf_str(&text));
	return STEP_DONE;
}

/* --- the table --- */

struct path_row {
	const char *path;
	bool below; /* also everything under it */
	enum step (*pass)(struct request *req, struct error *err);
};

static enum step index_path(struct request *req, struct error *err);

static const struct path_row rows[] = {
	{ "/version", true, version_path },
	{ "/healthz", true, health_path },
	{ "/livez", true, health_path },
	{ "/readyz", true, health_path },
	{ "/api", true, documents_api_pass },
	{ "/apis", true, documents_apis_pass },
	{ "/openapi/v2", false, documents_swagger_pass },
	{ "/openapi/v3", true, documents_openapi_pass },
	{ "/metrics", false, metrics_path },
	{ "/cacerts", false, cacerts_path },
	{ "/.well-known/openid-configuration", false, oidc_path },
	{ "/openid/v1/jwks", false, jwks_path },
	{ "/v1-mote/node", false, nodes_join_pass },
	{ "/v1-mote/connect", false, nodes_connect_pass },
	{ "/", false, index_path },
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The paths of the table, of discovery and of the checks: {"paths": [...]}. */
static void reply_index(struct request *req, int status)
{
	const char **list = arena_get(req->arena, INDEX_MAX * sizeof(*list));
	auto_buf text = BUF_INIT;
	size_t count = 0;

	for (size_t i = 0; i + 1 < ARRAY_LENGTH(rows); i++) {
		list[count++] = rows[i].path;
		for (size_t k = 0; rows[i].pass == health_path && k < ARRAY_LENGTH(checks); k++)
			list[count++] = arena_print(req->arena, "%s/%s", rows[i].path, checks[k]);
	}
	for (size_t i = 0; discovery_group(i) && count + 2 < INDEX_MAX; i++) {
		const struct discovery_group *group = discovery_group(i),
					     *before = i ? discovery_group(i - 1) : NULL;

		if (group->group[0] && (!before || strcmp(before->group, group->group) != 0))
			list[count++] = arena_print(req->arena, "/apis/%s", group->group);
		list[count++] =
			arena_print(req->arena, "/%s%s/%s", group->group[0] ? "apis/" : "api",
				    group->group, group->version);
	}
	assert(count < INDEX_MAX);
	qsort(list, count, sizeof(*list), by_text);
	buf_add_text(&text, "{\"paths\":[");
	for (size_t i = 0; i < count; i++)
		buf_add_print(&text, "%s\"%s\"", i ? "," : "", list[i]);
	buf_add_text(&text, "]}");
	reply_text(req, status, JSON_TYPE, buf_str(&text));
}

static enum step index_path(struct request *req, struct error *err)
{
	(void)err;
	reply_index(req, 200);
	return STEP_DONE;
}

enum step paths_pass(struct request *req, struct error *err)
{
	struct str path = req->http->path;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str row = str_of(rows[i].path);

		if (str_equal(path, row) ||
		    (rows[i].below && str_starts(path, row) && path.at[row.len] == '/'))
			return rows[i].pass(req, err);
	}
	reply_index(req, 404);
	return STEP_DONE;
}
