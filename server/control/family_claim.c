/*
 * family_claim.c - one look at the family, then: patches that let go at once, and for adoption
 * first the owner from the API, then the patches.
 */
#include "server/control/family_claim.h"

#include <assert.h>

/* An adoption under way: what is to be adopted, as it was when we looked. */
struct adoption {
	struct batch *batch;
	enum control_kind kind;
	const struct object *owner;
	const char *finalizer;
	const struct object **members;
	size_t count;
};

static void adoption_free(struct adoption *adoption)
{
	for (size_t i = 0; i < adoption->count; i++)
		object_unref(adoption->members[i]);
	object_unref(adoption->owner);
	free(adoption->members);
	free(adoption);
}

static bool matches(const struct family_claim *claim, const struct object *member)
{
	return claim->selector && selector_match(claim->selector, member) &&
	       (!claim->fits || claim->fits(claim->owner, member));
}

bool family_claim_holds(const struct family_claim *claim, const struct object *member)
{
	return str_equal(control_owner_uid(member), object_uid(claim->owner)) &&
	       matches(claim, member);
}

static bool is_left_alone(const struct family_claim *claim, const struct member *member)
{
	return claim->active_only && !member_is_active(member);
}

/* --- letting go --- */

/* It went meanwhile, is another one now or has no such owner: then there is nothing to do. */
static void on_let_go(void *of, const struct json *result, const struct error *err)
{
	bool is_over = err && (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_INVALID ||
			       err->kind == ERROR_CONFLICT);

	(void)result;
	batch_drop(of, is_over ? NULL : err);
}

static void let_go(struct batch *batch, const struct family_claim *claim,
		   const struct object *member)
{
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_STRATEGIC,
				  .kind = batch->control->kinds[claim->kind],
				  .namespace = object_namespace(member),
				  .name = object_name(member),
				  .on_done = on_let_go,
				  .of = batch };

	buf_add_print(&body,
		      "{\"metadata\":{\"uid\":\"" STR_FMT "\",\"ownerReferences\":[{\"$patch\":"
		      "\"delete\",\"uid\":\"" STR_FMT "\"}]}}",
		      STR_ARG(object_uid(member)), STR_ARG(object_uid(claim->owner)));
	ask.body = buf_str(&body);
	batch_hold(batch);
	client_call(batch->control->client, &ask);
}

static size_t let_strangers_go(struct batch *batch, const struct family_claim *claim)
{
	const struct family *family = batch->control->families[claim->kind];
	const struct member *member;
	size_t count = 0;

	for (size_t i = 0; (member = family_next(family, object_uid(claim->owner), &i));) {
		if (is_left_alone(claim, member) || matches(claim, member->object))
			continue;
		if (!batch->control->stopping)
			let_go(batch, claim, member->object);
		count++;
	}
	return count;
}

/* --- adopting --- */

static void adopt(const struct adoption *adoption, const struct object *member)
{
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *metadata;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_STRATEGIC,
				  .kind = adoption->batch->control->kinds[adoption->kind],
				  .namespace = object_namespace(member),
				  .name = object_name(member) };

	metadata = json_sub_object(doc, patch, "metadata");
	json_put(doc, metadata, "uid", json_new_str(doc, object_uid(member)));
	json_append(json_sub_array(doc, metadata, "ownerReferences"),
		    control_owner_reference(doc, adoption->owner));
	if (adoption->finalizer)
		json_append(json_sub_array(doc, metadata, "finalizers"),
			    json_new_text(doc, adoption->finalizer));
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(adoption->batch, &ask);
}

static void on_owner(void *of, const struct json *result, const struct error *err)
{
	struct adoption *adoption = of;
	struct batch *batch = adoption->batch;
	struct error gone;

	if (!err && (!str_equal(meta_str(result, "uid"), object_uid(adoption->owner)) ||
		     json_get(meta_of(result), "deletionTimestamp"))) {
		error_set(&gone, ERROR_CONFLICT, STR_FMT " is gone or being deleted",
			  STR_ARG(object_name(adoption->owner)));
		err = &gone;
	}
	for (size_t i = 0; !err && i < adoption->count; i++)
		adopt(adoption, adoption->members[i]);
	adoption_free(adoption);
	batch_drop(batch, err);
}

static void adopt_after_asking(struct batch *batch, const struct family_claim *claim,
			       struct adoption *adoption)
{
	struct client_ask ask = { .verb = CLIENT_GET,
				  .kind = batch->control->kinds[claim->owner_kind],
				  .namespace = object_namespace(claim->owner),
				  .name = object_name(claim->owner),
				  .on_done = on_owner,
				  .of = adoption };

	adoption->batch = batch;
	adoption->kind = claim->kind;
	adoption->owner = object_ref(claim->owner);
	adoption->finalizer = claim->finalizer;
	batch_hold(batch);
	client_call(batch->control->client, &ask);
}

/* NULL when there are none. */
static struct adoption *find_orphans(struct batch *batch, const struct family_claim *claim)
{
	const struct family *family = batch->control->families[claim->kind];
	struct str namespace = object_namespace(claim->owner);
	struct adoption *adoption = NULL;
	const struct member *member;

	for (size_t i = 0; (member = family_next_orphan(family, namespace, &i));) {
		if (object_is_deleting(member->object) || is_left_alone(claim, member) ||
		    !matches(claim, member->object))
			continue;
		if (!adoption)
			adoption = memory_new(struct adoption);
		adoption->members = memory_grow(adoption->members,
						(adoption->count + 1) * sizeof(member->object));
		adoption->members[adoption->count++] = object_ref(member->object);
	}
	return adoption;
}

bool family_claim(struct batch *batch, const struct family_claim *claim)
{
	struct adoption *orphans;
	size_t strangers;

	assert(claim->owner && batch->control->families[claim->kind]);
	if (object_is_deleting(claim->owner) || batch->control->stopping)
		return false;
	strangers = let_strangers_go(batch, claim);
	orphans = find_orphans(batch, claim);
	if (orphans)
		adopt_after_asking(batch, claim, orphans);
	return strangers > 0 || orphans;
}
