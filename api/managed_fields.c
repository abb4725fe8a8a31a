/*
 * managed_fields.c - entries read and printed, and what a plain write does to them.
 */
#include "api/managed_fields.h"

#include <assert.h>

#include "base/clock.h"
#include "base/limits.h"

/* --- reading --- */

static bool same_owner(const struct managed_entry *a, const struct managed_entry *b)
{
	return a->applied == b->applied && str_equal(a->manager, b->manager) &&
	       str_equal(a->subresource, b->subresource) &&
	       (a->applied || str_equal(a->api_version, b->api_version));
}

static struct managed_entry *find_owner(const struct managed *managed,
					const struct managed_entry *wanted)
{
	for (size_t i = 0; i < managed->count; i++)
		if (same_owner(&managed->items[i], wanted))
			return &managed->items[i];
	return NULL;
}

static struct managed_entry *append(struct managed *managed, struct arena *arena)
{
	if (managed->count == managed->room) {
		size_t room = managed->room ? managed->room * 2 : 4;
		struct managed_entry *grown = arena_get(arena, room * sizeof(*grown));

		if (managed->count > 0)
			memcpy(grown, managed->items, managed->count * sizeof(*grown));
		managed->items = grown;
		managed->room = room;
	}
	memset(&managed->items[managed->count], 0, sizeof(struct managed_entry));
	return &managed->items[managed->count++];
}

static bool parse_entry(const struct json *value, struct arena *arena, struct managed_entry *out,
			struct error *err)
{
	struct str operation = json_str(json_get(value, "operation"));
	struct str form = json_str(json_get(value, "fieldsType"));

	*out = (struct managed_entry){
		.manager = json_str(json_get(value, "manager")),
		.api_version = json_str(json_get(value, "apiVersion")),
		.subresource = json_str(json_get(value, "subresource")),
		.time = json_str(json_get(value, "time")),
		.applied = str_is(operation, "Apply"),
		.printed = json_get(value, "fieldsV1"),
	};
	if (!out->applied && !str_is(operation, "Update"))
		return error_set(err, ERROR_BAD_REQUEST, "operation must be `Apply` or `Update`");
	if (out->api_version.len == 0)
		return error_set(err, ERROR_BAD_REQUEST, "apiVersion must not be empty");
	if (!str_is(form, "FieldsV1"))
		return error_set(err, ERROR_BAD_REQUEST,
				 "invalid fieldsType \"" STR_FMT "\" in managed fields entry",
				 (int)(form.len > 100 ? 100 : form.len), form.at ? form.at : "");
	return fields_parse(out->printed, arena, &out->set, err);
}

bool managed_parse(const struct json *value, struct arena *arena, struct managed *out,
		   struct error *err)
{
	struct managed made = { NULL, 0, 0 };

	if (json_count(value) > LIMIT_MANAGERS)
		return error_set(err, ERROR_BAD_REQUEST, "managedFields has more than %d entries",
				 LIMIT_MANAGERS);
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		struct managed_entry entry, *same;

		if (!parse_entry(it.value, arena, &entry, err))
			return false;
		same = find_owner(&made, &entry);
		if (!same)
			same = append(&made, arena);
		*same = entry;
	}
	*out = made;
	return true;
}

bool managed_is_reset(const struct json *value)
{
	struct json_iter it = json_iter(value);

	if (json_type(value) != JSON_ARRAY)
		return false;
	if (!json_next(&it))
		return true;
	return json_count(value) == 1 && json_type(it.value) == JSON_OBJECT &&
	       json_count(it.value) == 0;
}

/* --- printing --- */

static int64_t seconds_of(struct str time)
{
	int64_t seconds = 0;

	return clock_parse(time, &seconds, NULL) ? seconds : 0;
}

static int compare_times(const struct managed_entry *a, const struct managed_entry *b)
{
	int64_t left, right;

	if (str_equal(a->time, b->time))
		return 0;
	left = seconds_of(a->time);
	right = seconds_of(b->time);
	return (left > right) - (left < right);
}

static int compare_owners(const struct managed_entry *a, const struct managed_entry *b)
{
	int order = str_compare(a->manager, b->manager);

	if (order == 0)
		order = str_compare(a->api_version, b->api_version);
	return order ? order : str_compare(a->subresource, b->subresource);
}

static int compare_entries(const void *left, const void *right)
{
	const struct managed_entry *a = left, *b = right;
	int order = (int)b->applied - (int)a->applied;

	if (order == 0)
		order = compare_times(a, b);
	return order ? order : compare_owners(a, b);
}

static struct json *print_entry(const struct managed_entry *entry, struct json_doc *doc)
{
	struct json *made = json_new_object(doc);

	if (entry->manager.len > 0)
		json_add_str(doc, made, STR("manager"), json_new_str(doc, entry->manager));
	json_add_str(doc, made, STR("operation"),
		     json_new_text(doc, entry->applied ? "Apply" : "Update"));
	json_add_str(doc, made, STR("apiVersion"), json_new_str(doc, entry->api_version));
	if (entry->time.len > 0)
		json_add_str(doc, made, STR("time"), json_new_str(doc, entry->time));
	json_add_str(doc, made, STR("fieldsType"), json_new_text(doc, "FieldsV1"));
	json_add_str(doc, made, STR("fieldsV1"),
		     entry->printed ? json_clone(doc, entry->printed)
				    : fields_print(&entry->set, doc));
	if (entry->subresource.len > 0)
		json_add_str(doc, made, STR("subresource"), json_new_str(doc, entry->subresource));
	return made;
}

struct json *managed_print(struct managed *managed, struct json_doc *doc)
{
	struct json *made;

	if (managed->count == 0)
		return NULL;
	qsort(managed->items, managed->count, sizeof(*managed->items), compare_entries);
	made = json_new_array(doc);
	for (size_t i = 0; i < managed->count; i++)
		json_append(made, print_entry(&managed->items[i], doc));
	return made;
}

/* --- writing --- */

static struct managed_entry entry_of(const struct managed_actor *actor, bool applied)
{
	return (struct managed_entry){
		.manager = actor->manager,
		.api_version = actor->api_version,
		.subresource = actor->subresource,
		.applied = applied,
	};
}

struct managed_entry *managed_find(const struct managed *managed, const struct managed_actor *actor,
				   bool applied)
{
	struct managed_entry wanted = entry_of(actor, applied);

	return find_owner(managed, &wanted);
}

struct managed_entry *managed_put(struct managed *managed, const struct managed_actor *actor,
				  bool applied, struct arena *arena)
{
	struct managed_entry *entry = managed_find(managed, actor, applied);

	assert(actor->manager.len > 0);
	if (entry)
		return entry;
	entry = append(managed, arena);
	*entry = entry_of(actor, applied);
	return entry;
}

void managed_take(struct managed_entry *entry, const struct fields_set *fields, struct arena *arena)
{
	if (!fields_meet(&entry->set, fields))
		return;
	entry->set = fields_difference(&entry->set, fields, arena);
	entry->printed = NULL;
}

void managed_sweep(struct managed *managed)
{
	size_t kept = 0;

	for (size_t i = 0; i < managed->count; i++) {
		const struct managed_entry *entry = &managed->items[i];

		if (entry->set.count > 0 && (entry->printed || !fields_are_beyond(&entry->set)))
			managed->items[kept++] = *entry;
	}
	managed->count = kept;
}

/* --- too many updates --- */

#define ANCIENT "ancient-changes"

static bool same_version(const struct managed *managed, size_t a, size_t b)
{
	return str_equal(managed->items[a].api_version, managed->items[b].api_version);
}

/* The entry that older ones of this version go into: the one that was made for them before, or the
 * first one left of it.  The first one itself stays. */
static size_t bucket_of(const struct managed *managed, size_t first, size_t at)
{
	size_t oldest = first;

	while (!same_version(managed, oldest, at))
		oldest++;
	if (oldest == at)
		return at;
	for (size_t i = first; i < managed->count; i++)
		if (same_version(managed, i, at) && str_is(managed->items[i].manager, ANCIENT) &&
		    managed->items[i].subresource.len == 0)
			return i;
	return oldest;
}

/* The updates of a list on their way into buckets. */
struct capping {
	struct managed *managed;
	size_t first, end; /* updates that were looked at */
	size_t *into;      /* the bucket of each; itself: it stays */
};

/* All that goes into `bucket`, with what it had; its time is that of the last one. */
static void fill_bucket(const struct capping *capping, size_t bucket, struct arena *arena)
{
	struct managed_entry *items = capping->managed->items, *entry = &items[bucket];
	const struct fields_set **sets = arena_get(arena, (capping->end + 1) * sizeof(*sets));
	struct fields_set *own = arena_get(arena, sizeof(*own));
	size_t count = 0;

	*own = entry->set;
	sets[count++] = own;
	for (size_t i = capping->first; i < capping->end; i++) {
		struct fields_set *set;

		if (i == bucket || capping->into[i] != bucket)
			continue;
		set = arena_get(arena, sizeof(*set));
		*set = items[i].set;
		sets[count++] = set;
		items[i].set = FIELDS_EMPTY;
		entry->time = items[i].time;
	}
	entry->set = fields_union_all(sets, count, arena);
	entry->printed = NULL;
	entry->manager = STR(ANCIENT);
	entry->subresource = STR("");
}

/* Oldest first: entries of the same version become one, until few enough are left. */
static void cap(struct managed *managed, struct arena *arena)
{
	struct capping capping = { .managed = managed };
	size_t updates = 0;

	for (size_t i = 0; i < managed->count; i++)
		updates += !managed->items[i].applied;
	if (updates <= MANAGED_UPDATES_MAX)
		return;
	qsort(managed->items, managed->count, sizeof(*managed->items), compare_entries);
	capping.first = capping.end = managed->count - updates;
	capping.into = arena_get(arena, managed->count * sizeof(*capping.into));
	for (; capping.end < managed->count && updates > MANAGED_UPDATES_MAX; capping.end++) {
		size_t bucket = bucket_of(managed, capping.first, capping.end);

		capping.into[capping.end] = bucket;
		updates -= bucket != capping.end;
	}
	for (size_t i = capping.first; i < capping.end; i++)
		if (capping.into[i] != i && managed->items[i].set.count > 0)
			fill_bucket(&capping, capping.into[i], arena);
	managed_sweep(managed);
}

static struct fields_set own_changes(const struct typed_changes *changes,
				     const struct managed_actor *actor, struct arena *arena)
{
	return fields_difference_deep(&changes->changed, &actor->ignored, arena);
}

struct typed_changes managed_compare(const struct type *type, const struct json *old,
				     const struct json *new, struct arena *arena)
{
	auto_json_doc doc = NULL;

	if (!old) {
		doc = json_doc_new();
		old = json_new_object(doc);
	}
	return typed_compare(
		type, (struct typed_pair){ old, new, TYPED_WHOLE, TYPED_WHOLE, LIMIT_FIELDS },
		arena);
}

void managed_record(struct managed *managed, const struct managed_actor *actor,
		    const struct typed_changes *changes, struct arena *arena)
{
	struct fields_set set = own_changes(changes, actor, arena);
	struct managed_entry *entry;

	for (size_t i = 0; i < managed->count; i++) {
		managed_take(&managed->items[i], &changes->changed, arena);
		managed_take(&managed->items[i], &changes->removed, arena);
	}
	if (set.count > 0) {
		entry = managed_put(managed, actor, false, arena);
		entry->set = fields_union(&entry->set, &set, arena);
		entry->printed = NULL;
		entry->time = actor->now;
	}
	managed_sweep(managed);
	cap(managed, arena);
}

void managed_update(struct managed *managed, const struct managed_actor *actor,
		    const struct type *type, const struct json *old, const struct json *new,
		    struct arena *arena)
{
	struct typed_changes changes = managed_compare(type, old, new, arena);

	if (!changes.many)
		managed_record(managed, actor, &changes, arena);
}
