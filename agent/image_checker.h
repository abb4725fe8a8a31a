/*
 * image_checker.h - after a power cut all layers of the store are read once, on a thread of its own
 * with the lowest priority: damaged ones are told, and fetched again when somebody needs them.
 *
 * Loop thread only.
 */
#ifndef AGENT_IMAGE_CHECKER_H
#define AGENT_IMAGE_CHECKER_H

#include "base/work.h"
#include "runtime/images.h"

struct image_checker;
/* NULL when nothing is due (images_check_due), or no thread can be had, which is logged.
 * on_damaged: on the loop, when all is read, once for each damaged image. */
struct image_checker *
image_checker_start(struct loop *loop, struct images *images,
		    void (*on_damaged)(void *of, const char *name, const char *why), void *of);
void image_checker_stop(struct image_checker *checker); /* at most a mebibyte later; NULL is fine */

#endif
