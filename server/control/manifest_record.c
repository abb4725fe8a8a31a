/*
 * manifest_record.c - record and ConfigMap.
 */
#include "server/control/manifest_record.h"

#include <assert.h>

#include "api/object.h"
#include "net/hash.h"

#define NAME_MAX_LEN 40 /* of what is readable in the ConfigMap's name */

void manifest_key(const struct kind *kind, struct str namespace, struct str name, struct buf *out)
{
	buf_add_print(out, "%s%s%s ", kind->name, kind->group[0] ? "." : "", kind->group);
	if (namespace.len > 0)
		buf_add_print(out, STR_FMT "/", STR_ARG(namespace));
	buf_add_str(out, name);
}

bool manifest_key_parse(struct str key, const struct kind **out_kind, struct str *out_namespace,
			struct str *out_name)
{
	struct str rest = key, group = str_cut(&rest, ' '), kind = str_cut(&group, '.');

	for (size_t i = 0; kind_list[i]; i++) {
		if (!str_is(kind, kind_list[i]->name) || !str_is(group, kind_list[i]->group))
			continue;
		*out_kind = kind_list[i];
		*out_namespace = kind_list[i]->namespaced ? str_cut(&rest, '/') : STR_NONE;
		*out_name = rest;
		return rest.len > 0;
	}
	return false;
}

/* "manifest-apps-web-1f0c7a52": readable, and unlike that of any other file. */
static char *name_of(const char *file)
{
	char hash[HASH_SHA256_HEX], readable[NAME_MAX_LEN + 1];
	size_t len = 0;

	for (const char *at = file; *at && len < NAME_MAX_LEN; at++) {
		char c = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
		bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (fits || (len > 0 && readable[len - 1] != '-'))
			readable[len++] = fits ? c : '-';
	}
	if (len > 0 && readable[len - 1] == '-')
		len--;
	hash_sha256_hex(str_of(file), hash);
	return memory_print("manifest-%.*s%s%.8s", (int)len, readable, len > 0 ? "-" : "", hash);
}

struct manifest_record *manifest_record_new(const char *file)
{
	struct manifest_record *record = memory_new(struct manifest_record);

	record->file = memory_string(file);
	record->name = name_of(file);
	record->uid = memory_string("");
	record->hash = memory_string("");
	record->stored = memory_string("");
	record->items = map_new();
	return record;
}

void manifest_record_free(struct manifest_record *record)
{
	if (!record)
		return;
	map_free(record->items);
	buf_clear(&record->problems);
	free(record->file);
	free(record->name);
	free(record->uid);
	free(record->hash);
	free(record->stored);
	free(record);
}

struct manifest_record *manifest_record_read(const struct json *map)
{
	const struct json *data = json_get(map, "data");
	struct str file = json_str(json_get(data, "file"));
	struct str objects = json_str(json_get(data, "objects"));
	auto_free char *file_text = str_copy(file);
	struct manifest_record *record;
	auto_buf body = BUF_INIT;

	if (file.len == 0)
		return NULL;
	record = manifest_record_new(file_text);
	if (!str_is(meta_str(map, "name"), record->name)) {
		manifest_record_free(record);
		return NULL;
	}
	free(record->uid);
	record->uid = str_copy(meta_str(map, "uid"));
	free(record->hash);
	record->hash = str_copy(json_str(json_get(data, "sha256")));
	buf_add_str(&record->problems, json_str(json_get(data, "problems")));
	while (objects.len > 0) {
		struct str key = str_cut(&objects, '\n');

		if (key.len > 0)
			map_put(record->items, key, record);
	}
	manifest_record_print(record, &body);
	free(record->stored);
	record->stored = buf_take(&body);
	return record;
}

void manifest_record_print(const struct manifest_record *record, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *map = json_new_object(doc);
	struct json *metadata = json_sub_object(doc, map, "metadata"), *data;
	auto_buf objects = BUF_INIT;
	struct str key;
	void *unused;

	for (size_t i = 0; map_next(record->items, &i, &key, &unused);)
		buf_add_print(&objects, STR_FMT "\n", STR_ARG(key));
	json_put(doc, map, "apiVersion", json_new_text(doc, "v1"));
	json_put(doc, map, "kind", json_new_text(doc, "ConfigMap"));
	json_put(doc, metadata, "name", json_new_text(doc, record->name));
	json_put(doc, metadata, "namespace", json_new_text(doc, MANIFEST_RECORD_NAMESPACE));
	json_put(doc, json_sub_object(doc, metadata, "labels"), MANIFEST_RECORD_LABEL,
		 json_new_text(doc, "true"));
	data = json_sub_object(doc, map, "data");
	json_put(doc, data, "file", json_new_text(doc, record->file));
	json_put(doc, data, "sha256", json_new_text(doc, record->hash));
	json_put(doc, data, "objects", json_new_str(doc, buf_str(&objects)));
	if (record->problems.len > 0)
		json_put(doc, data, "problems", json_new_str(doc, buf_str(&record->problems)));
	json_print(map, out);
}
