/*
 * test_nodes_join.c - tokens cannot be tried out.
 */
#include <stdio.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/pki.h"
#include "server/bootstrap.h"
#include "server/front/front.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define WRONG_MAX  20
#define TRIERS_MAX 256

/* The server takes the name for the address of the peer. */
static void dial_as(void *of,
		    void (*on_done)(void *call, struct stream *stream, const struct error *err),
		    void *call)
{
	struct stream *ours, *theirs;

	stream_pair(cluster_loop(), &ours, &theirs);
	front_serve_as(cluster_server(), theirs, of);
	on_done(call, ours, NULL);
}

struct answer {
	int status;
	int64_t retry_after_s;
	struct buf body;
};

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	struct answer *answer = of;

	CHECK(!err);
	answer->status = head->status;
	if (!str_to_i64(http_header(head, "Retry-After"), 0, 1000, &answer->retry_after_s))
		answer->retry_after_s = -1;
	buf_add_str(&answer->body, body);
}

static struct answer join_with(char *address, const char *token, struct str body)
{
	struct http_client *client = http_client_new(cluster_loop(), dial_as, address, "test");
	auto_free char *bearer = memory_print("Bearer %s", token);
	struct http_header header = { STR("Authorization"), str_of(bearer) };
	struct answer answer = { 0 };
	struct http_ask ask = { .method = "POST",
				.target = "/v1-mote/node",
				.headers = &header,
				.header_count = 1,
				.body = body,
				.on_reply = on_reply,
				.of = &answer };

	http_call(client, &ask);
	while (answer.status == 0)
		loop_once(cluster_loop(), 10);
	http_client_free(client);
	return answer;
}

/* One request to join that has nothing but a token. */
static struct answer join_from(char *address, const char *token)
{
	return join_with(address, token, STR("{}"));
}

static int status_from(char *address, const char *token)
{
	struct answer answer = join_from(address, token);

	buf_clear(&answer.body);
	return answer.status;
}

static const char *right_token(void)
{
	return server_secrets(cluster_server())->agent_token;
}

static void check_refused(char *address, const char *token, int64_t at_least_s)
{
	struct answer answer = join_from(address, token);

	CHECK_INT(answer.status, 429);
	CHECK(answer.retry_after_s >= at_least_s && answer.retry_after_s <= 60);
	CHECK(str_search(buf_str(&answer.body), STR("\"reason\":\"TooManyRequests\"")) >= 0);
	buf_clear(&answer.body);
}

/* Goal: after 20 wrong tokens within a minute an address is refused, with the right one too, and
 * told how long; others are not; later it is heard again. */
static void wrong_tokens(void)
{
	static char first[] = "10.1.0.1:1000", again[] = "10.1.0.1:1001", other[] = "10.1.0.2:1000";
	static char six[] = "[fd00::1]:7", six_again[] = "[fd00::1]:8", six_other[] = "[fd00::2]:7";

	cluster_start(NULL);
	CHECK_INT(status_from(first, right_token()), 422); /* a body without a name */
	for (int i = 0; i < WRONG_MAX; i++) {
		CHECK_INT(status_from(i % 2 ? first : again, "wrong"), 401);
		CHECK_INT(status_from(six, "wrong"), 401);
	}
	check_refused(first, "wrong", 30);
	check_refused(again, right_token(), 30);
	check_refused(six_again, right_token(), 30);
	CHECK_INT(status_from(other, "wrong"), 401);
	CHECK_INT(status_from(other, right_token()), 422);
	CHECK_INT(status_from(six_other, right_token()), 422);
	cluster_be_away(50);
	check_refused(first, right_token(), 1);
	cluster_be_away(11);
	CHECK_INT(status_from(first, right_token()), 422);
	for (int i = 0; i < WRONG_MAX; i++)
		CHECK_INT(status_from(first, "wrong"), 401);
	check_refused(first, right_token(), 30);
	cluster_stop();
}

/* Goal: tokens that are wrong now and then are never too many. */
static void wrong_now_and_then(void)
{
	static char address[] = "10.1.0.1:1000";

	cluster_start(NULL);
	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < WRONG_MAX - 1; k++)
			CHECK_INT(status_from(address, "wrong"), 401);
		CHECK_INT(status_from(address, right_token()), 422);
		cluster_be_away(61);
	}
	cluster_stop();
}

/* Goal: only so many addresses are remembered; the one that began first is forgotten. */
static void many_addresses(void)
{
	static char first[] = "10.1.0.1:1000", second[] = "10.1.0.2:1000";
	char address[32];

	cluster_start(NULL);
	for (int i = 0; i < WRONG_MAX; i++)
		status_from(first, "wrong");
	check_refused(first, right_token(), 30);
	cluster_be_away(1);
	for (int i = 0; i < WRONG_MAX; i++)
		status_from(second, "wrong");
	for (int i = 0; i < TRIERS_MAX - 2; i++) {
		snprintf(address, sizeof(address), "10.2.%d.%d:1", i / 200, i % 200);
		CHECK_INT(status_from(address, "wrong"), 401);
	}
	check_refused(first, right_token(), 30);
	check_refused(second, right_token(), 30);
	snprintf(address, sizeof(address), "10.3.0.1:1");
	CHECK_INT(status_from(address, "wrong"), 401);
	CHECK_INT(status_from(first, right_token()), 422);
	check_refused(second, right_token(), 30);
	cluster_stop();
}

/* A whole request of node n1. */
static int join_as_node(char *address, const char *token, const char *password)
{
	static const char *const organizations[] = { "system:nodes", NULL };
	struct pki_subject subject = { "system:node:n1", organizations };
	auto_buf key = BUF_INIT, csr = BUF_INIT, body = BUF_INIT;
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	struct answer answer;
	struct error err;

	CHECK_OK(pki_new_key(&key, &err), &err);
	CHECK_OK(pki_new_request(&subject, buf_str(&key), &csr, &err), &err);
	json_put(doc, root, "name", json_new_text(doc, "n1"));
	json_put(doc, root, "password", json_new_text(doc, password));
	json_put(doc, root, "csr", json_new_str(doc, buf_str(&csr)));
	json_print(root, &body);
	answer = join_with(address, token, buf_str(&body));
	buf_clear(&answer.body);
	return answer.status;
}

static void make_token(const char *id, const char *more, int64_t seconds)
{
	char until[CLOCK_TEXT];
	auto_free char *body = NULL;

	clock_print(clock_wall_s() + seconds, until);
	body = memory_print("{\"metadata\":{\"name\":\"bootstrap-token-%s\"},\"type\":\"bootstrap."
			    "kubernetes.io/"
			    "token\",\"stringData\":{\"token-id\":\"%s\",\"token-secret\":"
			    "\"0123456789abcdef\",\"expiration\":\"%s\"%s}}",
			    id, id, until, more);
	cluster_create("/api/v1/namespaces/kube-system/secrets", body);
}

/* Goal: a token for a time lets a machine in until it is over; afterwards only who has joined
 * before, by its password. */
static void tokens_for_a_time(void)
{
	static char address[] = "10.1.0.1:1000";
	static const char may[] = ",\"usage-bootstrap-authentication\":\"true\"";

	cluster_start(NULL);
	make_token("abcdef", may, 3600);
	make_token("nousag", "", 3600);
	CHECK_INT(status_from(address, "abcdef.0123456789abcdef"), 422);
	CHECK_INT(status_from(address, "M10aa::abcdef.0123456789abcdef"), 422);
	CHECK_INT(join_as_node(address, "nousag.0123456789abcdef", "password-of-n1-16"), 401);
	CHECK_INT(join_as_node(address, "abcdef.0123456789abcdeX", "password-of-n1-16"), 401);
	CHECK_INT(join_as_node(address, "abcdef.0123456789abcdee", "password-of-n1-16"), 401);
	CHECK_INT(join_as_node(address, "zzzzzz.0123456789abcdef", "password-of-n1-16"), 401);
	CHECK_INT(join_as_node(address, "abcdef.0123456789abcdef", "password-of-n1-16"), 200);
	cluster_be_away(3601);
	CHECK_INT(join_as_node(address, "abcdef.0123456789abcdef", "password-of-n2-16"), 401);
	CHECK_INT(join_as_node(address, "abcdef.0123456789abcdef", "password-of-n1-16"), 200);
	cluster_delete("/api/v1/namespaces/kube-system/secrets/n1.node-password.mote");
	CHECK_INT(join_as_node(address, "abcdef.0123456789abcdef", "password-of-n1-16"), 401);
	cluster_stop();
}

static const struct test tests[] = {
	{ "tokens for a time", tokens_for_a_time, .time_limit_s = 30 },
	{ "wrong tokens", wrong_tokens, .time_limit_s = 30 },
	{ "wrong now and then", wrong_now_and_then, .time_limit_s = 30 },
	{ "many addresses", many_addresses, .time_limit_s = 30 },
};
TEST_MAIN(tests)
