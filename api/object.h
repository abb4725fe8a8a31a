/*
 * object.h - an API object: immutable, counted, its encoded bytes shared by the store, caches and
 * watchers.
 *
 * Made once from a finished json_doc (or from stored bytes); a change makes a new one.  The parsed
 * form is made on first use and may be given up again (object_trim) to save memory; the bytes and
 * the facts below stay. References may be taken and dropped by any thread; object_json for the
 * first time only by the loop thread.
 */
#ifndef API_OBJECT_H
#define API_OBJECT_H

#include "base/json.h"

struct object;

/* Takes the doc; its root is the object (apiVersion and kind inside).  Never fails: the doc was
 * checked. */
struct object *object_new(struct json_doc *doc);
/* From stored JSON; bytes are copied.  ERROR_BROKEN when they do not parse. */
MUST_CHECK bool object_from_bytes(struct str bytes, struct object **out, struct error *err);
struct object *object_ref(const struct object *object);
void object_unref(const struct object *object); /* NULL is fine */
DEFINE_AUTO(const struct object *, object_unref)
#define auto_object AUTO(object_unref) const struct object *

struct str object_bytes(const struct object *object); /* compact JSON, no newline */
/* Borrowed, until the form is given up: for one callback.  Who looks again later asks again, or
 * keeps a clone. */
const struct json *object_json(const struct object *object);
void object_trim(const struct object *object); /* give up the parsed form; loop thread, no borrowed
						  values alive */
/* Give up all forms that object_json has made on this thread since the last call: at the end of a
 * round of the loop, as in object_trim.  They are remembered from the first call on. */
void object_trim_round(void);
void object_round_end(void); /* remember none any more */
/* A changeable copy: *out_root is in a new doc that the caller owns. */
struct json_doc *object_thaw(const struct object *object);

/* Facts kept beside the bytes; "" when absent.  Borrowed. */
struct str object_namespace(const struct object *object);
struct str object_name(const struct object *object);
struct str object_uid(const struct object *object);
struct str object_kind(const struct object *object);
struct str object_api_version(const struct object *object);
uint64_t object_revision(const struct object *object); /* metadata.resourceVersion, 0 when absent */
struct str object_label(const struct object *object, struct str key); /* at == NULL when absent */
bool object_is_deleting(const struct object *object); /* metadata.deletionTimestamp is set */
/* "namespace/name", or "name" without a namespace, into buf. */
void object_key(const struct object *object, struct buf *out);

/* Shorthands on plain JSON used everywhere. */
struct json *meta_of(const struct json *object);                   /* .metadata or NULL */
struct str meta_str(const struct json *object, const char *field); /* .metadata.<field> */
struct str meta_annotation(const struct json *object, const char *key);
/* The entry of .status.conditions of this type, or NULL; and whether its status is "True". */
struct json *meta_condition(const struct json *object, struct str type);
bool meta_condition_is_true(const struct json *object, struct str type);
/* The entry of metadata.ownerReferences with controller: true, or NULL. */
const struct json *meta_controller(const struct json *object);

#endif
