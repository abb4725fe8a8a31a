/*
 * manifest_merge.h - what is sent to the API so that an object becomes as its manifest says.
 *
 * A manifest owns the fields that it names and no others.  To know later which of them it does not
 * name any more, each deployed object keeps their names (never their values: they may be secret) in
 * an annotation; managedFields would say the same.
 *
 * Pure functions; any thread.
 */
#ifndef SERVER_CONTROL_MANIFEST_MERGE_H
#define SERVER_CONTROL_MANIFEST_MERGE_H

#include "api/kind.h"

#define MANIFEST_OWNER  "mote.dev/manifest"        /* the file, as "apps/web.yaml"          */
#define MANIFEST_FIELDS "mote.dev/manifest-fields" /* names of fields, as a JSON object     */

/* The object as it is created: with both annotations, and secrets in one form.  In `doc`. */
struct json *manifest_merge_new(struct json_doc *doc, const struct kind *kind,
				const struct json *wished, const char *file);
/* The strategic merge patch that moves `current` (as the API gave it) to what `made`, a result of
 * manifest_merge_new, says: fields that the manifest named before and does not name now go, fields
 * of others stay.  Changes `made`, in its `doc`. */
struct json *manifest_merge_patch(struct json_doc *doc, const struct kind *kind, struct json *made,
				  const struct json *current);

#endif
