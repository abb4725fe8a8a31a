/*
 * oci_copy_up.h - a new file system begins with what a folder of the root has (tmpcopyup).
 */
#ifndef RUNTIME_OCI_COPY_UP_H
#define RUNTIME_OCI_COPY_UP_H

#include "base/error.h"

/* Copy folders, files, links and devices with owner, mode and times from `path` in `root` into the
 * folder `into`, and its own mode.  A path that is not there is fine. */
MUST_CHECK bool oci_copy_up(int root, const char *path, int into, struct error *err);

#endif
