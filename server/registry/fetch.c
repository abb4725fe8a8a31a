/*
 * fetch.c - get and list: committed objects out, filtered, paged, in the form that was asked for.
 *
 * A page ends at `limit` objects; the continue token names the revision of the first page and the
 * last key given.  Later pages show the state of that same revision as long as the changes since
 * are kept; after that the client is told so, with a token that goes on from the newest state.
 */
#include <assert.h>
#include <inttypes.h>

#include "api/face.h"
#include "api/selector.h"
#include "base/limits.h"
#include "datastore/past.h"
#include "server/registry/reading.h"
#include "server/registry/registry_inside.h"

#define STATUS_TYPE "io.k8s.apimachinery.pkg.apis.meta.v1.Status"

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

void filter_prefix(struct request *req, const struct filter *filter, struct buf *out)
{
	struct str namespace = req->namespace, name = STR("");

	if (req->kind->namespaced && namespace.len == 0)
	namespace = selector_wanted(filter->fields, "metadata.namespace");
	if (!req->kind->namespaced || namespace.len > 0)
		name = selector_wanted(filter->fields, "metadata.name");
	registry_key(req->kind, namespace, name, out);
}

/* --- refusals --- */

enum step reading_refuse(struct request *req, bool watch)
{
	static const struct kind list_options = { .group = "meta.k8s.io", .name = "ListOptions" };
	struct field_errors errors = { .arena = req->arena };
	struct status_about about = { .kind = &list_options, .causes = &errors };
	struct error err;

	reading_check(req, watch, &errors);
	if (status_invalid(&err, &list_options, STR_NONE, &errors))
		return STEP_NEXT;
	reply_error(req, &err, &about);
	return STEP_DONE;
}

/* The real server has no reason for a number that is none: its Status has only the code. */
static enum step refuse_number(struct request *req, const struct error *why)
{
	auto_json_doc doc = json_doc_new();
	struct json *status = json_new_object(doc);

	json_put(doc, status, "kind", json_new_text(doc, "Status"));
	json_put(doc, status, "apiVersion", json_new_text(doc, "v1"));
	json_put(doc, status, "metadata", json_new_object(doc));
	json_put(doc, status, "status", json_new_text(doc, "Failure"));
	json_put(doc, status, "message", json_new_text(doc, why->text));
	json_put(doc, status, "code", json_new_int(doc, error_rows[why->kind].status));
	reply_json(req, error_rows[why->kind].status, status, STATUS_TYPE);
	return STEP_DONE;
}

/* 410 with a token that goes on from the newest state: what is to come may not fit to what the
 * client has, but it need not begin anew. */
static enum step refuse_token(struct request *req, const struct reading *reading)
{
	struct status_about about = { .kind = req->kind };
	auto_json_doc doc = NULL;
	auto_buf text = BUF_INIT;
	struct error err;
	int status;

	error_set(&err, ERROR_EXPIRED,
		  "The provided continue parameter is too old to display a consistent list result. "
		  "You can start a new list without the continue parameter, or use the continue "
		  "token in this response to retrieve the remainder of the results. Continuing "
		  "with the provided token results in an inconsistent list - objects that were "
		  "created, modified, or deleted between the time the first chunk was returned and "
		  "now may show up in the list.");
	status = status_print(&err, &about, &text);
	if (!json_parse(buf_str(&text), &doc, NULL, &err))
		abort(); /* our own text */
	json_put(doc, meta_of(json_root(doc)), "continue",
		 json_new_text(doc, reading_token(req, 0, -1, reading->after)));
	reply_json(req, status, json_root(doc), STATUS_TYPE);
	return STEP_DONE;
}

/* --- list --- */

struct page {
	const struct object **objects;
	size_t count, room;
	struct str last_key;
	bool more;
	int64_t remaining; /* -1 = not told */
};

static void page_add(struct request *req, struct page *page, const struct past_record *record)
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

/* How many come behind the page: counted once a list, then less with each page. */
static void count_rest(const struct reading *reading, struct past *past, struct page *page)
{
	struct past_record unused;

	if (reading->remaining > (int64_t)page->count) {
		page->remaining = reading->remaining - (int64_t)page->count;
		return;
	}
	page->remaining = 1;
	while (past_next(past, &unused))
		page->remaining++;
}

static void fill_page(struct request *req, const struct filter *filter,
		      const struct reading *reading, struct past *past, struct page *page)
{
	bool all = selector_is_empty(filter->labels) && selector_is_empty(filter->fields);
	struct past_record record;

	page->remaining = -1;
	while (past_next(past, &record)) {
		if (!filter_match(filter, record.item))
			continue;
		if (req->params.limit > 0 && page->count >= (size_t)req->params.limit) {
			page->more = true;
			if (all)
				count_rest(reading, past, page);
			break;
		}
		page_add(req, page, &record);
	}
}

static void reply_page(struct request *req, uint64_t revision, const struct page *page)
{
	struct reply_list list = {
		.kind = req->kind,
		.revision = revision,
		.remaining = page->remaining,
		.objects = page->objects,
		.count = page->count,
	};

	if (page->more)
		list.continue_token = reading_token(req, revision, page->remaining, page->last_key);
	reply_list(req, &list);
}

static enum step list_page(struct request *req, const struct filter *filter, struct error *err)
{
	struct datastore *store = registry_of(req)->store;
	uint64_t revision = datastore_revision(store);
	auto_past past = NULL;
	auto_buf prefix = BUF_INIT;
	struct page page = { 0 };
	struct reading reading;
	enum step step;

	filter_prefix(req, filter, &prefix);
	if (!reading_of_list(req, buf_str(&prefix), &reading, err))
		return err->kind == ERROR_BROKEN ? refuse_number(req, err) : STEP_FAIL;
	step = reading_wait(req, store, reading.at_least, err);
	if (step != STEP_NEXT)
		return step;
	if (reading.exact > 0)
		revision = reading.exact;
	if (!past_open(store, revision, buf_str(&prefix), reading.after, &past, err)) {
		if (reading.after.at)
			return refuse_token(req, &reading);
		error_set(err, ERROR_EXPIRED,
			  "The resourceVersion for the provided list is too old.");
		return STEP_FAIL;
	}
	fill_page(req, filter, &reading, past, &page);
	reply_page(req, revision, &page);
	return STEP_DONE;
}

enum step fetch_list(struct request *req, struct error *err)
{
	struct filter filter;
	enum step step = reading_refuse(req, false);

	if (step != STEP_NEXT)
		return step;
	if (!filter_parse(req, &filter, err))
		return STEP_FAIL;
	step = list_page(req, &filter, err);
	filter_clear(&filter);
	return step;
}

/* --- get --- */

enum step fetch_get(struct request *req, struct error *err)
{
	struct registry *registry = registry_of(req);
	const struct object *object;
	struct reading reading;
	enum step step;

	if (!reading_of_get(req, &reading, err))
		return refuse_number(req, err);
	step = reading_wait(req, registry->store, reading.at_least, err);
	if (step != STEP_NEXT)
		return step;
	object = registry_find(registry, req->kind, req->namespace, req->name);
	if (!object) {
		status_not_found(err, req->kind, req->name);
		return STEP_FAIL;
	}
	reply_object(req, 200, object);
	return STEP_DONE;
}
