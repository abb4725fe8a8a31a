/*
 * metrics_pass.c - finds the nodes and pods that are meant, waits until their nodes have been
 * heard, makes the objects.
 */
#include "server/metrics/metrics_pass.h"

#include <inttypes.h>

#include "api/selector.h"
#include "base/clock.h"
#include "server/front/reply.h"
#include "server/metrics/usage_book.h"
#include "server/registry/registry.h"

#define GROUP   "metrics.k8s.io"
#define VERSION GROUP "/v1beta1"

/* A request that waits; in its arena. */
struct metrics_work {
	struct usage_wait wait;
	struct request *req;
};

/* What is walked through. */
struct metrics_walk {
	struct request *req;
	struct usage_book *book;
	struct selector *labels, *fields;
	struct metrics_work *work; /* first walk: nodes are wanted */
	const struct object **found;
	size_t count, room;
};

bool metrics_is_asked(const struct request *req)
{
	return strcmp(req->kind->group, GROUP) == 0;
}

static bool is_about_pods(const struct request *req)
{
	return req->kind->namespaced;
}

static const struct kind *source_kind(const struct request *req)
{
	return kind_find_name(STR("v1"), is_about_pods(req) ? STR("Pod") : STR("Node"));
}

/* --- one object --- */

static void put_text(struct json_doc *doc, struct json *to, const char *key, const char *text)
{
	json_put(doc, to, key, json_new_text(doc, text));
}

static struct json *begin_object(struct json_doc *doc, const char *kind, const struct json *source)
{
	struct json *root = json_new_object(doc), *metadata;
	struct str namespace = meta_str(source, "namespace");
	char now[CLOCK_TEXT];

	json_set_root(doc, root);
	put_text(doc, root, "kind", kind);
	put_text(doc, root, "apiVersion", VERSION);
	metadata = json_sub_object(doc, root, "metadata");
	json_put(doc, metadata, "name", json_new_str(doc, meta_str(source, "name")));
	if (namespace.len > 0)
		json_put(doc, metadata, "namespace", json_new_str(doc, namespace));
	clock_print(clock_wall_s(), now);
	put_text(doc, metadata, "creationTimestamp", now);
	json_put(doc, metadata, "labels",
		 json_clone(doc, json_path(source, "metadata", "labels", NULL)));
	return root;
}

static void put_window(struct json_doc *doc, struct json *root, const struct usage_figure *figure)
{
	char time[CLOCK_TEXT];

	clock_print(figure->time_ms / 1000, time);
	put_text(doc, root, "timestamp", time);
	if (figure->window_ms % 1000 == 0)
		json_put(doc, root, "window",
			 json_new_print(doc, "%" PRId64 "s", figure->window_ms / 1000));
	else
		json_put(doc, root, "window",
			 json_new_print(doc, "%" PRId64 ".%03" PRId64 "s", figure->window_ms / 1000,
					figure->window_ms % 1000));
}

/* In the largest unit that says it exactly, as resource.Quantity prints. */
static struct json *cpu_text(struct json_doc *doc, uint64_t nanos)
{
	static const char *const units[] = { "n", "u", "m", "" };
	size_t unit = 0;

	while (nanos > 0 && nanos % 1000 == 0 && unit + 1 < ARRAY_LENGTH(units)) {
		nanos /= 1000;
		unit++;
	}
	return json_new_print(doc, "%" PRIu64 "%s", nanos, nanos > 0 ? units[unit] : "");
}

static void put_usage(struct json_doc *doc, struct json *to, const struct usage_figure *figure)
{
	struct json *usage = json_sub_object(doc, to, "usage");

	json_put(doc, usage, "cpu", cpu_text(doc, figure->cpu_nanos));
	json_put(doc, usage, "memory",
		 figure->memory > 0 ? json_new_print(doc, "%" PRIu64 "Ki", figure->memory / 1024)
				    : json_new_text(doc, "0"));
}

static struct object *make_node(const struct metrics_walk *walk, const struct json *node)
{
	auto_json_doc doc = NULL;
	struct usage_figure figure;
	struct json *root;

	if (!usage_book_node(walk->book, meta_str(node, "name"), &figure))
		return NULL;
	doc = json_doc_new();
	root = begin_object(doc, "NodeMetrics", node);
	put_window(doc, root, &figure);
	put_usage(doc, root, &figure);
	return object_new(take_ptr(&doc));
}

/* Of the pod's containers that run, each in *list; false when one of them has no figures. */
static bool add_containers(const struct metrics_walk *walk, const struct json *pod,
			   const char *statuses, struct json_doc *doc, struct json *list,
			   struct usage_figure *oldest)
{
	struct str node = json_str(json_path(pod, "spec", "nodeName", NULL));

	for (struct json_iter it = json_iter(json_path(pod, "status", statuses, NULL));
	     json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));
		struct usage_figure figure;
		struct json *entry;

		if (!json_path(it.value, "state", "running", NULL))
			continue;
		if (!usage_book_container(walk->book, node, meta_str(pod, "namespace"),
					  meta_str(pod, "name"), name, &figure))
			return false;
		entry = json_new_object(doc);
		json_put(doc, entry, "name", json_new_str(doc, name));
		put_usage(doc, entry, &figure);
		json_append(list, entry);
		if (oldest->time_ms == 0 || figure.time_ms < oldest->time_ms)
			*oldest = figure;
	}
	return true;
}

static struct object *make_pod(const struct metrics_walk *walk, const struct json *pod)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = begin_object(doc, "PodMetrics", pod), *list = json_new_array(doc);
	struct usage_figure oldest = { 0 };

	if (!add_containers(walk, pod, "initContainerStatuses", doc, list, &oldest) ||
	    !add_containers(walk, pod, "containerStatuses", doc, list, &oldest) ||
	    json_count(list) == 0)
		return NULL;
	put_window(doc, root, &oldest);
	json_put(doc, root, "containers", list);
	return object_new(take_ptr(&doc));
}

/* --- which ones --- */

static bool is_meant(const struct metrics_walk *walk, const struct object *source)
{
	if (!selector_match(walk->labels, source) || !selector_match(walk->fields, source))
		return false;
	return !is_about_pods(walk->req) ||
	       str_is(json_str(json_path(object_json(source), "status", "phase", NULL)), "Running");
}

static void keep(struct metrics_walk *walk, struct object *made)
{
	if (walk->count == walk->room) {
		walk->room = walk->room ? walk->room * 2 : 64;
		walk->found = memory_grow((void *)walk->found, walk->room * sizeof(*walk->found));
	}
	walk->found[walk->count++] = made;
}

static bool visit(void *of, const struct object *source)
{
	struct metrics_walk *walk = of;
	bool pods = is_about_pods(walk->req);
	struct object *made;

	if (is_meant(walk, source)) {
		const struct json *json = object_json(source);
		struct str node = pods ? json_str(json_path(json, "spec", "nodeName", NULL))
				       : object_name(source);

		if (walk->work) {
			(void)usage_book_want(walk->book, node, &walk->work->wait);
		} else {
			made = pods ? make_pod(walk, json) : make_node(walk, json);
			if (made)
				keep(walk, made);
		}
	}
	object_trim(source);
	return true;
}

static void visit_all(struct metrics_walk *walk)
{
	struct request *req = walk->req;
	struct registry *registry = server_registry(req->server);
	const struct object *one;

	if (req->name.len == 0) {
		registry_each(registry, source_kind(req), req->namespace, visit, walk);
		return;
	}
	one = registry_find(registry, source_kind(req), req->namespace, req->name);
	if (one)
		(void)visit(walk, one);
}

/* --- the answer --- */

/* metrics-server's words: by the kind's own name, and with the namespace. */
static enum step not_found(struct request *req, struct error *err)
{
	static const struct kind pods = { .group = GROUP, .plural = "podmetrics" },
				 nodes = { .group = GROUP, .plural = "nodemetrics" };
	const char *name = is_about_pods(req)
				   ? arena_print(req->arena, STR_FMT "/" STR_FMT,
						 STR_ARG(req->namespace), STR_ARG(req->name))
				   : str_copy_arena(req->name, req->arena);
	struct status_about *about = arena_zero(req->arena, sizeof(*about));

	about->kind = is_about_pods(req) ? &pods : &nodes;
	about->name = str_of(name);
	req->about = about;
	status_not_found(err, about->kind, about->name);
	return STEP_FAIL;
}

static enum step answer(struct metrics_walk *walk, struct error *err)
{
	struct request *req = walk->req;
	struct reply_list list = {
		.kind = req->kind, .remaining = -1, .objects = walk->found, .count = walk->count
	};

	if (req->name.len == 0) {
		reply_list(req, &list);
		return STEP_DONE;
	}
	if (walk->count == 0)
		return not_found(req, err);
	reply_object(req, 200, walk->found[0]);
	return STEP_DONE;
}

static void on_ready(struct usage_wait *wait)
{
	road_walk(CONTAINER_OF(wait, struct metrics_work, wait)->req);
}

static enum step run(struct metrics_walk *walk, struct error *err)
{
	struct request *req = walk->req;
	struct metrics_work *work = req->work;
	enum step step;

	if (!work) {
		work = arena_zero(req->arena, sizeof(*work));
		work->req = req;
		work->wait.on_ready = on_ready;
		req->work = walk->work = work;
		visit_all(walk);
		walk->work = NULL;
		if (work->wait.left > 0)
			return STEP_WAIT;
	}
	visit_all(walk);
	req->work = NULL;
	step = answer(walk, err);
	for (size_t i = 0; i < walk->count; i++)
		object_unref(walk->found[i]);
	free((void *)walk->found);
	return step;
}

enum step metrics_pass(struct request *req, struct error *err)
{
	struct metrics_walk walk = { .req = req, .book = server_usage_book(req->server) };
	enum step step = STEP_FAIL;

	if (!walk.book) { /* --disable metrics-server */
		error_set(err, ERROR_NOT_FOUND, "the server could not find the requested resource");
		return STEP_FAIL;
	}
	if (selector_parse_labels(req->params.label_selector, &walk.labels, err)) {
		if (selector_parse_fields(req->params.field_selector, req->kind, &walk.fields, err))
			step = run(&walk, err);
		selector_free(walk.fields);
	}
	selector_free(walk.labels);
	return step;
}
