/*
 * kind.c - finding kinds, and the chain of rules that every new object passes.
 *
 *   parts that stay -> table defaults -> fill            (kind_default)
 *   on_create / on_update                                (kind_prepare)
 *   metadata -> required, enums -> validate              (kind_validate)
 */
#include "api/kind.h"

#include <assert.h>

#include "api/decode.h"
#include "api/kind_parts.h"
#include "api/object.h"
#include "api/validate.h"

const struct kind *kind_find(struct str group, struct str version, struct str plural)
{
	for (const struct kind *const *at = kind_list; *at; at++)
		if (str_is(plural, (*at)->plural) && str_is(group, (*at)->group) &&
		    str_is(version, (*at)->version))
			return *at;
	return NULL;
}

const struct kind *kind_find_name(struct str api_version, struct str name)
{
	struct str rest = api_version, group = STR(""), version;

	if (str_find(api_version, '/') >= 0)
		group = str_cut(&rest, '/');
	version = rest;
	for (const struct kind *const *at = kind_list; *at; at++)
		if (str_is(name, (*at)->name) && str_is(group, (*at)->group) &&
		    str_is(version, (*at)->version))
			return *at;
	return NULL;
}

const struct type *kind_type(const struct kind *kind)
{
	return type_find(str_of(kind->type_name));
}

void kind_api_version(const struct kind *kind, struct buf *out)
{
	if (kind->group[0])
		buf_add_print(out, "%s/", kind->group);
	buf_add_text(out, kind->version);
}

void kind_resource(const struct kind *kind, struct buf *out)
{
	buf_add_text(out, kind->plural);
	if (kind->group[0])
		buf_add_print(out, ".%s", kind->group);
}

/* Every field but metadata and status. */
static bool covers(const struct json *a, const struct json *b)
{
	for (struct json_iter it = json_iter(a); json_next(&it);)
		if (!str_is(it.key, "metadata") && !str_is(it.key, "status") &&
		    !json_equal(it.value, json_get_str(b, it.key)))
			return false;
	return true;
}

bool kind_spec_equal(const struct json *a, const struct json *b)
{
	return covers(a, b) && covers(b, a);
}

void kind_default(const struct kind_work *work)
{
	const struct type *type = kind_type(work->kind);

	kind_keep_parts(work);
	if (type)
		decode_default(type, work->doc, work->object);
	if (work->kind->fill)
		work->kind->fill(work);
}

void kind_prepare(const struct kind_work *work)
{
	if (work->old) {
		if (work->kind->on_update)
			work->kind->on_update(work);
	} else if (work->kind->on_create) {
		work->kind->on_create(work);
	}
}

bool kind_validate(const struct kind_work *work, struct error *err)
{
	const struct type *type = kind_type(work->kind);
	struct str name = meta_str(work->object, "name");

	assert(work->errors);
	if (strcmp(work->subresource, "delete") == 0)
		return true;
	validate_metadata(work);
	if (type)
		validate_table(type, work);
	if (work->kind->validate)
		work->kind->validate(work);
	return status_invalid(err, work->kind, name, work->errors);
}

void kind_warn(const struct kind_work *work, const char *text)
{
	if (!work->warnings)
		return;
	if (work->warnings->len > 0)
		buf_add_byte(work->warnings, '\n');
	buf_add_text(work->warnings, text);
}
