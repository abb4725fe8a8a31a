/*
 * apply.c - merge, prune, look for conflicts, hand over.
 *
 *   config over live -> without what the manager said last time and nobody says now
 *        -> compare with live: fields of others that differ are conflicts, or are taken
 */
#include "api/apply.h"

#include <assert.h>

#include "api/kind.h"
#include "api/object.h"
#include "api/typed.h"
#include "base/limits.h"

/* The manager that follows kubectl's own note of what was applied before. */
#define KUBECTL      "kubectl"
#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
/* What annotations may have together. */
#define ANNOTATIONS_MAX (256u * 1024)

/* --- what is refused at once --- */

/* "apps/v1, Kind=Deployment" and "/v1, Kind=Pod" */
static void print_kind(struct str api_version, struct str kind, struct buf *out)
{
	if (str_find(api_version, '/') < 0)
		buf_add_byte(out, '/');
	buf_add_print(out, STR_FMT ", Kind=" STR_FMT, STR_ARG(api_version), STR_ARG(kind));
}

static bool check_kind(const struct kind *kind, const struct json *config, struct error *err)
{
	struct str version = json_str(json_get(config, "apiVersion"));
	struct str name = json_str(json_get(config, "kind"));
	auto_buf wanted = BUF_INIT, said = BUF_INIT;

	kind_api_version(kind, &wanted);
	if (str_equal(version, buf_str(&wanted)) && str_is(name, kind->name))
		return true;
	print_kind(version.at ? version : STR(""), name.at ? name : STR(""), &said);
	return error_set(err, ERROR_BAD_REQUEST, "invalid object type: %s", buf_text(&said));
}

bool apply_check(const struct kind *kind, const struct json *config, struct error *err)
{
	const struct type *type = kind_type(kind);
	struct str namespace = meta_str(config, "namespace"), name = meta_str(config, "name");
	auto_buf problems = BUF_INIT, shown = BUF_INIT;

	if (json_type(config) != JSON_OBJECT)
		return error_set(err, ERROR_BAD_REQUEST,
				 "error decoding YAML: the configuration is not an object");
	if (!check_kind(kind, config, err))
		return false;
	if (json_type(json_get(meta_of(config), "managedFields")) > JSON_NULL)
		return error_set(err, ERROR_BAD_REQUEST, "metadata.managedFields must be nil");
	if (!type || typed_check(type, config, &problems))
		return true;
	print_kind(json_str(json_get(config, "apiVersion")), json_str(json_get(config, "kind")),
		   &shown);
	return error_set(err, ERROR_PLAIN,
			 "failed to create typed patch object (" STR_FMT "/" STR_FMT "; %s): %s",
			 STR_ARG(namespace), STR_ARG(name), buf_text(&shown), buf_text(&problems));
}

/* --- pruning --- */

static struct fields_set all_owned(const struct managed *managed, struct arena *arena)
{
	const struct fields_set **sets = arena_get(arena, (managed->count + 1) * sizeof(*sets));

	for (size_t i = 0; i < managed->count; i++)
		sets[i] = &managed->items[i].set;
	return fields_union_all(sets, managed->count, arena);
}

/* What was said last time, is not said now and has no other owner goes.  A part that only held such
 * things goes with them; what nobody ever owned stays. */
static struct json *prune(const struct apply *apply, struct json_doc *doc,
			  const struct json *merged, const struct fields_set *last,
			  const struct managed *managed)
{
	struct arena *arena = apply->arena;
	const struct type *type = apply->type;
	struct fields_set named = typed_named(type, last, arena), owned = all_owned(managed, arena),
			  kept, all, gone;
	struct json *pruned = typed_remove(type, doc, merged, &named, arena);

	owned = typed_named(type, &owned, arena);
	all = typed_fields(type, merged, arena);
	all = typed_named(type, &all, arena);

	kept = typed_fields(type, pruned, arena);
	kept = typed_named(type, &kept, arena);
	kept = fields_union(&kept, &owned, arena);
	gone = fields_difference(&all, &kept, arena);
	pruned = typed_remove(type, doc, merged, &gone, arena);

	kept = typed_fields(type, pruned, arena);
	kept = typed_named(type, &kept, arena);
	gone = fields_difference(&all, &kept, arena);
	gone = fields_intersection(&gone, &named, arena);
	return typed_remove(type, doc, merged, &gone, arena);
}

/* --- conflicts --- */

static void print_owner(const struct managed_entry *entry, struct buf *out)
{
	auto_json_doc doc = json_doc_new();

	buf_add_text(out, "conflict with ");
	json_print(json_new_str(doc, entry->manager), out);
	if (entry->subresource.len > 0)
		buf_add_print(out, " with subresource \"" STR_FMT "\"",
			      STR_ARG(entry->subresource));
	if (!entry->applied)
		buf_add_print(out, " using " STR_FMT, STR_ARG(entry->api_version));
}

struct telling {
	struct field_errors *conflicts;
	const char *owner;
};

static bool tell(void *of, struct str path)
{
	struct telling *telling = of;
	auto_buf text = BUF_INIT;

	buf_add_str(&text, path);
	field_errors_add(telling->conflicts, FIELD_MANAGER_CONFLICT, buf_text(&text), NULL,
			 telling->owner);
	return true;
}

/* What kubectl applied from its side before, as far as it is still so: it may take that over. */
static struct fields_set last_applied(const struct apply *apply, struct json_doc *doc)
{
	struct str text = meta_annotation(apply->live, LAST_APPLIED);
	struct fields_set set = FIELDS_EMPTY;
	struct json_doc *parsed;
	struct typed_changes changes;
	struct error unused;
	struct json *config;
	auto_buf problems = BUF_INIT;

	if (!str_is(apply->actor.manager, KUBECTL) || text.len == 0 ||
	    !json_parse(text, &parsed, NULL, &unused))
		return set;
	config = json_clone(doc, json_root(parsed));
	json_doc_free(parsed);
	if (json_type(config) != JSON_OBJECT ||
	    !str_equal(json_str(json_get(config, "apiVersion")), apply->actor.api_version) ||
	    !typed_check(apply->type, config, &problems))
		return set;
	set = typed_fields(apply->type, config, apply->arena);
	changes = typed_compare(
		apply->type, (struct typed_pair){ config, apply->live, TYPED_PLAIN, TYPED_WHOLE },
		apply->arena);
	set = fields_difference(&set, &changes.changed, apply->arena);
	return fields_difference(&set, &changes.removed, apply->arena);
}

/* Names of the same owner stand together in the message; those of its subresources come first. */
static int compare_owners(const void *left, const void *right)
{
	const struct managed_entry *const *a = left, *const *b = right;
	int order = str_compare((*a)->manager, (*b)->manager);

	if (order == 0)
		order = (int)(*b)->applied - (int)(*a)->applied;
	if (order == 0 && !(*a)->applied)
		order = str_compare((*a)->api_version, (*b)->api_version);
	if (order == 0)
		order = ((*a)->subresource.len == 0) - ((*b)->subresource.len == 0);
	return order ? order : str_compare((*a)->subresource, (*b)->subresource);
}

static void find_conflicts(const struct apply *apply, struct json_doc *doc,
			   const struct managed *managed, const struct managed_entry *self,
			   const struct fields_set *changed, struct field_errors *conflicts)
{
	const struct managed_entry **others =
		arena_get(apply->arena, (managed->count + 1) * sizeof(*others));
	struct fields_set allowed = last_applied(apply, doc);
	size_t count = 0;

	for (size_t i = 0; i < managed->count; i++)
		if (&managed->items[i] != self)
			others[count++] = &managed->items[i];
	qsort(others, count, sizeof(*others), compare_owners);
	for (size_t i = 0; i < count; i++) {
		struct fields_set taken =
			fields_intersection(&others[i]->set, changed, apply->arena);
		auto_buf owner = BUF_INIT;

		taken = fields_difference(&taken, &allowed, apply->arena);
		if (taken.count == 0)
			continue;
		print_owner(others[i], &owner);
		fields_each(&taken, tell,
			    &(struct telling){ .conflicts = conflicts, .owner = buf_text(&owner) });
	}
}

/* --- handing over --- */

static const struct fields_set *servers_fields(struct arena *arena)
{
	static const char *const names[] = { "name",       "namespace",     "creationTimestamp",
					     "selfLink",   "uid",           "clusterName",
					     "generation", "managedFields", "resourceVersion" };
	struct fields_set *set = arena_zero(arena, sizeof(*set));
	struct fields_set *below = arena_zero(arena, sizeof(*below));

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		fields_append(below, arena, fields_name(str_of(names[i])), true, NULL);
	fields_finish(below, arena);
	fields_append(set, arena, fields_name(STR("apiVersion")), true, NULL);
	fields_append(set, arena, fields_name(STR("kind")), true, NULL);
	fields_append(set, arena, fields_name(STR("metadata")), true, below);
	return set;
}

static struct fields_set without_servers(const struct fields_set *set, struct arena *arena)
{
	return fields_difference(set, servers_fields(arena), arena);
}

/* Keep the note of kubectl's own apply true, so that either way can follow the other. */
static void follow_last_applied(const struct apply *apply, struct json_doc *doc,
				struct json *result)
{
	struct json *annotations = json_get(meta_of(result), "annotations"), *config, *own;
	auto_buf text = BUF_INIT;
	size_t total = 0;

	if (!str_is(apply->actor.manager, KUBECTL) ||
	    meta_annotation(result, LAST_APPLIED).len == 0)
		return;
	config = json_clone(doc, apply->config);
	own = json_get(meta_of(config), "annotations");
	if (own)
		json_remove(own, STR(LAST_APPLIED));
	json_print(config, &text);
	buf_add_byte(&text, '\n');
	json_put(doc, annotations, LAST_APPLIED, json_new_str(doc, buf_str(&text)));
	for (struct json_iter it = json_iter(annotations); json_next(&it);)
		total += it.key.len + json_str(it.value).len;
	if (total > ANNOTATIONS_MAX)
		json_remove(annotations, STR(LAST_APPLIED));
}

static void hand_over(const struct apply *apply, struct managed *managed,
		      const struct typed_changes *changes, const struct fields_set *set,
		      struct str time)
{
	struct managed_entry *self;

	for (size_t i = 0; i < managed->count; i++) {
		managed_take(&managed->items[i], &changes->changed, apply->arena);
		managed_take(&managed->items[i], &changes->removed, apply->arena);
	}
	self = managed_put(managed, &apply->actor, true, apply->arena);
	self->set = without_servers(set, apply->arena);
	self->api_version = apply->actor.api_version;
	self->printed = NULL;
	self->time = time;
	managed_sweep(managed);
}

/* Nobody was watched yet: what is there belongs to somebody from before. */
static void start_watching(const struct apply *apply, struct managed *managed)
{
	struct managed_actor before = apply->actor;

	before.manager = STR("before-first-apply");
	if (managed->count == 0 && apply->live)
		managed_update(managed, &before, apply->type, NULL, apply->live, apply->arena);
}

static struct typed_changes compare(const struct apply *apply, const struct json *live,
				    const struct json *result)
{
	struct typed_changes changes = typed_compare(
		apply->type, (struct typed_pair){ live, result, TYPED_MERGED, TYPED_MERGED },
		apply->arena);

	changes.changed =
		fields_difference_deep(&changes.changed, &apply->actor.ignored, apply->arena);
	changes.removed =
		fields_difference_deep(&changes.removed, &apply->actor.ignored, apply->arena);
	return changes;
}

static struct json *merge(const struct apply *apply, struct json_doc *doc, const struct json *live,
			  struct managed *managed, const struct fields_set *set)
{
	struct json *merged = typed_merge(apply->type, doc, live, apply->config, apply->arena);
	struct managed_entry *self = managed_find(managed, &apply->actor, true);
	struct fields_set last = self ? self->set : FIELDS_EMPTY, dropped;

	dropped = fields_difference(&last, set, apply->arena);
	self = managed_put(managed, &apply->actor, true, apply->arena);
	self->set = *set;
	if (dropped.count > 0)
		merged = prune(apply, doc, merged, &last, managed);
	return merged;
}

/* The time of an entry is when its fields, or values of them, changed last. */
static struct str time_of(const struct apply *apply, const struct managed *before,
			  const struct typed_changes *changes, const struct fields_set *set)
{
	const struct managed_entry *self = managed_find(before, &apply->actor, true);
	struct fields_set own = without_servers(set, apply->arena);

	if (self && fields_equal(&self->set, &own) && changes->changed.count == 0 &&
	    changes->removed.count == 0)
		return self->time;
	return apply->actor.now;
}

static struct managed copy_of(const struct managed *managed, struct arena *arena)
{
	struct managed copy = *managed;

	copy.room = managed->count;
	copy.items = arena_get(arena, (managed->count + 1) * sizeof(*copy.items));
	if (managed->count > 0)
		memcpy(copy.items, managed->items, managed->count * sizeof(*copy.items));
	return copy;
}

bool apply_run(const struct apply *apply, struct json_doc *doc, struct json **out,
	       struct field_errors *conflicts, struct error *err)
{
	const struct json *live = apply->live ? apply->live : json_new_object(doc);
	struct managed managed, before;
	struct typed_changes changes;
	struct fields_set set;
	struct json *result;
	struct str time;

	assert(apply->type && apply->config);
	set = typed_fields(apply->type, apply->config, apply->arena);
	set = fields_difference_deep(&set, &apply->actor.ignored, apply->arena);
	if (fields_are_beyond(&set))
		return error_set(err, ERROR_TOO_LARGE,
				 "a configuration may have %d fields at most, and objects in "
				 "objects up to a depth of about %d",
				 LIMIT_FIELDS, LIMIT_JSON_DEPTH);
	if (!managed_parse(json_get(meta_of(live), "managedFields"), apply->arena, &managed, err)) {
		err->kind = ERROR_PLAIN;
		return error_context(err, "failed to decode managed fields");
	}
	start_watching(apply, &managed);
	before = copy_of(&managed, apply->arena);
	result = merge(apply, doc, live, &managed, &set);
	if (json_type(result) != JSON_OBJECT)
		result = json_new_object(doc);
	changes = compare(apply, live, result);
	if (!apply->force)
		find_conflicts(apply, doc, &managed, managed_find(&managed, &apply->actor, true),
			       &changes.changed, conflicts);
	if (conflicts->count > 0)
		return status_apply_conflict(err, conflicts);
	time = time_of(apply, &before, &changes, &set);
	hand_over(apply, &managed, &changes, &set, time);
	follow_last_applied(apply, doc, result);
	json_put(doc, json_sub_object(doc, result, "metadata"), "managedFields",
		 managed_print(&managed, doc));
	*out = result;
	return true;
}
