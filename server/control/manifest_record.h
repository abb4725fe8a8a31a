/*
 * manifest_record.h - what was deployed from one manifest file: a ConfigMap in kube-system, so that
 * a restart knows it and operators see it.
 *
 *	data:
 *	  file:     apps/web.yaml
 *	  sha256:   of the text that was applied as a whole; empty while it is not
 *	  objects:  a line each: "Deployment.apps default/web", "Namespace shop"
 *	  problems: what could not be done, a line each
 *
 * It is written before anything is created (with all that may exist from then on) and after all is
 * done; so a server that dies between knows what to look after.  Loop thread only.
 */
#ifndef SERVER_CONTROL_MANIFEST_RECORD_H
#define SERVER_CONTROL_MANIFEST_RECORD_H

#include "api/kind.h"
#include "base/map.h"

#define MANIFEST_RECORD_NAMESPACE "kube-system"
#define MANIFEST_RECORD_LABEL     "mote.dev/manifest-record"

struct manifest_record {
	char *file;
	char *name; /* of the ConfigMap */
	char *uid;  /* "" until it is there */
	char *hash;
	struct map *items; /* key of an object (manifest_key) -> anything but NULL */
	struct buf problems;
	char *stored; /* the body that the API has, "" = none */
};

struct manifest_record *manifest_record_new(const char *file);
/* From the ConfigMap; NULL when it is no such thing. */
struct manifest_record *manifest_record_read(const struct json *map);
void manifest_record_free(struct manifest_record *record); /* NULL is fine */
void manifest_record_print(const struct manifest_record *record, struct buf *out);

/* "Kind.group namespace/name": the version of the group does not matter. */
void manifest_key(const struct kind *kind, struct str namespace, struct str name, struct buf *out);
/* False for what names no kind that is served.  The texts are borrowed from `key`. */
MUST_CHECK bool manifest_key_parse(struct str key, const struct kind **out_kind,
				   struct str *out_namespace, struct str *out_name);

#endif
