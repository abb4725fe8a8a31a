/*
 * test_registry_session.c - pulling from small registries on loopback: logins, redirects, cuts.
 */
#include "runtime/registry_session.h"

#include <stdio.h>

#include "base/file.h"
#include "net/pki.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/registry_front.h"
#include "tests/unit/runtime/registry_pull.h"

#define TYPE "application/vnd.oci.image.manifest.v1+json"

/* What the fronts do; set before they are opened. */
static struct {
	const char *wants;     /* Authorization that is let in; NULL: everyone */
	const char *challenge; /* with the 401; %s is the token front */
	const char *token;     /* what the token service says */
	const char *location;  /* blobs are somewhere else; %s is the storage front */
	size_t cut_after;      /* blobs break off behind so many bytes, every time */
	bool ignores_range;
	int status; /* of manifests, 0 = 200 */
	const char *body, *type, *digest;
} plan;
static struct registry_front registry, storage;

/* --- what a front does, on its thread --- */

static void answer_blob(struct http_request *req)
{
	struct str range = http_header(&req->head, "range");
	uint64_t from = 0;
	size_t end = sizeof(pull_blob_bytes);
	char text[80];

	if (!plan.ignores_range && range.len > 7 &&
	    !str_to_u64(str_from(range.at + 6, range.len - 7), sizeof(pull_blob_bytes) - 1,
			&from)) {
		http_reply(req, 416, "text/plain", STR("no"));
		return;
	}
	snprintf(text, sizeof(text), "bytes %u-%u/%u", (unsigned)from, (unsigned)end - 1,
		 (unsigned)end);
	if (from > 0)
		http_reply_header(req, "Content-Range", text);
	http_reply_start(req, from > 0 ? 206 : 200, "application/octet-stream");
	if (plan.cut_after > 0 && end - from > plan.cut_after)
		end = (size_t)from + plan.cut_after;
	http_reply_write(req, str_from(pull_blob_bytes + from, end - (size_t)from));
	if (end < sizeof(pull_blob_bytes))
		http_reply_abort(req);
	else
		http_reply_end(req);
}

static void answer_manifest(struct http_request *req)
{
	if (plan.digest)
		http_reply_header(req, "Docker-Content-Digest", plan.digest);
	http_reply(req, plan.status ? plan.status : 200,
		   plan.type ? plan.type : TYPE "; charset=utf-8",
		   plan.body ? str_of(plan.body) : STR(PULL_MANIFEST));
}

static bool let_in(struct http_request *req)
{
	char text[300];
	size_t at = 0;

	if (!plan.wants || str_is(http_header(&req->head, "authorization"), plan.wants))
		return true;
	for (const char *c = plan.challenge; *c && at + 40 < sizeof(text); c++) {
		if (*c == '%')
			at += (size_t)snprintf(text + at, 40, "%s", storage.host);
		else
			text[at++] = *c;
	}
	text[at] = '\0';
	http_reply_header(req, "WWW-Authenticate", text);
	http_reply(req, 401, "application/json", STR("{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}"));
	return false;
}

static void serve_registry(struct registry_front *front, struct http_request *req)
{
	char text[200];

	(void)front;
	if (!let_in(req))
		return;
	if (str_search(req->path, STR("/manifests/")) >= 0) {
		answer_manifest(req);
	} else if (plan.location) {
		snprintf(text, sizeof(text), "%s%s%s",
			 plan.location[0] == '%' ? "http://" : plan.location,
			 plan.location[0] == '%' ? storage.host : "",
			 plan.location[0] == '%' ? plan.location + 1 : "");
		http_reply_header(req, "Location", text);
		http_reply(req, 307, "text/html", STR("<a>"));
	} else {
		answer_blob(req);
	}
}

/* Tokens and blobs, for everybody. */
static void serve_storage(struct registry_front *front, struct http_request *req)
{
	(void)front;
	if (str_starts(req->path, STR("/token")))
		http_reply(req, 200, "application/json", str_of(plan.token));
	else
		answer_blob(req);
}

static void open_fronts(void)
{
	pull_content();
	registry.on_request = serve_registry;
	storage.on_request = serve_storage;
	registry_front_open(&registry);
	registry_front_open(&storage);
}

static void close_fronts(void)
{
	registry_front_close(&registry);
	registry_front_close(&storage);
}

static void check_manifest(struct registry_session *session, const char *reference)
{
	auto_registry_manifest got = { 0 };
	struct error err;

	CHECK_OK(registry_session_manifest(session, reference, NULL, &got, &err), &err);
	CHECK_STR(buf_text(&got.body), PULL_MANIFEST);
	CHECK_STR(got.type, TYPE);
	CHECK_STR(got.digest, pull_manifest_digest);
}

/* --- tests --- */

static void fetches_without_login(void)
{
	struct registry_session *session;

	open_fronts();
	session = pull_open(registry.host, NULL);
	check_manifest(session, "v1");
	check_manifest(session, pull_manifest_digest);
	pull_check_blob(session);
	CHECK_INT(registry_front_count(&registry, "GET /v2/team/web/manifests/v1 auth=[]"), 1);
	CHECK_INT(registry_front_count(&registry, "GET /v2/team/web/blobs/sha256:"), 1);
	registry_session_close(session);
	close_fronts();
}

static void checks_digests(void)
{
	struct registry_session *session;
	char other[72];

	open_fronts();
	memcpy(other, pull_manifest_digest, sizeof(other));
	other[70] = other[70] == 'a' ? 'b' : 'a';
	session = pull_open(registry.host, NULL);
	pull_check_manifest_fails(session, other, ERROR_BROKEN, "has not the digest");
	pull_check_manifest_fails(session, "../x", ERROR_INVALID, "not allowed");
	pull_check_manifest_fails(session, "sha256:12", ERROR_INVALID, "not allowed");
	pull_blob_bytes[1000]++;
	pull_check_blob_fails(session, ERROR_BROKEN, "have not that digest");
	plan.digest = other;
	pull_check_manifest_fails(session, "v1", ERROR_BROKEN, "digest it claims");
	registry_session_close(session);
	close_fronts();
}

/* Anonymous tokens: fetched once, used for everything. */
static void gets_anonymous_token(void)
{
	struct registry_session *session;

	plan.wants = "Bearer t0ken";
	plan.challenge = "Bearer realm=\"http://%/token\",service=\"here\"";
	plan.token = "{\"token\":\"t0ken\"}";
	open_fronts();
	session = pull_open(registry.host, NULL);
	check_manifest(session, "v1");
	pull_check_blob(session);
	CHECK_INT(registry_front_count(&registry, "auth=[]"), 1);
	CHECK_INT(registry_front_count(&registry, "auth=[Bearer t0ken]"), 2);
	CHECK_INT(registry_front_count(&storage,
				       "GET /token?service=here&scope=repository%3Ateam%2Fweb%3A"
				       "pull auth=[]"),
		  1);
	CHECK_INT(registry_front_count(&storage, ""), 1);
	/* A token that has run out is replaced. */
	plan.wants = "Bearer n3w";
	plan.token = "{\"access_token\":\"n3w\"}";
	check_manifest(session, "v1");
	CHECK_INT(registry_front_count(&registry, "auth=[Bearer n3w]"), 1);
	registry_session_close(session);
	close_fronts();
}

static void logs_in_for_token(void)
{
	struct registry_session_plan named = { .username = STR("user"), .password = STR("pass") };
	struct registry_session *session;

	plan.wants = "Bearer t0ken";
	plan.challenge = "Bearer realm=\"http://%/token\",scope=\"repository:team/web:pull\"";
	plan.token = "{\"token\":\"t0ken\"}";
	open_fronts();
	session = pull_open(registry.host, &named);
	check_manifest(session, "v1");
	CHECK_INT(registry_front_count(&storage, "auth=[Basic dXNlcjpwYXNz]"), 1);
	CHECK_INT(registry_front_count(&registry, "Basic"), 0);
	plan.token = "{\"token\":\"wrong\"}";
	plan.wants = "Bearer other";
	pull_check_manifest_fails(session, "v1", ERROR_UNAUTHORIZED,
				  "does not accept the login (401)");
	registry_session_close(session);
	close_fronts();
}

static void logs_in_with_basic(void)
{
	struct registry_session_plan named = { .username = STR("user"), .password = STR("pass") };
	struct registry_session *session, *nobody;
	struct error err;
	char text[300];
	struct json_doc *doc;

	plan.wants = "Basic dXNlcjpwYXNz";
	plan.challenge = "Basic realm=\"x\"";
	open_fronts();
	session = pull_open(registry.host, &named);
	check_manifest(session, "v1");
	registry_session_close(session);
	nobody = pull_open(registry.host, NULL);
	pull_check_manifest_fails(nobody, "v1", ERROR_UNAUTHORIZED,
				  "wants a login (401): UNAUTHORIZED");
	registry_session_close(nobody);
	/* What the file says is used when the plan says nothing. */
	snprintf(text, sizeof(text),
		 "{\"configs\":{\"%s\":{\"auth\":{\"auth\":\"dXNlcjpwYXNz\"}}}}", registry.host);
	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	session = pull_open(registry.host,
			    &(struct registry_session_plan){ .registries = json_root(doc) });
	check_manifest(session, "v1");
	registry_session_close(session);
	json_doc_free(doc);
	close_fronts();
}

static void trades_identity_token(void)
{
	struct registry_session *session;
	struct json_doc *doc;
	struct error err;
	char text[300];

	plan.wants = "Bearer t0ken";
	plan.challenge = "Bearer realm=\"http://%/token\",service=\"here\"";
	plan.token = "{\"access_token\":\"t0ken\"}";
	open_fronts();
	snprintf(text, sizeof(text),
		 "{\"configs\":{\"%s\":{\"auth\":{\"identity_token\":\"again\"}}}}", registry.host);
	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	session = pull_open(registry.host,
			    &(struct registry_session_plan){ .registries = json_root(doc) });
	check_manifest(session, "v1");
	CHECK_INT(registry_front_count(&storage, "POST /token auth=[]"), 1);
	CHECK_INT(registry_front_count(&storage, "grant_type=refresh_token"), 1);
	CHECK_INT(registry_front_count(&storage, "refresh_token=again"), 1);
	registry_session_close(session);
	json_doc_free(doc);
	close_fronts();
}

/* The storage host gets the question, but never the login. */
static void redirects_without_login(void)
{
	struct registry_session_plan named = { .username = STR("user"), .password = STR("pass") };
	struct registry_session *session;

	plan.wants = "Basic dXNlcjpwYXNz";
	plan.challenge = "Basic realm=\"x\"";
	plan.location = "%/data?signed=1";
	plan.cut_after = 200000;
	open_fronts();
	session = pull_open(registry.host, &named);
	pull_check_blob(session);
	CHECK_INT(registry_front_count(&storage, "GET /data?signed=1 auth=[] range=[]"), 1);
	CHECK_INT(registry_front_count(&storage, "auth=[] range=[bytes=200000-]"), 1);
	CHECK_INT(registry_front_count(&storage, "Basic"), 0);
	CHECK_INT(registry_front_count(&registry, "auth=[Basic dXNlcjpwYXNz]"), 2);
	registry_session_close(session);
	close_fronts();
}

static void bounds_redirects(void)
{
	struct registry_session *session;

	plan.location = "/v2/team/web/blobs/again";
	open_fronts();
	session = pull_open(registry.host, NULL);
	pull_check_blob_fails(session, ERROR_BROKEN, "redirects more than 5 times");
	CHECK_INT(registry_front_count(&registry, "GET"), 6);
	plan.location = "ftp://x.test/";
	pull_check_blob_fails(session, ERROR_BROKEN, "redirects to nowhere");
	registry_session_close(session);
	close_fronts();
}

static void resumes_after_cuts(void)
{
	struct registry_session *session;

	plan.cut_after = 100000;
	open_fronts();
	session = pull_open(registry.host, NULL);
	pull_check_blob(session);
	CHECK_INT(registry_front_count(&registry, "range=[]"), 1);
	CHECK_INT(registry_front_count(&registry, "range=[bytes=100000-]"), 1);
	CHECK_INT(registry_front_count(&registry, "range=[bytes=200000-]"), 1);
	registry_session_close(session);
	close_fronts();
}

static void gives_up_after_four_cuts(void)
{
	struct registry_session *session;

	plan.cut_after = 1000;
	open_fronts();
	session = pull_open(registry.host, NULL);
	pull_check_blob_fails(session, ERROR_UNAVAILABLE, "pull 127.0.0.1:");
	CHECK_INT(registry_front_count(&registry, "blobs"), 4);
	registry_session_close(session);
	close_fronts();
}

/* A server that knows no ranges sends all again: what we have is skipped. */
static void skips_what_it_has(void)
{
	struct registry_session *session;
	auto_buf got = BUF_INIT;
	struct error err;

	plan.cut_after = 100000;
	plan.ignores_range = true;
	open_fronts();
	session = pull_open(registry.host, NULL);
	CHECK(!pull_try_blob(session, &got, &err));
	CHECK_INT(got.len, 100000);
	CHECK_BYTES(got.at, pull_blob_bytes, 100000);
	registry_session_close(session);
	close_fronts();
}

static void tells_refusals(void)
{
	static const struct {
		int status;
		const char *type, *body;
		enum error_kind kind;
		const char *says;
	} rows[] = {
		{ 404, "application/json",
		  "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"not here\"}]}",
		  ERROR_NOT_FOUND, "does not have it (404): not here" },
		{ 403, "application/json", "{\"errors\":[{\"code\":\"DENIED\"}]}", ERROR_FORBIDDEN,
		  "does not allow it (403): DENIED" },
		{ 429, "text/plain", "slow\r\n\033[31mdown ", ERROR_TOO_MANY,
		  "is asked too often (429): slow ?[31mdown" },
		{ 503, "text/html", "<html>", ERROR_UNAVAILABLE, "is out of order (503)" },
		{ 418, "application/json", "{\"errors\":[[]]}", ERROR_BROKEN, "(418)" },
	};
	struct registry_session *session;
	struct error err;
	char who[80];

	open_fronts();
	session = pull_open(registry.host, NULL);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_registry_manifest got = { 0 };

		plan.status = rows[i].status;
		plan.type = rows[i].type;
		plan.body = rows[i].body;
		CHECK(!registry_session_manifest(session, "v1", NULL, &got, &err));
		pull_check_says(&err, rows[i].kind, rows[i].says);
		snprintf(who, sizeof(who), "pull %s/team/web:v1: the registry %s ", registry.host,
			 registry.host);
		pull_check_says(&err, rows[i].kind, who);
	}
	registry_session_close(session);
	close_fronts();
}

static void cuts_long_refusals(void)
{
	struct registry_session *session;
	struct error err;
	auto_registry_manifest got = { 0 };
	static char body[100001];

	memset(body, 'x', sizeof(body) - 1);
	plan.status = 404;
	plan.type = "text/plain";
	plan.body = body;
	open_fronts();
	session = pull_open(registry.host, NULL);
	CHECK(!registry_session_manifest(session, "v1", NULL, &got, &err));
	pull_check_says(&err, ERROR_NOT_FOUND, "xxx...");
	CHECK(strlen(err.text) < 300);
	registry_session_close(session);
	close_fronts();
}

/* Mirrors in order, then the registry itself; a login for it is not for them. */
static void asks_mirrors_first(void)
{
	struct registry_session_plan named = { .username = STR("user"), .password = STR("pass") };
	struct registry_session *session;
	struct json_doc *doc;
	struct error err;
	char text[400];

	plan.location = "%/data";
	open_fronts();
	/* Ports 1 and 2 of this machine answer nobody. */
	snprintf(text, sizeof(text),
		 "{\"mirrors\":{\"127.0.0.1:2\":{\"endpoint\":[\"http://127.0.0.1:1\",\"http://"
		 "%s\"],"
		 "\"rewrite\":{\"^team/\":\"cache/\"}}}}",
		 registry.host);
	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	named.registries = json_root(doc);
	session = pull_open("127.0.0.1:2", &named);
	check_manifest(session, "v1");
	pull_check_blob(session);
	CHECK_INT(registry_front_count(&registry,
				       "GET /v2/cache/web/manifests/v1?ns=127.0.0.1%3A2 auth=[]"),
		  1);
	plan.wants = "Basic dXNlcjpwYXNz";
	plan.challenge = "Basic realm=\"x\"";
	{
		auto_registry_manifest got = { 0 };

		CHECK(!registry_session_manifest(session, "v1", NULL, &got, &err));
		pull_check_says(&err, ERROR_UNAVAILABLE, "127.0.0.1 port 2");
		pull_check_says(&err, ERROR_UNAVAILABLE, "wants a login (401)");
	}
	CHECK_INT(registry_front_count(&registry, "Basic"), 0);
	registry_session_close(session);
	json_doc_free(doc);
	close_fronts();
}

static bool refuse_bytes(void *of, struct str bytes, struct error *err)
{
	(void)bytes;
	++*(int *)of;
	return error_set(err, ERROR_FULL, "the disk is full");
}

static void stops_for_its_caller(void)
{
	struct registry_session *session;
	struct error err;
	int calls = 0;
	struct registry_blob wanted = { .size_max = sizeof(pull_blob_bytes),
					.take = refuse_bytes,
					.of = &calls };

	open_fronts();
	wanted.digest = pull_blob_digest;
	session = pull_open(registry.host, NULL);
	CHECK(!registry_session_blob(session, &wanted, &err));
	pull_check_says(&err, ERROR_FULL, "the disk is full");
	CHECK_INT(calls, 1);
	/* The session is as good as before. */
	pull_check_blob(session);
	registry_session_close(session);
	close_fronts();
}

static void *pull_in_thread(void *of)
{
	struct registry_session *session = pull_open(registry.host, NULL);

	for (int i = 0; i < 5; i++)
		pull_check_blob(session);
	registry_session_close(session);
	return of;
}

static void pulls_in_threads(void)
{
	pthread_t threads[3];

	plan.location = "%/data";
	open_fronts();
	for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
		CHECK(pthread_create(&threads[i], NULL, pull_in_thread, NULL) == 0);
	for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK_INT(registry_front_count(&storage, "/data"), 15);
	close_fronts();
}

/* --- TLS --- */

static char ca_path[256];

static struct tls_config *make_trust(void)
{
	static const char *const names[] = { "127.0.0.1", NULL };
	struct pki_plan ca = { .subject = { "test-ca", NULL }, .uses = PKI_CA, .days = 10 };
	struct pki_plan server = {
		.subject = { "server", NULL }, .uses = PKI_SERVER, .names = names, .days = 10
	};
	auto_buf ca_key = BUF_INIT, ca_pem = BUF_INIT, key = BUF_INIT, pem = BUF_INIT;
	struct tls_config *config;
	struct error err;

	CHECK_OK(pki_new_key(&ca_key, &err), &err);
	CHECK_OK(pki_issue(&ca, buf_str(&ca_key), STR_NONE, STR_NONE, &ca_pem, &err), &err);
	CHECK_OK(pki_new_key(&key, &err), &err);
	CHECK_OK(pki_issue(&server, buf_str(&key), buf_str(&ca_pem), buf_str(&ca_key), &pem, &err),
		 &err);
	snprintf(ca_path, sizeof(ca_path), "%s/ca.pem", harness_folder());
	CHECK_OK(file_replace(ca_path, buf_str(&ca_pem), 0600, &err), &err);
	CHECK_OK(tls_server_config(buf_str(&pem), buf_str(&key), STR_NONE, &config, &err), &err);
	return config;
}

static struct registry_session *session_with_tls(const char *tls, struct json_doc **out)
{
	struct error err;
	char text[600];

	snprintf(text, sizeof(text), "{\"configs\":{\"%s\":{\"tls\":{%s}}}}", registry.host, tls);
	CHECK_OK(json_parse(str_of(text), out, NULL, &err), &err);
	return pull_open(registry.host,
			 &(struct registry_session_plan){ .registries = json_root(*out) });
}

static void speaks_tls(void)
{
	struct registry_session *session;
	struct json_doc *doc;
	char text[400];

	registry.config = make_trust();
	open_fronts();
	snprintf(text, sizeof(text), "\"ca_file\":\"%s\"", ca_path);
	session = session_with_tls(text, &doc);
	check_manifest(session, "v1");
	pull_check_blob(session);
	/* A step down to plain HTTP is not taken. */
	plan.location = "%/data";
	pull_check_blob_fails(session, ERROR_BROKEN, "without encryption");
	plan.wants = "Bearer t0ken";
	plan.challenge = "Bearer realm=\"http://%/token\"";
	plan.token = "{\"token\":\"t0ken\"}";
	pull_check_manifest_fails(session, "v1", ERROR_BROKEN, "sent without encryption");
	CHECK_INT(registry_front_count(&storage, ""), 0);
	registry_session_close(session);
	json_doc_free(doc);
	close_fronts();
	tls_config_unref(registry.config);
}

static void refuses_unknown_certificates(void)
{
	struct registry_session *session;
	struct json_doc *doc;

	registry.config = make_trust();
	open_fronts();
	session = session_with_tls("\"insecure_skip_verify\":false", &doc);
	pull_check_manifest_fails(session, "v1", ERROR_UNAVAILABLE, "");
	CHECK_INT(registry_front_count(&registry, ""), 0);
	registry_session_close(session);
	json_doc_free(doc);
	session = session_with_tls("\"insecure_skip_verify\":true", &doc);
	check_manifest(session, "v1");
	registry_session_close(session);
	json_doc_free(doc);
	session = session_with_tls("\"ca_file\":\"/nonexistent\"", &doc);
	pull_check_manifest_fails(session, "v1", ERROR_UNAVAILABLE, "ca_file");
	registry_session_close(session);
	json_doc_free(doc);
	close_fronts();
	tls_config_unref(registry.config);
}

static const struct test tests[] = {
	{ "fetches without login", fetches_without_login },
	{ "checks digests", checks_digests },
	{ "gets an anonymous token", gets_anonymous_token },
	{ "logs in for a token", logs_in_for_token },
	{ "logs in with basic", logs_in_with_basic },
	{ "trades an identity token", trades_identity_token },
	{ "redirects without login", redirects_without_login },
	{ "bounds redirects", bounds_redirects },
	{ "resumes after cuts", resumes_after_cuts },
	{ "gives up after four cuts", gives_up_after_four_cuts },
	{ "skips what it has", skips_what_it_has },
	{ "tells refusals", tells_refusals },
	{ "cuts long refusals", cuts_long_refusals },
	{ "asks mirrors first", asks_mirrors_first, .time_limit_s = 30 },
	{ "stops for its caller", stops_for_its_caller },
	{ "pulls in threads", pulls_in_threads, .time_limit_s = 30 },
	{ "speaks tls", speaks_tls },
	{ "refuses unknown certificates", refuses_unknown_certificates },
};
TEST_MAIN(tests)
