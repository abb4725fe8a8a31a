/*
 * kind_secret.c - Secret: configuration that is kept from prying eyes.
 */
#include "api/kinds/cells.h"
#include "api/names.h"
#include "api/object.h"
#include "api/validate.h"

#define SIZE_MAX_BYTES (1024u * 1024)

/* stringData is written into data and never shown again; an update that says no type keeps it. */
static void fill(const struct kind_work *work)
{
	const struct json *texts = json_get(work->object, "stringData");
	struct str type = json_str(json_get(work->old, "type"));
	struct json *data;

	if (json_str(json_get(work->object, "type")).len == 0)
		json_put(work->doc, work->object, "type",
			 json_new_str(work->doc, type.len ? type : STR("Opaque")));
	if (!texts)
		return;
	data = json_sub_object(work->doc, work->object, "data");
	for (struct json_iter it = json_iter(texts); json_next(&it);) {
		auto_buf coded = BUF_INIT;

		buf_add_base64(&coded, json_str(it.value));
		json_add_str(work->doc, data, it.key, json_new_str(work->doc, buf_str(&coded)));
	}
	json_drop_duplicates(data);
	json_remove(work->object, STR("stringData"));
}

static void validate(const struct kind_work *work)
{
	size_t total = 0;

	for (struct json_iter it = json_iter(json_get(work->object, "data")); json_next(&it);) {
		const char *why = name_check_config_key(it.key);
		auto_json_doc doc = json_doc_new();

		total += json_str(it.value).len / 4 * 3;
		if (why)
			validate_invalid(
				work,
				field_path(work->errors, "data[" STR_FMT "]", STR_ARG(it.key)),
				json_new_str(doc, it.key), why);
	}
	if (total > SIZE_MAX_BYTES)
		field_errors_add(work->errors, FIELD_TOO_LONG, "data", NULL,
				 "may not be more than 1048576 bytes");
	if (!work->old)
		return;
	validate_immutable(work, "type", json_get(work->object, "type"),
			   json_get(work->old, "type"));
	if (!json_bool(json_get(work->old, "immutable")))
		return;
	if (!json_bool(json_get(work->object, "immutable")))
		field_errors_add(work->errors, FIELD_FORBIDDEN, "immutable", NULL,
				 "field is immutable when `immutable` is set");
	if (!json_equal(json_get(work->object, "data"), json_get(work->old, "data")))
		field_errors_add(work->errors, FIELD_FORBIDDEN, "data", NULL,
				 "field is immutable when `immutable` is set");
}

static void print_data(const struct json *object, struct buf *out)
{
	cells_count(json_count(json_get(object, "data")), out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Type", .path = ".type" },
	{ .name = "Data", .type = "string", .print = print_data },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};
static const struct field_label field_labels[] = { { "type", NULL }, { 0 } };

const struct kind kind_secret = {
	.group = "",
	.version = "v1",
	.name = "Secret",
	.plural = "secrets",
	.type_name = "io.k8s.api.core.v1.Secret",
	.namespaced = true,
	.sealed = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.validate = validate,
	.columns = columns,
	.field_labels = field_labels,
};
