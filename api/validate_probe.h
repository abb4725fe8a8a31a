/*
 * validate_probe.h - probes of containers, and what is done after the start and before the end.
 */
#ifndef API_VALIDATE_PROBE_H
#define API_VALIDATE_PROBE_H

#include "api/kind.h"

/* container.<field>: livenessProbe, readinessProbe, startupProbe; nothing is said of an absent one.
 */
void probe_check(const struct kind_work *work, const struct json *container, const char *field,
		 const char *path);
/* postStart and preStop; `grace`: the pod's terminationGracePeriodSeconds. */
void probe_lifecycle(const struct kind_work *work, const struct json *lifecycle,
		     const struct json *grace, const char *path);

#endif
