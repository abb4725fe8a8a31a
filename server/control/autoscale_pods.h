/*
 * autoscale_pods.h - the pods that an autoscaler acts on, and whether another one acts on them,
 * too.
 *
 * Loop thread only.
 */
#ifndef SERVER_CONTROL_AUTOSCALE_PODS_H
#define SERVER_CONTROL_AUTOSCALE_PODS_H

#include "api/selector.h"
#include "server/control/autoscale_metrics.h"

/* Those of the target's namespace that the selector means, referenced until _clear(). */
void autoscale_pods_gather(struct autoscale_target *target, struct cache *pods,
			   const struct selector *selector);
void autoscale_pods_clear(struct autoscale_target *target);

/* All autoscalers ("namespace/name") and the selectors of the pods that each acts on. */
struct autoscale_rivals;
struct autoscale_rivals *autoscale_rivals_new(void);
void autoscale_rivals_free(struct autoscale_rivals *rivals); /* NULL is fine */
/* Notes whom `own` acts on: the target's selector.  Gives the name of another autoscaler of the
 * namespace that acts on one of the target's pods (borrowed, until that is forgotten), or NULL. */
const char *autoscale_rivals_find(struct autoscale_rivals *rivals, struct str own,
				  const struct autoscale_target *target);
void autoscale_rivals_forget(struct autoscale_rivals *rivals, struct str key);

#endif
