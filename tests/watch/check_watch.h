/*
 * check_watch.h - what the writers and the watchers of check_watch share: a fleet of objects, each
 * with a number that its one writer counts up by one with each write.
 *
 * Whoever sees an object can so tell whether a state of it was left out, told twice or told too
 * late.  A finding ends the program with one sentence and status 1.
 */
#ifndef TESTS_WATCH_CHECK_WATCH_H
#define TESTS_WATCH_CHECK_WATCH_H

#include <stdint.h>

#include "base/json.h"
#include "base/loop.h"
#include "net/http_client.h"

#define WRITERS       8
#define WATCHERS      32
#define OBJECTS       12 /* of each writer */
#define COLLECTION    "/api/v1/namespaces/default/configmaps"
#define SELECTED(seq) ((seq) % 3 != 0) /* has the label that some watchers select by */
#define RETRY_MS      100
#define ANSWER_MAX    (16u << 20)

struct check {
	struct loop *loop;
	struct http_client *http;
	bool writing;    /* until the time is over */
	uint64_t newest; /* the highest revision that a write was given */
	uint64_t final;  /* of the last list; 0 = not yet */
	uint64_t writes, unsure, events, connects, relists, bookmarks;
};

/* What is known of one object. */
struct seen {
	uint64_t seq; /* 0 = never seen */
	bool there;
	bool vague; /* it was not in a list: the number may have gone on since */
};

_Noreturn void check_fail(const char *format, ...) PRINTF_LIKE(1, 2);
size_t check_index(struct str name); /* "w3-7"; SIZE_MAX: not ours */
/* Number and revision of an object's metadata. */
bool check_read(const struct json *metadata, size_t *out_index, uint64_t *out_seq,
		uint64_t *out_revision);

/* --- writers.c --- */
void writers_start(struct check *check);
bool writers_idle(const struct check *check);
/* What must be there in the end. */
const struct seen *writers_state(void);

/* --- watchers.c --- */
void watchers_start(struct check *check);
/* All have seen everything up to check->final and agree with the writers. */
bool watchers_agree(const struct check *check);
void watchers_stop(void);

#endif
