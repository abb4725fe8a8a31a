/*
 * image_folder.h - agent/images/: archives that appear there are imported, at the start and later.
 *
 * .tar, .tar.gz, .tgz, .tar.zst, .tzst are archives; .txt is a list of names to pull, one a line.
 * A file is taken when its writer closes it or it is moved in, and again when it has changed or, at
 * a start, when an image of it is not in the store any more.  One that is damaged stops no other.
 * Lists and archives that found no network or no room are tried again.  Images are never taken away
 * because their file goes, nor by anybody else but `mote ctr images rm`.  Loop thread only.
 */
#ifndef AGENT_IMAGE_FOLDER_H
#define AGENT_IMAGE_FOLDER_H

#include "agent/image_getter.h"

struct image_folder;
struct image_folder_plan {
	struct loop *loop;
	const char *path; /* copied; made when it is missing */
	struct image_getter *getter;
	void (*on_change)(void *of); /* images came */
	/* A file is not imported, for this reason; it is logged already.  False: nobody can be told
	 * now; image_folder_tell says it again. */
	bool (*on_problem)(void *of, const char *file, const char *why);
	void *of;
};
MUST_CHECK bool image_folder_open(const struct image_folder_plan *plan, struct image_folder **out,
				  struct error *err);
/* Whoever is to be told can hear again. */
void image_folder_tell(struct image_folder *folder); /* NULL is fine */
/* An image of the store may be damaged: import again what an archive has. */
void image_folder_look(struct image_folder *folder);
/* Did an image of this name come from here? */
bool image_folder_has(const struct image_folder *folder, const char *name);
void image_folder_close(struct image_folder *folder); /* NULL is fine; before the getter */

#endif
