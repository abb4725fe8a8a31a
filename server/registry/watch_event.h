/*
 * watch_event.h - the events of a watch as bytes, in each form that a watch may have.
 *
 * JSON: one object a line.  Protobuf: frames of a length (4 bytes, big-endian) and a WatchEvent
 * whose object is a whole envelope.  A table event is a Table of one row.  Pure functions.
 */
#ifndef SERVER_REGISTRY_WATCH_EVENT_H
#define SERVER_REGISTRY_WATCH_EVENT_H

#include "api/table.h"
#include "server/request.h"

enum watch_type { WATCH_ADDED, WATCH_MODIFIED, WATCH_DELETED, WATCH_BOOKMARK, WATCH_ERROR };

struct watch_form {
	const struct kind *kind;
	enum answer_form answer; /* JSON, PROTOBUF, TABLE or PARTIAL */
	bool protobuf;           /* ... the frames: PROTOBUF, and PARTIAL in it */
	bool beta;               /* meta.k8s.io/v1beta1 instead of v1 */
	enum table_include include;
};

void watch_form_of(const struct request *req, struct watch_form *out);
bool watch_form_equal(const struct watch_form *a, const struct watch_form *b);
const char *watch_content_type(const struct watch_form *form);

/* object is as it is kept; first: a table tells its columns. */
void watch_print(const struct watch_form *form, enum watch_type type, const struct object *object,
		 bool first, struct buf *out);
/* initial_end: the current state has been told whole (annotation k8s.io/initial-events-end). */
void watch_print_bookmark(const struct watch_form *form, uint64_t revision, bool initial_end,
			  struct buf *out);
/* The Status of an error, as the last event. */
void watch_print_error(const struct watch_form *form, const struct error *err, struct buf *out);

#endif
