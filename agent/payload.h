/*
 * payload.h - a folder of small files that changes as a whole (config maps, secrets, tokens).
 *
 * Readers see the old files or the new ones, never a mixture: the files are in a folder of their
 * own, ..data is a link to it that is replaced by rename, and each name is a link through ..data.
 * This is the layout that Kubernetes' users know and watch.
 */
#ifndef AGENT_PAYLOAD_H
#define AGENT_PAYLOAD_H

#include "base/text.h"

#define PAYLOAD_FILES_MAX 4096
#define PAYLOAD_BYTES_MAX (8u * 1024 * 1024)

struct payload {
	struct payload_file *files;
	size_t count;
	size_t bytes;
	int64_t group; /* fsGroup: files belong to it and it may read; -1 = root's */
	int64_t owner; /* of the files that are added next; -1 = root */
	/* Where the ids of the pod begin on the host (user_range.h): everything there belongs to
	 * them; 0 = the ids are the host's. */
	uint32_t ids;
};
void payload_init(struct payload *payload, int64_t group);
void payload_clear(struct payload *payload);
/* A relative path without "..", that does not begin with ".." either; "./a//b" is "a/b".  A later
 * file of the same path replaces the earlier one. */
MUST_CHECK bool payload_add(struct payload *payload, struct str path, struct str bytes,
			    unsigned mode, struct error *err);
/* Make `folder` show exactly these files; what shows them already is left alone.  After a failure
 * it shows what it showed before. */
MUST_CHECK bool payload_write(const struct payload *payload, const char *folder, struct error *err);

#endif
