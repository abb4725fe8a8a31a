/*
 * kind_parts.h - what a write through the object or one of its subresources leaves as it was.
 */
#ifndef API_KIND_PARTS_H
#define API_KIND_PARTS_H

#include "api/kind.h"

/* Put the parts of work->old back into work->object that work->subresource may not change. */
void kind_keep_parts(const struct kind_work *work);

#endif
