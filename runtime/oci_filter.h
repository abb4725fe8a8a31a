/*
 * oci_filter.h - the filter of a profile, kept from one container to the next: making one takes
 * longer than all the rest of a start.
 */
#ifndef RUNTIME_OCI_FILTER_H
#define RUNTIME_OCI_FILTER_H

#include "runtime/seccomp_profile.h"

/*
 * As seccomp_profile_make; the program is looked for in `root`/@filters, a folder of our own user
 * alone, under the digest of the profile and of this program's version, and put there.
 */
MUST_CHECK bool oci_filter_open(const char *root, const struct json *profile,
				struct seccomp_program *out, struct error *err);

#endif
