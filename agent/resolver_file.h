/*
 * resolver_file.h - resolv.conf of a pod: the machine's own, and what the pod adds.
 *
 * As kubelets merge: name servers and search words of the pod come after the machine's, without
 * doubles; an option of the pod replaces the machine's of that name.  Pure function.
 */
#ifndef AGENT_RESOLVER_FILE_H
#define AGENT_RESOLVER_FILE_H

#include "base/json.h"

/* `machine`: the text of the machine's file, empty for dnsPolicy None; `config`: the pod's
 * dnsConfig or NULL. */
void resolver_file_print(struct str machine, const struct json *config, struct buf *out);

#endif
