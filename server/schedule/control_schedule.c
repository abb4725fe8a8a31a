/*
 * control_schedule.c - gives each new pod a node: changes come in, pods are taken from the queue
 * one by one, each gets a place, or a sentence that says why not.
 *
 *   caches -> scene (what is where), waiting (who has no place)
 *   waiting_next -> cycle_choose -> schedule_place | preempt_find -> schedule_tell_unschedulable
 */
#include "base/clock.h"
#include "server/schedule/schedule_inside.h"

/* Bindings under way: enough to fill the datastore's groups, few enough to keep memory small. */
#define BINDINGS_MOST 256
/* Then others have their turn. */
#define ROUND_US 5000

/* --- one pod --- */

static void remember_failure(struct schedule *schedule, const struct cycle *cycle, struct str key)
{
	unsigned wakes = 0, room_wakes = 0;

	for (int id = 0; id < PLUGINS; id++) {
		if (!(cycle->rejected_by & 1u << id))
			continue;
		if (id == PLUGIN_FIT)
			room_wakes = cycle_plugins[id]->wakes;
		else
			wakes |= cycle_plugins[id]->wakes;
	}
	if (cycle->nodes == 0)
		wakes = WAKE_NODE_CAME;
	waiting_retry(schedule->waiting, key, wakes, room_wakes, &cycle->resident->asks);
}

static void nominate(struct schedule *schedule, const struct object *pod, struct str node)
{
	scene_nominate(schedule->scene, resident_new(schedule->scene, pod), node);
}

static void no_place(struct schedule *schedule, struct cycle *cycle, struct str key)
{
	struct preemption preemption;
	const char *nominated = "";
	auto_buf message = BUF_INIT;

	preempt_find(cycle, &preemption);
	cycle_print_refusals(cycle, &message);
	if (preemption.why)
		buf_add_print(&message, " preemption: %s", preemption.why);
	if (preemption.place)
		nominated = preemption.place->name;
	else if (preemption.keeps_nominated || !cycle->profile->preempts)
		nominated = NULL;
	schedule_tell_unschedulable(schedule, cycle, buf_text(&message), nominated);
	if (preemption.place) {
		schedule_victims_leave(schedule, cycle, &preemption);
		nominate(schedule, cycle->resident->pod, str_of(preemption.place->name));
	} else if (nominated) {
		scene_forget_nomination(schedule->scene, key);
	}
	remember_failure(schedule, cycle, key);
}

static const struct profile *profile_of(const struct schedule *schedule, const struct object *pod)
{
	return profiles_find(schedule->profiles,
			     json_str(json_path(object_json(pod), "spec", "schedulerName", NULL)));
}

static void try_pod(struct schedule *schedule, struct str key)
{
	struct str rest = key, namespace = str_cut(&rest, '/');
	const struct object *pod =
		cache_find(schedule->control->caches[CONTROL_PODS], namespace, rest);
	const struct profile *profile = pod ? profile_of(schedule, pod) : NULL;
	int64_t began_us = clock_now_us();
	struct resident *resident;
	struct cycle cycle;

	if (!profile) {
		waiting_remove(schedule->waiting, key);
		return;
	}
	resident = resident_new(schedule->scene, pod);
	cycle_begin(&cycle, schedule->scene, profile, resident);
	cycle_choose(&cycle, &schedule->start);
	if (cycle.chosen) {
		schedule_place(schedule, &cycle, began_us);
		cycle_end(&cycle);
		return;
	}
	no_place(schedule, &cycle, key);
	schedule_counts_note(schedule->counts, profile->name, SCHEDULE_NO_PLACE, began_us);
	cycle_end(&cycle);
	resident_free(schedule->scene, resident);
}

static void work(struct schedule *schedule)
{
	int64_t begin = clock_now_us();

	while (schedule->binding_count < BINDINGS_MOST) {
		const char *next;
		auto_free char *key = NULL;

		if (clock_now_us() - begin > ROUND_US) {
			loop_defer(schedule->control->loop, &schedule->work);
			return;
		}
		next = waiting_next(schedule->waiting);
		if (!next)
			return;
		key = memory_string(next);
		try_pod(schedule, str_of(key));
	}
}

static void on_work(struct loop_task *task)
{
	struct schedule *schedule = CONTAINER_OF(task, struct schedule, work);

	work(schedule);
	schedule_tell_go_on(schedule);
}

static void on_ready(void *of)
{
	work(of);
}

/* --- changes --- */

static void wake_for(struct schedule *schedule, unsigned event, const struct place *place)
{
	struct waiting_room room;

	if (!place || !place->node) {
		waiting_wake(schedule->waiting, event, NULL);
		return;
	}
	room = (struct waiting_room){ &place->used, &place->has,
				      (int64_t)place->pod_count >= place->pods_max };
	waiting_wake(schedule->waiting, event, &room);
}

static void on_node(struct schedule *schedule, const struct object *before,
		    const struct object *after)
{
	static const struct {
		unsigned change, event;
	} events[] = {
		{ NODE_CAME, WAKE_NODE_CAME },
		{ NODE_HAS_MORE, WAKE_NODE_MORE },
		{ NODE_LABELS, WAKE_NODE_LABELS },
		{ NODE_TAINTS, WAKE_NODE_TAINTS },
	};
	unsigned what = scene_node(schedule->scene, before, after), event = 0;

	if (!after) {
		waiting_wake(schedule->waiting, WAKE_NODE_GONE, NULL);
		return;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(events); i++)
		if (what & events[i].change)
			event |= events[i].event;
	if (event)
		wake_for(schedule, event, scene_place(schedule->scene, object_name(after)));
}

static bool is_bound(const struct object *pod)
{
	return json_str(json_path(object_json(pod), "spec", "nodeName", NULL)).len > 0;
}

static bool is_over(const struct object *pod)
{
	struct str phase = json_str(json_path(object_json(pod), "status", "phase", NULL));

	return str_is(phase, "Succeeded") || str_is(phase, "Failed");
}

static bool is_gated(const struct object *pod)
{
	return json_count(json_path(object_json(pod), "spec", "schedulingGates", NULL)) > 0;
}

static bool could_be_ours(const struct schedule *schedule, const struct object *pod)
{
	return !is_bound(pod) && control_pod_is_active(pod) && profile_of(schedule, pod);
}

static bool is_ours(const struct schedule *schedule, const struct object *pod)
{
	return could_be_ours(schedule, pod) && !is_gated(pod);
}

static void note_gated(struct schedule *schedule, const struct object *pod, struct str key)
{
	if (pod && is_gated(pod) && could_be_ours(schedule, pod))
		map_put(schedule->gated, key, schedule->gated);
	else
		map_remove(schedule->gated, key);
}

static void leave_place(struct schedule *schedule, struct str key)
{
	struct resident *resident = scene_find(schedule->scene, key);
	auto_free char *node = NULL;

	if (!resident)
		return;
	node = memory_string(resident->place->name);
	scene_remove(schedule->scene, key);
	wake_for(schedule, WAKE_POD_GONE, scene_place(schedule->scene, str_of(node)));
}

static void pod_gone(struct schedule *schedule, struct str key)
{
	waiting_remove(schedule->waiting, key);
	scene_forget_nomination(schedule->scene, key);
	schedule_place_forget(schedule, key);
	leave_place(schedule, key);
}

static void pod_on_node(struct schedule *schedule, const struct object *pod, struct str key)
{
	struct str node = json_str(json_path(object_json(pod), "spec", "nodeName", NULL));
	struct resident *before = scene_find(schedule->scene, key),
			*now = resident_new(schedule->scene, pod);
	bool came = !before || before->assumed || before->class != now->class;
	bool less = before && !amounts_equal(&before->asks, &now->asks);

	waiting_remove(schedule->waiting, key);
	scene_forget_nomination(schedule->scene, key);
	scene_add(schedule->scene, now, node);
	if (came)
		waiting_wake(schedule->waiting, WAKE_POD_CAME, NULL);
	if (less)
		wake_for(schedule, WAKE_POD_LESS, now->place);
}

/* What is nominated is said by the pod, also after a restart. */
static void take_nomination(struct schedule *schedule, const struct object *before,
			    const struct object *after, struct str key)
{
	struct str name =
		json_str(json_path(object_json(after), "status", "nominatedNodeName", NULL));

	if (name.len > 0)
		nominate(schedule, after, name);
	else if (before && json_get(json_get(object_json(before), "status"), "nominatedNodeName"))
		scene_forget_nomination(schedule->scene, key);
}

/* Does the pod say something else than before?  A new status alone is no reason to try again. */
static bool says_else(const struct object *before, const struct object *after)
{
	return !json_equal(json_get(object_json(before), "spec"),
			   json_get(object_json(after), "spec")) ||
	       !json_equal(json_path(object_json(before), "metadata", "labels", NULL),
			   json_path(object_json(after), "metadata", "labels", NULL));
}

static void pod_without_node(struct schedule *schedule, const struct object *before,
			     const struct object *after, struct str key)
{
	const struct json *spec = json_get(object_json(after), "spec");

	if (!is_ours(schedule, after)) {
		waiting_remove(schedule->waiting, key);
		scene_forget_nomination(schedule->scene, key);
		schedule_place_forget(schedule, key);
		return;
	}
	take_nomination(schedule, before, after, key);
	if (!before || !is_ours(schedule, before) || says_else(before, after))
		waiting_add(schedule->waiting, key, (int32_t)json_int(json_get(spec, "priority")));
}

static void on_pod(struct schedule *schedule, const struct object *before,
		   const struct object *after)
{
	auto_buf key = BUF_INIT;

	object_key(after ? after : before, &key);
	if (before && after && !str_equal(object_uid(before), object_uid(after))) {
		pod_gone(schedule, buf_str(&key));
		before = NULL;
	}
	note_gated(schedule, after, buf_str(&key));
	if (!after)
		pod_gone(schedule, buf_str(&key));
	else if (!is_bound(after))
		pod_without_node(schedule, before, after, buf_str(&key));
	else if (is_over(after))
		pod_gone(schedule, buf_str(&key));
	else
		pod_on_node(schedule, after, buf_str(&key));
}

static bool differs(const struct object *before, const struct object *after, const char *part,
		    const char *field)
{
	const struct json *old, *now;

	if (!before || !after)
		return true;
	old = json_path(object_json(before), part, field, NULL);
	now = json_path(object_json(after), part, field, NULL);
	return old != now && !(old && now && json_equal(old, now));
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct schedule *schedule = own;

	if (kind == CONTROL_NODES) {
		on_node(schedule, before, after);
	} else if (kind == CONTROL_PODS) {
		on_pod(schedule, before, after);
	} else if (kind == CONTROL_CLAIMS || kind == CONTROL_VOLUMES) {
		waiting_wake(schedule->waiting, kind == CONTROL_CLAIMS ? WAKE_CLAIM : WAKE_VOLUME,
			     NULL);
		schedule_place_look(schedule);
	} else if (kind == CONTROL_STORAGECLASSES) {
		waiting_wake(schedule->waiting, WAKE_CLASS, NULL);
	} else if (kind == CONTROL_NAMESPACES) {
		if (differs(before, after, "metadata", "labels"))
			waiting_wake(schedule->waiting, WAKE_NAMESPACE, NULL);
	} else if (kind == CONTROL_SERVICES || kind == CONTROL_REPLICASETS ||
		   kind == CONTROL_STATEFULSETS || kind == CONTROL_REPLICATIONCONTROLLERS) {
		schedule->scene->spread_epoch += differs(before, after, "spec", "selector");
	}
}

/* --- the row --- */

static const struct object *find_object(void *of, enum control_kind kind, struct str namespace,
					struct str name)
{
	struct control *control = of;

	return cache_find(control->caches[kind], namespace, name);
}

static const struct object *next_object(void *of, enum control_kind kind, size_t *at)
{
	struct control *control = of;

	return cache_next(control->caches[kind], at);
}

static void count_pending(void *of, struct schedule_pending *out)
{
	const struct schedule *schedule = of;

	waiting_figures(schedule->waiting, &out->ready, &out->backing_off, &out->asleep);
	out->gated = map_count(schedule->gated);
}

static void *start(struct control *control)
{
	struct schedule *schedule = memory_new(struct schedule);
	struct sources sources = { control, find_object, next_object };
	struct waiting_owner owner = { schedule, on_ready };

	schedule->control = control;
	schedule->client = client_new(
		control->loop, server_local_client(control->server, "system:kube-scheduler"));
	schedule->profiles = server_plan_of(control->server)->scheduler;
	if (!schedule->profiles) {
		schedule->own_profiles = profiles_default();
		schedule->profiles = schedule->own_profiles;
	}
	schedule->scene = scene_new(&sources);
	schedule->waiting = waiting_new(control->loop, &owner, schedule->profiles->backoff_first_s,
					schedule->profiles->backoff_most_s);
	schedule->gated = map_new();
	schedule->counts = server_schedule_counts(control->server);
	schedule_counts_source(schedule->counts, count_pending, schedule);
	list_init(&schedule->placements);
	list_init(&schedule->said);
	schedule->work.on_task = on_work;
	return schedule;
}

static void stop(void *own)
{
	struct schedule *schedule = own;

	loop_task_cancel(&schedule->work);
	client_free(schedule->client);
	loop_task_cancel(&schedule->work);
	schedule_place_stop(schedule);
	schedule_tell_stop(schedule);
	schedule_counts_source(schedule->counts, NULL, NULL);
	map_free(schedule->gated);
	waiting_free(schedule->waiting);
	scene_free(schedule->scene);
	profiles_free(schedule->own_profiles);
	free(schedule);
}

const struct control_row control_schedule = { "schedule", start, stop, on_change };
