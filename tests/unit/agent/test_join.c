/*
 * test_join.c - a machine asks a server to be a node: right servers, wrong ones, answers that are
 * none, what is kept on the disk.
 */
#include "agent/join.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "net/pki.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"
#include "tests/unit/net/web_front.h"

enum answer { ANSWER_RIGHT, ANSWER_STATUS, ANSWER_TEXT, ANSWER_CUT, ANSWER_OTHER_CA };

struct scene {
	struct loop *loop;
	struct certs certs;
	struct front front;
	struct buf cacerts; /* what /cacerts shows; the CA at the beginning */
	enum answer answer; /* to the second request */
	int status, ca_status;
	const char *text;
	struct buf secrets, passwords; /* that came in, a line each */
	size_t posts;
	char *server;
	char token[128];
	struct join_plan plan;
	struct join *join;
	bool done;
	struct error err; /* kind ERROR_NONE: joined */
};

static void sign(struct scene *scene, struct str csr, struct buf *out)
{
	struct pki_plan plan = { .subject = { "system:node:n1", NULL },
				 .uses = PKI_CLIENT,
				 .days = PKI_LEAF_DAYS };
	struct error err;

	CHECK_OK(pki_sign_request(&plan, csr, buf_str(&scene->certs.ca),
				  buf_str(&scene->certs.ca_key), out, &err),
		 &err);
}

static void answer_right(struct scene *scene, struct http_request *req)
{
	struct json_doc *asked = NULL, *doc = json_doc_new();
	struct json *root = json_new_object(doc);
	auto_buf cert = BUF_INIT, body = BUF_INIT;
	struct error err;
	struct str ca =
		buf_str(scene->answer == ANSWER_OTHER_CA ? &scene->certs.server : &scene->certs.ca);

	CHECK_OK(json_parse(req->body, &asked, NULL, &err), &err);
	CHECK(str_is(json_str(json_get(json_root(asked), "name")), "n1"));
	buf_add_str(&scene->passwords, json_str(json_get(json_root(asked), "password")));
	buf_add_byte(&scene->passwords, '\n');
	sign(scene, json_str(json_get(json_root(asked), "csr")), &cert);
	json_put(doc, root, "certificate", json_new_str(doc, buf_str(&cert)));
	json_put(doc, root, "ca", json_new_str(doc, ca));
	json_put(doc, root, "clusterCIDR", json_new_text(doc, "10.42.0.0/16"));
	json_put(doc, root, "serviceCIDR", json_new_text(doc, "10.43.0.0/16"));
	json_put(doc, root, "clusterDNS", json_new_text(doc, "10.43.0.10"));
	json_put(doc, root, "clusterDomain", json_new_text(doc, "cluster.local"));
	json_put(doc, root, "serviceAddress", json_new_text(doc, "10.43.0.1"));
	json_print(root, &body);
	json_doc_free(asked);
	json_doc_free(doc);
	http_reply(req, 200, "application/json", buf_str(&body));
}

static void answer_post(struct scene *scene, struct http_request *req)
{
	scene->posts++;
	for (size_t i = 0; i < req->head.header_count; i++)
		if (str_equal_case(req->head.headers[i].name, STR("Authorization")))
			buf_add_print(&scene->secrets, STR_FMT "\n",
				      STR_ARG(req->head.headers[i].value));
	switch (scene->answer) {
	case ANSWER_STATUS:
		http_reply(req, scene->status, "application/json", str_of(scene->text));
		break;
	case ANSWER_TEXT: http_reply(req, 200, "application/json", str_of(scene->text)); break;
	case ANSWER_CUT:
		http_reply_start(req, 200, "application/json");
		http_reply_write(req, STR("{\"certificate\":"));
		http_reply_abort(req);
		break;
	case ANSWER_RIGHT:
	case ANSWER_OTHER_CA: answer_right(scene, req); break;
	}
}

static void on_request(struct front *front, struct http_request *req)
{
	struct scene *scene = front->of;

	if (str_is(req->path, "/cacerts"))
		http_reply(req, scene->ca_status, "text/plain", buf_str(&scene->cacerts));
	else if (str_is(req->path, "/v1-mote/node"))
		answer_post(scene, req);
	else
		http_reply(req, 404, "text/plain", STR(""));
}

static void scene_open(struct scene *scene)
{
	char hash[65];
	struct error err;

	*scene = (struct scene){ .ca_status = 200, .text = "{}" };
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	certs_make(&scene->certs);
	buf_add_str(&scene->cacerts, buf_str(&scene->certs.ca));
	scene->front = (struct front){ .on_request = on_request, .of = scene };
	front_open(&scene->front, scene->loop, &scene->certs);
	CHECK_OK(pki_fingerprint(buf_str(&scene->certs.ca), hash, &err), &err);
	snprintf(scene->token, sizeof(scene->token), "M10%s::server:s3cret", hash);
	scene->server = memory_print("https://127.0.0.1:%u", scene->front.port);
	scene->plan = (struct join_plan){ .folder = harness_folder(),
					  .server = scene->server,
					  .token = str_of(scene->token),
					  .node_name = "n1" };
}

static void scene_close(struct scene *scene)
{
	join_free(scene->join);
	fixture_turn(scene->loop, 5);
	front_close(&scene->front);
	fixture_turn(scene->loop, 20);
	loop_close(scene->loop);
	certs_clear(&scene->certs);
	buf_clear(&scene->cacerts);
	buf_clear(&scene->secrets);
	buf_clear(&scene->passwords);
	free(scene->server);
}

static void on_done(void *of, const struct error *err)
{
	struct scene *scene = of;

	CHECK(!scene->done);
	scene->done = true;
	scene->err = err ? *err : (struct error){ 0 };
}

static void start(struct scene *scene)
{
	struct error err;

	join_free(scene->join);
	scene->join = NULL;
	scene->done = false;
	CHECK_OK(join_start(scene->loop, &scene->plan, on_done, scene, &scene->join, &err), &err);
}

static void join(struct scene *scene)
{
	start(scene);
	fixture_until(scene->loop, &scene->done);
}

/* Is what the disk has enough for a start? */
static bool is_loaded(const struct scene *scene, bool *out_usable)
{
	struct cluster_facts facts;
	bool loaded = join_load(&scene->plan, &facts, out_usable);

	CHECK_INT(*out_usable, facts.ca != NULL);
	cluster_facts_clear(&facts);
	return loaded;
}

static void check_nothing_loaded(const struct scene *scene)
{
	bool usable;

	CHECK(!is_loaded(scene, &usable));
	CHECK(!usable);
}

/* --- going well --- */

static void a_machine_joins(void)
{
	struct scene scene;
	struct cluster_facts facts;
	auto_free char *key = fixture_path("tls/client.key");
	struct stat st;
	bool usable;

	scene_open(&scene);
	check_nothing_loaded(&scene);
	join(&scene);
	CHECK_STR(scene.err.text, "");
	CHECK_STR(buf_text(&scene.secrets), "Bearer s3cret\n");
	CHECK(join_load(&scene.plan, &facts, &usable));
	CHECK(usable);
	CHECK_STR(facts.ca, buf_text(&scene.certs.ca));
	CHECK_STR(facts.cluster_cidr, "10.42.0.0/16");
	CHECK_STR(facts.service_cidr, "10.43.0.0/16");
	CHECK_STR(facts.cluster_dns, "10.43.0.10");
	CHECK_STR(facts.cluster_domain, "cluster.local");
	CHECK_STR(facts.service_address, "10.43.0.1");
	cluster_facts_clear(&facts);
	CHECK(stat(key, &st) == 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	scene_close(&scene);
}

static void the_password_is_kept(void)
{
	struct scene scene;
	struct str rest, first;

	scene_open(&scene);
	join(&scene);
	join(&scene);
	CHECK_INT(scene.err.kind, ERROR_NONE);
	rest = buf_str(&scene.passwords);
	first = str_cut(&rest, '\n');
	CHECK_INT(first.len, 48);
	CHECK(str_equal(first, str_cut(&rest, '\n')));
	scene_close(&scene);
}

static void a_short_token_trusts(void)
{
	struct scene scene;
	bool usable;

	scene_open(&scene);
	scene.plan.token = STR(" s3cret\n");
	join(&scene);
	CHECK_STR(scene.err.text, "");
	CHECK_STR(buf_text(&scene.secrets), "Bearer s3cret\n");
	CHECK(is_loaded(&scene, &usable));
	scene_close(&scene);
}

static void tokens_may_have_blanks_around(void)
{
	struct scene scene;
	auto_free char *token = NULL;

	scene_open(&scene);
	token = memory_print("\n \t%s \r\n", scene.token);
	for (char *at = token; *at && *at != ':'; at++)
		*at = *at >= 'a' && *at <= 'f' ? (char)(*at - 32) : *at;
	scene.plan.token = str_of(token);
	join(&scene);
	CHECK_STR(scene.err.text, "");
	scene_close(&scene);
}

static void damaged_tokens_are_refused(void)
{
	static const char hash[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char tokens[10][160] = { "", " \n", "::", "M10::server:x", "x::server:x", "a b", "a\rb" };
	struct scene scene;
	struct error err;

	scene_open(&scene);
	snprintf(tokens[7], 160, "M11%s::server:x", hash);
	snprintf(tokens[8], 160, "M10%s::server:", hash);
	snprintf(tokens[9], 160, "M10g%s::server:x", hash + 1);
	for (size_t i = 0; i < ARRAY_LENGTH(tokens); i++) {
		scene.plan.token = str_of(tokens[i]);
		if (join_start(scene.loop, &scene.plan, on_done, &scene, &scene.join, &err))
			harness_fail(__FILE__, __LINE__, "taken: %s", tokens[i]);
		CHECK_INT(err.kind, ERROR_INVALID);
	}
	scene_close(&scene);
}

/* --- wrong servers --- */

static void check_not_asked(struct scene *scene, enum error_kind kind)
{
	join(scene);
	CHECK_INT(scene->err.kind, kind);
	CHECK_INT(scene->posts, 0);
	CHECK_INT(scene->secrets.len, 0);
	check_nothing_loaded(scene);
}

static void another_ca_is_refused(void)
{
	struct scene scene;

	scene_open(&scene);
	scene.token[3] = scene.token[3] == 'a' ? 'b' : 'a';
	check_not_asked(&scene, ERROR_INVALID);
	CHECK(str_search(str_of(scene.err.text), STR("is not the server that the token is for")) >=
	      0);
	scene_close(&scene);
}

/* Somebody in between shows the right CA and his own behind it, and so would be trusted too. */
static void a_second_ca_is_refused(void)
{
	struct scene scene;

	scene_open(&scene);
	buf_add_str(&scene.cacerts, buf_str(&scene.certs.client));
	check_not_asked(&scene, ERROR_INVALID);
	scene_close(&scene);
}

static void no_ca_is_refused(void)
{
	struct scene scene;

	scene_open(&scene);
	buf_reset(&scene.cacerts);
	check_not_asked(&scene, ERROR_INVALID);
	buf_add_text(&scene.cacerts,
		     "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	join(&scene);
	CHECK(scene.err.kind != ERROR_NONE);
	CHECK_INT(scene.posts, 0);
	scene_close(&scene);
}

/* The right CA is shown, but the server has no certificate of it: the secret is not sent. */
static void an_impostor_gets_no_secret(void)
{
	struct scene scene;
	struct certs others;

	scene_open(&scene);
	front_close(&scene.front);
	fixture_turn(scene.loop, 10);
	certs_make(&others);
	scene.front.port = 0;
	front_open(&scene.front, scene.loop, &others);
	free(scene.server);
	scene.server = memory_print("https://127.0.0.1:%u", scene.front.port);
	scene.plan.server = scene.server;
	join(&scene);
	CHECK(scene.err.kind != ERROR_NONE);
	CHECK_INT(scene.posts, 0);
	check_nothing_loaded(&scene);
	certs_clear(&others);
	scene_close(&scene);
}

static void nobody_listens(void)
{
	struct scene scene;

	scene_open(&scene);
	front_close(&scene.front);
	join(&scene);
	CHECK_INT(scene.err.kind, ERROR_UNAVAILABLE);
	scene.plan.server = "ftp://x";
	join(&scene);
	CHECK_INT(scene.err.kind, ERROR_INVALID);
	front_open(&scene.front, scene.loop, &scene.certs);
	scene_close(&scene);
}

/* --- refusals and answers that are none --- */

static void refusals_have_kinds(void)
{
	static const struct {
		int status;
		enum error_kind kind;
	} rows[] = {
		{ 400, ERROR_INVALID },     { 401, ERROR_UNAUTHORIZED }, { 403, ERROR_FORBIDDEN },
		{ 422, ERROR_INVALID },     { 404, ERROR_UNAVAILABLE },  { 429, ERROR_UNAVAILABLE },
		{ 500, ERROR_UNAVAILABLE }, { 302, ERROR_UNAVAILABLE },
	};
	struct scene scene;

	scene_open(&scene);
	scene.answer = ANSWER_STATUS;
	scene.text = "{\"message\":\"because\"}";
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_free char *want =
			memory_print("the server refuses this node (%d): because", rows[i].status);

		scene.status = rows[i].status;
		join(&scene);
		CHECK_INT(scene.err.kind, rows[i].kind);
		CHECK_STR(scene.err.text, want);
	}
	check_nothing_loaded(&scene);
	scene.ca_status = 503;
	join(&scene);
	CHECK_INT(scene.err.kind, ERROR_UNAVAILABLE);
	scene_close(&scene);
}

static void check_no_answer(enum answer answer, const char *text)
{
	struct scene scene;

	scene_open(&scene);
	scene.answer = answer;
	scene.text = text;
	join(&scene);
	CHECK(scene.err.kind != ERROR_NONE);
	CHECK_INT(scene.posts, 1);
	check_nothing_loaded(&scene);
	scene_close(&scene);
}

static void answers_must_be_whole(void)
{
	check_no_answer(ANSWER_CUT, "");
	check_no_answer(ANSWER_TEXT, "");
	check_no_answer(ANSWER_TEXT, "{\"certificate\":\"x\"");
	check_no_answer(ANSWER_TEXT, "{}");
	check_no_answer(ANSWER_TEXT, "[]");
	check_no_answer(ANSWER_OTHER_CA, "");
}

/* A refused renewal leaves what there was. */
static void a_failure_keeps_the_old(void)
{
	struct scene scene;
	bool usable;

	scene_open(&scene);
	join(&scene);
	scene.answer = ANSWER_CUT;
	join(&scene);
	CHECK(scene.err.kind != ERROR_NONE);
	CHECK(is_loaded(&scene, &usable));
	scene_close(&scene);
}

/* --- the disk --- */

static void facts_of_others_are_not_used(void)
{
	struct scene scene;
	bool usable;

	scene_open(&scene);
	join(&scene);
	scene.plan.node_name = "n2";
	check_nothing_loaded(&scene);
	scene.plan.node_name = "n1";
	scene.token[3] = scene.token[3] == 'a' ? 'b' : 'a';
	check_nothing_loaded(&scene);
	scene.plan.token = STR("short");
	CHECK(is_loaded(&scene, &usable));
	scene.plan.token = STR(""); /* a node that has joined needs none */
	CHECK(is_loaded(&scene, &usable));
	scene_close(&scene);
}

static void damaged_files_are_not_used(void)
{
	static const char *const files[] = { "cluster.json", "tls/ca.crt", "tls/client.crt",
					     "tls/client.key" };
	struct scene scene;
	bool usable;

	scene_open(&scene);
	for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
		auto_free char *path = fixture_path(files[i]);

		join(&scene);
		CHECK(is_loaded(&scene, &usable));
		CHECK(remove(path) == 0);
		check_nothing_loaded(&scene);
		fixture_write(path, "{");
		if (i != 3)
			check_nothing_loaded(&scene);
	}
	scene_close(&scene);
}

static void load_with_certificate(struct scene *scene, int64_t from_days, int64_t days,
				  bool *out_fresh, bool *out_usable)
{
	struct pki_plan plan = { .subject = { "system:node:n1", NULL },
				 .uses = PKI_CLIENT,
				 .not_before_s = clock_wall_s() + from_days * 86400,
				 .days = days };
	auto_free char *path = fixture_path("tls/client.crt");
	auto_buf cert = BUF_INIT;
	struct error err;

	CHECK_OK(pki_issue(&plan, buf_str(&scene->certs.client_key), buf_str(&scene->certs.ca),
			   buf_str(&scene->certs.ca_key), &cert, &err),
		 &err);
	fixture_write(path, buf_text(&cert));
	*out_fresh = is_loaded(scene, out_usable);
}

static void certificates_are_renewed_in_time(void)
{
	static const struct {
		int64_t from, days;
		bool fresh, usable;
	} rows[] = {
		{ -1, 30, true, true },   { -19, 30, true, true },  { -21, 30, false, true },
		{ -29, 30, false, true }, { -31, 30, false, true }, /* over: pods still run by it */
	};
	struct scene scene;

	scene_open(&scene);
	join(&scene);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		bool fresh, usable;

		load_with_certificate(&scene, rows[i].from, rows[i].days, &fresh, &usable);
		CHECK_INT(fresh, rows[i].fresh);
		CHECK_INT(usable, rows[i].usable);
	}
	scene_close(&scene);
}

/* Let go of it after each number of rounds: nothing is called, nothing leaks. */
static void joining_may_be_given_up(void)
{
	struct scene scene;

	scene_open(&scene);
	for (int rounds = 0; rounds < 30; rounds++) {
		start(&scene);
		fixture_turn(scene.loop, rounds);
		join_free(scene.join);
		scene.join = NULL;
		scene.done = true; /* a call from now on fails the test */
		fixture_turn(scene.loop, 3);
	}
	scene_close(&scene);
}

static const struct test tests[] = {
	{ "a machine joins", a_machine_joins },
	{ "the password is kept", the_password_is_kept },
	{ "a short token trusts", a_short_token_trusts },
	{ "tokens may have blanks around", tokens_may_have_blanks_around },
	{ "damaged tokens are refused", damaged_tokens_are_refused },
	{ "another CA is refused", another_ca_is_refused },
	{ "a second CA is refused", a_second_ca_is_refused },
	{ "no CA is refused", no_ca_is_refused },
	{ "an impostor gets no secret", an_impostor_gets_no_secret },
	{ "nobody listens", nobody_listens },
	{ "refusals have kinds", refusals_have_kinds },
	{ "answers must be whole", answers_must_be_whole },
	{ "a failure keeps the old", a_failure_keeps_the_old },
	{ "facts of others are not used", facts_of_others_are_not_used },
	{ "damaged files are not used", damaged_files_are_not_used },
	{ "certificates are renewed in time", certificates_are_renewed_in_time },
	{ "joining may be given up", joining_may_be_given_up },
};

TEST_MAIN(tests)
