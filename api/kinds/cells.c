/*
 * cells.c - shared printers of columns.
 */
#include "api/kinds/cells.h"

#include "api/selector.h"
#include "api/object.h"
#include "api/table.h"
#include "base/clock.h"

static void each_container(const struct json *object, const char *field, struct buf *out)
{
	for (struct json_iter it =
		     json_iter(json_path(object, "spec", "template", "spec", "containers", NULL));
	     json_next(&it);)
		buf_add_print(out, "%s" STR_FMT, it.index ? "," : "",
			      STR_ARG(json_str(json_get(it.value, field))));
}

void cells_container_names(const struct json *object, struct buf *out)
{
	each_container(object, "name", out);
}

void cells_container_images(const struct json *object, struct buf *out)
{
	each_container(object, "image", out);
}

void cells_selector(const struct json *object, struct buf *out)
{
	const struct json *wish = json_path(object, "spec", "selector", NULL);
	struct selector *selector;
	struct error unused;
	size_t before = out->len;

	if (!selector_from_json(wish, &selector, &unused)) {
		buf_add_text(out, "<error>");
		return;
	}
	selector_print(selector, out);
	selector_free(selector);
	if (out->len == before)
		buf_add_text(out, "<none>");
}

void cells_map(const struct json *map, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *sorted = json_clone(doc, map);

	if (json_count(map) == 0) {
		buf_add_text(out, "<none>");
		return;
	}
	json_sort_keys(sorted);
	for (struct json_iter it = json_iter(sorted); json_next(&it);)
		buf_add_print(out, "%s" STR_FMT "=" STR_FMT, it.index ? "," : "", STR_ARG(it.key),
			      STR_ARG(json_str(it.value)));
}

void cells_or_unset(const struct json *value, struct buf *out)
{
	buf_add_str(out, value ? json_str(value) : STR("<unset>"));
}

void cells_age(struct str time, struct buf *out)
{
	int64_t then;

	if (!clock_parse(time, &then, NULL))
		buf_add_text(out, "<unknown>");
	else
		table_print_age(clock_wall_s() - then, out);
}

void cells_created(const struct json *object, struct buf *out)
{
	buf_add_str(out, meta_str(object, "creationTimestamp"));
}

void cells_count(size_t count, struct buf *out)
{
	buf_add_print(out, "%zu", count);
}
