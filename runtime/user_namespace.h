/*
 * user_namespace.h - users of a pod's own: its ids 0 to 65535 are others on the host.
 *
 * Root of such a pod is nobody in particular outside, and what it does to a namespace counts only
 * where the namespace belongs to its users.
 */
#ifndef RUNTIME_USER_NAMESPACE_H
#define RUNTIME_USER_NAMESPACE_H

#include <stdint.h>

#include "base/error.h"

/* Ids of one pod, as with kubelets. */
#define USER_NAMESPACE_IDS 65536u

/*
 * Make a user namespace whose ids begin at `base` on the host, and with it the namespaces of
 * `flags` (CLONE_NEW...), which the calling process joins; it keeps its own user.  Before that
 * `inside` is called by a child in all of them, as their root: for what only the namespaces' own
 * root may do.  For processes with one thread.  On failure the caller may have joined some.
 */
MUST_CHECK bool user_namespace_make(uint32_t base, int flags,
				    bool (*inside)(const void *of, struct error *err),
				    const void *of, int *out_users, struct error *err);

/* Between clone and exec: become root of the user namespace, with all rights there and none
 * elsewhere.  No allocation. */
MUST_CHECK bool user_namespace_enter(int users, struct error *err);
/* Between clone and exec, still root of the host: files made from now on belong to `base`; no right
 * is lost by that.  No allocation. */
MUST_CHECK bool user_namespace_make_files_as(uint32_t base, struct error *err);

#endif
