/*
 * budget_pods.h - which pods each PodDisruptionBudget is about: kept as pods and budgets change, so
 * that a pass looks at its own pods alone.
 *
 * Owner: the controller of budgets; loop thread only.
 */
#ifndef SERVER_CONTROL_BUDGET_PODS_H
#define SERVER_CONTROL_BUDGET_PODS_H

#include "client/cache.h"
#include "client/queue.h"

struct budget_pods;
struct budget_pods *budget_pods_new(const struct cache *pods);
void budget_pods_free(struct budget_pods *index); /* NULL is fine */

/* A change of a budget: one that is new or has another selector is matched with all pods. */
void budget_pods_note_budget(struct budget_pods *index, const struct object *before,
			     const struct object *after);
/* A change of a pod: the keys of the budgets that it is or was about are queued. */
void budget_pods_note_pod(struct budget_pods *index, const struct object *before,
			  const struct object *after, struct queue *queue);

size_t budget_pods_count(const struct budget_pods *index, struct str key);
/* Names of the pods of a budget's key: for (size_t i = 0; budget_pods_next(index, key, &i, &n);) */
bool budget_pods_next(const struct budget_pods *index, struct str key, size_t *at,
		      struct str *out_name);

#endif
