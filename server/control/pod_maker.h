/*
 * pod_maker.h - how controllers make and remove pods: from a template, owned, told by an event
 * each.
 *
 * Many at once start slowly: one, and after each round without a failure twice as many up
 * to a bound, so that a full quota costs few refusals.  After a failure the rest is left for the
 * next pass.
 */
#ifndef SERVER_CONTROL_POD_MAKER_H
#define SERVER_CONTROL_POD_MAKER_H

#include "server/control/controller.h"

/* All controllers are one user, whose requests at once are bounded (gate/share.c): sets that grow
 * at the same time must not refuse each other's pods. */
#define POD_ROUND_MAX ((size_t)64)

/* A pod (kind, metadata, spec) for the caller to change and print: the template's labels,
 * annotations, finalizers and spec, generateName of the owner's name, the owner's reference. */
struct json *pod_maker_new(struct json_doc *doc, const struct object *owner,
			   const struct json *template);

/* Pods to make.  The texts are JSON; the list and they are the caller's to fill, pod_maker's to
 * free. */
struct pod_list {
	char **bodies;
	size_t count;
};
void pod_list_add(struct pod_list *list, const struct json *pod);

/*
 * Make them all, as calls of the batch.  Events on the owner: SuccessfulCreate "Created pod: x",
 * Warning FailedCreate "Error creating: why".  A failure is the batch's, except that of a namespace
 * that is going: there nothing is to be made again.  Takes the list's texts.
 */
void pod_maker_create(struct batch *batch, const struct object *owner, const char *component,
		      struct pod_list *list);
/* SuccessfulDelete "Deleted pod: x", Warning FailedDelete "Error deleting: why". */
void pod_maker_delete(struct batch *batch, const struct object *owner, const char *component,
		      const struct object *pod);
/* The refusal of anything new in a namespace that is being deleted. */
bool pod_maker_is_namespace_going(const struct error *err);

#endif
