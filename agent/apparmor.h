/*
 * apparmor.h - AppArmor on this node: is it there, which profiles are loaded, and the one that
 * containers have when their pod names none.
 *
 * Profiles are the kernel's, for the whole machine, until the machine is off.  They are loaded by
 * apparmor_parser, which comes with every distribution that uses AppArmor; without it nothing is
 * loaded here.  All functions may block on files of the kernel; loop thread.
 *
 * https://kubernetes.io/docs/tutorials/security/apparmor/
 */
#ifndef AGENT_APPARMOR_H
#define AGENT_APPARMOR_H

#include "base/text.h"

/* Does this kernel enforce profiles? */
bool apparmor_enabled(void);

bool apparmor_is_loaded(struct str profile);

/* Loads the profile that apparmor_default names, unless it is loaded, or this kernel has no
 * AppArmor, or the machine no apparmor_parser; blocks for as long as that takes (30 s at most).
 * What goes wrong is logged: the node works without. */
void apparmor_load_default(void);

/* The profile of containers whose pod asks for RuntimeDefault or says nothing: ours, or what
 * another runtime has loaded for its own.  NULL: none is loaded. */
const char *apparmor_default(void);

#endif
