/*
 * static_pods.h - pods of this node that nobody's API asked for: one a file in a folder
 * (<data-dir>/agent/pod-manifests, or --kubelet-arg pod-manifest-path).
 *
 * They need no server: they run before this node has ever joined one.  Files (YAML or JSON, one Pod
 * each; those whose names begin with "." do not count) are read when they change; a changed file is
 * another pod, which begins when the one before has left.  A pod whose file goes is stopped with
 * its own grace period.  What they may not name (secrets, config maps, claims, service accounts) is
 * told in the log and as an event of the node.
 *
 * So that people see them in the API, agent/mirrors.h makes pods there that say the same.
 *
 * Loop thread only.
 */
#ifndef AGENT_STATIC_PODS_H
#define AGENT_STATIC_PODS_H

#include "agent/pods.h"

struct static_pods_plan {
	struct node *node;
	struct pods *pods;
	const char *folder; /* made when missing */
	/* A file is of no use; `file` is its name.  False: nobody can be told now, ask again. */
	bool (*on_problem)(void *of, const char *file, const char *why);
	void *of;
};

struct static_pods;
MUST_CHECK bool static_pods_open(const struct static_pods_plan *plan, struct static_pods **out,
				 struct error *err);
void static_pods_close(struct static_pods *it); /* the pods run on; NULL is fine */
/* A pod has left: the file's next one may begin. */
void static_pods_again(struct static_pods *it);

/* The text of a file as the pod that this node makes of it.  ERROR_INVALID: why not. */
MUST_CHECK bool static_pod_read(const struct node *node, const char *path, struct str text,
				struct json_doc **out, struct error *err);

#define STATIC_SOURCE "kubernetes.io/config.source"
#define STATIC_HASH   "kubernetes.io/config.hash"
#define STATIC_SEEN   "kubernetes.io/config.seen"
#define STATIC_MIRROR "kubernetes.io/config.mirror"
/* Made by static_pod_read?  And: is it in the API only to be seen? */
bool static_pod_is(const struct json *pod);
bool static_pod_is_mirror(const struct json *pod);

#endif
