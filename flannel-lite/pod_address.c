/*
 * pod_address.c - the book of pod addresses: a map, a mark and a queue, kept in one JSON file.
 *
 * Below, an address is its place, counted from the first.  Every place below `next` is either some
 * pod's or rests in the queue, exactly once; the ones from `next` on were never used.
 */
#include "flannel-lite/pod_address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "base/map.h"
#include "flannel-lite/pod_network_inside.h"

enum {
	/* The most an entry takes: an id may be escaped to six times its length. */
	ENTRY_MAX = POD_ADDRESS_ID_MAX * 6 + 32,
	HEAD_MAX = 256,
};

struct pod_address {
	char *path;
	uint32_t first;
	uint32_t size;
	uint32_t next;
	struct map *pods;  /* id -> place + 1 as a pointer */
	uint32_t *resting; /* oldest first */
	uint32_t resting_count;
	bool is_unsaved;
};

static void *value_of(uint32_t place)
{
	return (void *)((uintptr_t)place + 1);
}

static uint32_t place_of(const void *value)
{
	return (uint32_t)((uintptr_t)value - 1);
}

static const char *print_range(const struct pod_address *book, char text[2 * INET_ADDRSTRLEN])
{
	char first[INET_ADDRSTRLEN];
	char last[INET_ADDRSTRLEN];

	snprintf(text, 2 * INET_ADDRSTRLEN, "%s-%s", pod_address_print(book->first, first),
		 pod_address_print(book->first + book->size - 1, last));
	return text;
}

MUST_CHECK static bool save(struct pod_address *book, struct error *err)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	char text[2 * INET_ADDRSTRLEN];
	auto_buf bytes = BUF_INIT;
	struct str id;
	void *value;

	if (!book->is_unsaved)
		return true;
	json_set_root(doc, root);
	json_put(doc, root, "range", json_new_text(doc, print_range(book, text)));
	json_put(doc, root, "next", json_new_int(doc, book->next));

	struct json *pods = json_sub_object(doc, root, "pods");
	struct json *resting = json_sub_array(doc, root, "resting");

	for (size_t i = 0; map_next(book->pods, &i, &id, &value);)
		json_put_str(
			doc, pods, id,
			json_new_text(doc, pod_address_print(book->first + place_of(value), text)));
	for (uint32_t i = 0; i < book->resting_count; i++)
		json_append(resting, json_new_int(doc, book->resting[i]));
	json_print(root, &bytes);
	buf_add_byte(&bytes, '\n');
	/* Not synced: after a power cut there are no pods either, and they ask anew. */
	if (!file_put(book->path, buf_str(&bytes), 0600, err))
		return error_context(err, "keep the pods' addresses");
	book->is_unsaved = false;
	return true;
}

/* Is the place of an address in the book's range, and below next? */
static bool parse_place(const struct pod_address *book, struct str text, uint32_t *out)
{
	char copy[INET_ADDRSTRLEN] = "";
	struct in_addr bytes;

	if (text.len == 0 || text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.at, text.len);
	if (inet_pton(AF_INET, copy, &bytes) != 1)
		return false;
	*out = ntohl(bytes.s_addr) - book->first;
	return *out < book->next;
}

/* The entries of a parsed book; false when they contradict each other.  `seen` has a byte for each
 * place. */
static bool load_entries(struct pod_address *book, const struct json *root, char *seen)
{
	const struct json *resting = json_get(root, "resting");
	uint32_t place;

	for (struct json_iter it = json_iter(json_get(root, "pods")); json_next(&it);) {
		if (!parse_place(book, json_str(it.value), &place) || seen[place])
			return false;
		seen[place] = 1;
		if (map_put(book->pods, it.key, value_of(place)) != NULL)
			return false;
	}
	for (struct json_iter it = json_iter(resting); json_next(&it);) {
		int64_t number = json_int(it.value);

		if (!json_is_int(it.value) || number < 0 || number >= book->next || seen[number])
			return false;
		seen[number] = 1;
		book->resting[book->resting_count++] = (uint32_t)number;
	}
	return true;
}

MUST_CHECK static bool load(struct pod_address *book, struct error *err)
{
	auto_json_doc doc = NULL;
	auto_buf bytes = BUF_INIT;
	auto_free char *seen = memory_zero(book->size);
	char range[2 * INET_ADDRSTRLEN];

	if (!file_read(book->path, HEAD_MAX + (size_t)book->size * ENTRY_MAX, &bytes, err)) {
		if (err->kind != ERROR_NOT_FOUND)
			return false;
		error_clear(err);
		book->is_unsaved = true;
		return true;
	}
	if (!json_parse(buf_str(&bytes), &doc, NULL, err)) {
		err->kind = ERROR_BROKEN;
		return error_context(err, "address book %s", book->path);
	}

	const struct json *root = json_root(doc);
	const struct json *next = json_get(root, "next");

	if (!str_is(json_str(json_get(root, "range")), print_range(book, range))) {
		book->is_unsaved = true;
		return true;
	}
	if (!json_is_int(next) || json_int(next) < 0 || json_int(next) > book->size)
		return error_set(err, ERROR_BROKEN, "address book %s: next is not in the range",
				 book->path);
	book->next = (uint32_t)json_int(next);
	if (!load_entries(book, root, seen))
		return error_set(err, ERROR_BROKEN,
				 "address book %s: an address is twice there or not in the range",
				 book->path);
	for (uint32_t i = 0; i < book->next; i++) {
		if (!seen[i])
			book->resting[book->resting_count++] = i;
	}
	return true;
}

bool pod_address_open(const char *path, uint32_t first, uint32_t last, struct pod_address **out,
		      struct error *err)
{
	AUTO(pod_address_close) struct pod_address *book = memory_new(struct pod_address);

	assert(first <= last);
	assert(last - first < POD_ADDRESS_RANGE_MAX);
	book->path = memory_string(path);
	book->first = first;
	book->size = last - first + 1;
	book->pods = map_new();
	book->resting = memory_zero(book->size * sizeof(book->resting[0]));
	if (!load(book, err) || !save(book, err))
		return false;
	*out = take_ptr(&book);
	return true;
}

void pod_address_close(struct pod_address *book)
{
	if (book == NULL)
		return;
	map_free(book->pods);
	free(book->resting);
	free(book->path);
	free(book);
}

bool pod_address_find(const struct pod_address *book, const char *id, uint32_t *out_address)
{
	const void *value = map_find(book->pods, str_of(id));

	if (value == NULL)
		return false;
	*out_address = book->first + place_of(value);
	return true;
}

MUST_CHECK static bool validate_id(struct str id, struct error *err)
{
	if (id.len == 0 || id.len > POD_ADDRESS_ID_MAX)
		return error_set(err, ERROR_INVALID, "a pod's id has 1 to %d bytes, not %zu",
				 POD_ADDRESS_ID_MAX, id.len);
	if (str_find(id, '/') >= 0 || !str_is_utf8(id))
		return error_set(err, ERROR_INVALID, "a pod's id is UTF-8 without '/'");
	return true;
}

bool pod_address_assign(struct pod_address *book, const char *id, uint32_t *out_address,
			struct error *err)
{
	uint32_t address;
	uint32_t place;

	if (!validate_id(str_of(id), err))
		return false;
	if (!pod_address_find(book, id, &address)) {
		if (book->next < book->size) {
			place = book->next++;
		} else if (book->resting_count > 0) {
			place = book->resting[0];
			book->resting_count--;
			memmove(book->resting, book->resting + 1,
				book->resting_count * sizeof(book->resting[0]));
		} else {
			return error_set(err, ERROR_FULL, "all %u pod addresses are in use",
					 book->size);
		}
		map_put(book->pods, str_of(id), value_of(place));
		book->is_unsaved = true;
		address = book->first + place;
	}
	if (!save(book, err))
		return false;
	*out_address = address;
	return true;
}

bool pod_address_release(struct pod_address *book, const char *id, struct error *err)
{
	const void *value = map_remove(book->pods, str_of(id));

	if (value != NULL) {
		assert(book->resting_count < book->next);
		book->resting[book->resting_count++] = place_of(value);
		book->is_unsaved = true;
	}
	return save(book, err);
}

bool pod_address_next(const struct pod_address *book, size_t *at, struct str *out_id)
{
	void *value;

	return map_next(book->pods, at, out_id, &value);
}
