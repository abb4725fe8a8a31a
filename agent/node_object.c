/*
 * node_object.c - a small state machine: get or create the node, then its status by a timer.
 */
#include "agent/node_object.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/advertised.h"
#include "agent/hugepages.h"
#include "agent/node_lease.h"
#include "agent/node_limits.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/version.h"

#define STATUS_MS    300000
#define RETRY_MS     1000
#define KUBE_VERSION VERSION_KUBERNETES "+mote"
#define KUBELET_PORT 10250 /* what clients expect; reached through the server */
#define IMAGES_MAX   50    /* the largest ones are told */
#define NAMES_MAX    5     /* of each */

struct node_object {
	struct node_object_plan plan;
	struct loop *loop;
	bool registered;
	bool posted_ready; /* what the status on its way says */
	char *why_not;
	struct loop_timer status_timer, retry_timer;
	struct client_call *node_call;
	struct node_lease *lease;
	struct json_doc *posted; /* conditions as last sent */
	bool status_waiting;     /* another one is due after the running call */
	struct node_resources *resources;
	struct json_doc *advertised; /* see advertised.h; NULL = nothing seen yet */
};

static const struct kind *node_kind(void)
{
	return kind_find_name(STR("v1"), STR("Node"));
}

static void put_text(struct json_doc *doc, struct json *to, const char *key, const char *text)
{
	json_put(doc, to, key, json_new_text(doc, text));
}

/* --- the status --- */

static void add_condition(const struct node_object *it, struct json_doc *doc, struct json *list,
			  const char *const words[4])
{
	struct json *out = json_new_object(doc);
	struct str since = STR_NONE;
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	for (struct json_iter old = json_iter(it->posted ? json_root(it->posted) : NULL);
	     json_next(&old);)
		if (str_is(json_str(json_get(old.value, "type")), words[0]) &&
		    str_is(json_str(json_get(old.value, "status")), words[1]))
			since = json_str(json_get(old.value, "lastTransitionTime"));
	put_text(doc, out, "type", words[0]);
	put_text(doc, out, "status", words[1]);
	put_text(doc, out, "lastHeartbeatTime", now);
	json_put(doc, out, "lastTransitionTime",
		 since.len > 0 ? json_new_str(doc, since) : json_new_text(doc, now));
	put_text(doc, out, "reason", words[2]);
	put_text(doc, out, "message", words[3]);
	json_append(list, out);
}

static void put_conditions(const struct node_object *it, struct json_doc *doc, struct json *status)
{
	struct json *list = json_sub_array(doc, status, "conditions");
	const char *memory_words[] = { "MemoryPressure", "False", "KubeletHasSufficientMemory",
				       "kubelet has sufficient memory available" };
	const char *disk_words[] = { "DiskPressure", "False", "KubeletHasNoDiskPressure",
				     "kubelet has no disk pressure" };
	const char *pid_words[] = { "PIDPressure", "False", "KubeletHasSufficientPID",
				    "kubelet has sufficient PID available" };
	const char *ready_words[] = { "Ready", "True", "KubeletReady",
				      "kubelet is posting ready status" };
	const struct node_pressure none = { 0 },
				   *pressure = it->plan.pressure ? it->plan.pressure : &none;

	if (pressure->memory) {
		memory_words[1] = "True";
		memory_words[2] = "KubeletHasInsufficientMemory";
		memory_words[3] = "kubelet has insufficient memory available";
	}
	if (pressure->disk) {
		disk_words[1] = "True";
		disk_words[2] = "KubeletHasDiskPressure";
		disk_words[3] = "kubelet has disk pressure";
	}
	if (pressure->pids) {
		pid_words[1] = "True";
		pid_words[2] = "KubeletHasInsufficientPID";
		pid_words[3] = "kubelet has insufficient PID available";
	}
	if (it->why_not) {
		ready_words[1] = "False";
		ready_words[2] = "KubeletNotReady";
		ready_words[3] = it->why_not;
	}
	add_condition(it, doc, list, memory_words);
	add_condition(it, doc, list, disk_words);
	add_condition(it, doc, list, pid_words);
	add_condition(it, doc, list, ready_words);
}

/* --- what there is --- */

/* In Ki where it says it exactly, as resource.Quantity prints. */
static void put_bytes(struct json_doc *doc, struct json *to, const char *key, int64_t bytes)
{
	json_put(doc, to, key,
		 bytes % 1024 == 0 && bytes > 0 ? json_new_print(doc, "%" PRId64 "Ki", bytes / 1024)
						: json_new_print(doc, "%" PRId64, bytes));
}

struct offer {
	struct json_doc *doc;
	struct json *to;
	bool allocatable;
};

static void add_offer(void *to, const char *name, int64_t capacity, int64_t allocatable)
{
	struct offer *offer = to;

	json_put(offer->doc, offer->to, name,
		 json_new_print(offer->doc, "%" PRId64,
				offer->allocatable ? allocatable : capacity));
}

static void put_resources(const struct node_object *it, struct json_doc *doc, struct json *status,
			  bool allocatable)
{
	const struct machine *machine = it->plan.machine;
	const struct node *node = it->plan.node;
	struct json *out = json_sub_object(doc, status, allocatable ? "allocatable" : "capacity");
	int64_t cpu_milli = allocatable ? node->cpu_milli : machine->cpu_milli;
	int64_t memory = allocatable ? node->memory : machine->memory;
	struct offer offer = { doc, out, allocatable };
	int64_t huge = hugepages_offer(doc, out);

	if (allocatable)
		memory = memory > huge ? memory - huge : 0;
	json_put(doc, out, "cpu",
		 cpu_milli % 1000 == 0 ? json_new_print(doc, "%" PRId64, cpu_milli / 1000)
				       : json_new_print(doc, "%" PRId64 "m", cpu_milli));
	put_bytes(doc, out, "memory", memory);
	put_bytes(doc, out, "ephemeral-storage",
		  allocatable ? node->ephemeral : machine->ephemeral);
	json_put(doc, out, "pods", json_new_print(doc, "%" PRId64, node->max_pods));
	for (const struct node_resources *at = it->resources; at; at = at->next)
		at->list(at->of, add_offer, &offer);
	if (!it->advertised)
		return;
	for (struct json_iter one = json_iter(json_root(it->advertised)); json_next(&one);)
		if (allocatable || advertised_is_gone(one.key))
			json_put_str(doc, out, one.key, json_clone(doc, one.value));
}

/* --- images --- */

static int by_size(const void *a, const void *b)
{
	const struct image *const *one = a, *const *other = b;

	return (*one)->size < (*other)->size ? 1 : (*one)->size > (*other)->size ? -1 : 0;
}

static void add_names(struct json_doc *doc, struct json *list, char *const *names)
{
	for (; *names && json_count(list) < NAMES_MAX; names++)
		json_append(list, json_new_text(doc, *names));
}

static void put_images(const struct node_object *it, struct json_doc *doc, struct json *status)
{
	struct images *images = it->plan.node->images;
	struct json *list = json_sub_array(doc, status, "images");
	struct image **all = images ? images_list(images) : NULL;
	size_t count = 0;

	while (all && all[count])
		count++;
	if (count > 0)
		qsort(all, count, sizeof(struct image *), by_size);
	for (size_t i = 0; i < count; i++) {
		struct json *entry = json_new_object(doc),
			    *names = json_sub_array(doc, entry, "names");

		add_names(doc, names, all[i]->digests);
		add_names(doc, names, all[i]->names);
		json_put(doc, entry, "sizeBytes", json_new_int(doc, (int64_t)all[i]->size));
		if (i < IMAGES_MAX && json_count(names) > 0)
			json_append(list, entry);
		image_free(images, all[i]);
	}
	free(all);
}

/* --- the machine --- */

static void put_info(const struct node_object *it, struct json_doc *doc, struct json *status)
{
	const struct machine *machine = it->plan.machine;
	struct json *info = json_sub_object(doc, status, "nodeInfo");

	put_text(doc, info, "machineID", machine->machine_id);
	put_text(doc, info, "systemUUID", machine->system_uuid);
	put_text(doc, info, "bootID", machine->boot_id);
	put_text(doc, info, "kernelVersion", machine->kernel);
	put_text(doc, info, "osImage", machine->os_image);
	json_put(doc, info, "containerRuntimeVersion",
		 json_new_print(doc, "mote://%s", version_text()));
	put_text(doc, info, "kubeletVersion", KUBE_VERSION);
	put_text(doc, info, "kubeProxyVersion", KUBE_VERSION);
	put_text(doc, info, "operatingSystem", "linux");
	put_text(doc, info, "architecture", machine->architecture);
}

static void put_address(struct json_doc *doc, struct json *list, const char *type, const char *text)
{
	struct json *entry = json_new_object(doc);

	put_text(doc, entry, "type", type);
	put_text(doc, entry, "address", text);
	json_append(list, entry);
}

/* The one there is; the kernel that openat2 asks for has mount_setattr, too. */
static void put_handlers(struct json_doc *doc, struct json *status)
{
	struct json *handler = json_new_object(doc);

	put_text(doc, handler, "name", "");
	json_put(doc, json_sub_object(doc, handler, "features"), "recursiveReadOnlyMounts",
		 json_new_bool(doc, true));
	json_append(json_sub_array(doc, status, "runtimeHandlers"), handler);
}

static struct json *make_status(const struct node_object *it, struct json_doc *doc)
{
	struct json *status = json_new_object(doc);
	struct json *addresses = json_sub_array(doc, status, "addresses");

	put_address(doc, addresses, "InternalIP", it->plan.node->ip);
	if (it->plan.external_ip && *it->plan.external_ip)
		put_address(doc, addresses, "ExternalIP", it->plan.external_ip);
	put_address(doc, addresses, "Hostname", it->plan.node->name);
	put_resources(it, doc, status, false);
	put_resources(it, doc, status, true);
	put_conditions(it, doc, status);
	put_info(it, doc, status);
	put_images(it, doc, status);
	put_handlers(doc, status);
	json_put(doc,
		 json_sub_object(doc, json_sub_object(doc, status, "daemonEndpoints"),
				 "kubeletEndpoint"),
		 "Port", json_new_int(doc, KUBELET_PORT));
	return status;
}

static void call_node(struct node_object *it, struct client_ask *ask,
		      void (*on_done)(void *of, const struct json *result, const struct error *err))
{
	ask->kind = node_kind();
	ask->on_done = on_done;
	ask->of = it;
	it->node_call = client_call(it->plan.node->client, ask);
}

static void post_status(struct node_object *it);

static void retry(struct node_object *it)
{
	loop_timer_set(it->loop, &it->retry_timer, RETRY_MS);
}

static void on_posted(void *of, const struct json *result, const struct error *err)
{
	struct node_object *it = of;

	it->node_call = NULL;
	if (err) {
		/* Deleted by somebody: register again. */
		if (err->kind == ERROR_NOT_FOUND) {
			it->registered = false;
			node_lease_owner(it->lease, NULL);
		}
		retry(it);
		return;
	}
	it->plan.node->ready = it->posted_ready;
	node_lease_owner(it->lease, result);
	it->plan.on_object(it->plan.owner, result);
	if (it->status_waiting)
		post_status(it);
}

static void post_status(struct node_object *it)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	struct json *status = make_status(it, doc);
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_STRATEGIC,
				  .name = str_of(it->plan.node->name),
				  .subresource = "status" };

	it->status_waiting = it->node_call != NULL;
	if (it->node_call || !it->registered)
		return;
	json_doc_free(it->posted);
	it->posted = json_doc_new();
	json_set_root(it->posted, json_clone(it->posted, json_get(status, "conditions")));
	json_put(doc, root, "status", status);
	json_print(root, &body);
	ask.body = buf_str(&body);
	it->posted_ready = !it->why_not;
	call_node(it, &ask, on_posted);
	loop_timer_set(it->loop, &it->status_timer, STATUS_MS);
}

/* --- registration --- */

static void put_labels(const struct node_object *it, struct json_doc *doc, struct json *meta)
{
	const struct machine *machine = it->plan.machine;
	struct json *labels = json_sub_object(doc, meta, "labels");

	put_text(doc, labels, "kubernetes.io/hostname", it->plan.node->name);
	put_text(doc, labels, "kubernetes.io/arch", machine->architecture);
	put_text(doc, labels, "kubernetes.io/os", "linux");
	put_text(doc, labels, "beta.kubernetes.io/arch", machine->architecture);
	put_text(doc, labels, "beta.kubernetes.io/os", "linux");
	put_text(doc, labels, "node.kubernetes.io/instance-type", "mote");
	for (size_t i = 0; i < it->plan.labels->count; i++) {
		struct str value = str_of(it->plan.labels->items[i]), key = str_cut(&value, '=');

		json_put_str(doc, labels, key, json_new_str(doc, value));
	}
}

/* "key=value:Effect" or "key:Effect" */
static void put_taints(const struct node_object *it, struct json_doc *doc, struct json *spec)
{
	for (size_t i = 0; i < it->plan.taints->count; i++) {
		struct str effect = str_of(it->plan.taints->items[i]);
		struct str value = str_cut(&effect, ':'), key = str_cut(&value, '=');
		struct json *taint = json_new_object(doc);

		json_put(doc, taint, "key", json_new_str(doc, key));
		if (value.len > 0)
			json_put(doc, taint, "value", json_new_str(doc, value));
		json_put(doc, taint, "effect", json_new_str(doc, effect));
		json_append(json_sub_array(doc, spec, "taints"), taint);
	}
}

static void on_registered(struct node_object *it, const struct json *object)
{
	it->registered = true;
	log_info("agent.node", "node registered", "node=%s", it->plan.node->name);
	it->plan.on_object(it->plan.owner, object);
	post_status(it);
	node_lease_owner(it->lease, object);
}

static void on_created(void *of, const struct json *result, const struct error *err)
{
	struct node_object *it = of;

	it->node_call = NULL;
	if (!err) {
		on_registered(it, result);
		return;
	}
	log_warn("agent.node", "the node cannot be registered; trying again", "why=\"%s\"",
		 err->text);
	retry(it);
}

static void create(struct node_object *it)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	struct json *meta = json_sub_object(doc, root, "metadata");
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_CREATE };

	json_doc_free(it->advertised);
	it->advertised = NULL;
	put_text(doc, root, "apiVersion", "v1");
	put_text(doc, root, "kind", "Node");
	put_text(doc, meta, "name", it->plan.node->name);
	put_labels(it, doc, meta);
	put_taints(it, doc, json_sub_object(doc, root, "spec"));
	json_put(doc, root, "status", make_status(it, doc));
	json_print(root, &body);
	ask.body = buf_str(&body);
	call_node(it, &ask, on_created);
}

static void on_found(void *of, const struct json *result, const struct error *err)
{
	struct node_object *it = of;

	it->node_call = NULL;
	if (!err)
		on_registered(it, result);
	else if (err->kind == ERROR_NOT_FOUND)
		create(it);
	else
		retry(it);
}

static void register_node(struct node_object *it)
{
	struct client_ask ask = { .verb = CLIENT_GET, .name = str_of(it->plan.node->name) };

	if (!it->node_call)
		call_node(it, &ask, on_found);
}

/* --- timers --- */

static void on_status_timer(struct loop_timer *timer)
{
	post_status(CONTAINER_OF(timer, struct node_object, status_timer));
}

static void on_retry(struct loop_timer *timer)
{
	struct node_object *it = CONTAINER_OF(timer, struct node_object, retry_timer);

	if (it->registered)
		post_status(it);
	else
		register_node(it);
}

/* --- life --- */

struct node_object *node_object_start(const struct node_object_plan *plan)
{
	struct node_object *it = memory_new(struct node_object);

	it->plan = *plan;
	it->loop = plan->node->loop;
	it->why_not = memory_string("the pod network is not up yet");
	it->lease = node_lease_start(plan->node);
	it->status_timer.on_timer = on_status_timer;
	it->retry_timer.on_timer = on_retry;
	return it;
}

void node_object_stop(struct node_object *it)
{
	if (!it)
		return;
	if (it->node_call)
		client_cancel(it->node_call);
	node_lease_stop(it->lease);
	loop_timer_stop(&it->status_timer);
	loop_timer_stop(&it->retry_timer);
	json_doc_free(it->posted);
	json_doc_free(it->advertised);
	free(it->why_not);
	free(it);
}

void node_object_poke(struct node_object *it)
{
	if (it->registered) {
		post_status(it);
		node_lease_renew(it->lease);
	} else {
		register_node(it);
	}
}

void node_object_ready(struct node_object *it, const char *why_not)
{
	bool same = why_not ? it->why_not && strcmp(why_not, it->why_not) == 0 : !it->why_not;

	if (same)
		return;
	free(it->why_not);
	it->why_not = why_not ? memory_string(why_not) : NULL;
	post_status(it);
}

void node_object_pressure(struct node_object *it, const struct node_pressure *pressure)
{
	it->plan.pressure = pressure;
}

void node_object_changed(struct node_object *it)
{
	post_status(it);
}

void node_object_add_resources(struct node_object *it, struct node_resources *resources)
{
	resources->next = it->resources;
	it->resources = resources;
	post_status(it);
}

void node_object_seen(struct node_object *it, const struct json *node)
{
	bool news;

	json_doc_free(it->advertised);
	it->advertised = advertised_find(node, it->resources, &news);
	if (news)
		post_status(it);
}
