/*
 * change.c - the change loop.
 *
 *   newest object -> make (patch, body, subresource) -> server-set metadata -> defaults
 *        ^                                                                       |
 *        |                                       admission -> validation <-------+
 *        |                                                        |
 *        +--- somebody else was faster --- datastore_write (if unchanged)
 *
 * An update that changes nothing writes nothing and keeps its revision.  An update that takes the
 * last finalizer of a deleted object removes it.
 */
#include "server/registry/change.h"

#include <assert.h>
#include <inttypes.h>

#include "api/face.h"
#include "api/pulse.h"
#include "base/clock.h"
#include "base/random.h"
#include "server/registry/admit.h"
#include "server/registry/quota_book.h"
#include "server/registry/registry_inside.h"

/* --- server-set metadata --- */

/* Metadata that only the server writes: taken from the old object, whatever the caller sent. */
static const char *const kept_fields[] = { "uid", "creationTimestamp", "generation", "generateName",
					   "resourceVersion" };
static const char *const deletion_fields[] = { "deletionTimestamp", "deletionGracePeriodSeconds" };

static void stamp_new(struct changing *change, struct json_doc *doc, struct json *metadata)
{
	char uuid[RANDOM_UUID], now[CLOCK_TEXT];

	random_uuid(uuid);
	clock_print(clock_wall_s(), now);
	json_remove(metadata, STR("resourceVersion"));
	json_remove(metadata, STR("deletionTimestamp"));
	json_remove(metadata, STR("deletionGracePeriodSeconds"));
	json_remove(metadata, STR("generation"));
	json_put(doc, metadata, "uid", json_new_text(doc, uuid));
	json_put(doc, metadata, "creationTimestamp", json_new_text(doc, now));
	if (change->kind->has_generation)
		json_put(doc, metadata, "generation", json_new_int(doc, 1));
}

static void keep_fields(struct json_doc *doc, struct json *metadata,
			const struct json *old_metadata, const char *const *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_put(doc, metadata, fields[i],
			 json_clone(doc, json_get(old_metadata, fields[i])));
}

/* As the real server writes them: a list or map without entries is not there. */
static void drop_empty(struct json *metadata)
{
	static const char *const fields[] = { "labels", "annotations", "finalizers",
					      "ownerReferences" };

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
		const struct json *value = json_get(metadata, fields[i]);
		enum json_type type = json_type(value);

		if ((type == JSON_ARRAY || type == JSON_OBJECT) && json_count(value) == 0)
			json_remove(metadata, str_of(fields[i]));
	}
}

static void stamp(struct changing *change, struct json_doc *doc, const struct object *old)
{
	struct json *root = json_root(doc);
	struct json *metadata = json_sub_object(doc, root, "metadata");

	drop_empty(metadata);
	json_remove(metadata, STR("selfLink"));
	json_put(doc, metadata, "name", json_new_str(doc, change->name));
	if (change->kind->namespaced)
		json_put(doc, metadata, "namespace", json_new_str(doc, change->namespace));
	else
		json_remove(metadata, STR("namespace"));
	if (!old) {
		stamp_new(change, doc, metadata);
		return;
	}
	keep_fields(doc, metadata, meta_of(object_json(old)), kept_fields,
		    ARRAY_LENGTH(kept_fields));
	if (!change->marks_deletion)
		keep_fields(doc, metadata, meta_of(object_json(old)), deletion_fields,
			    ARRAY_LENGTH(deletion_fields));
}

/* Annotations of a Deployment count as its spec: they steered rollbacks once. */
static bool is_new_wish(const struct changing *change, const struct json *now,
			const struct json *old)
{
	if (!kind_spec_equal(now, old))
		return true;
	return strcmp(change->kind->name, "Deployment") == 0 && change->subresource[0] == '\0' &&
	       !json_equal(json_get(meta_of(now), "annotations"),
			   json_get(meta_of(old), "annotations"));
}

static void bump_generation(struct changing *change, struct json_doc *doc, const struct object *old)
{
	struct json *root = json_root(doc), *metadata = meta_of(root);
	int64_t generation = json_int(json_get(meta_of(object_json(old)), "generation"));

	if (!change->kind->has_generation)
		return;
	if (change->marks_deletion ? !object_is_deleting(old)
				   : is_new_wish(change, root, object_json(old)))
		generation++;
	json_put(doc, metadata, "generation", json_new_int(doc, generation));
}

/* --- the wish meets what is there --- */

static bool other_uid(const struct changing *change, struct str wanted, struct str uid,
		      struct error *err)
{
	auto_buf resource = BUF_INIT;

	kind_resource(change->face, &resource);
	return error_set(err, ERROR_CONFLICT,
			 "Operation cannot be fulfilled on %s \"" STR_FMT
			 "\": Precondition failed: UID in precondition: " STR_FMT
			 ", UID in object meta: " STR_FMT,
			 buf_text(&resource), STR_ARG(change->name), STR_ARG(wanted), STR_ARG(uid));
}

/* Said with the resource where others say the Kind. */
static bool needs_revision(struct changing *change, struct error *err)
{
	auto_buf resource = BUF_INIT;

	kind_resource(change->face, &resource);
	change->shown_kind = change->face->plural;
	field_errors_add(&change->errors, FIELD_INVALID, "metadata.resourceVersion", "0x0",
			 "must be specified for an update");
	return error_set(err, ERROR_INVALID,
			 "%s \"" STR_FMT
			 "\" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be "
			 "specified for an update",
			 buf_text(&resource), STR_ARG(change->name));
}

/* A resourceVersion or uid in the wish is a condition. */
static bool check_conditions(struct changing *change, struct json_doc *doc,
			     const struct object *old, struct error *err)
{
	struct json *root = json_root(doc);
	struct str version = meta_str(root, "resourceVersion"), uid = meta_str(root, "uid");
	uint64_t wanted = 0;

	if (!old)
		return uid.len == 0 || change->goal == CHANGE_CREATE ||
		       other_uid(change, uid, STR(""), err);
	if ((version.len == 0 || str_is(version, "0")) && change->kind->needs_revision &&
	    change->goal == CHANGE_PUT)
		return needs_revision(change, err);
	if (version.len > 0 && !str_is(version, "0") &&
	    (!str_to_u64(version, UINT64_MAX, &wanted) || wanted != object_revision(old)))
		return status_conflict(err, change->face, change->name);
	if (uid.len > 0 && !str_equal(uid, object_uid(old)))
		return other_uid(change, uid, object_uid(old), err);
	return true;
}

/* What the rules have to say to the one who asks, beside the answer. */
static void warn(struct changing *change, struct kind_work *work)
{
	auto_buf lines = BUF_INIT;
	struct str rest;

	if (!change->req)
		return;
	work->warnings = &lines;
	if (change->kind->warn)
		change->kind->warn(work);
	if (change->face != change->kind && change->face->warn)
		change->face->warn(work);
	work->warnings = NULL;
	rest = buf_str(&lines);
	while (rest.len > 0)
		request_warn(change->req, str_copy_arena(str_cut(&rest, '\n'), change->arena));
}

/* The rules of the kept kind, and those that its other face adds. */
static bool validate(struct changing *change, struct kind_work *work, struct error *err)
{
	bool other = change->face != change->kind;

	if (other && change->face->validate && strcmp(work->subresource, "delete") != 0)
		change->face->validate(work);
	if (!kind_validate(work, err))
		return !other ? false
			      : status_invalid(err, change->face, change->name, work->errors);
	if (strcmp(work->subresource, "delete") != 0)
		warn(change, work);
	return true;
}

static bool shape(struct changing *change, struct json_doc *doc, const struct object *old,
		  struct error *err)
{
	struct kind_work work = {
		.kind = change->kind,
		.doc = doc,
		.object = json_root(doc),
		.old = old ? object_json(old) : NULL,
		.errors = &change->errors,
		.subresource = change->subresource,
	};
	struct admit_work admit = {
		.registry = change->registry,
		.kind = change->kind,
		.face = change->face,
		.doc = doc,
		.object = json_root(doc),
		.old = work.old,
		.subresource = change->subresource,
		.user = change->user,
		.arena = change->arena,
		.namespace = change->namespace,
		.dry_run = change->dry_run,
		.cause = &change->cause,
	};

	stamp(change, doc, old);
	kind_default(&work);
	ownership_track(change, doc, old);
	kind_prepare(&work);
	if (!admit_run(&admit, err))
		return false;
	if (old)
		bump_generation(change, doc, old);
	return validate(change, &work, err) &&
	       quota_book_charge(change->registry->quotas, &admit, &change->charge, err);
}

/* Deleted, nothing holds it any more, and no grace period is running. */
static bool is_finished(const struct changing *change, const struct json *root)
{
	const struct json *metadata = meta_of(root);

	if (!json_get(metadata, "deletionTimestamp") ||
	    json_count(json_get(metadata, "finalizers")) > 0)
		return false;
	if (str_is(str_of(change->kind->name), "Namespace") &&
	    json_count(json_path(root, "spec", "finalizers", NULL)) > 0)
		return false;
	return json_int(json_get(metadata, "deletionGracePeriodSeconds")) == 0;
}

/* --- the end --- */

static void finish(struct changing *change, const struct object *result, const struct error *err)
{
	const struct object *mine = change->result;

	change->result = NULL;
	quota_book_release(change->charge);
	change->charge = NULL;
	change->on_done(change, result, err);
	object_unref(mine);
}

static void on_written(void *of, const struct error *err)
{
	struct changing *change = of;

	if (!err)
		object_trim(change->result);
	finish(change, err ? NULL : change->result, err);
}

static bool stays_in_memory(const struct kind *kind, const struct object *old,
			    const struct object *item)
{
	return kind->in_memory || (kind->pulse && old && item &&
				   pulse_beats(object_json(old), object_json(item), kind->pulse));
}

/* item NULL: remove.  change->result holds the reference of what is answered. */
static bool write_record(struct changing *change, struct object *item, uint64_t revision,
			 const struct object *old, struct error *err)
{
	auto_buf key = BUF_INIT;
	struct datastore_write write = {
		.expected = old ? object_revision(old) : DATASTORE_ABSENT,
		.revision = revision,
		.item = item,
		.in_memory = stays_in_memory(change->kind, old, item),
		.on_done = on_written,
		.of = change,
	};

	registry_key(change->kind, change->namespace, change->name, &key);
	write.key = buf_str(&key);
	return datastore_write(change->registry->store, &write, err);
}

static bool store(struct changing *change, struct json_doc *doc, const struct object *old,
		  struct error *err)
{
	struct json *root = json_root(doc);
	uint64_t revision = datastore_reserve(change->registry->store);

	change->created = !old;
	change->removed = old && is_finished(change, root);
	json_put(doc, meta_of(root), "resourceVersion", json_new_print(doc, "%" PRIu64, revision));
	change->result = object_new(doc);
	return write_record(change, change->removed ? NULL : (struct object *)change->result,
			    revision, old, err);
}

static const struct object *newest(struct changing *change)
{
	auto_buf key = BUF_INIT;
	const struct record *record;

	registry_key(change->kind, change->namespace, change->name, &key);
	record = datastore_find_latest(change->registry->store, buf_str(&key));
	return record ? record->item : NULL;
}

static bool check_goal(struct changing *change, const struct object *old, struct error *err)
{
	if (change->goal == CHANGE_CREATE && old)
		return status_exists(err, change->face, change->name);
	if (change->goal == CHANGE_UPDATE && !old)
		return status_not_found(err, change->face, change->name);
	if (change->goal == CHANGE_PUT && !old && !change->kind->put_creates)
		return status_not_found(err, change->face, change->name);
	return true;
}

/* One turn of the loop.  True: on_done was called or will be. */
static bool turn(struct changing *change, struct error *err)
{
	const struct object *old = newest(change);
	auto_json_doc doc = NULL;

	if (!check_goal(change, old, err) || !change->make(change, old, &doc, err))
		return false;
	if (!check_conditions(change, doc, old, err) || !shape(change, doc, old, err))
		return false;
	if (old && ownership_same(json_root(doc), object_json(old)) &&
	    !is_finished(change, json_root(doc))) {
		finish(change, old, NULL);
		return true;
	}
	if (change->dry_run) {
		change->created = !old;
		change->result = object_new(take_ptr(&doc));
		finish(change, change->result, NULL);
		return true;
	}
	if (store(change, take_ptr(&doc), old, err))
		return true;
	object_unref(change->result);
	change->result = NULL;
	return false;
}

void change_run(struct changing *change)
{
	struct error err;

	assert(change->kind && change->make && change->on_done);
	change->errors.arena = change->arena;
	if (!turn(change, &err))
		finish(change, NULL, &err);
}

/* The last state of a removed object carries the revision of its removal. */
static struct object *last_state(const struct object *old, uint64_t revision)
{
	struct json_doc *doc = object_thaw(old);

	json_put(doc, meta_of(json_root(doc)), "resourceVersion",
		 json_new_print(doc, "%" PRIu64, revision));
	return object_new(doc);
}

void change_remove(struct changing *change, const struct object *old)
{
	struct error err;
	uint64_t revision;

	change->removed = true;
	if (change->dry_run) {
		finish(change, old, NULL);
		return;
	}
	revision = datastore_reserve(change->registry->store);
	change->result = last_state(old, revision);
	if (!write_record(change, NULL, revision, old, &err))
		finish(change, NULL, &err);
}

/* --- for requests --- */

struct changing *change_of_request(struct request *req, enum change_goal goal)
{
	struct changing *change = arena_zero(req->arena, sizeof(*change));

	change->registry = registry_of(req);
	change->arena = req->arena;
	change->kind = face_kept(req->kind);
	change->face = req->kind;
	change->req = req;
	change->namespace = req->namespace;
	change->name = req->name;
	change->subresource = str_copy_arena(req->subresource, req->arena);
	change->user = &req->user;
	change->owning = ownership_of(req);
	change->goal = goal;
	change->dry_run = req->params.dry_run;
	change->on_done = change_reply;
	change->of = req;
	return change;
}

void change_reply(struct changing *change, const struct object *result, const struct error *err)
{
	struct request *req = change->of;
	struct status_about about = {
		.kind = change->face,
		.name = change->name,
		.causes = change->errors.count > 0 ? &change->errors : NULL,
		.shown_kind = change->shown_kind,
		.cause = change->cause,
	};

	if (err)
		reply_error(req, err, &about);
	else
		reply_object(req, change->created ? 201 : 200, result);
}
