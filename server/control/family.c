/*
 * family.c - two maps: from keys to members, and from owners to arrays of members.
 */
#include "server/control/family.h"

#include <assert.h>

#include "base/clock.h"
#include "base/map.h"
#include "server/control/lost_policy.h"

#define DELETION_COST "controller.kubernetes.io/pod-deletion-cost"

/* All members of one owner; an owner without any has none. */
struct brood {
	char *key;
	struct member **items;
	size_t count, room;
};

struct family {
	struct map *members; /* "namespace/name" -> struct member */
	struct map *broods;  /* an owner's uid, or "/namespace" -> struct brood */
};

struct family *family_new(void)
{
	struct family *family = memory_new(struct family);

	family->members = map_new();
	family->broods = map_new();
	return family;
}

static void brood_free(struct brood *brood)
{
	free(brood->key);
	free(brood->items);
	free(brood);
}

static void member_free(struct member *member)
{
	free(member->node);
	free(member);
}

void family_free(struct family *family)
{
	struct str key;
	void *value;

	if (!family)
		return;
	for (size_t i = 0; map_next(family->members, &i, &key, &value);)
		member_free(value);
	for (size_t i = 0; map_next(family->broods, &i, &key, &value);)
		brood_free(value);
	map_free(family->members);
	map_free(family->broods);
	free(family);
}

/* --- facts --- */

static enum member_phase phase_of(const struct json *status)
{
	static const char *const words[] = { [MEMBER_PENDING] = "Pending",
					     [MEMBER_RUNNING] = "Running",
					     [MEMBER_SUCCEEDED] = "Succeeded",
					     [MEMBER_FAILED] = "Failed" };
	struct str phase = json_str(json_get(status, "phase"));

	for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
		if (str_is(phase, words[i]))
			return (enum member_phase)i;
	return phase.len == 0 ? MEMBER_PENDING : MEMBER_LOST;
}

static int64_t time_of(const struct json *text)
{
	int64_t wall_s;

	return clock_parse(json_str(text), &wall_s, NULL) ? wall_s : 0;
}

static void take_job_facts(struct member *member, const struct json *pod)
{
	struct str index = meta_annotation(pod, MEMBER_JOB_INDEX);
	int64_t value;

	member->job_index = str_to_i64(index, 0, INT32_MAX, &value) ? (int32_t)value : -1;
	member->uncounted = false;
	for (struct json_iter it = json_iter(json_get(meta_of(pod), "finalizers")); json_next(&it);)
		if (str_is(json_str(it.value), MEMBER_JOB_FINALIZER))
			member->uncounted = true;
}

static void take_pod_facts(struct member *member)
{
	const struct json *pod = object_json(member->object), *status = json_get(pod, "status");
	struct str node = json_str(json_path(pod, "spec", "nodeName", NULL));
	int64_t cost = 0, most = 0;

	free(member->node);
	member->node = node.len > 0 ? str_copy(node) : NULL;
	member->phase = phase_of(status);
	member->replaced = meta_annotation(pod, LOST_MARK).at != NULL;
	member->ready = meta_condition_is_true(pod, STR("Ready"));
	member->ready_since_s =
		time_of(json_get(meta_condition(pod, STR("Ready")), "lastTransitionTime"));
	if (!str_to_i64(meta_annotation(pod, DELETION_COST), INT32_MIN, INT32_MAX, &cost))
		cost = 0;
	member->deletion_cost = (int32_t)cost;
	for (struct json_iter it = json_iter(json_get(status, "containerStatuses"));
	     json_next(&it);)
		if (json_int(json_get(it.value, "restartCount")) > most)
			most = json_int(json_get(it.value, "restartCount"));
	member->restarts = most > INT32_MAX ? INT32_MAX : (int32_t)most;
	take_job_facts(member, pod);
}

/* --- broods --- */

static void print_brood_key(const struct object *object, struct buf *out)
{
	struct str uid = json_str(json_get(meta_controller(object_json(object)), "uid"));

	if (uid.len > 0)
		buf_add_str(out, uid);
	else
		buf_add_print(out, "/" STR_FMT, STR_ARG(object_namespace(object)));
}

static void leave_brood(struct family *family, struct member *member)
{
	struct brood *brood = member->brood;
	struct member *last = brood->items[brood->count - 1];

	assert(brood->items[member->at] == member);
	brood->items[member->at] = last;
	last->at = member->at;
	brood->count--;
	member->brood = NULL;
	if (brood->count > 0)
		return;
	map_remove(family->broods, str_of(brood->key));
	brood_free(brood);
}

static void join_brood(struct family *family, struct member *member, struct str key)
{
	struct brood *brood = map_find(family->broods, key);

	if (!brood) {
		brood = memory_new(struct brood);
		brood->key = str_copy(key);
		map_put(family->broods, key, brood);
	}
	if (brood->count == brood->room) {
		brood->room = brood->room ? 2 * brood->room : 2;
		brood->items = memory_grow(brood->items, brood->room * sizeof(struct member *));
	}
	member->brood = brood;
	member->at = brood->count;
	brood->items[brood->count++] = member;
}

/* --- changes --- */

static void remove_member(struct family *family, struct str key)
{
	struct member *member = map_remove(family->members, key);

	if (!member)
		return;
	leave_brood(family, member);
	member_free(member);
}

static void put_member(struct family *family, struct str key, const struct object *object)
{
	struct member *member = map_find(family->members, key);
	auto_buf owner = BUF_INIT;

	if (!member) {
		member = memory_new(struct member);
		map_put(family->members, key, member);
	}
	member->object = object;
	member->created_s = time_of(json_get(meta_of(object_json(object)), "creationTimestamp"));
	if (str_is(object_kind(object), "Pod"))
		take_pod_facts(member);
	print_brood_key(object, &owner);
	if (member->brood && str_is(buf_str(&owner), member->brood->key))
		return;
	if (member->brood)
		leave_brood(family, member);
	join_brood(family, member, buf_str(&owner));
}

void family_note(struct family *family, const struct object *before, const struct object *after)
{
	auto_buf key = BUF_INIT;

	object_key(after ? after : before, &key);
	if (after)
		put_member(family, buf_str(&key), after);
	else
		remove_member(family, buf_str(&key));
}

/* --- looking --- */

size_t family_count(const struct family *family, struct str owner_uid)
{
	const struct brood *brood = map_find(family->broods, owner_uid);

	return brood ? brood->count : 0;
}

const struct member *family_next(const struct family *family, struct str owner_uid, size_t *at)
{
	const struct brood *brood = map_find(family->broods, owner_uid);

	return brood && *at < brood->count ? brood->items[(*at)++] : NULL;
}

const struct member *family_next_orphan(const struct family *family, struct str namespace,
					size_t *at)
{
	auto_buf key = BUF_INIT;

	buf_add_print(&key, "/" STR_FMT, STR_ARG(namespace));
	return family_next(family, buf_str(&key), at);
}

const struct member *family_find(const struct family *family, struct str namespace, struct str name)
{
	auto_buf key = BUF_INIT;

	if (namespace.len > 0)
		buf_add_print(&key, STR_FMT "/", STR_ARG(namespace));
	buf_add_str(&key, name);
	return map_find(family->members, buf_str(&key));
}

bool member_is_active(const struct member *pod)
{
	return !object_is_deleting(pod->object) && pod->phase != MEMBER_SUCCEEDED &&
	       pod->phase != MEMBER_FAILED && !pod->replaced;
}

int64_t member_due_ms(const struct member *pod, int64_t min_ready_s)
{
	int64_t left_us;

	if (!pod->ready)
		return -1;
	if (min_ready_s <= 0)
		return 0;
	left_us = (pod->ready_since_s + min_ready_s) * 1000000 - clock_wall_us();
	return left_us <= 0 ? 0 : left_us / 1000 + 1;
}
