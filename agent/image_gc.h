/*
 * image_gc.h - images that nobody uses go when the disk fills up.
 *
 * Every five minutes: above image-gc-high-threshold percent of the disk, the images that were not
 * used for the longest time go until it is below the low one.  Not those that a container has, nor
 * those younger than the minimum age, nor those that came from the folder of images
 * (image_folder.h).  When an image was used last is known since the agent started;
 * an age is that of the file of its configuration.
 *
 * Removing is done by the servant of images; loop thread only.
 */
#ifndef AGENT_IMAGE_GC_H
#define AGENT_IMAGE_GC_H

#include "agent/node.h"
#include "agent/pods.h"

struct image_gc;
/* on_change: images went.  is_pinned: must this name stay? */
struct image_gc_plan {
	struct node *node;
	struct pods *pods;
	bool (*is_pinned)(void *of, const char *name);
	void (*on_change)(void *of);
	void *of;
};
struct image_gc *image_gc_start(const struct image_gc_plan *plan);
void image_gc_stop(struct image_gc *gc); /* NULL is fine */
/* The disk is short: all unused ones go.  on_done once, now or later, with the
 * bytes that were freed. */
void image_gc_free_all(struct image_gc *gc, void (*on_done)(void *of, int64_t freed), void *of);

#endif
