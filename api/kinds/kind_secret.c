/*
 * kind_secret.c - Secret: configuration that is kept from prying eyes.
 */
#include "api/kinds/cells.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

#define SIZE_MAX_BYTES (1024u * 1024)
#define ACCOUNT        "kubernetes.io/service-account.name"

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

/* --- checks --- */

/* Bytes that a base64 text stands for. */
static size_t decoded_length(struct str text)
{
	size_t padding = str_ends(text, STR("==")) ? 2 : str_ends(text, STR("="));

	return text.len / 4 * 3 - (text.len >= 4 ? padding : 0);
}

static void require_key(const struct kind_work *work, const char *key)
{
	if (!json_path(work->object, "data", key, NULL))
		validate_required(work, field_path(work->errors, "data[%s]", key), "");
}

/* A key whose value is a JSON object; what is in it is not told. */
static void require_json(const struct kind_work *work, const char *key)
{
	const struct json *value = json_path(work->object, "data", key, NULL);
	auto_json_doc doc = NULL;
	auto_buf text = BUF_INIT;
	struct error err;

	require_key(work, key);
	if (!value)
		return;
	if (!buf_add_base64_decoded(&text, json_str(value)) ||
	    !json_parse(buf_str(&text), &doc, NULL, &err))
		field_errors_add(work->errors, FIELD_INVALID,
				 field_path(work->errors, "data[%s]", key),
				 "\"<secret contents redacted>\"",
				 text.len == 0 ? "unexpected end of JSON input" : err.text);
	else if (json_type(json_root(doc)) != JSON_OBJECT && json_type(json_root(doc)) != JSON_NULL)
		field_errors_add(work->errors, FIELD_INVALID,
				 field_path(work->errors, "data[%s]", key),
				 "\"<secret contents redacted>\"", "json: no object");
}

static void check_type(const struct kind_work *work, struct str type)
{
	if (str_is(type, "kubernetes.io/service-account-token")) {
		if (meta_annotation(work->object, ACCOUNT).len == 0)
			validate_required(work, "metadata.annotations[" ACCOUNT "]", "");
	} else if (str_is(type, "kubernetes.io/dockercfg")) {
		require_json(work, ".dockercfg");
	} else if (str_is(type, "kubernetes.io/dockerconfigjson")) {
		require_json(work, ".dockerconfigjson");
	} else if (str_is(type, "kubernetes.io/basic-auth")) {
		if (!json_path(work->object, "data", "username", NULL) &&
		    !json_path(work->object, "data", "password", NULL)) {
			require_key(work, "username");
			require_key(work, "password");
		}
	} else if (str_is(type, "kubernetes.io/ssh-auth")) {
		if (json_str(json_path(work->object, "data", "ssh-privatekey", NULL)).len == 0)
			validate_required(work, "data[ssh-privatekey]", "");
	} else if (str_is(type, "kubernetes.io/tls")) {
		require_key(work, "tls.crt");
		require_key(work, "tls.key");
	}
}

static void check_update(const struct kind_work *work)
{
	static const char words[] = "field is immutable when `immutable` is set";

	validate_immutable(work, "type", json_get(work->object, "type"),
			   json_get(work->old, "type"));
	if (!json_bool(json_get(work->old, "immutable")))
		return;
	if (!json_bool(json_get(work->object, "immutable")))
		words_forbidden(work, "immutable", words);
	if (!json_equal(json_get(work->object, "data"), json_get(work->old, "data")))
		words_forbidden(work, "data", words);
}

static void validate(const struct kind_work *work)
{
	size_t total = 0;

	if (work->old)
		check_update(work);
	for (struct json_iter it = json_iter(json_get(work->object, "data")); json_next(&it);) {
		total += decoded_length(json_str(it.value));
		values_map_key(work, "data", it.key, name_config_key);
	}
	if (total > SIZE_MAX_BYTES)
		words_too_long(work, "data", SIZE_MAX_BYTES);
	check_type(work, json_str(json_get(work->object, "type")));
}

static void print_data(const struct json *object, struct buf *out)
{
	cells_count(json_count(json_get(object, "data")), out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Type", .path = ".type" },
	{ .name = "Data", .type = "number", .print = print_data },
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
