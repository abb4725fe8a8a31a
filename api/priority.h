/*
 * priority.h - the priorities that the system keeps for itself.
 */
#ifndef API_PRIORITY_H
#define API_PRIORITY_H

#include <stdint.h>

/* The most that a user's PriorityClass may have. */
#define PRIORITY_USERS_MOST 1000000000
/* Names that begin like this are the system's. */
#define PRIORITY_SYSTEM_PREFIX "system-"

struct priority_class {
	const char *name;
	int64_t value;
	const char *description;
};
/* PriorityClasses that every cluster has; ends with name == NULL. */
extern const struct priority_class priority_system_classes[];

#endif
