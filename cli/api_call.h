/*
 * api_call.h - one question to the API of the server that a kubeconfig names, for commands that an
 * administrator types.
 *
 * Reads kubeconfigs as mote server writes them: one cluster, one user with a certificate.
 */
#ifndef CLI_API_CALL_H
#define CLI_API_CALL_H

#include "base/json.h"

struct api_call {
	const char *kubeconfig; /* a path; NULL or "" = KUBECONFIG, else the usual one */
	const char *method, *path;
	struct str body; /* JSON, may be empty */
};

/* Waits for the answer, some seconds at most.  A status that is no success is the error that the
 * answer tells.  *out_doc is the caller's. */
MUST_CHECK bool api_call(const struct api_call *call, struct json_doc **out_doc, struct error *err);

#endif
