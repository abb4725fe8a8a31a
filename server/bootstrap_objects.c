/*
 * bootstrap_objects.c - the objects that every cluster has, made through the API like everybody
 * else's.
 *
 * One after the other; one that is there already is left alone, unless it says where the server is.
 */
#include <inttypes.h>
#include <string.h>

#include "api/priority.h"
#include "base/json.h"
#include "net/http_client.h"
#include "server/bootstrap.h"

#define OBJECTS_MAX 16
#define TIMEOUT_MS  10000

struct wish {
	const char *path;
	const char *renewed; /* one that is there gets the body as a patch, at this path */
	char *body;
};

struct bootstrap_objects {
	struct server *server;
	struct http_client *client;
	struct http_call *call;
	struct wish wishes[OBJECTS_MAX];
	size_t count, at;
	bool renewing; /* the one at `at` is there */
	void (*on_done)(struct server *server, const struct error *err);
};

static void next(struct bootstrap_objects *objects);

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	struct bootstrap_objects *objects = of;
	struct error why;

	objects->call = NULL;
	if (err) {
		objects->on_done(objects->server, err);
		return;
	}
	if (head->status == 409 && !objects->renewing && objects->wishes[objects->at].renewed) {
		objects->renewing = true;
		next(objects);
		return;
	}
	if (head->status != 200 && head->status != 201 && head->status != 409) {
		error_set(&why, ERROR_BROKEN, "%s: %d " STR_FMT, objects->wishes[objects->at].path,
			  head->status, STR_ARG(body));
		objects->on_done(objects->server, &why);
		return;
	}
	objects->at++;
	objects->renewing = false;
	next(objects);
}

static void next(struct bootstrap_objects *objects)
{
	static const struct http_header made = { STR("Content-Type"), STR("application/json") };
	static const struct http_header patched = { STR("Content-Type"),
						    STR("application/merge-patch+json") };
	const struct wish *wish = &objects->wishes[objects->at];
	struct http_ask ask = {
		.method = objects->renewing ? "PATCH" : "POST",
		.headers = objects->renewing ? &patched : &made,
		.header_count = 1,
		.timeout_ms = TIMEOUT_MS,
		.on_reply = on_reply,
		.of = objects,
	};

	if (objects->at == objects->count) {
		objects->on_done(objects->server, NULL);
		return;
	}
	ask.target = objects->renewing ? wish->renewed : wish->path;
	ask.body = str_of(wish->body);
	objects->call = http_call(objects->client, &ask);
}

static void add(struct bootstrap_objects *objects, const char *path, char *body)
{
	objects->wishes[objects->count++] = (struct wish){ path, NULL, body };
}

/* Where other API servers learn by whom and how they are told who asks. */
static void add_trust(struct bootstrap_objects *objects, const struct secrets *secrets)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc), *texts = json_sub_object(doc, root, "data");
	auto_buf body = BUF_INIT;

	json_put(doc, json_sub_object(doc, root, "metadata"), "name",
		 json_new_text(doc, BOOTSTRAP_TRUST));
	json_put(doc, texts, "client-ca-file", json_new_str(doc, buf_str(&secrets->client_ca)));
	json_put(doc, texts, "requestheader-client-ca-file",
		 json_new_str(doc, buf_str(&secrets->proxy_ca)));
	json_put(doc, texts, "requestheader-allowed-names",
		 json_new_text(doc, "[\"" BOOTSTRAP_PROXY_NAME "\"]"));
	json_put(doc, texts, "requestheader-username-headers",
		 json_new_text(doc, "[\"X-Remote-User\"]"));
	json_put(doc, texts, "requestheader-group-headers",
		 json_new_text(doc, "[\"X-Remote-Group\"]"));
	json_put(doc, texts, "requestheader-extra-headers-prefix",
		 json_new_text(doc, "[\"X-Remote-Extra-\"]"));
	json_print(root, &body);
	add(objects, "/api/v1/namespaces/kube-system/configmaps", buf_take(&body));
	objects->wishes[objects->count - 1].renewed =
		"/api/v1/namespaces/kube-system/configmaps/" BOOTSTRAP_TRUST;
}

static void add_priorities(struct bootstrap_objects *objects)
{
	for (const struct priority_class *at = priority_system_classes; at->name; at++)
		add(objects, "/apis/scheduling.k8s.io/v1/priorityclasses",
		    memory_print("{\"metadata\":{\"name\":\"%s\"},\"value\":%" PRId64
				 ",\"description\":\"%s\"}",
				 at->name, at->value, at->description));
}

/* Endpoints are IPv4 addresses that others can reach: a server on loopback has none.  Nodes lead
 * their pods to the API through the tunnel in any case. */
static void add_endpoints(struct bootstrap_objects *objects, const char *address, int64_t port)
{
	add(objects, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
	    memory_print("{\"metadata\":{\"name\":\"kubernetes\",\"labels\":{\"kubernetes.io/"
			 "service-name\":\"kubernetes\"}},"
			 "\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"https\",\"port\":"
			 "%" PRId64
			 ",\"protocol\":\"TCP\"}],\"endpoints\":[{\"addresses\":[\"%s\"],"
			 "\"conditions\":{\"ready\":true}}]}",
			 port, address));
	objects->wishes[objects->count - 1].renewed =
		"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes";
	add(objects, "/api/v1/namespaces/default/endpoints",
	    memory_print("{\"metadata\":{\"name\":\"kubernetes\",\"labels\":{"
			 "\"endpointslice.kubernetes.io/skip-mirror\":\"true\"}},"
			 "\"subsets\":[{\"addresses\":[{\"ip\":\"%s\"}],\"ports\":[{\"name\":"
			 "\"https\",\"port\":%" PRId64 ",\"protocol\":\"TCP\"}]}]}",
			 address, port));
	objects->wishes[objects->count - 1].renewed =
		"/api/v1/namespaces/default/endpoints/kubernetes";
}

bool bootstrap_has_endpoint(const struct secrets *secrets)
{
	return strncmp(secrets->address, "127.", 4) != 0 && !strchr(secrets->address, ':');
}

struct bootstrap_objects *
bootstrap_objects_start(struct server *server, const struct secrets *secrets,
			void (*on_done)(struct server *server, const struct error *err))
{
	static const char *const namespaces[] = { "default", "kube-system", "kube-public",
						  "kube-node-lease" };
	struct bootstrap_objects *objects = memory_new(struct bootstrap_objects);
	const struct server_plan *plan = server_plan_of(server);
	char address[64] = "";
	struct error unused;
	int64_t port;

	port = plan->advertise_port > 0 ? plan->advertise_port : plan->https_listen_port;
	objects->server = server;
	objects->on_done = on_done;
	objects->client = server_local_client(server, "system:apiserver");
	for (size_t i = 0; i < ARRAY_LENGTH(namespaces); i++)
		add(objects, "/api/v1/namespaces",
		    memory_print("{\"metadata\":{\"name\":\"%s\"}}", namespaces[i]));
	add_trust(objects, secrets);
	add_priorities(objects);
	if (!bootstrap_service_address(plan->service_cidr, address, &unused))
		address[0] = '\0'; /* the plan was checked before */
	add(objects, "/api/v1/namespaces/default/services",
	    memory_print("{\"metadata\":{\"name\":\"kubernetes\",\"labels\":{\"component\":"
			 "\"apiserver\",\"provider\":"
			 "\"kubernetes\"}},\"spec\":{\"clusterIP\":\"%s\",\"ports\":[{\"name\":"
			 "\"https\",\"port\":443,"
			 "\"targetPort\":%" PRId64 "}]}}",
			 address, port));
	if (bootstrap_has_endpoint(secrets))
		add_endpoints(objects, secrets->address, port);
	next(objects);
	return objects;
}

void bootstrap_objects_stop(struct bootstrap_objects *objects)
{
	if (!objects)
		return;
	if (objects->call)
		http_call_cancel(objects->call);
	http_client_free(objects->client);
	for (size_t i = 0; i < objects->count; i++)
		free(objects->wishes[i].body);
	free(objects);
}
