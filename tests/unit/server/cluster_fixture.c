/*
 * cluster_fixture.c - starts a server of the product on a loop of the test.
 */
#include "tests/unit/server/cluster_fixture.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/memory.h"
#include "net/http_client.h"
#include "server/server.h"
#include "tests/unit/harness.h"

#define PORT_MIN    21000
#define PORTS       20000
#define PATIENCE_MS 5000
#define BODY_MAX    (16u << 20)

static struct {
	struct loop *loop;
	struct server *server;
	struct http_client *client;
	struct server_plan plan;
	char *data_dir, *kubeconfig;
} cluster;

static bool has_accounts(const void *of)
{
	(void)of;
	return cluster_has("/api/v1/namespaces/default/serviceaccounts/default");
}

void cluster_start(const char *cluster_cidr)
{
	struct error err;

	cluster.data_dir = memory_print("%s/data", harness_folder());
	cluster.kubeconfig = memory_print("%s/kubeconfig", harness_folder());
	cluster.plan = (struct server_plan){
		.data_dir = cluster.data_dir,
		.bind_address = "127.0.0.1",
		.advertise_address = "127.0.0.1",
		.https_listen_port = PORT_MIN + getpid() % PORTS,
		.cluster_cidr = cluster_cidr ? cluster_cidr : "10.42.0.0/16",
		.service_cidr = "10.43.0.0/16",
		.cluster_dns = "10.43.0.10",
		.cluster_domain = "cluster.local",
		.node_port_range = "30000-32767",
		.write_kubeconfig = cluster.kubeconfig,
		.write_kubeconfig_mode = "0600",
		.watchers_max = 100,
	};
	CHECK_OK(loop_open(&cluster.loop, &err), &err);
	CHECK_OK(server_start(cluster.loop, &cluster.plan, &cluster.server, &err), &err);
	cluster.client = server_local_client(cluster.server, "system:apiserver");
	CHECK(cluster_await(has_accounts, NULL)); /* the controllers are at work */
}

void cluster_stop(void)
{
	http_client_free(cluster.client);
	server_stop(cluster.server);
	loop_close(cluster.loop);
	free(cluster.data_dir);
	free(cluster.kubeconfig);
}

struct server *cluster_server(void)
{
	return cluster.server;
}

struct loop *cluster_loop(void)
{
	return cluster.loop;
}

/* --- time --- */

void cluster_settle(int ms)
{
	int64_t until = clock_now_ms() + ms;

	/* As many rounds as milliseconds: on a busy machine time passes without us. */
	for (int rounds = 0; rounds < ms || clock_now_ms() < until; rounds++)
		loop_once(cluster.loop, 1);
}

void cluster_pass_time(int seconds)
{
	for (int i = 0; i < seconds; i++) {
		clock_shift(1000);
		cluster_settle(4);
	}
	cluster_settle(100);
}

void cluster_be_away(int seconds)
{
	clock_shift(seconds * 1000);
	cluster_settle(100);
}

bool cluster_await(bool (*is_so)(const void *of), const void *of)
{
	int64_t until = clock_now_ms() + PATIENCE_MS;

	while (!is_so(of)) {
		if (clock_now_ms() > until)
			return false;
		loop_once(cluster.loop, 5);
	}
	return true;
}

/* --- calls --- */

struct answer {
	bool done;
	int status;
	struct json_doc *doc;
};

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	struct answer *answer = of;
	struct error why;

	if (err)
		harness_fail(__FILE__, __LINE__, "no reply: %s", err->text);
	answer->status = head->status;
	if (!json_parse(body, &answer->doc, NULL, &why))
		harness_fail(__FILE__, __LINE__, "no JSON: %s", why.text);
	answer->done = true;
}

int cluster_call(const char *method, const char *path, const char *body, struct json_doc **out_doc)
{
	static const struct http_header plain = { STR("Content-Type"), STR("application/json") };
	static const struct http_header patch = { STR("Content-Type"),
						  STR("application/merge-patch+json") };
	struct answer answer = { .done = false };
	struct http_ask ask = {
		.method = method,
		.target = path,
		.headers = strcmp(method, "PATCH") == 0 ? &patch : &plain,
		.header_count = 1,
		.body = str_of(body ? body : ""),
		.timeout_ms = PATIENCE_MS,
		.body_max = BODY_MAX,
		.on_reply = on_reply,
		.of = &answer,
	};

	http_call(cluster.client, &ask);
	while (!answer.done)
		loop_once(cluster.loop, 10);
	if (out_doc)
		*out_doc = answer.doc;
	else
		json_doc_free(answer.doc);
	return answer.status;
}

static void must(const char *method, const char *path, const char *body, struct json_doc **out_doc)
{
	auto_json_doc doc = NULL;
	int status = cluster_call(method, path, body, &doc);

	if (status < 200 || status > 299) {
		auto_buf text = BUF_INIT;

		json_print(json_root(doc), &text);
		harness_fail(__FILE__, __LINE__, "%s %s: %d %s", method, path, status,
			     buf_text(&text));
	}
	if (out_doc)
		*out_doc = take_ptr(&doc);
}

void cluster_create(const char *path, const char *body)
{
	must("POST", path, body, NULL);
}

void cluster_patch(const char *path, const char *merge_patch)
{
	must("PATCH", path, merge_patch, NULL);
}

void cluster_delete(const char *path)
{
	must("DELETE", path, NULL, NULL);
}

struct json_doc *cluster_get(const char *path)
{
	struct json_doc *doc = NULL;

	must("GET", path, NULL, &doc);
	return doc;
}

bool cluster_has(const char *path)
{
	return cluster_call("GET", path, NULL, NULL) == 200;
}
