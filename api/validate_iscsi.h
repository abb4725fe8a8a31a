/*
 * validate_iscsi.h - volumes on iSCSI targets, with the words of the real server.
 */
#ifndef API_VALIDATE_ISCSI_H
#define API_VALIDATE_ISCSI_H

#include "api/kind.h"

void iscsi_pod_source(const struct kind_work *work, const struct json *source, const char *path);
void iscsi_kept_source(const struct kind_work *work, const struct json *source, const char *path);
/* "<volume name>:<target portal>" has a place of its own on the node: is it too long? */
bool iscsi_is_long(struct str volume_name, const struct json *source);

#define ISCSI_LONG_WORDS                                                                           \
	"Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "       \
	"iscsi.initiatorName is specified."

#endif
