/*
 * quota_book.c - namespaces, their quotas, and two sums for each: used and on the way.
 */
#include "server/registry/quota_book.h"

#include <assert.h>
#include <inttypes.h>

#include "api/face.h"
#include "base/map.h"
#include "server/registry/quota_use.h"
#include "server/registry/registry_inside.h"

#define QUOTA_KIND "resourcequotas"

/* One quota.  Both sums have its own bounds only. */
struct line {
	char *name;
	struct json_doc *doc; /* of its spec */
	const struct json *spec, *hard;
	struct quota_sum used, coming;
};

struct quota_book {
	struct registry *registry;
	struct map *spaces;  /* namespace -> map of names -> struct line */
	struct map *charges; /* key of an object -> struct quota_charge */
	struct datastore_listener listener;
	void (*on_use)(void *of, struct str namespace, struct str name);
	void *of;
};

/* Of one object on its way: what was added to `coming`, of each quota. */
struct quota_charge {
	struct quota_book *book;
	char *key, *namespace;
	struct part {
		char *line;
		struct quota_sum sum;
	} * parts;
	size_t count;
	bool counted; /* it has been committed: the feed has taken it off */
};

/* --- where an object belongs --- */

struct place {
	struct str group, plural, namespace;
};

/* "/core/pods/default/a"; false for what has no namespace. */
static bool read_key(struct str key, struct place *out)
{
	struct str rest = key;

	str_cut(&rest, '/');
	out->group = str_cut(&rest, '/');
	out->plural = str_cut(&rest, '/');
	if (str_is(out->group, "core"))
		out->group = STR("");
	if (str_find(rest, '/') < 0)
		return false;
	out->namespace = str_cut(&rest, '/');
	return true;
}

static bool is_quota(const struct place *place)
{
	return place->group.len == 0 && str_is(place->plural, QUOTA_KIND);
}

static bool is_concerned(const struct line *line, const struct place *place)
{
	for (struct json_iter it = json_iter(line->hard); json_next(&it);)
		if (quota_use_is_of(it.key, place->group, place->plural))
			return true;
	return false;
}

/* --- lines --- */

static void line_free(struct line *line)
{
	json_doc_free(line->doc);
	quota_sum_clear(&line->used);
	quota_sum_clear(&line->coming);
	free(line->name);
	free(line);
}

/* Adds a use to the sum, as far as the quota bounds it; true when there was something. */
static bool add_use(const struct line *line, struct quota_sum *sum, const struct quota_sum *use,
		    int sign)
{
	bool any = false;

	for (size_t i = 0; i < use->count; i++) {
		const struct quota_amount *amount = &use->items[i];

		if (!json_get(line->hard, amount->name) || amount->milli == 0)
			continue;
		quota_sum_add(sum, str_of(amount->name), sign * amount->milli, amount->binary);
		any = true;
	}
	return any;
}

static bool add_object(const struct line *line, struct quota_sum *sum, const struct place *place,
		       const struct json *object, int sign)
{
	auto_quota_sum use = { 0 };

	if (!object || !is_concerned(line, place) ||
	    !quota_use_in_scope(line->spec, place->group, place->plural, object))
		return false;
	quota_use_add(&use, place->group, place->plural, object);
	return add_use(line, sum, &use, sign);
}

/* Stored objects are parsed aside: their own parsed form would stay in memory. */
static struct json_doc *parse(const void *item)
{
	struct json_doc *doc = NULL;
	struct error unused;

	if (item && !json_parse(object_bytes(item), &doc, NULL, &unused))
		return NULL;
	return doc;
}

static const struct json *root_of(const struct json_doc *doc)
{
	return doc ? json_root(doc) : NULL;
}

/* Everything of the namespace that a new quota is about. */
static void count_all(struct quota_book *book, struct line *line, struct str namespace)
{
	for (size_t i = 0; kind_list[i]; i++) {
		const struct kind *kind = kind_list[i];
		struct place place = { str_of(kind->group), str_of(kind->plural), namespace };
		auto_buf prefix = BUF_INIT;
		const struct record *record;

		if (!kind->namespaced || kind->stored_as || !is_concerned(line, &place))
			continue;
		registry_key(kind, namespace, STR(""), &prefix);
		record = datastore_first(book->registry->store, buf_str(&prefix), STR_NONE);
		for (; record; record = datastore_next(record, buf_str(&prefix))) {
			auto_json_doc doc = parse(record->item);

			add_object(line, &line->used, &place, root_of(doc), 1);
		}
	}
}

static void drop_line(struct quota_book *book, struct str namespace, struct str name)
{
	struct map *lines = map_find(book->spaces, namespace);
	struct line *line = lines ? map_remove(lines, name) : NULL;

	if (line)
		line_free(line);
	if (lines && map_count(lines) == 0)
		map_free(map_remove(book->spaces, namespace));
}

static void put_line(struct quota_book *book, const struct object *quota)
{
	struct str namespace = object_namespace(quota), name = object_name(quota);
	struct map *lines;
	struct line *line = memory_new(struct line);

	drop_line(book, namespace, name);
	line->name = str_copy(name);
	line->doc = parse(quota);
	line->spec = json_get(root_of(line->doc), "spec");
	line->hard = json_get(line->spec, "hard");
	lines = map_find(book->spaces, namespace);
	if (!lines) {
		lines = map_new();
		map_put(book->spaces, namespace, lines);
	}
	map_put(lines, name, line);
	count_all(book, line, namespace);
}

static void tell(const struct quota_book *book, struct str namespace, const struct line *line)
{
	if (book->on_use)
		book->on_use(book->of, namespace, str_of(line->name));
}

/* --- charges --- */

static void take_off(struct quota_charge *charge)
{
	struct map *lines = map_find(charge->book->spaces, str_of(charge->namespace));

	for (size_t i = 0; lines && i < charge->count; i++) {
		struct line *line = map_find(lines, str_of(charge->parts[i].line));

		if (line)
			add_use(line, &line->coming, &charge->parts[i].sum, -1);
	}
}

void quota_book_release(struct quota_charge *charge)
{
	if (!charge)
		return;
	if (!charge->counted) {
		if (map_find(charge->book->charges, str_of(charge->key)) == charge)
			map_remove(charge->book->charges, str_of(charge->key));
		take_off(charge);
	}
	for (size_t i = 0; i < charge->count; i++) {
		quota_sum_clear(&charge->parts[i].sum);
		free(charge->parts[i].line);
	}
	free(charge->parts);
	free(charge->key);
	free(charge->namespace);
	free(charge);
}

static struct quota_charge *charge_new(struct quota_book *book, const struct admit_work *work)
{
	struct quota_charge *charge = memory_new(struct quota_charge);
	auto_buf key = BUF_INIT;

	registry_key(work->kind, work->namespace, meta_str(work->object, "name"), &key);
	charge->book = book;
	charge->key = str_copy(buf_str(&key));
	charge->namespace = str_copy(work->namespace);
	return charge;
}

static void add_part(struct quota_charge *charge, struct line *line, struct quota_sum *more)
{
	charge->parts = memory_grow(charge->parts, (charge->count + 1) * sizeof(*charge->parts));
	charge->parts[charge->count] = (struct part){ .line = memory_string(line->name) };
	add_use(line, &charge->parts[charge->count++].sum, more, 1);
	add_use(line, &line->coming, more, 1);
}

/* --- refusals --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct quota_amount *)a)->name,
		      ((const struct quota_amount *)b)->name);
}

static int64_t milli_of(const struct quota_sum *sum, const char *name)
{
	const struct quota_amount *amount = quota_sum_find(sum, str_of(name));

	return amount ? amount->milli : 0;
}

static void show(struct buf *out, const struct quota_amount *amount)
{
	buf_add_print(out, "%s%s=", out->len > 0 ? "," : "", amount->name);
	quota_amount_print(amount, out);
}

/* The three lists of a refusal, one entry for each bound that would be passed. */
struct excess {
	struct buf requested, used, limited;
};

static void check_bound(const struct line *line, const struct quota_amount *more,
			struct excess *out)
{
	const struct json *bound = json_get(line->hard, more->name);
	const struct quota_amount *used = quota_sum_find(&line->used, str_of(more->name));
	struct quota_amount now = { .name = more->name, .binary = used ? used->binary : false };
	bool unused;

	now.milli = milli_of(&line->used, more->name) + milli_of(&line->coming, more->name);
	if (now.milli + more->milli <= quota_milli(json_str(bound), &unused))
		return;
	if (now.milli > 0 && !used)
		now.binary = more->binary;
	show(&out->requested, more);
	show(&out->used, &now);
	buf_add_print(&out->limited, "%s%s=" STR_FMT, out->limited.len > 0 ? "," : "", more->name,
		      STR_ARG(json_str(bound)));
}

static bool refuse(const struct admit_work *work, struct error *err, const char *why)
{
	auto_buf resource = BUF_INIT;

	kind_resource(work->kind, &resource);
	return error_set(err, ERROR_FORBIDDEN, "%s \"" STR_FMT "\" is forbidden: %s",
			 buf_text(&resource), STR_ARG(meta_str(work->object, "name")), why);
}

static bool check_bounds(const struct admit_work *work, const struct line *line,
			 struct quota_sum *more, struct error *err)
{
	struct excess excess = { BUF_INIT, BUF_INIT, BUF_INIT };
	const char *why = NULL;

	qsort(more->items, more->count, sizeof(*more->items), by_name);
	for (size_t i = 0; i < more->count; i++)
		if (json_get(line->hard, more->items[i].name))
			check_bound(line, &more->items[i], &excess);
	if (excess.requested.len > 0)
		why = arena_print(work->arena,
				  "exceeded quota: %s, requested: %s, used: %s, limited: %s",
				  line->name, buf_text(&excess.requested), buf_text(&excess.used),
				  buf_text(&excess.limited));
	buf_clear(&excess.requested);
	buf_clear(&excess.used);
	buf_clear(&excess.limited);
	return !why || refuse(work, err, why);
}

/* --- charging --- */

/* What the object uses more than before; nothing of what it uses less. */
static void find_more(const struct line *line, const struct place *place,
		      const struct admit_work *work, struct quota_sum *out)
{
	auto_quota_sum change = { 0 };

	add_object(line, &change, place, work->old, -1);
	add_object(line, &change, place, work->object, 1);
	for (size_t i = 0; i < change.count; i++)
		if (change.items[i].milli > 0)
			quota_sum_add(out, str_of(change.items[i].name), change.items[i].milli,
				      change.items[i].binary);
}

static bool charge_line(struct quota_charge *charge, struct line *line, const struct place *place,
			const struct admit_work *work, struct error *err)
{
	auto_quota_sum more = { 0 };
	auto_buf why = BUF_INIT;
	bool is_pod = strcmp(work->kind->name, "Pod") == 0;

	if (is_pod && !work->old &&
	    quota_use_in_scope(line->spec, place->group, place->plural, work->object) &&
	    quota_use_lacks(line->hard, work->object, &why))
		return refuse(work, err,
			      arena_print(work->arena, "failed quota: %s: %s", line->name,
					  buf_text(&why)));
	find_more(line, place, work, &more);
	if (more.count == 0)
		return true;
	if (!check_bounds(work, line, &more, err))
		return false;
	if (!work->dry_run)
		add_part(charge, line, &more);
	return true;
}

/* Pods use no more by an update, but when they are resized. */
static bool is_charged(const struct admit_work *work)
{
	if (!work->kind->namespaced || json_get(meta_of(work->object), "deletionTimestamp"))
		return false;
	if (!work->old)
		return true;
	return work->subresource[0] == '\0' || strcmp(work->subresource, "resize") == 0;
}

bool quota_book_charge(struct quota_book *book, const struct admit_work *work,
		       struct quota_charge **out, struct error *err)
{
	struct map *lines = map_find(book->spaces, work->namespace);
	struct place place = { str_of(work->kind->group), str_of(work->kind->plural),
			       work->namespace };
	struct quota_charge *charge;
	struct str name;
	void *line;

	*out = NULL;
	if (!lines || !is_charged(work))
		return true;
	charge = charge_new(book, work);
	for (size_t i = 0; map_next(lines, &i, &name, &line);)
		if (!charge_line(charge, line, &place, work, err)) {
			quota_book_release(charge);
			return false;
		}
	if (charge->count == 0) {
		quota_book_release(charge);
		return true;
	}
	map_put(book->charges, str_of(charge->key), charge);
	*out = charge;
	return true;
}

/* --- the feed --- */

static bool any_concerned(const struct map *lines, const struct place *place)
{
	struct str name;
	void *line;

	for (size_t i = 0; map_next(lines, &i, &name, &line);)
		if (is_concerned(line, place))
			return true;
	return false;
}

static void count_change(struct quota_book *book, const struct place *place,
			 const struct change *change)
{
	struct map *lines = map_find(book->spaces, place->namespace);
	auto_json_doc before = NULL;
	auto_json_doc after = NULL;
	struct str name;
	void *value;

	if (!any_concerned(lines, place))
		return;
	before = parse(change->before);
	after = parse(change->after);
	for (size_t i = 0; map_next(lines, &i, &name, &value);) {
		struct line *line = value;
		bool less = add_object(line, &line->used, place, root_of(before), -1);
		bool more = add_object(line, &line->used, place, root_of(after), 1);

		if (less || more)
			tell(book, place->namespace, line);
	}
}

static bool has_new_spec(const struct change *change)
{
	auto_json_doc before = parse(change->before);
	auto_json_doc after = parse(change->after);

	return !json_equal(json_get(root_of(before), "spec"), json_get(root_of(after), "spec"));
}

static void on_change(struct datastore_listener *listener, const struct change *change)
{
	struct quota_book *book = CONTAINER_OF(listener, struct quota_book, listener);
	struct quota_charge *charge = map_remove(book->charges, change->key);
	struct place place;

	if (charge) {
		charge->counted = true;
		take_off(charge);
	}
	if (!read_key(change->key, &place))
		return;
	if (map_find(book->spaces, place.namespace))
		count_change(book, &place, change);
	if (!is_quota(&place))
		return;
	if (!change->after)
		drop_line(book, place.namespace, object_name(change->before));
	else if (!change->before || has_new_spec(change))
		put_line(book, change->after);
}

/* --- the book --- */

struct quota_book *quota_book_new(struct registry *registry)
{
	const struct kind *kind = kind_find_name(STR("v1"), STR("ResourceQuota"));
	struct quota_book *book = memory_new(struct quota_book);
	auto_buf prefix = BUF_INIT;
	const struct record *record;

	book->registry = registry;
	book->spaces = map_new();
	book->charges = map_new();
	registry_key(kind, STR_NONE, STR(""), &prefix);
	record = datastore_first(registry->store, buf_str(&prefix), STR_NONE);
	for (; record; record = datastore_next(record, buf_str(&prefix)))
		put_line(book, record->item);
	book->listener.on_change = on_change;
	datastore_listen(registry->store, &book->listener);
	return book;
}

void quota_book_stop(struct quota_book *book)
{
	if (book)
		datastore_unlisten(&book->listener);
}

void quota_book_free(struct quota_book *book)
{
	struct str key, name;
	void *lines, *line;

	if (!book)
		return;
	for (size_t i = 0; map_next(book->spaces, &i, &key, &lines);) {
		for (size_t k = 0; map_next(lines, &k, &name, &line);)
			line_free(line);
		map_free(lines);
	}
	map_free(book->spaces);
	map_free(book->charges);
	free(book);
}

struct json *quota_book_used(const struct quota_book *book, struct str namespace, struct str name,
			     struct json_doc *doc)
{
	const struct map *lines = map_find(book->spaces, namespace);
	const struct line *line = lines ? map_find(lines, name) : NULL;
	struct json *used;

	if (!line)
		return NULL;
	used = json_new_object(doc);
	for (struct json_iter it = json_iter(line->hard); json_next(&it);) {
		const struct quota_amount *amount = quota_sum_find(&line->used, it.key);
		auto_buf text = BUF_INIT;

		if (amount && amount->milli > 0)
			quota_amount_print(amount, &text);
		else
			buf_add_text(&text, "0");
		json_add_str(doc, used, it.key, json_new_str(doc, buf_str(&text)));
	}
	return used;
}

void quota_book_listen(struct quota_book *book,
		       void (*on_use)(void *of, struct str namespace, struct str name), void *of)
{
	book->on_use = on_use;
	book->of = of;
}

struct quota_book *quota_book_of(struct registry *registry)
{
	return registry->quotas;
}
