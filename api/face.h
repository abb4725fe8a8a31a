/*
 * face.h - two faces of one object: events.k8s.io Event and core Event, autoscaling/v1 and v2.
 *
 * One of them is kept (its keys, its form, its rules); the other is made from it when somebody asks
 * for it, and turned into it when somebody writes it.  Which is which is said by `stored_as` of the
 * kind's row.  For a kind that is kept as it is, nothing happens here.
 */
#ifndef API_FACE_H
#define API_FACE_H

#include "api/kind.h"
#include "api/object.h"

/* The kind that is kept: the one in `stored_as`, or `kind` itself. */
const struct kind *face_kept(const struct kind *kind);
/* doc's root, an object of `kind` with its apiVersion and kind in front, becomes the kept form. The
 * defaults of the other face are filled in before. */
void face_to_kept(const struct kind *kind, struct json_doc *doc);
/* The other way: doc's root is in the kept form. */
void face_from_kept(const struct kind *kind, struct json_doc *doc);
/* A changeable copy of a kept object, as `kind` shows it. */
struct json_doc *face_thaw(const struct kind *kind, const struct object *kept);
/* A kept object as `kind` shows it: a reference for the caller, to the same one if it is kept so.
 */
const struct object *face_of(const struct kind *kind, const struct object *kept);

#endif
