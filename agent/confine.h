/*
 * confine.h - how a container is confined: rights, seccomp and AppArmor profiles, /proc.
 */
#ifndef AGENT_CONFINE_H
#define AGENT_CONFINE_H

#include "agent/container_spec.h"

/* Fill the part of *out that a securityContext is about, but users and groups.  ERROR_INVALID,
 * ERROR_NOT_FOUND: what is asked for cannot be had; nothing is run with less. */
MUST_CHECK bool confine_plan(const struct container_spec_work *work, struct arena *arena,
			     struct container_plan *out, struct error *err);

#endif
