/*
 * pod_warnings.h - what the writer of a pod should know although nothing is wrong: old fields,
 * names that hide each other, amounts that make no sense.  In the words of the real server.
 */
#ifndef API_POD_WARNINGS_H
#define API_POD_WARNINGS_H

#include "api/kind.h"

/* Of a pod, or of a template for pods (`path`: "" or "spec.template"): metadata and spec. */
void pod_warnings(const struct kind_work *work, const struct json *pod, const char *path);

#endif
