/*
 * pod_resize.c - what its containers may use changes while a pod runs (kubectl patch --subresource
 * resize).
 *
 *   wished (the spec) != granted -> does it fit? Infeasible: never; Deferred: not now
 *     -> granted, InProgress -> limits of the running containers are set; one whose resizePolicy
 *        says RestartContainer is stopped and made anew
 *
 * What was granted is kept in resources.<container> of the pod's folder, once it is not what the
 * pod began with.
 */
#include <stdio.h>

#include "agent/container_spec.h"
#include "agent/flush.h"
#include "agent/node_fit.h"
#include "agent/pod_inside.h"
#include "base/file.h"
#include "base/log.h"

#define GRANTED_MAX 65536

static const struct json *wished_of(const struct pod_container *c)
{
	return json_get(c->spec, "resources");
}

const struct json *pod_container_granted(const struct pod_container *c)
{
	return c->granted ? json_root(c->granted) : wished_of(c);
}

static char *granted_path(const struct pod_container *c)
{
	return memory_print("%s/resources.%s", c->pod->folder, c->name);
}

static void grant(struct pod_container *c, const struct json *resources)
{
	struct json_doc *doc = json_doc_new();

	json_set_root(doc, resources ? json_clone(doc, resources) : json_new_object(doc));
	json_doc_free(c->granted);
	c->granted = doc;
}

static void keep(const struct pod_container *c)
{
	auto_free char *path = granted_path(c);
	auto_buf text = BUF_INIT;
	struct error err;

	json_print(json_root(c->granted), &text);
	if (!file_put(path, buf_str(&text), 0600, &err))
		log_warn("agent.pod", "what a container was granted cannot be kept",
			 "pod=%s/%s why=\"%s\"", c->pod->namespace, c->pod->name, err.text);
	flush_soon(c->pod->node->flush);
}

/* Of an earlier life, or what the pod begins with. */
void pod_resize_load(struct pod *pod)
{
	for (size_t i = 0; i < pod->container_count; i++) {
		struct pod_container *c = &pod->containers[i];
		auto_free char *path = granted_path(c);
		auto_buf text = BUF_INIT;
		struct error ignored;

		if (c->granted || c->is_ephemeral)
			continue;
		if (file_read(path, GRANTED_MAX, &text, &ignored) &&
		    json_parse(buf_str(&text), &c->granted, NULL, &ignored))
			continue;
		grant(c, wished_of(c));
	}
}

/* --- does it fit? --- */

static bool is_wished(const struct pod_container *c)
{
	const struct json *wish = wished_of(c), *has = pod_container_granted(c);

	if (json_count(wish) == 0 || json_count(has) == 0)
		return json_count(wish) == json_count(has);
	return json_equal(wish, has);
}

static bool any_unmet(const struct pod *pod)
{
	for (size_t i = 0; i < pod->container_count; i++)
		if (!pod->containers[i].is_ephemeral && !is_wished(&pod->containers[i]))
			return true;
	return false;
}

/* --- the pod's own group --- */

static int64_t quota_of(const struct resources_plan *one)
{
	return one->cpu_period_us > 0 ? one->cpu_quota_us * 1000 / one->cpu_period_us : 0;
}

struct sum {
	uint64_t shares, memory;
	int64_t milli;
	bool all_cpu, all_memory;
};

static void add(struct sum *sum, const struct json *resources)
{
	struct resources_plan one;

	container_spec_resources(resources, &one);
	sum->shares += one.cpu_shares;
	sum->milli += quota_of(&one);
	sum->memory += one.memory_bytes;
	sum->all_cpu = sum->all_cpu && one.cpu_quota_us > 0;
	sum->all_memory = sum->all_memory && one.memory_bytes > 0;
}

/* As kubelets make it: weights of all together; limits where every container has one.  What init
 * containers need for a while is not more than one of them: the most counts. */
void pod_resize_limits(const struct pod *pod, struct resources_plan *out)
{
	struct sum sum = { .all_cpu = true, .all_memory = true };
	uint64_t init_memory = 0;
	int64_t init_milli = 0;

	for (size_t i = 0; i < pod->container_count; i++) {
		const struct pod_container *c = &pod->containers[i];
		struct sum one = { .all_cpu = true, .all_memory = true };

		if (c->is_ephemeral)
			continue;
		if (!c->is_init || c->is_sidecar) {
			add(&sum, pod_container_granted(c));
			continue;
		}
		add(&one, pod_container_granted(c));
		sum.all_cpu = sum.all_cpu && one.all_cpu;
		sum.all_memory = sum.all_memory && one.all_memory;
		init_memory = one.memory > init_memory ? one.memory : init_memory;
		init_milli = one.milli > init_milli ? one.milli : init_milli;
	}
	out->oom_alone = true; /* its containers die each for itself */
	out->cpu_shares = sum.shares > 2 ? sum.shares : 2;
	if (sum.all_memory)
		out->memory_bytes = sum.memory > init_memory ? sum.memory : init_memory;
	if (sum.all_cpu) {
		out->cpu_period_us = 100000;
		out->cpu_quota_us = (sum.milli > init_milli ? sum.milli : init_milli) * 100;
	}
}

/* --- doing it --- */

/* Nothing is said: the next try a second later may work, and the status tells of it. */
static bool set_limits(const struct pod *pod, const char *id, const struct resources_plan *limits)
{
	auto_buf warnings = BUF_INIT;
	struct error err;

	return sandbox_limit(pod->sandbox, id, limits, &warnings, &err) && warnings.len == 0;
}

/* A group above must never allow less than the one below. */
static void set_pod_limits(const struct pod *pod)
{
	struct resources_plan limits = { 0 };

	pod_resize_limits(pod, &limits);
	(void)set_limits(pod, "", &limits);
}

static bool differs(const struct json *one, const struct json *other, const char *resource)
{
	static const char *const lists[] = { "requests", "limits" };

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		if (!str_equal(json_str(json_path(one, lists[i], resource, NULL)),
			       json_str(json_path(other, lists[i], resource, NULL))))
			return true;
	return false;
}

/* Does a change of one of these resources make the container anew? */
static bool needs_restart(const struct pod_container *c, const struct json *before)
{
	for (struct json_iter it = json_iter(json_get(c->spec, "resizePolicy")); json_next(&it);) {
		auto_free char *resource = str_copy(json_str(json_get(it.value, "resourceName")));

		if (str_is(json_str(json_get(it.value, "restartPolicy")), "RestartContainer") &&
		    differs(before, wished_of(c), resource))
			return true;
	}
	return false;
}

static bool apply(struct pod_container *c)
{
	struct resources_plan limits;

	container_spec_resources(pod_container_granted(c), &limits);
	return set_limits(c->pod, c->id, &limits);
}

static void resize_container(struct pod_container *c)
{
	auto_json_doc before = take_ptr(&c->granted);
	bool restart = needs_restart(c, json_root(before));

	grant(c, wished_of(c));
	keep(c);
	if (!pod_container_running(c))
		return; /* the next run has it */
	if (restart)
		c->resize_restart = true;
	else
		c->resize_pending = true;
}

static void say_state(struct pod *pod, const char *state)
{
	pod->resize = state;
}

/* Sets what is granted where it is not yet so. */
static void finish(struct pod *pod)
{
	bool pending = false;

	for (size_t i = 0; i < pod->container_count; i++)
		pending = pending || pod->containers[i].resize_pending;
	if (pending)
		set_pod_limits(pod);
	pending = false;
	for (size_t i = 0; i < pod->container_count; i++) {
		struct pod_container *c = &pod->containers[i];

		if (c->resize_pending && (!pod_container_running(c) || apply(c)))
			c->resize_pending = false;
		pending = pending || c->resize_pending || c->resize_restart;
	}
	if (!pending && pod->resize && strcmp(pod->resize, "InProgress") == 0) {
		set_pod_limits(pod);
		say_state(pod, NULL);
	} else if (pending) {
		pod_again_at(pod, clock_now_ms() + 1000);
	}
}

void pod_resize_step(struct pod *pod)
{
	enum pod_room room;

	if (any_unmet(pod) && !pod->is_static) {
		room = pod->events->room(pod->owner, pod);
		if (room == POD_ROOM_NEVER) {
			say_state(pod, "Infeasible");
		} else if (room == POD_ROOM_LATER) {
			say_state(pod, "Deferred"); /* looked at again when a pod has gone */
		} else {
			say_state(pod, "InProgress");
			for (size_t i = 0; i < pod->container_count; i++)
				if (!pod->containers[i].is_ephemeral &&
				    !is_wished(&pod->containers[i]))
					resize_container(&pod->containers[i]);
		}
	} else if (pod->resize && strcmp(pod->resize, "InProgress") != 0) {
		say_state(pod, NULL); /* taken back */
	}
	if (pod->resize)
		finish(pod);
}
