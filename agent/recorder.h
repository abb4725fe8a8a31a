/*
 * recorder.h - Kubernetes Events of this node: what `kubectl describe` shows.
 *
 * The same thing said again within ten minutes counts one event up instead of making another.
 * One object says 25 things at once, then one each five minutes.  Events are best effort: what
 * cannot be sent is lost.  Loop thread only.
 */
#ifndef AGENT_RECORDER_H
#define AGENT_RECORDER_H

#include "client/client.h"

struct recorder;
struct recorder *recorder_new(struct client *client, const char *node_name);
void recorder_free(struct recorder *recorder); /* NULL is fine */

/* type "Normal" or "Warning"; `object` a pod or node; field_path "spec.containers{web}" or "". */
struct recorder_about {
	const struct json *object;
	const char *kind, *api_version;
	const char *field_path;
};
void recorder_emit(struct recorder *recorder, const struct recorder_about *about, const char *type,
		   const char *reason, const char *format, ...) PRINTF_LIKE(5, 6);

#endif
