/*
 * manifest_file.h - a manifest file that is there, or whose objects may be: what was done of it,
 * when to try again, and what operators are told.
 *
 * Owner: the controller of manifests, in a map by the file's name.  Loop thread only.
 */
#ifndef SERVER_CONTROL_MANIFEST_FILE_H
#define SERVER_CONTROL_MANIFEST_FILE_H

#include "server/control/controller.h"
#include "server/control/manifest_round.h"

struct manifest_file {
	struct manifest_record *record;
	char *mark;      /* of the bytes that were dealt with; NULL = none yet */
	char *done_hash; /* whose objects `done` has */
	struct map *done;
	char *told;              /* the problems that were logged */
	int64_t gone_ms;         /* first seen missing; 0 = is there */
	int64_t try_ms, wait_ms; /* when to try again, 0 = not; the last wait */
	bool is_listed;
};

struct manifest_file *manifest_file_new(struct manifest_record *record); /* taken over */
void manifest_file_free(struct manifest_file *file);

/* After a failure: twice as long as the last time, up to five minutes. */
void manifest_file_try_later(struct manifest_file *file);
/* In a second: it changed while it was read, or the machine had no room. */
void manifest_file_try_soon(struct manifest_file *file);
void manifest_file_try_no_more(struct manifest_file *file);
bool manifest_file_is_due(const struct manifest_file *file); /* also one that was never tried */

/* Log and event of the record's problems: once for each set, however often the same is tried. */
void manifest_file_tell_problems(struct manifest_file *file, struct control *control);
/* Log and event of what a round did; nothing when it did nothing. */
void manifest_file_tell_end(const struct manifest_file *file, struct control *control,
			    const struct manifest_change *change);

#endif
