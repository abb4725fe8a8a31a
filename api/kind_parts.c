/*
 * kind_parts.c - which parts of an object a write through each of its subresources may change; the
 * rest stays as it was.
 */
#include "api/kind_parts.h"

#include "api/object.h"

static void keep(const struct kind_work *work, const char *field)
{
	json_put(work->doc, work->object, field, json_clone(work->doc, json_get(work->old, field)));
}

/* Everything but metadata and status is as it was. */
static void keep_wish(const struct kind_work *work)
{
	struct json *metadata = meta_of(work->object), *status = json_get(work->object, "status");

	json_clear(work->object);
	for (struct json_iter it = json_iter(work->old); json_next(&it);) {
		if (str_is(it.key, "metadata"))
			json_put(work->doc, work->object, "metadata", metadata);
		else if (str_is(it.key, "status"))
			json_put(work->doc, work->object, "status", status);
		else
			json_add_str(work->doc, work->object, it.key,
				     json_clone(work->doc, it.value));
	}
	json_put(work->doc, work->object, "status", status);
}

/* The newest revision is a condition of the wish, not a part of the object. */
static void keep_metadata(const struct kind_work *work)
{
	keep(work, "metadata");
}

/* The object itself: its status is written elsewhere, if there is such a place. */
static void keep_status(const struct kind_work *work)
{
	for (const struct subresource *sub = work->kind->subresources; sub && sub->name; sub++)
		if (strcmp(sub->name, "status") == 0)
			keep(work, "status");
}

static void write_nothing_else(const struct kind_work *work)
{
	(void)work;
}

/* Fields of metadata that some kinds do not take with their status. */
static void write_status(const struct kind_work *work)
{
	static const char *const fields[][2] = {
		{ "Deployment", "labels" },
		{ "Pod", "ownerReferences" }, /* old nodes damage them */
	};

	keep_wish(work);
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		if (strcmp(work->kind->name, fields[i][0]) == 0)
			json_put(work->doc, meta_of(work->object), fields[i][1],
				 json_clone(work->doc, json_get(meta_of(work->old), fields[i][1])));
}

/* The verdict over a certificate request: conditions only. */
static void write_approval(const struct kind_work *work)
{
	struct json *conditions = json_path(work->object, "status", "conditions", NULL), *status;

	keep_wish(work);
	keep(work, "status");
	status = json_sub_object(work->doc, work->object, "status");
	json_put(work->doc, status, "conditions", conditions);
}

static void write_finalizers(const struct kind_work *work)
{
	struct json *finalizers = json_path(work->object, "spec", "finalizers", NULL);

	keep_wish(work);
	keep(work, "status");
	json_put(work->doc, json_sub_object(work->doc, work->object, "spec"), "finalizers",
		 finalizers);
}

static void write_ephemeral(const struct kind_work *work)
{
	struct json *containers = json_path(work->object, "spec", "ephemeralContainers", NULL);

	keep_wish(work);
	keep(work, "status");
	keep_metadata(work);
	json_put(work->doc, json_sub_object(work->doc, work->object, "spec"), "ephemeralContainers",
		 containers);
}

/* What containers may use; each is found by its name. */
static void take_resources(const struct kind_work *work, struct json *containers,
			   const struct json *wished)
{
	static const char *const fields[] = { "resources", "resizePolicy" };

	for (struct json_iter it = json_iter(containers); json_next(&it);)
		for (struct json_iter wish = json_iter(wished); json_next(&wish);) {
			if (!json_equal(json_get(it.value, "name"), json_get(wish.value, "name")))
				continue;
			for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
				json_put(work->doc, it.value, fields[i],
					 json_clone(work->doc, json_get(wish.value, fields[i])));
		}
}

static void write_resources(const struct kind_work *work)
{
	struct json *wished = json_get(work->object, "spec"), *spec;

	keep_wish(work);
	keep(work, "status");
	keep_metadata(work);
	spec = json_get(work->object, "spec");
	take_resources(work, json_get(spec, "containers"), json_get(wished, "containers"));
	take_resources(work, json_get(spec, "initContainers"), json_get(wished, "initContainers"));
	if (!json_equal(spec, json_get(work->old, "spec")))
		json_put(work->doc, json_sub_object(work->doc, work->object, "status"), "resize",
			 json_new_text(work->doc, "Proposed"));
}

static const struct {
	const char *subresource;
	void (*keep)(const struct kind_work *work);
} rows[] = {
	{ "", keep_status },
	{ "status", write_status },
	{ "approval", write_approval },
	{ "finalize", write_finalizers },
	{ "ephemeralcontainers", write_ephemeral },
	{ "resize", write_resources },
	/* Made by the server itself. */
	{ "delete", write_nothing_else },
	{ "binding", write_nothing_else },
};

void kind_keep_parts(const struct kind_work *work)
{
	for (size_t i = 0; work->old && i < ARRAY_LENGTH(rows); i++)
		if (strcmp(work->subresource, rows[i].subresource) == 0) {
			rows[i].keep(work);
			return;
		}
	if (work->old)
		keep_status(work);
}
