/*
 * test_front.c - who asks, and clients that leave before their answer.
 */
#include "server/front/front.h"

#include <inttypes.h>
#include <stdio.h>

#include "net/http_client.h"
#include "net/tls.h"
#include "server/bootstrap.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define LEAVERS 12
#define PATH    "/api/v1/namespaces/default/configmaps"

static void on_status(void *of, const struct http_head *head, struct str body,
		      const struct error *err)
{
	(void)body;
	*(int *)of = err ? -1 : head->status;
}

/* How the API port is asked: with the administrator's certificate or with none. */
static struct http_client *client_of_port(bool with_certificate)
{
	const struct secrets *secrets = server_secrets(cluster_server());
	const struct server_plan *plan = server_plan_of(cluster_server());
	struct http_client *client;
	struct tls_config *config;
	struct error err;
	char url[64];

	CHECK_OK(tls_client_config(buf_str(&secrets->server_ca),
				   with_certificate ? buf_str(&secrets->admin) : STR_NONE,
				   with_certificate ? buf_str(&secrets->admin_key) : STR_NONE,
				   false, &config, &err),
		 &err);
	snprintf(url, sizeof(url), "https://127.0.0.1:%" PRId64, plan->https_listen_port);
	client = http_client_to(cluster_loop(), str_of(url), config, &err);
	CHECK_OK(client != NULL, &err);
	tls_config_unref(config);
	return client;
}

static int get(struct http_client *client, const char *path)
{
	int status = 0;
	struct http_ask ask = {
		.method = "GET", .target = path, .on_reply = on_status, .of = &status
	};

	http_call(client, &ask);
	while (status == 0)
		loop_once(cluster_loop(), 10);
	return status;
}

/* Goal: a certificate's name and groups count; nobody in particular may not read. */
static void certificates(void)
{
	struct http_client *admin, *nobody;

	cluster_start(NULL);
	admin = client_of_port(true);
	nobody = client_of_port(false);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(get(admin, PATH), 200);
		CHECK_INT(get(nobody, PATH), 403);
		CHECK_INT(get(nobody, "/healthz"), 200);
	}
	http_client_free(admin);
	http_client_free(nobody);
	cluster_stop();
}

/* Sends a write and leaves after so many rounds of the loop. */
static void write_and_leave(struct http_client *client, const char *prefix, int rounds)
{
	static const struct http_header type = { STR("Content-Type"), STR("application/json") };
	auto_free char *body = memory_print("{\"metadata\":{\"name\":\"%s-%d\"}}", prefix, rounds);
	int status = 0;
	struct http_ask ask = { .method = "POST",
				.target = PATH,
				.headers = &type,
				.header_count = 1,
				.body = str_of(body),
				.on_reply = on_status,
				.of = &status };
	struct http_call *call;

	call = http_call(client, &ask);
	for (int i = 0; i < rounds && status == 0; i++)
		loop_once(cluster_loop(), 0);
	if (status == 0)
		http_call_cancel(call);
	cluster_settle(20);
}

/* Goal: a client that leaves while its write is on its way harms nothing, whether its name came
 * with the connection or with a certificate; what was taken in is written. */
static void leaves_before_the_answer(void)
{
	struct http_client *clients[2];

	cluster_start(NULL);
	clients[0] = server_local_client(cluster_server(), "system:apiserver");
	clients[1] = client_of_port(true);
	CHECK_INT(get(clients[1], PATH), 200); /* the handshake is through */
	for (int i = 0; i < LEAVERS; i++) {
		write_and_leave(clients[0], "local", i);
		write_and_leave(clients[1], "port", i);
		CHECK_INT(get(clients[1], PATH), 200);
	}
	CHECK(cluster_has(PATH "/local-11"));
	CHECK(cluster_has(PATH "/port-11"));
	http_client_free(clients[0]);
	http_client_free(clients[1]);
	cluster_stop();
}

static const struct test tests[] = {
	{ "certificates", certificates },
	{ "leaves before the answer", leaves_before_the_answer, .time_limit_s = 30 },
};
TEST_MAIN(tests)
