/*
 * volume_index.c - one row of facts a volume.
 */
#include "server/control/volume_index.h"

#include "api/quantity.h"
#include "api/selector.h"
#include "api/validate_claim.h"
#include "base/map.h"

struct facts {
	char *name, *class;
	char *owner, *owner_uid; /* "namespace/name" of claimRef, or NULL */
	unsigned modes;
	int64_t bytes;
	bool block, available, deleting;
};

struct volume_index {
	const struct cache *volumes;
	struct map *facts; /* name -> struct facts */
};

static unsigned modes_of(const struct json *list)
{
	static const char *const names[] = { "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany",
					     "ReadWriteOncePod" };
	unsigned modes = 0;

	for (struct json_iter it = json_iter(list); json_next(&it);)
		for (unsigned i = 0; i < ARRAY_LENGTH(names); i++)
			if (str_is(json_str(it.value), names[i]))
				modes |= 1u << i;
	return modes;
}

static bool is_block(const struct json *spec)
{
	return str_is(json_str(json_get(spec, "volumeMode")), "Block");
}

static int64_t bytes_of(const struct json *amount)
{
	struct error ignored;
	int64_t bytes;

	return quantity_value(json_str(amount), &bytes, &ignored) ? bytes : 0;
}

static int64_t wanted_bytes(const struct json *claim_spec)
{
	return bytes_of(json_path(claim_spec, "resources", "requests", "storage", NULL));
}

static int64_t volume_bytes(const struct json *volume_spec)
{
	return bytes_of(json_path(volume_spec, "capacity", "storage", NULL));
}

static void facts_free(struct facts *facts)
{
	if (!facts)
		return;
	free(facts->name);
	free(facts->class);
	free(facts->owner);
	free(facts->owner_uid);
	free(facts);
}

static struct facts *facts_new(const struct object *volume)
{
	const struct json *root = object_json(volume), *spec = json_get(root, "spec");
	const struct json *owner = json_get(spec, "claimRef");
	struct facts *facts = memory_new(struct facts);

	facts->name = str_copy(object_name(volume));
	facts->class = str_copy(claim_class(root));
	facts->modes = modes_of(json_get(spec, "accessModes"));
	facts->bytes = volume_bytes(spec);
	facts->block = is_block(spec);
	facts->available = str_is(json_str(json_path(root, "status", "phase", NULL)), "Available");
	facts->deleting = object_is_deleting(volume);
	if (owner) {
		facts->owner = memory_print(STR_FMT "/" STR_FMT,
					    STR_ARG(json_str(json_get(owner, "namespace"))),
					    STR_ARG(json_str(json_get(owner, "name"))));
		facts->owner_uid = str_copy(json_str(json_get(owner, "uid")));
	}
	return facts;
}

struct volume_index *volume_index_new(const struct cache *volumes)
{
	struct volume_index *index = memory_new(struct volume_index);

	index->volumes = volumes;
	index->facts = map_new();
	return index;
}

void volume_index_free(struct volume_index *index)
{
	struct str name;
	void *facts;

	if (!index)
		return;
	for (size_t i = 0; map_next(index->facts, &i, &name, &facts);)
		facts_free(facts);
	map_free(index->facts);
	free(index);
}

void volume_index_note(struct volume_index *index, const struct object *before,
		       const struct object *after)
{
	struct str name = object_name(after ? after : before);

	if (after)
		facts_free(map_put(index->facts, name, facts_new(after)));
	else
		facts_free(map_remove(index->facts, name));
}

/* --- matching --- */

struct wish {
	const struct object *claim;
	struct str class;
	struct buf key;
	unsigned modes;
	int64_t bytes;
	bool block;
	struct selector *selector; /* NULL: none */
};

static bool is_reserved(const struct facts *facts, const struct wish *wish)
{
	return facts->owner && str_is(buf_str(&wish->key), facts->owner) &&
	       (!*facts->owner_uid || str_is(object_uid(wish->claim), facts->owner_uid));
}

static bool fits(const struct facts *facts, const struct wish *wish)
{
	return facts->bytes >= wish->bytes && facts->block == wish->block && !facts->deleting;
}

static bool is_selected(const struct volume_index *index, const struct facts *facts,
			const struct wish *wish)
{
	const struct object *volume;

	if (!wish->selector)
		return true;
	volume = cache_find(index->volumes, STR_NONE, str_of(facts->name));
	return volume && selector_match(wish->selector, volume);
}

static bool is_free(const struct volume_index *index, const struct facts *facts,
		    const struct wish *wish)
{
	return !facts->owner && facts->available && str_is(wish->class, facts->class) &&
	       (facts->modes & wish->modes) == wish->modes && is_selected(index, facts, wish);
}

static bool is_better(const struct facts *a, const struct facts *b)
{
	int more = __builtin_popcount(a->modes) - __builtin_popcount(b->modes);

	return more < 0 || (more == 0 && a->bytes < b->bytes);
}

static struct str match(const struct volume_index *index, const struct wish *wish, bool delayed)
{
	const struct facts *best = NULL;
	struct str name;
	void *value;

	for (size_t i = 0; map_next(index->facts, &i, &name, &value);) {
		const struct facts *facts = value;

		if (!fits(facts, wish))
			continue;
		if (is_reserved(facts, wish))
			return str_of(facts->name);
		if (!delayed && is_free(index, facts, wish) && (!best || is_better(facts, best)))
			best = facts;
	}
	return best ? str_of(best->name) : STR_NONE;
}

struct str volume_index_match(const struct volume_index *index, const struct object *claim,
			      bool delayed)
{
	const struct json *root = object_json(claim), *spec = json_get(root, "spec");
	struct wish wish = { .claim = claim,
			     .class = claim_class(root),
			     .modes = modes_of(json_get(spec, "accessModes")),
			     .bytes = wanted_bytes(spec),
			     .block = is_block(spec) };
	struct error ignored;
	struct str found;

	if (json_get(spec, "selector") &&
	    !selector_from_json(json_get(spec, "selector"), &wish.selector, &ignored))
		return STR_NONE;
	object_key(claim, &wish.key);
	found = match(index, &wish, delayed);
	selector_free(wish.selector);
	buf_clear(&wish.key);
	return found;
}

const char *volume_index_mismatch(const struct object *volume, const struct object *claim)
{
	const struct json *have = json_get(object_json(volume), "spec");
	const struct json *want = json_get(object_json(claim), "spec");
	unsigned modes = modes_of(json_get(want, "accessModes"));

	if (volume_bytes(have) < wanted_bytes(want))
		return "requested PV is too small";
	if (!str_equal(claim_class(object_json(volume)), claim_class(object_json(claim))))
		return "storageClassName does not match";
	if (is_block(have) != is_block(want))
		return "incompatible volumeMode";
	if ((modes_of(json_get(have, "accessModes")) & modes) != modes)
		return "incompatible accessMode";
	return NULL;
}

bool volume_index_is_for(const struct object *volume, const struct object *claim)
{
	const struct json *owner = json_path(object_json(volume), "spec", "claimRef", NULL);
	struct str uid = json_str(json_get(owner, "uid"));

	return owner && str_equal(json_str(json_get(owner, "name")), object_name(claim)) &&
	       str_equal(json_str(json_get(owner, "namespace")), object_namespace(claim)) &&
	       (uid.len == 0 || str_equal(uid, object_uid(claim)));
}

struct str volume_index_of(const struct volume_index *index, struct str claim)
{
	struct str name;
	void *value;

	for (size_t i = 0; map_next(index->facts, &i, &name, &value);) {
		const struct facts *facts = value;

		if (facts->owner && str_is(claim, facts->owner))
			return str_of(facts->name);
	}
	return STR_NONE;
}

bool volume_index_wants_more(const struct object *claim)
{
	const struct json *root = object_json(claim);
	const struct json *have = json_path(root, "status", "capacity", "storage", NULL);

	return have && wanted_bytes(json_get(root, "spec")) > bytes_of(have);
}
