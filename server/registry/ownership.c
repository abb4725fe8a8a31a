/*
 * ownership.c - finds out who writes, and lets api/managed_fields.h keep the books.
 */
#include "server/registry/ownership.h"

#include <assert.h>

#include "api/apply.h"
#include "api/decode.h"
#include "api/face.h"
#include "api/pulse.h"
#include "api/typed.h"
#include "base/limits.h"
#include "server/front/route.h"
#include "server/gate/authorize.h"
#include "server/registry/change.h"

#define MANAGER_MAX 128

/* --- who --- */

/* "kubectl/v1.32.0 (linux/amd64)" is kubectl. */
static struct str name_of_agent(struct request const *req)
{
	struct str rest = http_header(&req->http->head, "User-Agent");
	struct str name = str_cut(&rest, '/');
	char *kept = arena_string(req->arena, name.at ? name.at : "", name.len);
	size_t len = 0;

	for (size_t i = 0; i < name.len && len < MANAGER_MAX; i++)
		if (name.at[i] >= ' ' && name.at[i] < 0x7f)
			kept[len++] = name.at[i];
	return str_from(kept, len);
}

/* Our own parts send no User-Agent: they are known by their users. */
static struct str name_of_user(const struct request *req)
{
	struct str user = str_of(req->user.name);

	if (str_starts(user, STR("system:node:")))
		return STR("kubelet");
	if (str_starts(user, STR("system:kube-")))
		return str_from(user.at + 7, user.len - 7);
	if (str_is(user, "system:apiserver"))
		return STR("kube-apiserver");
	return STR("unknown");
}

struct owning *ownership_of(const struct request *req)
{
	struct owning *owning = arena_zero(req->arena, sizeof(*owning));

	owning->manager = req->params.field_manager;
	if (owning->manager.len == 0)
		owning->manager = name_of_agent(req);
	if (owning->manager.len == 0)
		owning->manager = name_of_user(req);
	owning->subresource = str_copy_arena(req->subresource, req->arena);
	clock_print(clock_wall_s(), owning->now);
	return owning;
}

/* What this way of writing cannot set: status beside an object that has it as a subresource, and
 * all but it (and metadata) on that. */
static void add_ignored(const struct changing *change, struct managed_actor *actor,
			struct arena *arena)
{
	const struct type *type = kind_type(change->kind);
	bool is_status = strcmp(change->owning->subresource, "status") == 0, has_status = false;

	for (const struct subresource *sub = change->kind->subresources; sub && sub->name; sub++)
		has_status = has_status || strcmp(sub->name, "status") == 0;
	if (!has_status)
		return;
	if (!is_status)
		fields_append(&actor->ignored, arena, fields_name(STR("status")), true, NULL);
	for (size_t i = 0; is_status && i < type->field_count; i++) {
		const char *name = field_name(&type_fields(type)[i]);

		if (strcmp(name, "status") != 0 && strcmp(name, "metadata") != 0)
			fields_append(&actor->ignored, arena, fields_name(str_of(name)), true,
				      NULL);
	}
	fields_finish(&actor->ignored, arena);
}

static struct managed_actor actor_of(const struct changing *change, struct arena *arena)
{
	struct managed_actor actor = {
		.manager = change->owning->manager,
		.subresource = str_of(change->owning->subresource),
		.now = str_of(change->owning->now),
	};
	auto_buf version = BUF_INIT;

	kind_api_version(change->kind, &version);
	actor.api_version = str_of(arena_string(arena, version.at, version.len));
	add_ignored(change, &actor, arena);
	return actor;
}

/* --- plain writes --- */

/* Entries to begin with: the caller's, if it has sent others that make sense; false: none are kept.
 */
static bool start_with(const struct changing *change, const struct json *given,
		       const struct object *old, struct arena *arena, struct managed *out)
{
	const struct json *live = old ? json_get(meta_of(object_json(old)), "managedFields") : NULL;
	struct error unused;

	*out = (struct managed){ NULL, 0, 0 };
	if (change->owning->subresource[0] == '\0') {
		if (managed_is_reset(given))
			return !old;
		if (managed_parse(given, arena, out, &unused) && out->count > 0)
			return true;
	}
	if (!managed_parse(live, arena, out, &unused))
		*out = (struct managed){ NULL, 0, 0 };
	/* An object that nobody watches yet is watched from its first apply on. */
	return !old || out->count > 0;
}

static struct json *tracked(const struct changing *change, struct json_doc *doc,
			    const struct json *given, const struct object *old)
{
	const struct json *live = old ? json_get(meta_of(object_json(old)), "managedFields") : NULL;
	auto_arena arena = arena_new();
	struct managed_actor actor = actor_of(change, arena);
	struct managed managed;
	struct typed_changes changes = managed_compare(
		kind_type(change->kind), old ? object_json(old) : NULL, json_root(doc), arena);
	bool changed = changes.changed.count > 0 || changes.removed.count > 0;

	if (changes.many || fields_are_beyond(&changes.changed))
		return NULL;
	if (!changed && (!given || json_equal(given, live)))
		return json_clone(doc, live);
	if (!start_with(change, given, old, arena, &managed))
		return NULL;
	if (changed)
		managed_record(&managed, &actor, &changes, arena);
	return managed_print(&managed, doc);
}

/* Deleting, binding and evicting are no claims on fields. */
static bool is_tracked(const struct changing *change)
{
	return change->owning && !change->marks_deletion && kind_type(change->kind) &&
	       strcmp(change->subresource, "delete") != 0 &&
	       strcmp(change->subresource, "binding") != 0;
}

void ownership_track(const struct changing *change, struct json_doc *doc, const struct object *old)
{
	struct json *metadata = json_sub_object(doc, json_root(doc), "metadata");
	const struct json *live = old ? json_get(meta_of(object_json(old)), "managedFields") : NULL;
	struct json *made;

	if (change->owning && change->owning->done)
		return;
	if (!is_tracked(change))
		made = json_clone(doc, live);
	else
		made = tracked(change, doc, json_get(metadata, "managedFields"), old);
	json_put(doc, metadata, "managedFields", made);
}

/* An entry without its time. */
static bool same_entry(const struct json *a, const struct json *b)
{
	static const char *const parts[] = { "manager",    "operation",   "apiVersion",
					     "fieldsType", "subresource", "fieldsV1" };

	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
		if (!json_equal(json_get(a, parts[i]), json_get(b, parts[i])))
			return false;
	return true;
}

bool ownership_same(const struct json *now, const struct json *old)
{
	static const char *const nothing_else[] = { NULL };
	struct json_iter left = json_iter(json_get(meta_of(now), "managedFields"));
	struct json_iter right = json_iter(json_get(meta_of(old), "managedFields"));

	if (json_equal(now, old))
		return true;
	while (json_next(&left))
		if (!json_next(&right) || !same_entry(left.value, right.value))
			return false;
	return !json_next(&right) && pulse_check(now, old, nothing_else);
}

/* --- apply --- */

/* An apply that makes the object is a create. */
static bool check_may_create(struct request *req, struct error *err)
{
	enum request_verb verb = req->verb;
	enum step step;

	req->verb = REQUEST_CREATE;
	step = authorize_pass(req, err);
	req->verb = verb;
	return step == STEP_NEXT;
}

/* Whoever names the object's identity does not mean a new one. */
static bool check_no_uid(const struct changing *change, const struct json *config,
			 struct error *err)
{
	struct str uid = meta_str(config, "uid");
	auto_buf resource = BUF_INIT;

	if (uid.len == 0)
		return true;
	kind_resource(change->face, &resource);
	return error_set(err, ERROR_CONFLICT,
			 "Operation cannot be fulfilled on %s \"" STR_FMT
			 "\": uid mismatch: the provided object specified uid " STR_FMT
			 ", and no existing object was found",
			 buf_text(&resource), STR_ARG(change->name), STR_ARG(uid));
}

/* The configuration in the form that is kept.  Another face is decoded before it is turned: nulls
 * and whatever else a body may have are not for it. */
static bool kept_config(const struct changing *change, const struct json *config,
			struct json_doc **out, struct error *err)
{
	struct decode_notes unused = { .arena = change->arena };
	auto_json_doc doc = json_doc_new();

	json_set_root(doc, json_clone(doc, config));
	if (change->face != change->kind) {
		if (!decode_check(kind_type(change->face), doc, json_root(doc), &unused, err))
			return false;
		face_to_kept(change->face, doc);
	}
	*out = take_ptr(&doc);
	return true;
}

bool ownership_apply(struct changing *change, const struct object *old, const struct json *config,
		     struct json_doc **out_doc, struct error *err)
{
	struct request *req = change->of;
	auto_json_doc doc = json_doc_new();
	auto_json_doc kept = NULL;
	auto_arena arena = arena_new();
	struct json *made;
	struct apply apply = {
		.type = kind_type(change->kind),
		.force = params_true(params_find(req, "force")),
		.live = old ? object_json(old) : NULL,
		.arena = arena,
	};

	assert(change->owning);
	if (!old && (!check_no_uid(change, config, err) || !check_may_create(req, err)))
		return false;
	if (!kept_config(change, config, &kept, err))
		return false;
	apply.config = json_root(kept);
	apply.actor = actor_of(change, arena);
	if (!apply_run(&apply, doc, &made, &change->errors, err))
		return false;
	json_set_root(doc, made);
	if (meta_str(config, "resourceVersion").len == 0)
		json_remove(meta_of(made), STR("resourceVersion"));
	change->owning->done = true;
	*out_doc = take_ptr(&doc);
	return true;
}
