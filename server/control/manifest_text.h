/*
 * manifest_text.h - from the bytes of a manifest file to the objects that stand in it.
 *
 * YAML with any number of documents, or JSON values one after the other; lists (kind List, or
 * ConfigMapList and the like) are taken apart.  A document that is wrong is a problem of its own:
 * the objects of the others are still given.
 *
 * Pure; any thread.
 */
#ifndef SERVER_CONTROL_MANIFEST_TEXT_H
#define SERVER_CONTROL_MANIFEST_TEXT_H

#include "base/json.h"

struct manifest_object {
	const struct json *json;
	struct str api_version, kind, name;
	struct str namespace; /* as written; "" when it is not */
	unsigned document;    /* counted from 1; empty ones do not count */
};
struct manifest_problem {
	char *text;        /* a sentence */
	unsigned document; /* 0 = the whole file */
};
/* All of it is owned by this; the objects' texts live in the documents. */
struct manifest_text {
	struct manifest_object *objects;
	size_t count;
	struct manifest_problem *problems; /* the first MANIFEST_PROBLEMS_MAX; more are alike */
	size_t problem_count;
	struct json_doc **docs;
	size_t doc_count;
};
#define MANIFEST_PROBLEMS_MAX 20

/* `out` is filled anew.  is_json: by the file's name. */
void manifest_text_parse(struct str text, bool is_json, struct manifest_text *out);
/* One more problem, as long as there is room.  document 0: the whole file. */
void manifest_text_problem(struct manifest_text *text, unsigned document, const char *format, ...)
	PRINTF_LIKE(3, 4);
void manifest_text_clear(struct manifest_text *text); /* zeroed memory is fine */

#endif
