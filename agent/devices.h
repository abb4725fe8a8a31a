/*
 * devices.h - devices of this machine as resources that pods ask for: mote.dev/NAME.
 *
 * `--device NAME=PATTERN` says which paths are devices of that name; each match of the pattern is
 * one, best by a name that does not change (/dev/serial/by-id/...), and a match that is a folder is
 * one with all the nodes in it.  A container gets devices for itself alone as long as its pod is
 * there; that is written down in the pod's folder, so it holds over a restart of the agent.
 *
 * Plugging and unplugging is heard from the kernel (inotify); nothing is polled.  Loop thread only.
 */
#ifndef AGENT_DEVICES_H
#define AGENT_DEVICES_H

#include "base/json.h"
#include "base/loop.h"
#include "base/options.h"
#include "runtime/container.h"

#define DEVICES_PREFIX "mote.dev/"

struct devices;

/* "NAME=PATTERN" lines make sense: a name of letters, digits and dashes, an absolute pattern. */
MUST_CHECK bool devices_validate(const struct option_list *words, struct error *err);

/* `pods` is the folder of the pods' folders: what is written there is taken over.  on_change: the
 * numbers have changed. */
MUST_CHECK bool devices_open(struct loop *loop, const struct option_list *words, const char *pods,
			     void (*on_change)(void *of), void *of, struct devices **out,
			     struct error *err);
void devices_close(struct devices *devices); /* NULL is fine */

/* Say "mote.dev/NAME" and how many of it are plugged in, for each name; as node_object.h asks. */
void devices_list(void *devices,
		  void (*add)(void *to, const char *name, int64_t capacity, int64_t allocatable),
		  void *to);

/* Give the pod's containers what their limits ask for; what the pod has already it keeps.  All or
 * nothing; the message of an error is the kubelet's. */
MUST_CHECK bool devices_take(struct devices *devices, const struct json *pod, struct error *err);
/* The pod does not run any more. */
void devices_release(struct devices *devices, const char *uid);

struct devices_given {
	const struct container_device *list;
	size_t count;
	const char *const *env; /* "MOTE_DEVICE_<NAME>=<path>[,<path>...]", NULL-terminated */
};
/* What a container of the pod has, in the arena.  ERROR_NOT_FOUND: one is not plugged in. */
MUST_CHECK bool devices_plan(const struct devices *devices, struct str uid, struct str container,
			     struct arena *arena, struct devices_given *out, struct error *err);

#endif
