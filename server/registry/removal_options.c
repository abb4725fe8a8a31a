/*
 * removal_options.c - DeleteOptions: read, checked, and held against an object.
 *
 *   graceful kinds (pods): deletionTimestamp = now + grace; a second DELETE may only shorten it
 *   finalizers of its own, or one for its dependents: deletionTimestamp = now, grace 0
 *   neither: gone at once
 *
 * Kubernetes API conventions; wire contract 2.3 and 10.
 */
#include "server/registry/removal_options.h"

#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"
#include "server/registry/body.h"

#define ORPHAN     "orphan"
#define FOREGROUND "foregroundDeletion"

/* Only its names are used: in the Status of a refusal. */
const struct kind removal_options_kind = {
	.group = "meta.k8s.io",
	.version = "v1",
	.name = "DeleteOptions",
	.plural = "deleteoptions",
};

/* --- reading: the body wins over the query --- */

static void take_policy(struct str policy, struct removal_options *out, struct field_errors *errors)
{
	static const struct {
		const char *name;
		enum removal_policy policy;
	} rows[] = {
		{ "Foreground", REMOVAL_FOREGROUND },
		{ "Background", REMOVAL_BACKGROUND },
		{ "Orphan", REMOVAL_ORPHAN },
	};

	if (policy.len == 0)
		return;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (str_is(policy, rows[i].name)) {
			out->policy = rows[i].policy;
			return;
		}
	field_errors_add(errors, FIELD_NOT_SUPPORTED, "propagationPolicy",
			 field_path(errors, "\"" STR_FMT "\"", STR_ARG(policy)),
			 "supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"");
}

static void take_orphan(bool orphan, struct str policy, struct removal_options *out,
			struct field_errors *errors)
{
	if (policy.len > 0)
		field_errors_add(errors, FIELD_INVALID, "propagationPolicy",
				 field_path(errors, "\"" STR_FMT "\"", STR_ARG(policy)),
				 "orphanDependents and deletionPropagation cannot be both set");
	else
		out->policy = orphan ? REMOVAL_ORPHAN : REMOVAL_BACKGROUND;
	out->old_cascade = !orphan;
}

static void take_dry_run(struct request *req, const struct json *list, struct field_errors *errors)
{
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		if (str_is(json_str(it.value), "All"))
			req->params.dry_run = true;
		else
			field_errors_add(errors, FIELD_NOT_SUPPORTED, "dryRun",
					 field_path(errors, "[]string{\"" STR_FMT "\"}",
						    STR_ARG(json_str(it.value))),
					 "supported values: \"All\"");
	}
}

static void take_body(struct request *req, const struct json *body, struct removal_options *out,
		      struct field_errors *errors)
{
	const struct json *grace = json_get(body, "gracePeriodSeconds");
	const struct json *orphan = json_get(body, "orphanDependents");
	const struct json *limits = json_get(body, "preconditions");
	struct str policy = json_str(json_get(body, "propagationPolicy"));

	if (json_type(grace) == JSON_NUMBER)
		out->grace_s = json_int(grace) < 0 ? 1 : json_int(grace);
	out->uid = str_of(str_copy_arena(json_str(json_get(limits, "uid")), req->arena));
	out->revision =
		str_of(str_copy_arena(json_str(json_get(limits, "resourceVersion")), req->arena));
	take_dry_run(req, json_get(body, "dryRun"), errors);
	take_policy(policy, out, errors);
	if (json_type(orphan) == JSON_BOOL)
		take_orphan(json_bool(orphan), policy, out, errors);
}

static void take_query(struct request *req, struct removal_options *out,
		       struct field_errors *errors)
{
	struct request_params *params = &req->params;

	if (params->grace_s != -1)
		out->grace_s = params->grace_s < 0 ? 1 : params->grace_s;
	take_policy(params->propagation_policy, out, errors);
	if (params->has_orphan_dependents)
		take_orphan(params->orphan_dependents, params->propagation_policy, out, errors);
}

bool removal_options_read(struct request *req, struct removal_options *out,
			  struct field_errors *errors, struct error *err)
{
	auto_json_doc doc = NULL;

	*out = (struct removal_options){ .grace_s = -1 };
	errors->arena = req->arena;
	if (!body_read_options(req, &doc, err))
		return false;
	if (doc)
		take_body(req, json_root(doc), out, errors);
	else
		take_query(req, out, errors);
	return status_invalid(err, &removal_options_kind, STR(""), errors);
}

/* --- preconditions --- */

bool removal_options_check(const struct removal_options *options, const struct kind *kind,
			   const struct object *old, struct error *err)
{
	auto_buf what = BUF_INIT;
	uint64_t wanted = 0;

	buf_add_print(&what, "Operation cannot be fulfilled on %s%s%s \"" STR_FMT "\"", kind->name,
		      kind->group[0] ? "." : "", kind->group, STR_ARG(object_name(old)));
	if (options->uid.len > 0 && !str_equal(options->uid, object_uid(old)))
		return error_set(err, ERROR_CONFLICT,
				 "%s: the UID in the precondition (" STR_FMT
				 ") does not match the UID in record (" STR_FMT
				 "). The object might have been deleted and then recreated",
				 buf_text(&what), STR_ARG(options->uid), STR_ARG(object_uid(old)));
	if (options->revision.len > 0 &&
	    (!str_to_u64(options->revision, UINT64_MAX, &wanted) || wanted != object_revision(old)))
		return error_set(err, ERROR_CONFLICT,
				 "%s: the ResourceVersion in the precondition (" STR_FMT
				 ") does not match the ResourceVersion in record (%" PRIu64
				 "). The object might have been modified",
				 buf_text(&what), STR_ARG(options->revision), object_revision(old));
	return true;
}

/* --- deciding --- */

static bool has_finalizer(const struct json *root, const char *name)
{
	for (struct json_iter it = json_iter(json_get(meta_of(root), "finalizers"));
	     json_next(&it);)
		if (str_is(json_str(it.value), name))
			return true;
	return false;
}

/* What was asked for; else what the object says already; else what its kind is used to. */
static enum removal_policy policy_of(const struct removal_options *options, const struct kind *kind,
				     const struct json *root)
{
	static const char *const orphaning[] = { "Job", "ReplicationController" };

	if (strcmp(kind->name, "Event") == 0)
		return REMOVAL_BACKGROUND; /* nothing depends on events */
	if (options->policy != REMOVAL_DEFAULT)
		return options->policy;
	if (has_finalizer(root, ORPHAN))
		return REMOVAL_ORPHAN;
	if (has_finalizer(root, FOREGROUND))
		return REMOVAL_FOREGROUND;
	for (size_t i = 0; i < ARRAY_LENGTH(orphaning); i++)
		if (strcmp(kind->name, orphaning[i]) == 0)
			return REMOVAL_ORPHAN;
	return REMOVAL_BACKGROUND;
}

static bool has_other_finalizers(const struct kind *kind, const struct json *root)
{
	for (struct json_iter it = json_iter(json_get(meta_of(root), "finalizers"));
	     json_next(&it);)
		if (!str_is(json_str(it.value), ORPHAN) && !str_is(json_str(it.value), FOREGROUND))
			return true;
	return strcmp(kind->name, "Namespace") == 0 &&
	       json_count(json_path(root, "spec", "finalizers", NULL)) > 0;
}

/* A pod that no node has, or that has ended, has nothing to be gentle to. */
static int64_t first_grace(const struct removal_options *options, const struct json *root)
{
	struct str phase = json_str(json_path(root, "status", "phase", NULL));
	int64_t grace = options->grace_s;

	if (json_str(json_path(root, "spec", "nodeName", NULL)).len == 0 ||
	    str_is(phase, "Succeeded") || str_is(phase, "Failed"))
		return 0;
	if (grace < 0)
		grace = json_int(json_path(root, "spec", "terminationGracePeriodSeconds", NULL));
	return grace < 0 ? 1 : grace;
}

/* True: it is marked with the grace period in *out; false: a grace period is nothing for it. */
static bool decide_grace(const struct removal_options *options, const struct kind *kind,
			 const struct json *root, struct removal_decision *out)
{
	struct str end = meta_str(root, "deletionTimestamp");
	int64_t running = json_int(json_get(meta_of(root), "deletionGracePeriodSeconds"));

	if (!kind->graceful)
		return false;
	if (end.len == 0) {
		out->grace_s = first_grace(options, root);
		out->end_s = clock_wall_s() + out->grace_s;
		return true;
	}
	if (running <= 0)
		return false;
	if (options->grace_s < 0 || options->grace_s >= running) {
		out->waits = true;
		return true;
	}
	if (!clock_parse(end, &out->end_s, NULL))
		out->end_s = clock_wall_s() + running;
	out->end_s += options->grace_s - running;
	out->grace_s = options->grace_s;
	return true;
}

void removal_decide(const struct removal_options *options, const struct kind *kind,
		    const struct json *root, struct removal_decision *out)
{
	enum removal_policy policy = policy_of(options, kind, root);
	struct str end = meta_str(root, "deletionTimestamp");
	bool held;

	*out = (struct removal_decision){ .orphan = policy == REMOVAL_ORPHAN,
					  .foreground = policy == REMOVAL_FOREGROUND };
	held = out->orphan || out->foreground || has_other_finalizers(kind, root);
	if (decide_grace(options, kind, root, out)) {
		out->at_once = !out->waits && !held && out->grace_s == 0;
		return;
	}
	out->at_once = !held;
	out->grace_s = 0;
	if (end.len == 0 || !clock_parse(end, &out->end_s, NULL) || out->end_s > clock_wall_s())
		out->end_s = clock_wall_s();
}

static void put_finalizers(const struct removal_decision *decision, struct json_doc *doc,
			   struct json *metadata)
{
	struct json *kept = json_new_array(doc);

	for (struct json_iter it = json_iter(json_get(metadata, "finalizers")); json_next(&it);)
		if (!str_is(json_str(it.value), ORPHAN) && !str_is(json_str(it.value), FOREGROUND))
			json_append(kept, json_clone(doc, it.value));
	if (decision->orphan)
		json_append(kept, json_new_text(doc, ORPHAN));
	if (decision->foreground)
		json_append(kept, json_new_text(doc, FOREGROUND));
	json_put(doc, metadata, "finalizers", json_count(kept) > 0 ? kept : NULL);
}

void removal_mark(const struct removal_decision *decision, const struct kind *kind,
		  struct json_doc *doc)
{
	struct json *root = json_root(doc), *metadata = meta_of(root);
	bool is_namespace = strcmp(kind->name, "Namespace") == 0;
	char when[CLOCK_TEXT];

	assert(!decision->waits);
	clock_print(decision->end_s, when);
	json_put(doc, metadata, "deletionTimestamp", json_new_text(doc, when));
	if (!is_namespace)
		json_put(doc, metadata, "deletionGracePeriodSeconds",
			 json_new_int(doc, decision->grace_s));
	put_finalizers(decision, doc, metadata);
	if (is_namespace)
		json_put(doc, json_sub_object(doc, root, "status"), "phase",
			 json_new_text(doc, "Terminating"));
}
