/*
 * manifest_round.h - one round of deploying: some files have changed, some are gone.
 *
 * In this order: the records learn what may exist soon; namespaces and resource definitions of all
 * files; all else, file after file; objects that are in no file any more go; the records learn how
 * it went.  One call at a time; an object that is refused does not stop the others.
 *
 * An object goes only if its annotation says that it is of that file: one that was made anew by
 * hand, or is in another file now, stays.  Loop thread only.
 */
#ifndef SERVER_CONTROL_MANIFEST_ROUND_H
#define SERVER_CONTROL_MANIFEST_ROUND_H

#include "client/client.h"
#include "server/control/manifest_record.h"
#include "server/control/manifest_text.h"

struct manifest_change {
	struct manifest_record *record;
	bool removes;              /* the file is gone or disabled: so go its objects */
	char *hash;                /* of the file's bytes */
	struct manifest_text text; /* what stands in it; cleared with the change */
	struct map *done; /* borrowed: keys that were applied of these bytes before, and are
			     left alone; the round adds to it */
	/* Filled by the round: */
	struct map *wished;      /* key -> struct manifest_object *, each once */
	struct map *doomed;      /* keys of objects that go */
	struct buf notes;        /* what could not be done: the record's problems afterwards */
	size_t failed;           /* things that are to be tried again */
	size_t applied, deleted; /* how many calls did that */
	bool blocked;            /* its record could not be written: nothing is done */
	bool is_over;            /* its objects and its record are gone */
};

struct manifest_round;
struct manifest_round_plan {
	struct client *client;
	struct manifest_change *changes; /* on the heap, with all that is in them: taken over */
	size_t count;
	/* Is this a file that is there and has this object?  Not asked for files of the round. */
	bool (*has_object)(void *of, struct str file, struct str key);
	void (*on_end)(void *of, struct manifest_change *changes, size_t count); /* borrowed */
	void *of;
};
struct manifest_round *manifest_round_start(const struct manifest_round_plan *plan);
/* Ends it without on_end; NULL is fine.  After on_end the round frees itself. */
void manifest_round_stop(struct manifest_round *round);

#endif
