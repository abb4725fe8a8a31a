/*
 * image_folder.h - agent/images/: archives that appear there are imported, at the start and later.
 *
 * .tar, .tar.gz, .tgz, .tar.zst, .tzst are archives; .txt is a list of names to pull, one a line.
 * A file is taken when its writer closes it or it is moved in.  Loop thread only.
 */
#ifndef AGENT_IMAGE_FOLDER_H
#define AGENT_IMAGE_FOLDER_H

#include "agent/image_getter.h"

struct image_folder;
/* on_change: images came. */
MUST_CHECK bool image_folder_open(struct loop *loop, const char *path, struct image_getter *getter,
				  void (*on_change)(void *of), void *of, struct image_folder **out,
				  struct error *err);
void image_folder_close(struct image_folder *folder); /* NULL is fine; before the getter */

#endif
