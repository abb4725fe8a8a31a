/*
 * face.c - from the kept form of an object to its other face, and back.
 */
#include "api/face.h"

#include <assert.h>

#include "api/decode.h"

const struct kind *face_kept(const struct kind *kind)
{
	return kind->stored_as ? kind->stored_as : kind;
}

static void name_kind(struct json_doc *doc, const struct kind *kind)
{
	auto_buf version = BUF_INIT;

	kind_api_version(kind, &version);
	json_put(doc, json_root(doc), "apiVersion", json_new_str(doc, buf_str(&version)));
	json_put(doc, json_root(doc), "kind", json_new_text(doc, kind->name));
}

void face_to_kept(const struct kind *kind, struct json_doc *doc)
{
	if (!kind->stored_as)
		return;
	assert(kind->to_stored);
	decode_default(kind_type(kind), doc, json_root(doc));
	kind->to_stored(doc, json_root(doc));
	name_kind(doc, kind->stored_as);
}

void face_from_kept(const struct kind *kind, struct json_doc *doc)
{
	if (!kind->stored_as)
		return;
	assert(kind->from_stored);
	kind->from_stored(doc, json_root(doc));
	name_kind(doc, kind);
}

struct json_doc *face_thaw(const struct kind *kind, const struct object *kept)
{
	struct json_doc *doc = object_thaw(kept);

	face_from_kept(kind, doc);
	return doc;
}

const struct object *face_of(const struct kind *kind, const struct object *kept)
{
	return kind->stored_as ? object_new(face_thaw(kind, kept)) : object_ref(kept);
}
