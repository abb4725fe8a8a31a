/*
 * stateful.c - one look at a StatefulSet and its pods, and what its status says of them.
 */
#include "server/control/stateful.h"
#include "server/control/status_fields.h"

#include <assert.h>

/* --- names --- */

bool stateful_parse_name(struct str name, struct str *out_set, int64_t *out_ordinal)
{
	size_t at = name.len;

	while (at > 0 && name.at[at - 1] >= '0' && name.at[at - 1] <= '9')
		at--;
	if (at < 2 || at == name.len || name.at[at - 1] != '-')
		return false;
	if (!str_to_i64(str_from(name.at + at, name.len - at), 0, INT32_MAX, out_ordinal))
		return false;
	*out_set = str_from(name.at, at - 1);
	return true;
}

bool stateful_owns_name(const struct object *set, const struct object *pod)
{
	struct str parent;
	int64_t ordinal;

	return stateful_parse_name(object_name(pod), &parent, &ordinal) &&
	       str_equal(parent, object_name(set));
}

/* --- the look --- */

static int by_ordinal(const void *a, const void *b)
{
	const struct stateful_pod *left = a, *right = b;

	return (left->ordinal > right->ordinal) - (left->ordinal < right->ordinal);
}

static bool is_word(const struct json *object, const char *field, const char *word)
{
	return str_is(json_str(json_get(object, field)), word);
}

static void take_spec(struct stateful *view)
{
	const struct json *strategy = json_get(view->spec, "updateStrategy");
	const struct json *rolling = json_get(strategy, "rollingUpdate");
	const struct json *claims = json_get(view->spec, "persistentVolumeClaimRetentionPolicy");

	view->replicas = json_int(json_get(view->spec, "replicas"));
	view->start = json_int(json_path(view->spec, "ordinals", "start", NULL));
	view->min_ready = json_int(json_get(view->spec, "minReadySeconds"));
	view->rolling = !is_word(strategy, "type", "OnDelete");
	view->has_partition = rolling != NULL;
	view->partition = json_int(json_get(rolling, "partition"));
	view->parallel = is_word(view->spec, "podManagementPolicy", "Parallel");
	view->delete_with_set = is_word(claims, "whenDeleted", "Delete");
	view->delete_when_scaled = is_word(claims, "whenScaled", "Delete");
}

void stateful_look(struct stateful *view, const struct control *control, const struct object *set)
{
	const struct family *family = control->families[CONTROL_PODS];
	struct str uid = object_uid(set), parent;
	const struct member *member;

	*view = (struct stateful){ .set = set, .spec = json_get(object_json(set), "spec") };
	take_spec(view);
	view->pods = memory_get((family_count(family, uid) + 1) * sizeof(*view->pods));
	for (size_t i = 0; (member = family_next(family, uid, &i));) {
		struct stateful_pod *pod = &view->pods[view->count];

		if (!stateful_parse_name(object_name(member->object), &parent, &pod->ordinal))
			continue;
		pod->member = member;
		pod->revision = object_label(member->object, STR(REVISION_HASH_LABEL));
		view->count++;
	}
	qsort(view->pods, view->count, sizeof(*view->pods), by_ordinal);
}

void stateful_clear(struct stateful *view)
{
	object_trim(view->set);
	free(view->pods);
	*view = (struct stateful){ 0 };
}

/* --- questions --- */

bool stateful_is_in_range(const struct stateful *view, int64_t ordinal)
{
	return ordinal >= view->start && ordinal < view->start + view->replicas;
}

const struct stateful_pod *stateful_find(const struct stateful *view, int64_t ordinal)
{
	struct stateful_pod wanted = { .ordinal = ordinal };

	return bsearch(&wanted, view->pods, view->count, sizeof(wanted), by_ordinal);
}

bool stateful_is_ready(const struct stateful_pod *pod)
{
	return pod->member->phase == MEMBER_RUNNING && pod->member->ready;
}

bool stateful_is_available(const struct stateful *view, const struct stateful_pod *pod)
{
	return stateful_is_ready(pod) && member_due_ms(pod->member, view->min_ready) == 0;
}

bool stateful_is_terminating(const struct stateful_pod *pod)
{
	return object_is_deleting(pod->member->object);
}

bool stateful_is_well(const struct stateful *view, const struct stateful_pod *pod)
{
	return stateful_is_available(view, pod) && !stateful_is_terminating(pod);
}

int64_t stateful_due_ms(const struct stateful *view)
{
	int64_t soonest = 0;

	for (size_t i = 0; i < view->count; i++) {
		int64_t due = member_due_ms(view->pods[i].member, view->min_ready);

		if (due > 0 && (soonest == 0 || due < soonest))
			soonest = due;
	}
	return soonest;
}

const struct revision *stateful_revision_for(const struct stateful *view, int64_t ordinal)
{
	int64_t kept = view->has_partition ? view->partition
					   : json_int(json_path(object_json(view->set), "status",
								"currentReplicas", NULL));

	assert(view->current);
	assert(view->update);
	return view->rolling && ordinal < view->start + kept ? view->current : view->update;
}

/* --- the status --- */

struct figures {
	int64_t replicas, ready, available, current, updated;
	struct str current_revision;
};

static void count(const struct stateful *view, struct figures *out)
{
	struct str current = object_name(view->current->object);
	struct str update = object_name(view->update->object);

	*out = (struct figures){ .current_revision = current };
	for (size_t i = 0; i < view->count; i++) {
		const struct stateful_pod *pod = &view->pods[i];

		out->replicas++;
		out->ready += stateful_is_ready(pod);
		out->available += stateful_is_available(view, pod);
		if (stateful_is_terminating(pod))
			continue;
		out->current += str_equal(pod->revision, current);
		out->updated += str_equal(pod->revision, update);
	}
	/* A finished update: what was wished is what there is. */
	if (view->rolling && out->updated == view->replicas && out->ready == view->replicas &&
	    out->replicas == view->replicas) {
		out->current = out->updated;
		out->current_revision = update;
	}
}

static bool put_name(struct json_doc *doc, struct json *status, const struct json *old,
		     const char *key, struct str value)
{
	json_put(doc, status, key, json_new_str(doc, value));
	return str_equal(json_str(json_get(old, key)), value);
}

bool stateful_put_status(struct json_doc *doc, struct json *status, const struct stateful *view)
{
	const struct json *root = object_json(view->set), *old = json_get(root, "status");
	struct figures now;
	bool same = true;

	count(view, &now);
	same &= status_put_number(doc, status, old, "observedGeneration",
				  json_int(json_get(meta_of(root), "generation")));
	same &= status_put_zero_too(doc, status, old, "replicas", now.replicas);
	same &= status_put_number(doc, status, old, "readyReplicas", now.ready);
	same &= status_put_zero_too(doc, status, old, "availableReplicas", now.available);
	same &= status_put_number(doc, status, old, "currentReplicas", now.current);
	same &= status_put_number(doc, status, old, "updatedReplicas", now.updated);
	same &= status_put_zero_too(doc, status, old, "collisionCount",
				    json_int(json_get(old, "collisionCount")));
	same &= put_name(doc, status, old, "currentRevision", now.current_revision);
	same &= put_name(doc, status, old, "updateRevision", object_name(view->update->object));
	return same;
}
