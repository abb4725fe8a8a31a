/*
 * pathfd.h - the one way to reach a path that somebody else may have prepared: by descriptors.
 *
 * Every call starts at an open folder and cannot leave it: links are followed as if the folder were
 * the whole world (PATHFD_IN_ROOT) or refused when they point out of it (PATHFD_BELOW).  Links of
 * /proc that jump to open files are never followed.
 *
 * Nothing here allocates: it is used between clone and exec.
 */
#ifndef RUNTIME_PATHFD_H
#define RUNTIME_PATHFD_H

#include <stdint.h>

#include "base/error.h"

enum pathfd_how {
	PATHFD_IN_ROOT,  /* absolute links and ".." stay inside: for paths of a container */
	PATHFD_BELOW,    /* leaving is an error: for sub-paths of volumes                */
	PATHFD_NO_LINKS, /* as BELOW, and no link at all: for places that must be plain   */
};

/* openat2 with `flags` of open(2); O_CLOEXEC is added.  Missing: ERROR_NOT_FOUND. */
MUST_CHECK bool pathfd_open(int root, const char *path, enum pathfd_how how, int flags, int *out_fd,
			    struct error *err);

enum pathfd_kind { PATHFD_FOLDER, PATHFD_FILE };

/*
 * Open `path` with O_PATH; what is missing of it is made: folders (0755; with PATHFD_BELOW with the
 * mode of the folder above, as sub-paths are), and an empty file (0644) at the end for PATHFD_FILE.
 * Refused: "..", a dangling link in the way, a path over 4095 bytes.
 */
MUST_CHECK bool pathfd_make(int root, const char *path, enum pathfd_how how, enum pathfd_kind kind,
			    int *out_fd, struct error *err);

/* The same with PATHFD_BELOW and PATHFD_FOLDER; folders that are made belong to this user and
 * group, or to the group of a folder above that hands it on. */
MUST_CHECK bool pathfd_make_below(int root, const char *path, uint32_t owner, int *out_fd,
				  struct error *err);

/* Has the path a component ".."? */
bool pathfd_has_dotdot(const char *path);

#endif
