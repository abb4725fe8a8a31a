/*
 * control.c - the one list of controllers, their shared caches, and what several of them do.
 *
 * Controllers are ordinary clients of the API.  They start when every cache has its first list, so
 * that none acts on half a picture.
 */
#include "server/control/control.h"

#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "server/control/controller.h"
#include "server/registry/registry.h"

extern const struct control_row control_namespace, control_serviceaccount, control_gc,
	control_replicaset, control_deployment, control_endpointslice, control_schedule,
	control_node_range, control_node_health, control_node_evict, control_pod_collect,
	control_manifest, control_replicationcontroller, control_claim_bind, control_claim_protect,
	control_provision, control_ephemeral, control_autoscaler, control_slice_mirror, control_job,
	control_statefulset, control_cronjob, control_ttl_after_finished, control_budget,
	control_quota, control_daemonset, control_apiservice, control_node_proof;

static const struct control_row *const rows[] = {
	&control_namespace,
	&control_serviceaccount,
	&control_gc,
	&control_replicaset,
	&control_deployment,
	&control_endpointslice,
	&control_schedule,
	&control_node_range,
	&control_node_health,
	&control_node_evict,
	&control_node_proof,
	&control_pod_collect,
	&control_manifest,
	&control_replicationcontroller,
	&control_job,
	&control_cronjob,
	&control_ttl_after_finished,
	&control_budget,
	&control_quota,
	&control_claim_bind,
	&control_claim_protect,
	&control_provision,
	&control_ephemeral,
	&control_autoscaler,
	&control_slice_mirror,
	&control_statefulset,
	&control_daemonset,
	&control_apiservice,
};

static const struct {
	const char *version, *name, *query;
} kinds[CONTROL_KINDS] = {
	[CONTROL_PODS] = { "v1", "Pod", NULL },
	[CONTROL_REPLICASETS] = { "apps/v1", "ReplicaSet", NULL },
	[CONTROL_DEPLOYMENTS] = { "apps/v1", "Deployment", NULL },
	[CONTROL_SERVICES] = { "v1", "Service", NULL },
	[CONTROL_SLICES] = { "discovery.k8s.io/v1", "EndpointSlice", NULL },
	[CONTROL_NODES] = { "v1", "Node", NULL },
	[CONTROL_NAMESPACES] = { "v1", "Namespace", NULL },
	[CONTROL_ACCOUNTS] = { "v1", "ServiceAccount", NULL },
	[CONTROL_CONFIGMAPS] = { "v1", "ConfigMap",
				 "fieldSelector=metadata.name%3Dkube-root-ca.crt" },
	[CONTROL_REPLICATIONCONTROLLERS] = { "v1", "ReplicationController", NULL },
	[CONTROL_STATEFULSETS] = { "apps/v1", "StatefulSet", NULL },
	[CONTROL_DAEMONSETS] = { "apps/v1", "DaemonSet", NULL },
	[CONTROL_REVISIONS] = { "apps/v1", "ControllerRevision", NULL },
	[CONTROL_JOBS] = { "batch/v1", "Job", NULL },
	[CONTROL_CRONJOBS] = { "batch/v1", "CronJob", NULL },
	[CONTROL_AUTOSCALERS] = { "autoscaling/v2", "HorizontalPodAutoscaler", NULL },
	[CONTROL_BUDGETS] = { "policy/v1", "PodDisruptionBudget", NULL },
	[CONTROL_QUOTAS] = { "v1", "ResourceQuota", NULL },
	[CONTROL_ENDPOINTS] = { "v1", "Endpoints", NULL },
	[CONTROL_CLAIMS] = { "v1", "PersistentVolumeClaim", NULL },
	[CONTROL_VOLUMES] = { "v1", "PersistentVolume", NULL },
	[CONTROL_STORAGECLASSES] = { "storage.k8s.io/v1", "StorageClass", NULL },
	[CONTROL_APISERVICES] = { "apiregistration.k8s.io/v1", "APIService", NULL },
};

/* One a kind: the cache's owner, so that a change knows its kind. */
struct ear {
	struct control *control;
	enum control_kind kind;
};
static struct ear ears[CONTROL_KINDS];

static const enum control_kind controlled[] = { CONTROL_PODS, CONTROL_REPLICASETS,
						CONTROL_REVISIONS, CONTROL_JOBS };

static void tell_all(struct control *control, enum control_kind kind, const struct object *before,
		     const struct object *after)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		rows[i]->on_change(control->selves[i], kind, before, after);
}

static void on_change(void *owner, const struct object *before, const struct object *after)
{
	struct ear *ear = owner;

	if (ear->control->families[ear->kind])
		family_note(ear->control->families[ear->kind], before, after);
	if (ear->control->started)
		tell_all(ear->control, ear->kind, before, after);
}

static void start_rows(struct control *control)
{
	const struct object *object;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		control->selves[i] = rows[i]->start(control);
	control->started = true;
	for (int kind = 0; kind < CONTROL_KINDS; kind++)
		for (size_t i = 0; (object = cache_next(control->caches[kind], &i));)
			tell_all(control, (enum control_kind)kind, NULL, object);
}

static void on_synced(void *owner)
{
	struct control *control = ((struct ear *)owner)->control;

	for (int kind = 0; kind < CONTROL_KINDS; kind++)
		if (!control->caches[kind] || !cache_is_synced(control->caches[kind]))
			return;
	if (!control->started)
		start_rows(control);
}

static const struct object *find_kept(void *of, const struct kind *kind, struct str namespace,
				      struct str name)
{
	return registry_find(of, kind, namespace, name);
}

static const struct cache_events events = { .on_change = on_change, .on_synced = on_synced };

struct control *control_start(struct server *server)
{
	struct control *control = memory_new(struct control);

	control->server = server;
	control->loop = server_loop(server);
	control->events = event_sums_new();
	control->selves = memory_zero(ARRAY_LENGTH(rows) * sizeof(void *));
	control->client = client_new(control->loop,
				     server_local_client(server, "system:kube-controller-manager"));
	for (size_t i = 0; i < ARRAY_LENGTH(controlled); i++)
		control->families[controlled[i]] = family_new();
	for (int kind = 0; kind < CONTROL_KINDS; kind++) {
		ears[kind] = (struct ear){ .control = control, .kind = (enum control_kind)kind };
		control->kinds[kind] =
			kind_find_name(str_of(kinds[kind].version), str_of(kinds[kind].name));
		control->caches[kind] = cache_start(control->client, control->kinds[kind],
						    kinds[kind].query, &events, &ears[kind]);
		cache_share(control->caches[kind], find_kept, server_registry(server));
	}
	return control;
}

void control_stop(struct control *control)
{
	if (!control)
		return;
	control->stopping = true;
	/* First: calls under way are told now, as long as rows and caches are there to hear it. The
	 * loop may go round once more while a row stops: nobody calls then. */
	for (int kind = 0; kind < CONTROL_KINDS; kind++)
		cache_rest(control->caches[kind]);
	client_free(control->client);
	for (size_t i = 0; control->started && i < ARRAY_LENGTH(rows); i++)
		rows[i]->stop(control->selves[i]);
	for (int kind = 0; kind < CONTROL_KINDS; kind++) {
		family_free(control->families[kind]);
		cache_stop(control->caches[kind]);
	}
	event_sums_free(control->events);
	free(control->selves);
	free(control);
}

/* --- shorthands --- */

const struct object *control_find(const struct control *control, enum control_kind kind,
				  struct str key)
{
	struct str name = key, namespace = str_cut(&name, '/');

	return cache_find(control->caches[kind], namespace, name);
}

void control_queue(struct queue *queue, const struct object *object)
{
	auto_buf key = BUF_INIT;

	object_key(object, &key);
	queue_add(queue, buf_str(&key));
}

struct str control_owner_uid(const struct object *object)
{
	return json_str(json_get(meta_controller(object_json(object)), "uid"));
}

bool control_pod_is_active(const struct object *pod)
{
	struct str phase = json_str(json_path(object_json(pod), "status", "phase", NULL));

	return !object_is_deleting(pod) && !str_is(phase, "Succeeded") && !str_is(phase, "Failed");
}

bool control_pod_is_ready(const struct object *pod)
{
	return meta_condition_is_true(object_json(pod), STR("Ready"));
}

struct json *control_owner_reference(struct json_doc *doc, const struct object *owner)
{
	struct json *reference = json_new_object(doc);

	json_put(doc, reference, "apiVersion", json_new_str(doc, object_api_version(owner)));
	json_put(doc, reference, "kind", json_new_str(doc, object_kind(owner)));
	json_put(doc, reference, "name", json_new_str(doc, object_name(owner)));
	json_put(doc, reference, "uid", json_new_str(doc, object_uid(owner)));
	json_put(doc, reference, "controller", json_new_bool(doc, true));
	json_put(doc, reference, "blockOwnerDeletion", json_new_bool(doc, true));
	return reference;
}

static void put_involved(struct json_doc *doc, struct json *event, const struct object *about)
{
	struct json *involved = json_sub_object(doc, event, "involvedObject");

	json_put(doc, involved, "apiVersion", json_new_str(doc, object_api_version(about)));
	json_put(doc, involved, "kind", json_new_str(doc, object_kind(about)));
	json_put(doc, involved, "name", json_new_str(doc, object_name(about)));
	json_put(doc, involved, "namespace", json_new_str(doc, object_namespace(about)));
	json_put(doc, involved, "uid", json_new_str(doc, object_uid(about)));
}

/* Telling an event again: when its object is gone meanwhile, it is made anew. */
struct telling {
	struct control *control;
	char *namespace, *body;
};

static void on_counted(void *of, const struct json *result, const struct error *err)
{
	struct telling *telling = of;
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = kind_find_name(STR("v1"), STR("Event")),
				  .namespace = str_of(telling->namespace),
				  .body = str_of(telling->body) };

	(void)result;
	if (err && err->kind == ERROR_NOT_FOUND && !telling->control->stopping)
		client_call(telling->control->client, &ask);
	free(telling->namespace);
	free(telling->body);
	free(telling);
}

/* The event is there: its number, its time and, of events alike, the last message. */
static void count_event(struct control *control, const struct client_ask *create,
			const struct json *event)
{
	static const char *const told[] = { "count", "lastTimestamp", "message" };
	struct telling *telling = memory_new(struct telling);
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc);
	auto_buf body = BUF_INIT;
	struct client_ask ask = *create;

	for (size_t i = 0; i < ARRAY_LENGTH(told); i++)
		json_put(doc, patch, told[i], json_clone(doc, json_get(event, told[i])));
	json_print(patch, &body);
	*telling = (struct telling){ control, str_copy(create->namespace), str_copy(create->body) };
	ask.verb = CLIENT_PATCH_MERGE;
	ask.name = meta_str(event, "name");
	ask.body = buf_str(&body);
	ask.on_done = on_counted;
	ask.of = telling;
	client_call(control->client, &ask);
}

static struct json *new_event(struct json_doc *doc, const struct object *about,
			      const struct event_word *word, const struct event_sum *sum)
{
	struct json *event = json_new_object(doc), *source;
	char first[CLOCK_TEXT], now[CLOCK_TEXT];

	clock_print(sum->first_s, first);
	clock_print(clock_wall_s(), now);
	json_put(doc, json_sub_object(doc, event, "metadata"), "name",
		 json_new_print(doc, STR_FMT ".%s", STR_ARG(object_name(about)), sum->suffix));
	put_involved(doc, event, about);
	json_put(doc, event, "type", json_new_text(doc, word->type));
	json_put(doc, event, "reason", json_new_text(doc, word->reason));
	json_put(doc, event, "message",
		 json_new_print(doc, "%s%s",
				sum->combined ? "(combined from similar events): " : "",
				word->message));
	json_put(doc, event, "firstTimestamp", json_new_text(doc, first));
	json_put(doc, event, "lastTimestamp", json_new_text(doc, now));
	json_put(doc, event, "count", json_new_int(doc, sum->count));
	source = json_sub_object(doc, event, "source");
	json_put(doc, source, "component", json_new_str(doc, word->component));
	json_put(doc, event, "reportingComponent", json_new_str(doc, word->component));
	return event;
}

void control_event(struct control *control, const struct object *about, const char *component,
		   const char *type, const char *reason, const char *message)
{
	struct event_word word = { str_of(component), object_uid(about), type, reason, message };
	auto_json_doc doc = json_doc_new();
	struct event_sum sum;
	struct json *event;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = kind_find_name(STR("v1"), STR("Event")),
				  .namespace = object_namespace(about) };

	if (ask.namespace.len == 0)
		ask.namespace = STR("default"); /* of what has none, such as nodes */
	if (control->stopping ||
	    !event_sums_take(control->events, &word, clock_now_ms(), clock_wall_s(), &sum))
		return;
	event = new_event(doc, about, &word, &sum);
	json_print(event, &body);
	ask.body = buf_str(&body);
	if (sum.count > 1)
		count_event(control, &ask, event);
	else
		client_call(control->client, &ask);
}

bool control_is_news(struct map *told, struct str key, const char *reason, const char *message)
{
	auto_free char *now = memory_print("%s %s", reason, message);
	const char *last = map_find(told, key);

	if (last && strcmp(last, now) == 0)
		return false;
	free(map_put(told, key, take_ptr(&now)));
	return true;
}
