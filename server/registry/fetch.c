/*
 * fetch.c - get and list: committed objects out, filtered, paged, in the form that was asked for.
 *
 * A page ends at `limit` objects; the continue token names the revision of the first page and the
 * last key given.  Later pages read current state but carry the first page's revision: a client
 * that then watches from it hears of every change in between, so nothing is missed.
 */
#include <assert.h>
#include <inttypes.h>

#include "api/selector.h"
#include "base/limits.h"
#include "server/registry/registry_inside.h"

/* --- filters --- */

bool filter_parse(struct request *req, struct filter *out, struct error *err)
{
	struct filter filter = { 0 };

	if (!selector_parse_labels(req->params.label_selector, &filter.labels, err))
		return false;
	if (!selector_parse_fields(req->params.field_selector, req->kind, &filter.fields, err)) {
		filter_clear(&filter);
		return false;
	}
	*out = filter;
	return true;
}

void filter_clear(struct filter *filter)
{
	selector_free(filter->labels);
	selector_free(filter->fields);
	*filter = (struct filter){ 0 };
}

bool filter_match(const struct filter *filter, const struct object *object)
{
	return selector_match(filter->labels, object) && selector_match(filter->fields, object);
}

void filter_prefix(struct request *req, struct buf *out)
{
	registry_key(req->kind, req->namespace, STR(""), out);
}

/* --- revisions of reads --- */

/* Parsed resourceVersion: 0 when unset or "0". */
static bool read_revision(struct request *req, uint64_t *out, struct error *err)
{
	struct str text = req->params.resource_version;

	*out = 0;
	if (text.len == 0 || str_to_u64(text, UINT64_MAX, out))
		return true;
	error_set(err, ERROR_BROKEN,
		  "resourceVersion: Invalid value: \"" STR_FMT "\": not a number", STR_ARG(text));
	return false;
}

static bool check_not_future(struct request *req, uint64_t wanted, struct error *err)
{
	uint64_t now = datastore_revision(registry_of(req)->store);

	if (wanted <= now)
		return true;
	return status_too_large_revision(err, wanted, now);
}

static bool check_match(struct request *req, struct error *err)
{
	struct request_params *params = &req->params;
	struct str match = params->resource_version_match;

	if (params->has_send_initial_events)
		return error_set(
			err, ERROR_INVALID,
			"sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list");
	if (match.len == 0)
		return true;
	if (!str_is(match, "NotOlderThan") && !str_is(match, "Exact"))
		return error_set(err, ERROR_INVALID,
				 "resourceVersionMatch: Unsupported value: \"" STR_FMT
				 "\": supported values: \"Exact\", \"NotOlderThan\"",
				 STR_ARG(match));
	if (params->continue_token.len > 0)
		return error_set(err, ERROR_INVALID,
				 "resourceVersionMatch: Forbidden: resourceVersionMatch is "
				 "forbidden when continue "
				 "is provided");
	if (params->resource_version.len == 0)
		return error_set(
			err, ERROR_INVALID,
			"resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless "
			"resourceVersion is provided");
	if (str_is(match, "Exact") && str_is(params->resource_version, "0"))
		return error_set(err, ERROR_INVALID,
				 "resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" "
				 "is forbidden for "
				 "resourceVersion \"0\"");
	return true;
}

/* --- continue tokens: base64url of "<revision> <last key>" --- */

static const char *token_print(struct request *req, uint64_t revision, struct str key)
{
	auto_buf plain = BUF_INIT;
	auto_buf token = BUF_INIT;

	buf_add_print(&plain, "%" PRIu64 " ", revision);
	buf_add_str(&plain, key);
	buf_add_base64url(&token, buf_str(&plain));
	return arena_string(req->arena, token.at, token.len);
}

static bool token_parse(struct request *req, struct str prefix, uint64_t *out_revision,
			struct str *out_after, struct error *err)
{
	struct str token = req->params.continue_token;
	auto_buf plain = BUF_INIT;
	struct str rest, number;

	if (req->params.resource_version.len > 0 && !str_is(req->params.resource_version, "0"))
		return error_set(err, ERROR_BAD_REQUEST,
				 "specifying resource version is not allowed when using continue");
	if (token.len > LIMIT_CONTINUE_TOKEN || !buf_add_base64url_decoded(&plain, token))
		return error_set(err, ERROR_BAD_REQUEST,
				 "continue key is not valid: not base64url");
	rest = buf_str(&plain);
	number = str_cut(&rest, ' ');
	if (!str_to_u64(number, UINT64_MAX, out_revision) || !str_starts(rest, prefix))
		return error_set(err, ERROR_BAD_REQUEST,
				 "continue key is not valid: it is of another list");
	*out_after = str_from(arena_string(req->arena, rest.at, rest.len), rest.len);
	return true;
}

/* --- list --- */

struct page {
	const struct object **objects;
	size_t count, room;
	struct str last_key;
	bool more;
	int64_t remaining;
};

static void page_add(struct request *req, struct page *page, const struct record *record)
{
	if (page->count == page->room) {
		size_t room = page->room ? page->room * 2 : 64;
		const struct object **grown = arena_get(req->arena, room * sizeof(*grown));

		if (page->count > 0)
			memcpy(grown, page->objects, page->count * sizeof(*grown));
		page->objects = grown;
		page->room = room;
	}
	page->objects[page->count++] = record->item;
	page->last_key = record->key;
}

static void fill_page(struct request *req, const struct filter *filter, struct str after,
		      struct page *page)
{
	auto_buf prefix = BUF_INIT;
	bool counting = selector_is_empty(filter->labels) && selector_is_empty(filter->fields);
	const struct record *record;

	filter_prefix(req, &prefix);
	record = datastore_first(registry_of(req)->store, buf_str(&prefix), after);
	for (; record; record = datastore_next(record, buf_str(&prefix))) {
		if (!filter_match(filter, record->item))
			continue;
		if (req->params.limit > 0 && page->count >= (size_t)req->params.limit) {
			page->more = true;
			if (!counting)
				break;
			page->remaining++;
			continue;
		}
		page_add(req, page, record);
	}
	if (!counting || !page->more)
		page->remaining = -1;
}

static bool list_page(struct request *req, struct filter *filter, struct error *err)
{
	struct page page = { 0 };
	uint64_t revision = datastore_revision(registry_of(req)->store), wanted;
	struct str after = STR_NONE;
	auto_buf prefix = BUF_INIT;
	struct reply_list list = { .kind = req->kind };

	if (!check_match(req, err) || !read_revision(req, &wanted, err) ||
	    !check_not_future(req, wanted, err))
		return false;
	if (str_is(req->params.resource_version_match, "Exact") && wanted != revision)
		return error_set(err, ERROR_EXPIRED,
				 "The resourceVersion for the provided list is too old.");
	filter_prefix(req, &prefix);
	if (req->params.continue_token.len > 0) {
		if (!token_parse(req, buf_str(&prefix), &revision, &after, err))
			return false;
		/* A watch from that revision must still be possible, or changes could be missed. */
		if (revision < datastore_oldest(registry_of(req)->store))
			return error_set(
				err, ERROR_EXPIRED,
				"The provided continue parameter is too old to display a "
				"consistent "
				"list result. You must start a new list without the continue "
				"parameter.");
	}
	fill_page(req, filter, after, &page);
	list.revision = revision;
	list.continue_token = page.more ? token_print(req, revision, page.last_key) : NULL;
	list.remaining = page.remaining;
	list.objects = page.objects;
	list.count = page.count;
	reply_list(req, &list);
	return true;
}

enum step fetch_list(struct request *req, struct error *err)
{
	struct filter filter;
	bool done;

	if (!filter_parse(req, &filter, err))
		return STEP_FAIL;
	done = list_page(req, &filter, err);
	filter_clear(&filter);
	return done ? STEP_DONE : STEP_FAIL;
}

/* --- get --- */

enum step fetch_get(struct request *req, struct error *err)
{
	const struct object *object;
	uint64_t wanted;

	if (!read_revision(req, &wanted, err) || !check_not_future(req, wanted, err))
		return STEP_FAIL;
	object = registry_find(registry_of(req), req->kind, req->namespace, req->name);
	if (!object) {
		status_not_found(err, req->kind, req->name);
		return STEP_FAIL;
	}
	reply_object(req, 200, object);
	return STEP_DONE;
}
