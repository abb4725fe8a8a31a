/*
 * pod_status.c - the status of a pod from what its containers are, kept on the disk and sent to
 * the API.
 */
#include <inttypes.h>
#include <stdio.h>

#include "agent/flush.h"
#include "agent/pod_inside.h"
#include "base/clock.h"
#include "base/file.h"

#define STATUS_MAX       (1024u * 1024)
#define SEND_FIRST_MS    500
#define SEND_MAX_MS      30000
#define ID_PREFIX        "mote://"
#define POD_MESSAGES_MAX 12288 /* of all containers together, as with kubelets */

static void put_text(struct json_doc *doc, struct json *to, const char *key, const char *text)
{
	json_put(doc, to, key, json_new_text(doc, text));
}

static void put_time(struct json_doc *doc, struct json *to, const char *key, int64_t wall_us)
{
	char text[CLOCK_TEXT];

	clock_print(wall_us / 1000000, text);
	if (wall_us > 0)
		put_text(doc, to, key, text);
	else
		json_put(doc, to, key, json_new_null(doc));
}

/* --- one container --- */

static void container_uid(const struct pod_container *container, unsigned attempt,
			  char out[2 * CONTAINER_ID_MAX])
{
	snprintf(out, 2 * CONTAINER_ID_MAX, ID_PREFIX "%s/%s.%u", container->pod->uid,
		 container->name, attempt);
}

struct str pod_status_message(const struct pod_container *c, struct str text)
{
	size_t room = POD_MESSAGES_MAX / c->pod->container_count;

	if (text.len > room)
		text.len = room;
	while (text.len > 0 && !str_is_utf8(text) && text.len + 4 > room)
		text.len--; /* a character that was cut in the middle */
	return text;
}

struct json_doc *pod_status_terminated(const struct pod_container *container,
				       const struct container_state *state)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = json_new_object(doc);
	struct json *over = json_sub_object(doc, root, "terminated");
	char id[2 * CONTAINER_ID_MAX];

	json_set_root(doc, root);
	container_uid(container, container->attempt, id);
	json_put(doc, over, "exitCode", json_new_int(doc, state->exit_code));
	if (state->signal > 0)
		json_put(doc, over, "signal", json_new_int(doc, state->signal));
	put_text(doc, over, "reason", state->reason);
	if (*state->message)
		json_put(doc, over, "message",
			 json_new_str(doc, pod_status_message(container, str_of(state->message))));
	put_time(doc, over, "startedAt", state->started_us);
	put_time(doc, over, "finishedAt", state->finished_us);
	put_text(doc, over, "containerID", id);
	return doc;
}

static void put_waiting(struct json_doc *doc, struct json *state, const char *reason,
			const char *message)
{
	struct json *waiting = json_sub_object(doc, state, "waiting");

	put_text(doc, waiting, "reason", reason);
	if (message)
		put_text(doc, waiting, "message", message);
}

static void put_state(struct json_doc *doc, struct json *to, const struct pod_container *c)
{
	const struct container_state *state = pod_container_state(c);
	struct json *out = json_sub_object(doc, to, "state");

	if (c->waiting_reason)
		put_waiting(doc, out, c->waiting_reason, c->waiting_message);
	else if (c->over)
		json_put(doc, to, "state", json_clone(doc, json_root(c->over)));
	else if (state && state->phase == CONTAINER_RUNNING)
		put_time(doc, json_sub_object(doc, out, "running"), "startedAt", state->started_us);
	else
		put_waiting(doc, out,
			    c->is_init || c->pod->containers[0].is_init ? "PodInitializing"
									: "ContainerCreating",
			    NULL);
}

static void put_resources(struct json_doc *doc, struct json *out, const struct pod_container *c)
{
	const struct json *granted = pod_container_granted(c);

	if (json_count(json_get(granted, "requests")) > 0)
		json_put(doc, out, "allocatedResources",
			 json_clone(doc, json_get(granted, "requests")));
	if (granted && !c->is_ephemeral)
		json_put(doc, out, "resources", json_clone(doc, granted));
}

/* Only what is asked for is read-only with all that is mounted below it, as everywhere. */
static void put_mounts(struct json_doc *doc, struct json *out, const struct pod_container *c)
{
	for (struct json_iter it = json_iter(json_get(c->spec, "volumeMounts")); json_next(&it);) {
		struct str deep = json_str(json_get(it.value, "recursiveReadOnly"));
		struct json *mount = json_new_object(doc);

		json_put(doc, mount, "name", json_clone(doc, json_get(it.value, "name")));
		json_put(doc, mount, "mountPath", json_clone(doc, json_get(it.value, "mountPath")));
		if (json_bool(json_get(it.value, "readOnly"))) {
			put_text(doc, mount, "recursiveReadOnly",
				 str_is(deep, "Enabled") || str_is(deep, "IfPossible")
					 ? "Enabled"
					 : "Disabled");
			json_put(doc, mount, "readOnly", json_new_bool(doc, true));
		}
		json_append(json_sub_array(doc, out, "volumeMounts"), mount);
	}
}

static struct json *print_container(struct json_doc *doc, const struct pod_container *c)
{
	struct json *out = json_new_object(doc);
	struct str image = json_str(json_get(c->spec, "image"));
	bool over_and_waiting = c->over && c->waiting_reason;
	char id[2 * CONTAINER_ID_MAX] = "";

	if (c->created || c->over)
		container_uid(c, c->attempt, id);
	put_text(doc, out, "name", c->name);
	put_state(doc, out, c);
	json_put(doc, out, "lastState",
		 over_and_waiting ? json_clone(doc, json_root(c->over))
		 : c->last        ? json_clone(doc, json_root(c->last))
				  : json_new_object(doc));
	json_put(doc, out, "ready", json_new_bool(doc, pod_container_ready(c)));
	json_put(doc, out, "restartCount", json_new_int(doc, c->attempt));
	json_put(doc, out, "image", json_new_str(doc, image));
	put_text(doc, out, "imageID",
		 !c->image              ? ""
		 : c->image->digests[0] ? c->image->digests[0]
					: c->image->id);
	if (*id)
		put_text(doc, out, "containerID", id);
	put_mounts(doc, out, c);
	put_resources(doc, out, c);
	json_put(doc, out, "started", json_new_bool(doc, pod_container_started(c)));
	return out;
}

/* --- the whole --- */

static void put_addresses(const struct pod *pod, struct json_doc *doc, struct json *status)
{
	const char *address = pod_address(pod);
	struct json *entry;

	put_text(doc, status, "hostIP", pod->node->ip);
	entry = json_new_object(doc);
	put_text(doc, entry, "ip", pod->node->ip);
	json_append(json_sub_array(doc, status, "hostIPs"), entry);
	if (!*address)
		return;
	put_text(doc, status, "podIP", address);
	entry = json_new_object(doc);
	put_text(doc, entry, "ip", address);
	json_append(json_sub_array(doc, status, "podIPs"), entry);
}

/* Init containers in their order, all others by name: clients rely on it. */
static void put_in_order(struct json *list, const struct pod_container *c, struct json *printed)
{
	size_t at = 0;

	if (c->is_init) {
		json_append(list, printed);
		return;
	}
	for (struct json_iter it = json_iter(list); json_next(&it); at++)
		if (str_compare(json_str(json_get(it.value, "name")), str_of(c->name)) > 0)
			break;
	json_insert(list, at, printed);
}

static void put_containers(const struct pod *pod, struct json_doc *doc, struct json *status)
{
	for (size_t i = 0; i < pod->container_count; i++) {
		const struct pod_container *c = &pod->containers[i];
		struct json *list = json_sub_array(doc, status,
						   c->is_init        ? "initContainerStatuses"
						   : c->is_ephemeral ? "ephemeralContainerStatuses"
								     : "containerStatuses");

		put_in_order(list, c, print_container(doc, c));
	}
}

static void put_failure(const struct pod *pod, struct json_doc *doc, struct json *status)
{
	put_text(doc, status, "reason", pod->failed_reason);
	put_text(doc, status, "message", pod->failed_message ? pod->failed_message : "");
}

static struct json_doc *make(const struct pod *pod)
{
	struct json_doc *doc = json_doc_new();
	struct json *status = json_new_object(doc);
	const char *phase = pod_phase(pod);

	json_set_root(doc, status);
	put_text(doc, status, "phase", phase);
	if (pod->failed_reason && strcmp(phase, "Failed") == 0)
		put_failure(pod, doc, status);
	if (*pod->start_time)
		put_text(doc, status, "startTime", pod->start_time);
	if (pod->is_rejected)
		return doc;
	/* Said also where there is none: the API may have an old one. */
	json_put(doc, status, "resize",
		 pod->resize ? json_new_text(doc, pod->resize) : json_new_null(doc));
	put_containers(pod, doc, status);
	pod_conditions(pod, doc, status, phase);
	put_addresses(pod, doc, status);
	return doc;
}

/* --- the disk --- */

/* A pod that never restarted has nothing to remember; flash wears out. */
static bool is_worth_storing(const struct pod *pod)
{
	for (size_t i = 0; i < pod->container_count; i++)
		if (pod->containers[i].attempt > 0 || pod->containers[i].over)
			return true;
	return pod->finished || pod->failed_reason;
}

static void store(struct pod *pod)
{
	auto_free char *path = memory_print("%s/status.json", pod->folder);
	auto_buf text = BUF_INIT;
	struct error ignored;

	json_print(json_root(pod->status), &text);
	/* A full disk costs memory of restarts after the next reboot, not the pod. */
	pod->status_stored = file_put(path, buf_str(&text), 0600, &ignored);
	flush_soon(pod->node->flush);
}

static void load_container(struct pod *pod, const struct json *known)
{
	struct pod_container *c = pod_container_find(pod, json_str(json_get(known, "name")));
	const struct json *over = json_path(known, "state", "terminated", NULL);
	const struct json *last = json_path(known, "lastState", "terminated", NULL);

	if (!c)
		return;
	c->attempt = (unsigned)json_int(json_get(known, "restartCount"));
	if (over) {
		c->over = json_doc_new();
		json_set_root(c->over, json_clone(c->over, json_get(known, "state")));
	}
	if (last) {
		c->last = json_doc_new();
		json_set_root(c->last, json_clone(c->last, json_get(known, "lastState")));
	}
}

static void load_failure(struct pod *pod, const struct json *root)
{
	struct str reason = json_str(json_get(root, "reason"));

	if (reason.len == 0)
		return;
	pod->failed_reason = str_copy(reason);
	pod->failed_message = str_copy(json_str(json_get(root, "message")));
	for (struct json_iter it = json_iter(json_get(root, "conditions")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), "DisruptionTarget"))
			pod->is_disrupted = true;
	pod->is_rejected = !json_get(root, "containerStatuses");
}

/* A pod that has been told to be over stays so, while its sandbox ends, too. */
static void keep_final(struct pod *pod, struct str phase)
{
	pod->was_final = str_is(phase, "Succeeded") ? "Succeeded"
			 : str_is(phase, "Failed")  ? "Failed"
						    : NULL;
}

void pod_status_load(struct pod *pod)
{
	static const char *const lists[] = { "initContainerStatuses", "containerStatuses" };
	auto_free char *path = memory_print("%s/status.json", pod->folder);
	auto_buf text = BUF_INIT;
	struct error ignored;
	const struct json *root;
	struct str phase;

	if (!file_read(path, STATUS_MAX, &text, &ignored) ||
	    !json_parse(buf_str(&text), &pod->status, NULL, &ignored))
		return;
	root = json_root(pod->status);
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(root, lists[i])); json_next(&it);)
			load_container(pod, it.value);
	phase = json_str(json_get(root, "phase"));
	keep_final(pod, phase);
	pod->finished = pod->was_final != NULL;
	load_failure(pod, root);
	snprintf(pod->start_time, sizeof(pod->start_time), STR_FMT,
		 STR_ARG(json_str(json_get(root, "startTime"))));
	snprintf(pod->address, sizeof(pod->address), STR_FMT,
		 STR_ARG(json_str(json_get(root, "podIP"))));
	pod->status_dirty = true; /* the API may not have heard it */
	pod->status_stored = true;
}

/* --- the API --- */

static uint64_t revision_of(const struct json *object)
{
	uint64_t revision = 0;

	(void)!str_to_u64(meta_str(object, "resourceVersion"), UINT64_MAX, &revision);
	return revision;
}

static void on_sent(void *of, const struct json *result, const struct error *err)
{
	struct pod *pod = of;

	pod->status_call = NULL;
	if (!err) {
		pod->status_wait_ms = 0;
		pod->sent_revision = revision_of(result);
	} else if (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_CONFLICT) {
		/* Gone, or another pod of the same name: the watch tells us. */
		pod->status_dirty = false;
	} else {
		pod->status_dirty = true;
		pod->status_wait_ms = pod->status_wait_ms ? pod->status_wait_ms * 2 : SEND_FIRST_MS;
		if (pod->status_wait_ms > SEND_MAX_MS)
			pod->status_wait_ms = SEND_MAX_MS;
		pod->status_due_ms = clock_now_ms() + pod->status_wait_ms;
	}
	pod_again(pod);
}

static bool is_merged(struct str field)
{
	static const char *const fields[] = { "podIPs", "hostIPs" };

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		if (str_is(field, fields[i]))
			return true;
	return false;
}

/* Lists of addresses are ours as a whole; conditions are merged: others have theirs. */
static struct json *patch_of(struct json_doc *doc, const struct json *status)
{
	struct json *patch = json_clone(doc, status);

	for (struct json_iter it = json_iter(patch); json_next(&it);) {
		struct json *replace;

		if (!is_merged(it.key))
			continue;
		replace = json_new_object(doc);
		put_text(doc, replace, "$patch", "replace");
		json_insert(it.value, 0, replace);
	}
	return patch;
}

static void send(struct pod *pod)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_STRATEGIC,
				  .kind = kind_find_name(STR("v1"), STR("Pod")),
				  .namespace = str_of(pod->namespace),
				  .name = str_of(pod->name),
				  .subresource = "status",
				  .on_done = on_sent,
				  .of = pod };

	put_text(doc, json_sub_object(doc, root, "metadata"), "uid",
		 pod->is_static ? pod->mirror : pod->uid);
	json_put(doc, root, "status", patch_of(doc, json_root(pod->status)));
	json_print(root, &body);
	ask.body = buf_str(&body);
	pod->status_dirty = false;
	pod->status_call = client_call(pod->node->client, &ask);
}

void pod_status_step(struct pod *pod)
{
	struct json_doc *made;

	if (pod->adopted) /* the API knows times that we do not */
		return;
	made = make(pod);
	keep_final(pod, json_str(json_get(json_root(made), "phase")));
	if (pod->status && json_equal(json_root(pod->status), json_root(made))) {
		json_doc_free(made);
	} else {
		json_doc_free(pod->status);
		pod->status = made;
		pod->status_dirty = true;
		pod->status_stored = false;
	}
	pod->own_times = true;
	if (!pod->status_stored && !pod->files_gone && is_worth_storing(pod))
		store(pod);
	if (!pod->status_dirty || pod->status_call || pod->forgotten ||
	    (pod->is_static && !pod->mirror))
		return;
	if (clock_now_ms() < pod->status_due_ms)
		pod_again_at(pod, pod->status_due_ms);
	else
		send(pod);
}

void pod_status_compare(struct pod *pod)
{
	const struct json *ours = pod->status ? json_root(pod->status) : NULL;
	const struct json *theirs = json_root(pod->now);

	if (pod->adopted || pod->status_call || pod->is_static ||
	    revision_of(json_root(pod->now)) <= pod->sent_revision)
		return;
	for (struct json_iter it = json_iter(json_get(ours, "conditions")); json_next(&it);) {
		const struct json *other =
			meta_condition(theirs, json_str(json_get(it.value, "type")));

		if (!str_equal(json_str(json_get(other, "status")),
			       json_str(json_get(it.value, "status"))))
			pod->status_dirty = true;
	}
}

bool pod_status_is_sent(const struct pod *pod)
{
	return !pod->status_dirty && !pod->status_call;
}
