/*
 * seccomp_profile.h - a filter of system calls by somebody's own rules: the JSON object that the
 * OCI runtime specification calls linux.seccomp, which is also what a Localhost profile of
 * Kubernetes is.
 *
 * A call that this processor or libseccomp does not know is passed over, as everywhere; an unknown
 * action, operator, flag or architecture is refused, for a filter must never be weaker than it
 * reads.  Conditions of one rule must all hold, but of two on the same argument one is enough.
 */
#ifndef RUNTIME_SECCOMP_PROFILE_H
#define RUNTIME_SECCOMP_PROFILE_H

#include "base/json.h"

/* A profile's text; those in use have 20 to 60 KiB. */
#define SECCOMP_PROFILE_BYTES_MAX (1024u * 1024)

struct seccomp_program {
	int fd;         /* sealed memory file of struct sock_filter, SECCOMP_BYTES_MAX at most */
	unsigned flags; /* SECCOMP_FILTER_FLAG_... to enforce it with (seccomp.h)             */
	bool notifies;  /* some calls are answered by a listener: it must be given one        */
};

/* Make the program; the caller closes its fd.  ERROR_INVALID says which rule is wrong. */
MUST_CHECK bool seccomp_profile_make(const struct json *profile, struct seccomp_program *out,
				     struct error *err);
/* The same judgement and flags without the program: fd is -1. */
MUST_CHECK bool seccomp_profile_look(const struct json *profile, struct seccomp_program *out,
				     struct error *err);

/* The names that are understood, NULL-terminated: for who asks what this runtime can do. */
extern const char *const seccomp_profile_actions[];
extern const char *const seccomp_profile_operators[];
extern const char *const seccomp_profile_architectures[];
extern const char *const seccomp_profile_flags[];

#endif
