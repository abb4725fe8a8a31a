/*
 * pod.c - the passes of a pod from its coming to its going.
 */
#include "agent/pod.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "agent/container_spec.h"
#include "agent/exec_bridge.h"
#include "agent/flush.h"
#include "agent/devices.h"
#include "agent/pod_admission.h"
#include "agent/pod_files.h"
#include "agent/node_limits.h"
#include "agent/pod_inside.h"
#include "agent/static_pods.h"
#include "base/file.h"
#include "base/log.h"

#define RETRY_FIRST_MS    500
#define RETRY_MAX_MS      60000
#define STEADY_MS         60000 /* a sandbox that lived so long is no failure */
#define GRACE_FORGOTTEN_S 2
#define GRACE_MAX_S       (7 * 24 * 3600)
#define POD_JSON_MAX      (4u * 1024 * 1024)

/* --- small things --- */

void pod_again(struct pod *pod)
{
	loop_defer(pod->node->loop, &pod->pass);
}

void pod_again_at(struct pod *pod, int64_t due_ms)
{
	int64_t after = due_ms - clock_now_ms();

	if (pod->timer.heap_at == 0 || due_ms < pod->timer.due_ms)
		loop_timer_set(pod->node->loop, &pod->timer, after > 0 ? after : 0);
}

const struct json *pod_spec(const struct pod *pod)
{
	return json_get(json_root(pod->specs[pod->spec_count - 1]), "spec");
}

bool pod_host_network(const struct pod *pod)
{
	return json_bool(json_get(pod_spec(pod), "hostNetwork"));
}

void pod_domain(const struct pod *pod, struct buf *out)
{
	struct str subdomain = json_str(json_get(pod_spec(pod), "subdomain"));

	if (subdomain.len > 0 && !pod_host_network(pod))
		buf_add_print(out, STR_FMT ".%s.svc.%s", STR_ARG(subdomain), pod->namespace,
			      pod->node->cluster_domain);
}

/* A pod in the host's network has the host's name. */
bool pod_hostname(const struct pod *pod, char out[POD_HOSTNAME_MAX])
{
	bool whole = json_bool(json_get(pod_spec(pod), "setHostnameAsFQDN"));
	auto_buf domain = BUF_INIT;
	size_t len;

	if (pod_host_network(pod))
		snprintf(out, POD_HOSTNAME_MAX, "%.63s", pod->node->name);
	else
		container_spec_hostname(json_root(pod->now), out);
	pod_domain(pod, &domain);
	len = strlen(out);
	if (!whole || domain.len == 0)
		return true;
	if (len + 1 + domain.len >= POD_HOSTNAME_MAX)
		return false;
	snprintf(out + len, POD_HOSTNAME_MAX - len, ".%s", buf_text(&domain));
	return true;
}

static bool check_hostname(const struct pod *pod, char out[POD_HOSTNAME_MAX], struct error *err)
{
	auto_buf domain = BUF_INIT;

	if (pod_hostname(pod, out))
		return true;
	pod_domain(pod, &domain);
	return error_set(err, ERROR_INVALID,
			 "failed to construct FQDN from pod hostname and cluster domain, FQDN "
			 "%s.%s is too long (64 characters is the max, %zu characters requested)",
			 out, buf_text(&domain), strlen(out) + 1 + domain.len);
}

const char *pod_address(const struct pod *pod)
{
	return pod_host_network(pod) ? pod->node->ip : pod->address;
}

struct volumes_work pod_volumes_work(const struct pod *pod, struct downward_facts *facts)
{
	*facts = node_downward(pod->node, pod_address(pod));
	return (struct volumes_work){ .folder = pod->folder,
				      .pod = json_root(pod->now),
				      .sources = pod->sources,
				      .facts = facts,
				      .user_base = pod->user_base };
}

void pod_say(struct pod *pod, const struct pod_container *container, const char *type,
	     const char *reason, const char *format, ...)
{
	struct recorder_about about = { .object = json_root(pod->now),
					.kind = "Pod",
					.api_version = "v1" };
	char message[768], field[128] = "";
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (container)
		snprintf(field, sizeof(field), "spec.%s{%s}",
			 container->is_init        ? "initContainers"
			 : container->is_ephemeral ? "ephemeralContainers"
						   : "containers",
			 container->name);
	about.field_path = field;
	recorder_emit(pod->node->recorder, &about, type, reason, "%s", message);
	if (strcmp(type, "Warning") == 0)
		log_warn("agent.pod", "pod has trouble", "pod=%s/%s reason=%s message=\"%s\"",
			 pod->namespace, pod->name, reason, message);
}

/* Something failed that trying again may mend. */
static void retry_later(struct pod *pod, const char *reason, const struct error *err)
{
	pod->retry_ms = pod->retry_ms ? pod->retry_ms * 2 : RETRY_FIRST_MS;
	if (pod->retry_ms > RETRY_MAX_MS)
		pod->retry_ms = RETRY_MAX_MS;
	pod->retry_due_ms = clock_now_ms() + pod->retry_ms;
	pod_say(pod, NULL, "Warning", reason, "%s", err->text);
	pod_again_at(pod, pod->retry_due_ms);
}

static bool is_waiting(struct pod *pod)
{
	if (clock_now_ms() >= pod->retry_due_ms)
		return false;
	pod_again_at(pod, pod->retry_due_ms);
	return true;
}

/* Its volumes and its sandbox both need to know; whichever is first asks. */
static bool find_users(struct pod *pod, struct error *err)
{
	return pod->user_base > 0 ||
	       pod_admission_users(pod->node, json_root(pod->now), &pod->user_base, err);
}

/* --- sources and volumes --- */

static void refresh_volumes(struct pod *pod)
{
	enum volume_mounts_state mounts = VOLUME_MOUNTS_FAILED;
	struct downward_facts facts;
	struct volumes_work work;
	struct error err;

	if (find_users(pod, &err)) {
		work = pod_volumes_work(pod, &facts);
		mounts = volume_mounts_step(pod->mounts, &work, &err);
	}
	if (mounts == VOLUME_MOUNTS_BUSY)
		return; /* another pass comes when that has ended */
	if (mounts == VOLUME_MOUNTS_READY && volumes_prepare(&work, &err)) {
		pod->volumes_ready = true;
		pod->retry_ms = 0;
	} else {
		retry_later(pod, "FailedMount", &err);
	}
}

static void on_mounts(void *of)
{
	pod_again(of);
}

static void on_sources(void *of, const struct error *err)
{
	struct pod *pod = of;
	int64_t again = sources_again_ms(pod->sources);
	bool fatal = err && !sources_complete(pod->sources);

	if (err) {
		pod->fetch_ms = pod->fetch_ms ? pod->fetch_ms * 2 : RETRY_FIRST_MS;
		if (pod->fetch_ms > RETRY_MAX_MS)
			pod->fetch_ms = RETRY_MAX_MS;
		again = pod->fetch_ms;
	} else {
		pod->fetch_ms = 0;
	}
	pod->fetch_due_ms = again > 0 ? clock_now_ms() + again : INT64_MAX;
	pod->asked = true;
	flush_soon(pod->node->flush); /* of the kept copies */
	if (fatal)
		pod_say(pod, NULL, "Warning", "FailedMount", "%s", err->text);
	else if (pod->volumes_ready)
		refresh_volumes(pod);
	pod_again(pod);
}

/* Volumes are there, as fresh as they should be; false: not yet. */
static bool step_volumes(struct pod *pod)
{
	if (!pod->volumes_ready && pod->asked && sources_complete(pod->sources) && !is_waiting(pod))
		refresh_volumes(pod);
	if (sources_running(pod->sources))
		return pod->volumes_ready;
	if (clock_now_ms() >= pod->fetch_due_ms)
		sources_fetch(pod->sources, on_sources, pod);
	else if (pod->fetch_due_ms != INT64_MAX)
		pod_again_at(pod, pod->fetch_due_ms);
	return pod->volumes_ready;
}

/* --- the sandbox --- */

/* The next try of a sandbox that did not come up or did not last. */
static void wait_with_sandbox(struct pod *pod)
{
	if (pod->ready_since_ms > 0 && clock_now_ms() - pod->ready_since_ms > STEADY_MS)
		pod->sandbox_wait_ms = 0;
	pod->ready_since_ms = 0;
	pod->sandbox_wait_ms = pod->sandbox_wait_ms ? pod->sandbox_wait_ms * 2 : RETRY_FIRST_MS;
	if (pod->sandbox_wait_ms > RETRY_MAX_MS)
		pod->sandbox_wait_ms = RETRY_MAX_MS;
	pod->sandbox_due_ms = clock_now_ms() + pod->sandbox_wait_ms;
}

static void say_no_sandbox(struct pod *pod, const struct error *err)
{
	pod_say(pod, NULL, "Warning", "FailedCreatePodSandBox", "Failed to create pod sandbox: %s",
		err->text);
}

static void on_ready(void *owner, const struct error *err)
{
	struct pod *pod = owner;

	if (!err) {
		pod->phase = SANDBOX_READY;
		pod->ready_since_ms = clock_now_ms();
		pod_containers_learn(pod);
	} else {
		if (err->kind != ERROR_NOT_FOUND) {
			say_no_sandbox(pod, err);
			wait_with_sandbox(pod);
		}
		pod_containers_learn(pod);
		pod_containers_lost(pod);
		pod->volumes_ready = false; /* after a reboot memory volumes are gone */
		pod->phase = SANDBOX_LOST;
	}
	pod_again(pod);
}

static void on_container(void *owner, const char *id)
{
	(void)id;
	pod_again(owner);
}

/* Who has an address changes what host ports lead to. */
static void set_attached(struct pod *pod, bool attached)
{
	bool changed = pod->attached != attached;

	pod->attached = attached;
	if (changed && pod->events)
		pod->events->on_network(pod->owner);
}

/* Exec sessions end before the handle they use. */
static void close_sandbox(struct pod *pod)
{
	if (pod->sandbox)
		exec_bridges_end(pod->node->bridges, pod->sandbox);
	sandbox_close(pod->sandbox);
	pod->sandbox = NULL;
	pod->phase = SANDBOX_NONE;
	set_attached(pod, false);
}

static void on_gone(void *owner)
{
	struct pod *pod = owner;

	if (pod->phase != SANDBOX_ENDING) {
		pod_say(pod, NULL, "Warning", "SandboxChanged",
			"Pod sandbox changed, it will be killed and re-created.");
		wait_with_sandbox(pod);
	}
	pod_containers_lost(pod);
	close_sandbox(pod);
	pod_again(pod);
}

static const struct sandbox_events sandbox_events = { .on_ready = on_ready,
						      .on_container = on_container,
						      .on_gone = on_gone };

/* "kernel.shm_rmid_forced=1" and so on, NULL-terminated. */
static const char *const *sysctls_of(const struct pod *pod, struct arena *arena)
{
	const struct json *list = json_path(pod_spec(pod), "securityContext", "sysctls", NULL);
	const char **words = arena_zero(arena, (json_count(list) + 1) * sizeof(*words));

	for (struct json_iter it = json_iter(list); json_next(&it);)
		words[it.index] = arena_print(arena, STR_FMT "=" STR_FMT,
					      STR_ARG(json_str(json_get(it.value, "name"))),
					      STR_ARG(json_str(json_get(it.value, "value"))));
	return words;
}

static void start_sandbox(struct pod *pod)
{
	auto_arena arena = arena_new();
	const struct json *spec = pod_spec(pod);
	char hostname[POD_HOSTNAME_MAX];
	struct sandbox_plan plan = {
		.id = pod->uid,
		.folder = pod->folder,
		.hostname = hostname,
		.cgroup = arena_print(arena, "pods/%s", pod->uid),
		.host_network = pod_host_network(pod),
		.host_pid = json_bool(json_get(spec, "hostPID")),
		.host_ipc = json_bool(json_get(spec, "hostIPC")),
		.share_process_namespace = json_bool(json_get(spec, "shareProcessNamespace")),
		.sysctls = sysctls_of(pod, arena),
	};
	struct resources_plan limits = { 0 };
	struct error err;
	bool fine;

	pod_resize_limits(pod, &limits);
	if (pod->node->limits && pod->node->limits->pids_max > 0)
		limits.pids = (uint64_t)pod->node->limits->pids_max;
	plan.resources = &limits;
	pod->sandbox = NULL;
	fine = check_hostname(pod, hostname, &err) && find_users(pod, &err);
	plan.user_base = pod->user_base;
	if (fine &&
	    sandbox_start(pod->node->loop, &plan, &sandbox_events, pod, &pod->sandbox, &err)) {
		sandbox_remove_by(pod->sandbox, pod->node->movers);
		pod->phase = SANDBOX_STARTING;
		return;
	}
	wait_with_sandbox(pod);
	say_no_sandbox(pod, &err);
}

static void destroy_sandbox(struct pod *pod)
{
	if (pod->phase == SANDBOX_READY || pod->phase == SANDBOX_LOST) {
		pod->phase = SANDBOX_ENDING;
		set_attached(pod, false);
		sandbox_destroy(pod->sandbox);
	}
}

static bool attach(struct pod *pod, struct error *err)
{
	const char *netns = sandbox_netns(pod->sandbox);

	if (pod_host_network(pod))
		return pod_files_etc(pod, err);
	return pod_network_attach(pod->node->network, pod->uid, netns, pod->address, err) &&
	       pod_files_etc(pod, err);
}

/* The sandbox runs and has its address; false: not yet. */
static bool step_sandbox(struct pod *pod)
{
	struct error err;

	if (pod->phase == SANDBOX_LOST) {
		destroy_sandbox(pod);
		return false;
	}
	if (pod->phase == SANDBOX_NONE && (pod_host_network(pod) || pod->node->network)) {
		if (!pod_runtime_class_step(pod))
			return false;
		if (clock_now_ms() >= pod->sandbox_due_ms)
			start_sandbox(pod);
		if (pod->phase == SANDBOX_NONE)
			pod_again_at(pod, pod->sandbox_due_ms);
		return false;
	}
	if (pod->phase != SANDBOX_READY || (!pod_host_network(pod) && !pod->node->network))
		return false;
	if (pod->attached)
		return true;
	if (clock_now_ms() < pod->sandbox_due_ms) {
		pod_again_at(pod, pod->sandbox_due_ms);
		return false;
	}
	if (attach(pod, &err)) {
		set_attached(pod, true);
		return true;
	}
	say_no_sandbox(pod, &err);
	wait_with_sandbox(pod);
	pod_again_at(pod, pod->sandbox_due_ms);
	return false;
}

/* --- going --- */

static void on_deleted(void *of, const struct json *result, const struct error *err)
{
	struct pod *pod = of;

	(void)result;
	pod->delete_call = NULL;
	if (!err || err->kind == ERROR_NOT_FOUND || err->kind == ERROR_CONFLICT) {
		pod->delete_done = true;
	} else {
		pod->delete_sent = false;
		pod->status_due_ms = clock_now_ms() + RETRY_FIRST_MS * 2;
		pod_again_at(pod, pod->status_due_ms);
	}
	pod_again(pod);
}

static void say_deleted(struct pod *pod)
{
	auto_free char *body = memory_print("{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\","
					    "\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":"
					    "\"%s\"}}",
					    pod->uid);
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = kind_find_name(STR("v1"), STR("Pod")),
				  .namespace = str_of(pod->namespace),
				  .name = str_of(pod->name),
				  .body = str_of(body),
				  .on_done = on_deleted,
				  .of = pod };

	if (clock_now_ms() < pod->status_due_ms) {
		pod_again_at(pod, pod->status_due_ms);
		return;
	}
	pod->delete_sent = true;
	pod->delete_call = client_call(pod->node->client, &ask);
}

/* The API forgets the pod only when nothing of it is left here. */
static void leave(struct pod *pod)
{
	if (!pod->files_gone) {
		if (!pod->removal && clock_now_ms() >= pod->retry_due_ms)
			pod_files_remove(pod);
		return;
	}
	if (!pod->forgotten && !pod->delete_done) {
		if (!pod->delete_sent)
			say_deleted(pod);
		return;
	}
	pod->told_gone = true;
	pod->events->on_gone(pod->owner, pod);
}

void pod_files_removed(struct pod *pod, const struct error *err)
{
	if (err) {
		log_warn("agent.pod", "a pod's folder cannot be removed; trying again",
			 "pod=%s/%s why=\"%s\"", pod->namespace, pod->name, err->text);
		pod->retry_due_ms = clock_now_ms() + RETRY_FIRST_MS * 10;
		pod_again_at(pod, pod->retry_due_ms);
		return;
	}
	pod->files_gone = true;
	pod_again(pod);
}

static bool is_deleted(const struct pod *pod)
{
	return pod->forgotten || meta_str(json_root(pod->now), "deletionTimestamp").len > 0;
}

static void detach(struct pod *pod)
{
	struct error err;

	if (pod->node->network && !pod_host_network(pod) &&
	    !pod_network_detach(pod->node->network, pod->uid, &err))
		log_warn("agent.pod", "a pod's interface cannot be removed", "pod=%s/%s why=\"%s\"",
			 pod->namespace, pod->name, err.text);
}

static void step_leaving(struct pod *pod)
{
	if (pod->phase == SANDBOX_STARTING)
		return;
	if (pod->phase == SANDBOX_ENDING ||
	    (pod->phase == SANDBOX_READY && !pod_containers_stop(pod))) {
		pod_files_free_shares(pod);
		return;
	}
	if (pod->phase != SANDBOX_NONE) {
		destroy_sandbox(pod);
		return;
	}
	detach(pod);
	devices_release(pod->node->devices, pod->uid);
	if (!is_deleted(pod))
		pod_files_leave_volumes(pod);
}

/* What the newest word about our end grants. */
static int64_t grace_s(const struct pod *pod)
{
	const struct json *wish =
		json_get(meta_of(json_root(pod->now)), "deletionGracePeriodSeconds");
	const struct json *usual = json_get(pod_spec(pod), "terminationGracePeriodSeconds");
	int64_t seconds = json_is_int(wish)    ? json_int(wish)
			  : json_is_int(usual) ? json_int(usual)
					       : 30;

	if (pod->forgotten && !pod->is_static && seconds > GRACE_FORGOTTEN_S)
		seconds = GRACE_FORGOTTEN_S;
	return seconds < 0 ? 0 : seconds > GRACE_MAX_S ? GRACE_MAX_S : seconds;
}

/* Asked for again with less grace, or with force: the earlier end counts. */
static void shorten_grace(struct pod *pod)
{
	int64_t due_ms = clock_now_ms() + grace_s(pod) * 1000;

	if (due_ms < pod->stop_due_ms)
		pod->stop_due_ms = due_ms;
}

static void begin_leaving(struct pod *pod)
{
	pod->leaving = true;
	pod->retry_due_ms = 0;
	pod->stop_due_ms = clock_now_ms() + grace_s(pod) * 1000;
}

/* --- finishing --- */

static void fail(struct pod *pod, const char *reason, const char *message, const char *type)
{
	free(pod->failed_reason);
	free(pod->failed_message);
	pod->failed_reason = memory_string(reason);
	pod->failed_message = memory_string(message);
	pod_say(pod, NULL, type, reason, "%s", message);
}

void pod_fail(struct pod *pod, const char *reason, const char *message, int64_t grace_s,
	      bool disrupted)
{
	if (pod->leaving || pod->finished || pod->failed_reason)
		return;
	fail(pod, reason, message, "Warning");
	pod->is_disrupted = disrupted;
	begin_leaving(pod);
	if (pod->stop_due_ms > clock_now_ms() + grace_s * 1000)
		pod->stop_due_ms = clock_now_ms() + grace_s * 1000;
	pod_again(pod);
}

static void check_deadline(struct pod *pod)
{
	const struct json *limit = json_get(pod_spec(pod), "activeDeadlineSeconds");
	int64_t since;

	if (!json_is_int(limit) || !clock_parse(str_of(pod->start_time), &since, NULL))
		return;
	/* Once by the clock on the wall, then by the one that nobody sets. */
	if (pod->deadline_ms == 0 || pod->deadline_s != json_int(limit)) {
		pod->deadline_s = json_int(limit);
		pod->deadline_ms =
			clock_now_ms() + (since + pod->deadline_s - clock_wall_s()) * 1000;
	}
	if (pod->deadline_ms > clock_now_ms()) {
		pod_again_at(pod, pod->deadline_ms);
		return;
	}
	fail(pod, "DeadlineExceeded",
	     "Pod was active on the node longer than the specified deadline", "Normal");
	begin_leaving(pod);
}

/* All containers are over for good: the sandbox goes, status and logs stay. */
static void check_finished(struct pod *pod)
{
	if (!pod_containers_finished(pod))
		return;
	pod->finished = true;
	begin_leaving(pod);
}

void pod_reject(struct pod *pod, const char *reason, const char *message)
{
	pod_fail(pod, reason, message, 0, false);
	free(pod->failed_message);
	pod->failed_message = memory_print("Pod was rejected: %s", message);
	pod->is_rejected = true;
}

/* --- the pass --- */

/* Once, before anything is made; what cannot be is said with the kubelet's words. */
static bool admit(struct pod *pod)
{
	const char *reason;
	struct error err;

	if (pod->admitted || pod->phase != SANDBOX_NONE)
		return true;
	pod->admitted = true;
	if (pod_admission_check(pod->node, json_root(pod->now), &reason, &err))
		return true;
	pod_reject(pod, reason, err.text);
	return false;
}

static void step_living(struct pod *pod)
{
	bool volumes;

	if (!admit(pod))
		return;
	volumes = step_volumes(pod);

	if (!step_sandbox(pod) || !volumes)
		return;
	pod_resize_step(pod);
	pod_containers_step(pod);
	check_finished(pod);
	if (pod->leaving)
		pod_again(pod);
}

static void on_pass(struct loop_task *task)
{
	struct pod *pod = CONTAINER_OF(task, struct pod, pass);

	if (pod->told_gone)
		return;
	if (!pod->leaving && (is_deleted(pod) || pod->finished))
		begin_leaving(pod);
	if (!pod->leaving)
		check_deadline(pod);
	if (pod->leaving) {
		shorten_grace(pod);
		step_leaving(pod);
	} else {
		step_living(pod);
	}
	pod_status_step(pod);
	if (pod->leaving && pod->phase == SANDBOX_NONE && is_deleted(pod) &&
	    (pod->forgotten || pod_status_is_sent(pod)))
		leave(pod);
}

static void on_timer(struct loop_timer *timer)
{
	pod_again(CONTAINER_OF(timer, struct pod, timer));
}

/* --- life --- */

/* Probes and hooks point into the spec they began with: without any, only the newest is needed. */
static void drop_old_specs(struct pod *pod)
{
	for (size_t i = 0; i < pod->container_count; i++)
		if (pod->containers[i].probes || pod->containers[i].hook)
			return;
	for (size_t i = 0; i + 1 < pod->spec_count; i++)
		json_doc_free(pod->specs[i]);
	pod->specs[0] = pod->specs[pod->spec_count - 1];
	pod->spec_count = 1;
}

static void set_object(struct pod *pod, const struct json *object)
{
	const struct json *spec = pod->spec_count ? pod_spec(pod) : NULL;

	json_doc_free(pod->now);
	pod->now = json_doc_new();
	json_set_root(pod->now, json_clone(pod->now, object));
	if (!spec || !json_equal(spec, json_get(object, "spec"))) {
		struct json_doc *kept = json_doc_new();

		json_set_root(kept, json_clone(kept, object));
		pod->specs =
			memory_grow(pod->specs, (pod->spec_count + 1) * sizeof(struct json_doc *));
		pod->specs[pod->spec_count++] = kept;
		pod_containers_respec(pod);
		drop_old_specs(pod);
	}
	if (pod->sources)
		sources_pod(pod->sources, json_root(pod->now));
}

static struct pod *make(struct node *node, const struct json *object, const char *folder)
{
	struct pod *pod = memory_new(struct pod);

	pod->node = node;
	pod->folder = memory_string(folder);
	pod->uid = str_copy(meta_str(object, "uid"));
	pod->namespace = str_copy(meta_str(object, "namespace"));
	pod->name = str_copy(meta_str(object, "name"));
	pod->is_static = static_pod_is(object);
	pod->pass.on_task = on_pass;
	pod->timer.on_timer = on_timer;
	set_object(pod, object);
	pod_containers_make(pod);
	pod_resize_load(pod);
	pod->sources = sources_new(&(struct sources_plan){ .client = node->client,
							   .folder = pod->folder,
							   .keys = node->keys },
				   json_root(pod->now));
	pod->mounts = volume_mounts_new(node, pod->folder, on_mounts, pod);
	return pod;
}

static void listen(struct pod *pod, const struct pod_events *events, void *owner)
{
	pod->events = events;
	pod->owner = owner;
	pod_again(pod);
}

bool pod_new(struct node *node, const struct json *object, const struct pod_events *events,
	     void *owner, struct pod **out, struct error *err)
{
	auto_free char *folder =
		memory_print("%s/pods/" STR_FMT, node->folder, STR_ARG(meta_str(object, "uid")));
	struct pod *pod;
	bool changed;

	if (!file_make_dirs(folder, 0700, err))
		return false;
	pod = make(node, object, folder);
	if (!pod_files_keep(pod, &changed, err)) {
		pod_free(pod);
		return false;
	}
	clock_print(clock_wall_s(), pod->start_time);
	listen(pod, events, owner);
	*out = pod;
	return true;
}

bool pod_adopt(struct node *node, const char *folder, const struct pod_events *events, void *owner,
	       struct pod **out, struct error *err)
{
	auto_free char *path = memory_print("%s/pod.json", folder);
	auto_buf text = BUF_INIT;
	auto_json_doc doc = NULL;
	struct pod *pod;
	struct error ignored;

	if (!file_read(path, POD_JSON_MAX, &text, err) ||
	    !json_parse(buf_str(&text), &doc, NULL, err))
		return false;
	pod = make(node, json_root(doc), folder);
	pod_status_load(pod);
	pod_containers_hold_images(pod);
	if (sandbox_adopt(node->loop, folder, &sandbox_events, pod, &pod->sandbox, err)) {
		sandbox_remove_by(pod->sandbox, node->movers);
		pod->phase = SANDBOX_STARTING;
	} else {
		pod->sandbox = NULL; /* it never had one */
	}
	/* Containers may start before their volumes are looked at again. */
	pod->volumes_ready =
		pod->sandbox && sources_complete(pod->sources) && find_users(pod, &ignored);
	pod->adopted = true;
	listen(pod, events, owner);
	*out = pod;
	return true;
}

void pod_free(struct pod *pod)
{
	if (!pod)
		return;
	loop_task_cancel(&pod->pass);
	loop_timer_stop(&pod->timer);
	if (pod->status_call)
		client_cancel(pod->status_call);
	if (pod->delete_call)
		client_cancel(pod->delete_call);
	if (pod->class_call)
		client_cancel(pod->class_call);
	pod_files_let_go(pod);
	pod_containers_free(pod);
	close_sandbox(pod);
	volume_mounts_free(pod->mounts);
	sources_free(pod->sources);
	for (size_t i = 0; i < pod->spec_count; i++)
		json_doc_free(pod->specs[i]);
	free(pod->specs);
	json_doc_free(pod->now);
	json_doc_free(pod->status);
	free(pod->failed_reason);
	free(pod->failed_message);
	free(pod->mirror);
	free(pod->folder);
	free(pod->uid);
	free(pod->namespace);
	free(pod->name);
	free(pod);
}

/* The first word of the API about a pod of an earlier life. */
static void recall(struct pod *pod)
{
	struct str since = json_str(json_path(json_root(pod->now), "status", "startTime", NULL));

	pod->adopted = false;
	if (!*pod->start_time && since.len > 0)
		snprintf(pod->start_time, sizeof(pod->start_time), STR_FMT, STR_ARG(since));
	if (!*pod->start_time)
		clock_print(clock_wall_s(), pod->start_time);
	pod_containers_recall(pod);
}

void pod_update(struct pod *pod, const struct json *object)
{
	bool changed = true;
	struct error err;

	set_object(pod, object);
	if (pod->adopted)
		recall(pod);
	pod_status_compare(pod);
	if (!pod->files_gone && !pod_files_keep(pod, &changed, &err))
		log_warn("agent.pod", "a pod's change cannot be kept", "pod=%s/%s why=\"%s\"",
			 pod->namespace, pod->name, err.text);
	if (changed && pod->volumes_ready && !pod->leaving) {
		refresh_volumes(pod); /* labels and annotations in files */
		if (pod->fetch_due_ms != INT64_MAX)
			pod->fetch_due_ms = 0; /* who changes a pod wants to see all of it anew */
	}
	pod_again(pod);
}

void pod_mirror(struct pod *pod, const struct json *mirror)
{
	struct str uid = meta_str(mirror, "uid");

	if (pod->mirror ? str_is(uid, pod->mirror) : uid.len == 0)
		return;
	free(pod->mirror);
	pod->mirror = uid.len > 0 ? str_copy(uid) : NULL;
	pod->status_dirty = true;
	pod_again(pod);
}

void pod_remove(struct pod *pod)
{
	pod->forgotten = true;
	pod_again(pod);
}

void pod_poke(struct pod *pod)
{
	pod->class_due_ms = 0;
	if (pod->retry_ms > 0)
		pod->retry_due_ms = 0;
	if (pod->fetch_ms > 0)
		pod->fetch_due_ms = 0;
	pod->status_due_ms = 0;
	pod_containers_poke(pod);
	pod_again(pod);
}

void pod_room_came(struct pod *pod)
{
	if (pod->resize)
		pod_again(pod);
}

/* --- looking --- */

struct str pod_uid(const struct pod *pod)
{
	return str_of(pod->uid);
}

struct str pod_namespace(const struct pod *pod)
{
	return str_of(pod->namespace);
}

struct str pod_name(const struct pod *pod)
{
	return str_of(pod->name);
}

const struct json *pod_object(const struct pod *pod)
{
	return json_root(pod->now);
}

bool pod_is_attached(const struct pod *pod)
{
	return pod->attached;
}

bool pod_is_leaving(const struct pod *pod)
{
	return pod->leaving;
}

bool pod_is_forgotten(const struct pod *pod)
{
	return pod->forgotten;
}

bool pod_is_over(const struct pod *pod)
{
	return pod->phase == SANDBOX_NONE && (pod->finished || pod->failed_reason || pod->leaving);
}

struct sandbox *pod_sandbox(const struct pod *pod)
{
	return pod->phase == SANDBOX_READY ? pod->sandbox : NULL;
}

bool pod_container_id(const struct pod *pod, struct str container, char out[CONTAINER_ID_MAX])
{
	const struct pod_container *c = pod_container_find(pod, container);

	if (!c || !c->created)
		return false;
	memcpy(out, c->id, CONTAINER_ID_MAX);
	return true;
}

bool pod_log_path(const struct pod *pod, struct str container, bool previous, struct buf *out)
{
	const struct pod_container *c = pod_container_find(pod, container);

	if (!c || (previous && c->attempt == 0) || (!previous && !c->created && !c->over))
		return false;
	pod_files_log_folder(pod, c->name, out);
	buf_add_print(out, "/%u.log", c->attempt - (previous ? 1 : 0));
	return true;
}

bool pod_container_runs(const struct pod *pod, struct str container)
{
	const struct pod_container *c = pod_container_find(pod, container);

	return c && pod_container_running(c);
}
