/*
 * removal.c - DELETE of an object or a collection, and the eviction of a pod.
 *
 *   removal_options: what was asked for -> removal_decide, on the newest state
 *   nothing holds it -> the record is removed
 *   else -> it is marked, and stays until its finalizers are empty and, for pods, the node has
 *           ended it (DELETE with grace 0)
 *
 * Kubernetes API conventions.
 */
#include <assert.h>

#include "api/priority.h"
#include "base/clock.h"
#include "server/registry/body.h"
#include "server/registry/change.h"
#include "server/registry/registry_inside.h"
#include "server/registry/removal_options.h"

struct removing {
	struct removal_options options;
	struct removal_decision decision;
	struct collecting *collecting;
	bool evicts; /* a pod, and says so in its status */
};

/* The system's own: they come back at the next start, and nobody expects them gone until then. */
static bool is_protected(const struct changing *change, const char **out_words)
{
	static const char *const names[] = { "default", "kube-system", "kube-public",
					     "kube-node-lease" };

	*out_words = "this namespace may not be deleted";
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (strcmp(change->kind->name, "Namespace") == 0 && str_is(change->name, names[i]))
			return true;
	*out_words = "this is a system priority class and cannot be deleted";
	for (const struct priority_class *at = priority_system_classes; at->name; at++)
		if (strcmp(change->kind->name, "PriorityClass") == 0 &&
		    str_is(change->name, at->name))
			return true;
	return false;
}

static bool check_protected(const struct changing *change, struct error *err)
{
	auto_buf resource = BUF_INIT;
	const char *words;

	if (!is_protected(change, &words))
		return true;
	kind_resource(change->kind, &resource);
	return error_set(err, ERROR_FORBIDDEN, "%s \"" STR_FMT "\" is forbidden: %s",
			 buf_text(&resource), STR_ARG(change->name), words);
}

/* Why it goes, for those who count its failures. */
static void tell_eviction(struct json_doc *doc)
{
	struct json *root = json_root(doc),
		    *condition = meta_condition(root, STR("DisruptionTarget"));
	char now[CLOCK_TEXT];

	if (!condition) {
		condition = json_new_object(doc);
		json_append(json_sub_array(doc, json_sub_object(doc, root, "status"), "conditions"),
			    condition);
	}
	clock_print(clock_wall_s(), now);
	json_put(doc, condition, "type", json_new_text(doc, "DisruptionTarget"));
	json_put(doc, condition, "status", json_new_text(doc, "True"));
	json_put(doc, condition, "lastProbeTime", json_new_null(doc));
	json_put(doc, condition, "lastTransitionTime", json_new_text(doc, now));
	json_put(doc, condition, "reason", json_new_text(doc, "EvictionByEvictionAPI"));
	json_put(doc, condition, "message", json_new_text(doc, "Eviction API: evicting"));
}

static bool make_marked(struct changing *change, const struct object *old,
			struct json_doc **out_doc, struct error *err)
{
	struct removing *removing = change->of;
	struct json_doc *doc = object_thaw(old);

	(void)err;
	removal_mark(&removing->decision, change->kind, doc);
	if (removing->evicts)
		tell_eviction(doc);
	*out_doc = doc;
	return true;
}

static bool check(struct changing *change, struct removing *removing, const struct object *old,
		  struct error *err)
{
	if (!check_protected(change, err))
		return false;
	if (removal_options_check(&removing->options, change->face, old, err))
		return true;
	change->shown_kind = change->face->name;
	return false;
}

/* Decide on the newest state and go; on_done of the change hears the end. */
static void remove_newest(struct changing *change, struct removing *removing)
{
	auto_buf key = BUF_INIT;
	const struct record *record;
	struct error err;

	change->of = removing;
	registry_key(change->kind, change->namespace, change->name, &key);
	record = datastore_find_latest(change->registry->store, buf_str(&key));
	if (!record) {
		status_not_found(&err, change->face, change->name);
		change->on_done(change, NULL, &err);
		return;
	}
	if (!check(change, removing, record->item, &err)) {
		change->on_done(change, NULL, &err);
		return;
	}
	removal_decide(&removing->options, change->kind, object_json(record->item),
		       &removing->decision);
	if (removing->decision.waits) {
		change->on_done(change, record->item, NULL);
		return;
	}
	if (removing->decision.at_once) {
		change_remove(change, record->item);
		return;
	}
	change->goal = CHANGE_UPDATE;
	change->marks_deletion = true;
	change->subresource = "delete";
	change->make = make_marked;
	change_run(change);
}

/* --- one object --- */

struct removing_one {
	struct removing removing;
	struct request *req;
	struct field_errors errors;
};

static void refuse(struct request *req, struct changing *change, const struct error *err)
{
	struct status_about about = { .kind = change->face,
				      .name = change->name,
				      .shown_kind = change->shown_kind,
				      .cause = change->cause };

	reply_error(req, err, &about);
}

static void on_removed(struct changing *change, const struct object *result,
		       const struct error *err)
{
	struct removing_one *one = CONTAINER_OF(change->of, struct removing_one, removing);
	struct request *req = one->req;
	struct status_about about = { .kind = change->face, .name = change->name };
	auto_buf text = BUF_INIT;

	if (err) {
		refuse(req, change, err);
		return;
	}
	if (!change->removed || change->kind->returns_object) {
		reply_object(req, !change->removed && one->removing.options.old_cascade ? 202 : 200,
			     result);
		return;
	}
	about.uid = object_uid(result);
	status_print_success(&about, &text);
	reply_text(req, 200, "application/json", buf_str(&text));
}

/* Options that cannot be are refused with a Status of their own.  NULL: answered. */
static struct removing_one *read_options(struct request *req, bool *out_failed, struct error *err)
{
	struct removing_one *one = arena_zero(req->arena, sizeof(*one));
	struct status_about about = { .kind = &removal_options_kind, .causes = &one->errors };

	one->req = req;
	*out_failed = false;
	if (removal_options_read(req, &one->removing.options, &one->errors, err))
		return one;
	if (one->errors.count > 0)
		reply_error(req, err, &about);
	else
		*out_failed = true;
	return NULL;
}

static enum step remove_one(struct request *req, bool evicts,
			    void (*on_done)(struct changing *change, const struct object *result,
					    const struct error *err),
			    struct error *err)
{
	bool failed;
	struct removing_one *one = read_options(req, &failed, err);
	struct changing *change;

	if (!one)
		return failed ? STEP_FAIL : STEP_DONE;
	one->removing.evicts = evicts;
	change = change_of_request(req, CHANGE_UPDATE);
	change->on_done = on_done;
	remove_newest(change, &one->removing);
	return STEP_DONE;
}

enum step removal_pass(struct request *req, struct error *err)
{
	return remove_one(req, false, on_removed, err);
}

/* --- eviction --- */

static void on_evicted(struct changing *change, const struct object *result,
		       const struct error *err)
{
	struct removing_one *one = CONTAINER_OF(change->of, struct removing_one, removing);
	struct status_about about = { .kind = NULL };
	auto_buf text = BUF_INIT;

	(void)result;
	if (err) {
		refuse(one->req, change, err);
		return;
	}
	status_print_success(&about, &text);
	reply_text(one->req, 201, "application/json", buf_str(&text));
}

enum step removal_evict(struct request *req, struct error *err)
{
	return remove_one(req, true, on_evicted, err);
}

/* --- a collection: all matching ones, answered as a list when the last is done --- */

struct collecting {
	struct request *req;
	struct removal_options options;
	const struct object **found; /* one reference each */
	size_t count, done, started;
	struct error why; /* the first refusal */
	char *refused;    /* who was refused, or NULL */
};

static void collection_end(struct collecting *collecting)
{
	/* The arena goes with the answer: what is needed after it is our own. */
	const struct object **found = collecting->found;
	size_t count = collecting->count;
	auto_free char *refused = collecting->refused;
	struct reply_list list = {
		.kind = collecting->req->kind,
		.revision = datastore_revision(registry_of(collecting->req)->store),
		.remaining = -1,
		.objects = found,
		.count = count,
	};
	struct status_about about = { .kind = collecting->req->kind };

	if (refused) {
		about.name = str_of(refused);
		reply_error(collecting->req, &collecting->why, &about);
	} else {
		reply_list(collecting->req, &list);
	}
	for (size_t i = 0; i < count; i++)
		object_unref(found[i]);
	free(found);
}

static void on_one_removed(struct changing *change, const struct object *result,
			   const struct error *err)
{
	struct removing *removing = change->of;
	struct collecting *collecting = removing->collecting;

	(void)result;
	/* One that somebody else has just removed is as good as removed. */
	if (err && err->kind != ERROR_NOT_FOUND && !collecting->refused) {
		collecting->why = *err;
		collecting->refused = str_copy(change->name);
	}
	if (++collecting->done == collecting->started)
		collection_end(collecting);
}

static void start_one(struct collecting *collecting, const struct object *object)
{
	struct request *req = collecting->req;
	struct removing *removing = arena_zero(req->arena, sizeof(*removing));
	struct changing *change = change_of_request(req, CHANGE_UPDATE);

	removing->options = collecting->options;
	removing->collecting = collecting;
	change->namespace = str_of(str_copy_arena(object_namespace(object), req->arena));
	change->name = str_of(str_copy_arena(object_name(object), req->arena));
	change->on_done = on_one_removed;
	remove_newest(change, removing);
}

static size_t collect(struct request *req, const struct filter *filter, const struct object ***out)
{
	auto_buf prefix = BUF_INIT;
	const struct record *record;
	const struct object **found = NULL;
	size_t count = 0, room = 0;

	filter_prefix(req, filter, &prefix);
	record = datastore_first(registry_of(req)->store, buf_str(&prefix), STR_NONE);
	for (; record; record = datastore_next(record, buf_str(&prefix))) {
		if (!filter_match(filter, record->item))
			continue;
		if (req->params.limit > 0 && count == (size_t)req->params.limit)
			break;
		if (count == room) {
			room = room ? room * 2 : 64;
			found = memory_grow(found, room * sizeof(*found));
		}
		found[count++] = object_ref(record->item);
	}
	*out = found;
	return count;
}

enum step removal_collection_pass(struct request *req, struct error *err)
{
	struct collecting *collecting = arena_zero(req->arena, sizeof(*collecting));
	bool failed;
	struct removing_one *one = read_options(req, &failed, err);
	struct filter filter;

	if (!one)
		return failed ? STEP_FAIL : STEP_DONE;
	if (!filter_parse(req, &filter, err))
		return STEP_FAIL;
	collecting->options = one->removing.options;
	collecting->count = collect(req, &filter, &collecting->found);
	filter_clear(&filter);
	collecting->req = req;
	/* One more than there are: the last is counted here, so that the end never comes too early.
	 */
	collecting->started = collecting->count + 1;
	for (size_t i = 0; i < collecting->count; i++)
		start_one(collecting, collecting->found[i]);
	if (++collecting->done == collecting->started)
		collection_end(collecting);
	return STEP_DONE;
}
