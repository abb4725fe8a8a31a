/*
 * removal.c - DELETE of an object or a collection: preconditions, grace, finalizers, propagation.
 *
 *   no finalizers, no grace left -> the record is removed
 *   else -> deletionTimestamp is set; the object stays until its finalizers are empty and, for
 *           pods, the node has ended it (DELETE with grace 0)
 *
 * Kubernetes API conventions.
 */
#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"
#include "server/registry/body.h"
#include "server/registry/change.h"
#include "server/registry/registry_inside.h"

#define POD_GRACE_S 30

struct removal_options {
	int64_t grace_s;          /* -1 = not given */
	const char *finalizer;    /* to be added for the propagation policy, or NULL */
	struct str uid, revision; /* preconditions */
};

struct removing {
	struct removal_options options;
	int64_t grace_s; /* decided */
	struct collecting *collecting;
};

/* --- options: the body wins over the query --- */

static bool take_policy(struct str policy, struct removal_options *out, struct error *err)
{
	if (policy.len == 0 || str_is(policy, "Background"))
		return true;
	if (str_is(policy, "Foreground"))
		out->finalizer = "foregroundDeletion";
	else if (str_is(policy, "Orphan"))
		out->finalizer = "orphan";
	else
		return error_set(
			err, ERROR_INVALID,
			"DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported "
			"value: "
			"\"" STR_FMT
			"\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"",
			STR_ARG(policy));
	return true;
}

static bool take_orphan(bool given, bool orphan, struct str policy, struct removal_options *out,
			struct error *err)
{
	if (!given)
		return true;
	if (policy.len > 0)
		return error_set(err, ERROR_INVALID,
				 "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: "
				 "Invalid value: \"" STR_FMT
				 "\": orphanDependents and deletionPropagation cannot be both set",
				 STR_ARG(policy));
	if (orphan)
		out->finalizer = "orphan";
	return true;
}

static bool take_body(struct request *req, const struct json *body, struct removal_options *out,
		      struct error *err)
{
	const struct json *grace = json_get(body, "gracePeriodSeconds");
	const struct json *orphan = json_get(body, "orphanDependents");
	const struct json *dry = json_get(body, "dryRun");
	struct str policy = json_str(json_get(body, "propagationPolicy"));
	struct str uid = json_str(json_path(body, "preconditions", "uid", NULL));
	struct str revision = json_str(json_path(body, "preconditions", "resourceVersion", NULL));

	if (grace)
		out->grace_s = json_int(grace);
	if (json_count(dry) > 0)
		req->params.dry_run = true;
	out->uid = str_of(str_copy_arena(uid, req->arena));
	out->revision = str_of(str_copy_arena(revision, req->arena));
	return take_policy(policy, out, err) &&
	       take_orphan(orphan, json_bool(orphan), policy, out, err);
}

static bool read_options(struct request *req, struct removal_options *out, struct error *err)
{
	auto_json_doc doc = NULL;
	struct request_params *params = &req->params;

	*out = (struct removal_options){ .grace_s = -1 };
	if (!body_read_options(req, &doc, err))
		return false;
	if (doc)
		return take_body(req, json_root(doc), out, err);
	out->grace_s = params->grace_s;
	return take_policy(params->propagation_policy, out, err) &&
	       take_orphan(params->has_orphan_dependents, params->orphan_dependents,
			   params->propagation_policy, out, err);
}

static bool check_preconditions(const struct changing *change,
				const struct removal_options *options, const struct object *old,
				struct error *err)
{
	uint64_t wanted = 0;

	if (options->uid.len > 0 && !str_equal(options->uid, object_uid(old)))
		return error_set(err, ERROR_CONFLICT,
				 "Operation cannot be fulfilled on %s \"" STR_FMT
				 "\": the UID in the precondition (" STR_FMT
				 ") does not match the UID in record (" STR_FMT
				 "). The object might have been deleted and then recreated",
				 change->kind->plural, STR_ARG(change->name), STR_ARG(options->uid),
				 STR_ARG(object_uid(old)));
	if (options->revision.len > 0 &&
	    (!str_to_u64(options->revision, UINT64_MAX, &wanted) || wanted != object_revision(old)))
		return error_set(err, ERROR_CONFLICT,
				 "Operation cannot be fulfilled on %s \"" STR_FMT
				 "\": the ResourceVersion in the precondition (" STR_FMT
				 ") does not match the ResourceVersion in record (%" PRIu64
				 "). The object might have been modified",
				 change->kind->plural, STR_ARG(change->name),
				 STR_ARG(options->revision), object_revision(old));
	return true;
}

static bool check_protected(const struct changing *change, struct error *err)
{
	static const char *const names[] = { "default", "kube-system", "kube-public",
					     "kube-node-lease" };

	if (strcmp(change->kind->name, "Namespace") != 0)
		return true;
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (str_is(change->name, names[i]))
			return error_set(
				err, ERROR_FORBIDDEN,
				"namespaces \"%s\" is forbidden: this namespace may not be deleted",
				names[i]);
	return true;
}

/* --- what is left to wait for --- */

static int64_t decide_grace(const struct kind *kind, const struct removal_options *options,
			    const struct json *root)
{
	const struct json *own = json_path(root, "spec", "terminationGracePeriodSeconds", NULL);
	const struct json *running = json_get(meta_of(root), "deletionGracePeriodSeconds");
	struct str phase = json_str(json_path(root, "status", "phase", NULL));
	int64_t grace = options->grace_s;

	if (!kind->graceful)
		return 0;
	if (json_str(json_path(root, "spec", "nodeName", NULL)).len == 0 ||
	    str_is(phase, "Succeeded") || str_is(phase, "Failed"))
		return 0;
	if (grace < 0)
		grace = own ? json_int(own) : POD_GRACE_S;
	if (grace < 0)
		grace = 1;
	/* A second DELETE may only shorten the grace period. */
	if (running && json_int(running) < grace)
		grace = json_int(running);
	return grace;
}

static bool is_held(const struct removing *removing, const struct kind *kind,
		    const struct json *root)
{
	if (removing->grace_s > 0 || removing->options.finalizer)
		return true;
	if (json_count(json_get(meta_of(root), "finalizers")) > 0)
		return true;
	return strcmp(kind->name, "Namespace") == 0 &&
	       json_count(json_path(root, "spec", "finalizers", NULL)) > 0;
}

static void add_finalizer(struct json_doc *doc, struct json *metadata, const char *finalizer)
{
	struct json *list = json_sub_array(doc, metadata, "finalizers");

	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_is(json_str(it.value), finalizer))
			return;
	json_append(list, json_new_text(doc, finalizer));
}

static bool make_marked(struct changing *change, const struct object *old,
			struct json_doc **out_doc, struct error *err)
{
	struct removing *removing = change->of;
	struct json_doc *doc = object_thaw(old);
	struct json *root = json_root(doc), *metadata = meta_of(root);
	char when[CLOCK_TEXT];

	(void)err;
	if (!json_get(metadata, "deletionTimestamp") ||
	    json_int(json_get(metadata, "deletionGracePeriodSeconds")) > removing->grace_s) {
		clock_print(clock_wall_s() + removing->grace_s, when);
		json_put(doc, metadata, "deletionTimestamp", json_new_text(doc, when));
		json_put(doc, metadata, "deletionGracePeriodSeconds",
			 json_new_int(doc, removing->grace_s));
	}
	if (removing->options.finalizer)
		add_finalizer(doc, metadata, removing->options.finalizer);
	if (strcmp(change->kind->name, "Namespace") == 0)
		json_put(doc, json_sub_object(doc, root, "status"), "phase",
			 json_new_text(doc, "Terminating"));
	*out_doc = doc;
	return true;
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
	if (!check_protected(change, &err) ||
	    !check_preconditions(change, &removing->options, record->item, &err)) {
		change->on_done(change, NULL, &err);
		return;
	}
	removing->grace_s =
		decide_grace(change->kind, &removing->options, object_json(record->item));
	if (!is_held(removing, change->kind, object_json(record->item))) {
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
};

static void on_removed(struct changing *change, const struct object *result,
		       const struct error *err)
{
	struct removing_one *one = CONTAINER_OF(change->of, struct removing_one, removing);
	struct request *req = one->req;
	struct status_about about = { .kind = change->face, .name = change->name };
	auto_buf text = BUF_INIT;

	if (err) {
		reply_error(req, err, &about);
		return;
	}
	if (!change->removed || change->kind->returns_object) {
		reply_object(req, 200, result);
		return;
	}
	about.uid = object_uid(result);
	status_print_success(&about, &text);
	reply_text(req, 200, "application/json", buf_str(&text));
}

enum step removal_pass(struct request *req, struct error *err)
{
	struct removing_one *one = arena_zero(req->arena, sizeof(*one));
	struct changing *change;

	if (!read_options(req, &one->removing.options, err))
		return STEP_FAIL;
	one->req = req;
	change = change_of_request(req, CHANGE_UPDATE);
	change->on_done = on_removed;
	remove_newest(change, &one->removing);
	return STEP_DONE;
}

/* --- eviction --- */

static void on_evicted(struct changing *change, const struct object *result,
		       const struct error *err)
{
	struct removing_one *one = CONTAINER_OF(change->of, struct removing_one, removing);
	struct status_about about = { .kind = change->face, .name = change->name };
	auto_buf text = BUF_INIT;

	if (err) {
		reply_error(one->req, err, &about);
		return;
	}
	about.uid = object_uid(result);
	status_print_success(&about, &text);
	reply_text(one->req, 201, "application/json", buf_str(&text));
}

enum step removal_evict(struct request *req, struct error *err)
{
	struct removing_one *one = arena_zero(req->arena, sizeof(*one));
	struct changing *change;

	if (!read_options(req, &one->removing.options, err))
		return STEP_FAIL;
	one->req = req;
	change = change_of_request(req, CHANGE_UPDATE);
	change->on_done = on_evicted;
	remove_newest(change, &one->removing);
	return STEP_DONE;
}

/* --- a collection: all matching ones, answered as a list when the last is done --- */

struct collecting {
	struct request *req;
	struct removal_options options;
	const struct object **results; /* one reference each */
	size_t count, done, started;
	uint64_t revision;
};

static void collection_end(struct collecting *collecting)
{
	struct reply_list list = {
		.kind = collecting->req->kind,
		.revision = datastore_revision(registry_of(collecting->req)->store),
		.remaining = -1,
		.objects = collecting->results,
		.count = collecting->count,
	};

	reply_list(collecting->req, &list);
	/* The arena may be gone by now: the results array is our own. */
}

static void on_one_removed(struct changing *change, const struct object *result,
			   const struct error *err)
{
	struct removing *removing = change->of;
	struct collecting *collecting = removing->collecting;

	/* One that somebody else has just removed is as good as removed. */
	if (!err)
		collecting->results[collecting->count++] = object_ref(result);
	if (++collecting->done == collecting->started) {
		const struct object **results = collecting->results;
		size_t count = collecting->count;

		collection_end(collecting);
		for (size_t i = 0; i < count; i++)
			object_unref(results[i]);
		free(results);
	}
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
	struct filter filter;
	const struct object **found = NULL;
	size_t count;

	if (!read_options(req, &collecting->options, err) || !filter_parse(req, &filter, err))
		return STEP_FAIL;
	count = collect(req, &filter, &found);
	filter_clear(&filter);
	collecting->req = req;
	/* One more than there are: the last is counted here, so that the end never comes too early.
	 */
	collecting->started = count + 1;
	collecting->results = memory_get((count + 1) * sizeof(*collecting->results));
	for (size_t i = 0; i < count; i++) {
		start_one(collecting, found[i]);
		object_unref(found[i]);
	}
	free(found);
	if (++collecting->done == collecting->started) {
		const struct object **results = collecting->results;
		size_t results_count = collecting->count;

		collection_end(collecting);
		for (size_t i = 0; i < results_count; i++)
			object_unref(results[i]);
		free(results);
	}
	return STEP_DONE;
}
