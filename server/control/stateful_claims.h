/*
 * stateful_claims.h - the claims of a StatefulSet's pods: their names and bodies, and who owns them
 * by persistentVolumeClaimRetentionPolicy, so that the collector of garbage removes them in time.
 *
 * Loop thread only.
 */
#ifndef SERVER_CONTROL_STATEFUL_CLAIMS_H
#define SERVER_CONTROL_STATEFUL_CLAIMS_H

#include "server/control/stateful.h"

/* "data-web-0" */
void stateful_claim_name(const struct stateful *view, const struct json *template, int64_t ordinal,
			 struct buf *out);
/* The claim for this pod of the set, printed. */
void stateful_claim_print(const struct stateful *view, const struct json *template, int64_t ordinal,
			  struct buf *out);
/* The volumes of a pod: one of each claim template, and those of its template with other names. */
void stateful_claim_volumes(const struct stateful *view, int64_t ordinal, struct json_doc *doc,
			    struct json *pod_spec);
/* A claim of an earlier pod of this name waits for its removal: the new pod may not have it. */
bool stateful_claim_is_stale(const struct stateful *view, const struct control *control,
			     int64_t ordinal);
/* Put the owners of a pod's claims right: true when calls for that are in the batch. */
bool stateful_claim_own(struct batch *batch, const struct stateful *view,
			const struct stateful_pod *pod);

#endif
