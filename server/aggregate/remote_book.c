/*
 * remote_book.c - an entry an APIService; their sorted list is made when it is asked for.
 */
#include "server/aggregate/remote_book.h"

#include <assert.h>

#include "base/clock.h"
#include "base/map.h"

struct entry {
	struct discovery_remote told; /* its texts are the entry's */
	struct json_doc *doc;         /* the resources, NULL: stale */
};

struct remote_book {
	struct map *entries; /* name of the APIService -> struct entry */
	struct discovery_remote *sorted;
	struct discovery_remotes list;
	uint64_t revision;
};

struct remote_book *remote_book_new(void)
{
	struct remote_book *book = memory_new(struct remote_book);

	book->entries = map_new();
	book->revision = (uint64_t)clock_now_us(); /* no number of an earlier book */
	return book;
}

static void entry_free(struct entry *entry)
{
	if (!entry)
		return;
	free((char *)entry->told.group);
	free((char *)entry->told.version);
	json_doc_free(entry->doc);
	free(entry);
}

static void changed(struct remote_book *book)
{
	book->revision++;
	free(take_ptr(&book->sorted));
}

void remote_book_free(struct remote_book *book)
{
	struct str name;
	void *entry;

	if (!book)
		return;
	for (size_t i = 0; map_next(book->entries, &i, &name, &entry);)
		entry_free(entry);
	map_free(book->entries);
	free(book->sorted);
	free(book);
}

static struct entry *entry_new(const struct json *spec, const struct json *list)
{
	struct entry *entry = memory_new(struct entry);
	struct json_doc *doc = json_doc_new();
	struct json *resources = NULL;
	struct error unused;

	entry->told.group = str_copy(json_str(json_get(spec, "group")));
	entry->told.version = str_copy(json_str(json_get(spec, "version")));
	entry->told.group_priority = json_int(json_get(spec, "groupPriorityMinimum"));
	entry->told.version_priority = json_int(json_get(spec, "versionPriority"));
	if (!list || !discovery_remote_read(list, doc, &resources, &unused)) {
		json_doc_free(doc);
		return entry;
	}
	json_set_root(doc, resources);
	entry->doc = doc;
	entry->told.resources = resources;
	return entry;
}

static bool is_same(const struct entry *a, const struct entry *b)
{
	return strcmp(a->told.group, b->told.group) == 0 &&
	       strcmp(a->told.version, b->told.version) == 0 &&
	       a->told.group_priority == b->told.group_priority &&
	       a->told.version_priority == b->told.version_priority &&
	       !a->told.resources == !b->told.resources &&
	       (!a->told.resources || json_equal(a->told.resources, b->told.resources));
}

void remote_book_put(struct remote_book *book, struct str name, const struct json *spec,
		     const struct json *list)
{
	struct entry *entry = entry_new(spec, list), *before = map_find(book->entries, name);

	if (before && is_same(before, entry)) {
		entry_free(entry);
		return;
	}
	map_put(book->entries, name, entry);
	entry_free(before);
	changed(book);
}

void remote_book_drop(struct remote_book *book, struct str name)
{
	struct entry *entry = map_remove(book->entries, name);

	if (!entry)
		return;
	entry_free(entry);
	changed(book);
}

const struct discovery_remotes *remote_book_list(struct remote_book *book)
{
	size_t count = map_count(book->entries), at = 0;
	struct str name;
	void *entry;

	if (!book->sorted) {
		book->sorted = memory_zero((count + 1) * sizeof(*book->sorted));
		for (size_t i = 0; map_next(book->entries, &i, &name, &entry);)
			book->sorted[at++] = ((struct entry *)entry)->told;
		assert(at == count);
		discovery_remote_sort(book->sorted, count);
	}
	book->list = (struct discovery_remotes){ .items = book->sorted, .count = count };
	return &book->list;
}

uint64_t remote_book_revision(const struct remote_book *book)
{
	return book->revision;
}
