/*
 * manifest_folder.h - the folder of manifests: what is in it, and when that has changed.
 *
 * .yaml, .yml and .json, in folders below it too; names that begin with a dot, and names that are
 * no printable UTF-8, do not count, nor do links to folders.  NAME.skip beside NAME switches it
 * off.
 *
 * Loop thread only; the listing and the reading of files touch nothing shared (any thread).
 */
#ifndef SERVER_CONTROL_MANIFEST_FOLDER_H
#define SERVER_CONTROL_MANIFEST_FOLDER_H

#include "base/loop.h"
#include "base/text.h"

/* --- what is in it --- */

struct manifest_entry {
	char *name; /* from the folder on: "apps/web.yaml" */
	char *mark; /* size, times and number of the file: another one after any change; NULL when
		       only its .skip is there */
	bool skip;
};
struct manifest_listing {
	struct manifest_entry *entries; /* by name, each once */
	size_t count;
};
/* Fails, and gives nothing, when any part of the folder cannot be read: half a list would make
 * files look removed. */
MUST_CHECK bool manifest_folder_list(const char *folder, struct manifest_listing *out,
				     struct error *err);
void manifest_folder_list_clear(struct manifest_listing *listing); /* zeroed memory is fine */
const struct manifest_entry *manifest_folder_find(const struct manifest_listing *listing,
						  const char *name);
/* ERROR_UNAVAILABLE while somebody writes it, or when it is not the one of `mark` any more. */
MUST_CHECK bool manifest_folder_read(const char *folder, const char *name, const char *mark,
				     struct buf *out, struct error *err);

/* --- when it has changed --- */

struct manifest_watch;
/* on_change comes a moment after the last of several changes, but not later than 2 s after the
 * first.  Never fails: without inotify there are no calls, and the caller's own looks must do. */
struct manifest_watch *manifest_watch_open(struct loop *loop, const char *folder,
					   void (*on_change)(void *of), void *of);
/* Watches folders that have come; also a folder that was replaced.  Call at every look. */
void manifest_watch_renew(struct manifest_watch *watch);
void manifest_watch_close(struct manifest_watch *watch); /* NULL is fine */

#endif
