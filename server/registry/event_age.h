/*
 * event_age.h - forgets Events an hour after their last change, and the oldest of too many.
 *
 * As the lease of the real server: a change begins the hour anew.  An Event whose hour is over is
 * removed as if somebody had deleted it, so watchers hear of it.  Nothing runs while there are
 * none.
 *
 * Owner: the registry; loop thread only.
 */
#ifndef SERVER_REGISTRY_EVENT_AGE_H
#define SERVER_REGISTRY_EVENT_AGE_H

#include "datastore/datastore.h"

#define EVENT_AGE_MS (3600 * INT64_C(1000))

struct event_age;

/* Listens to the feed of an open store; Events of before are as old as this. */
struct event_age *event_age_new(struct loop *loop, struct datastore *store);
/* Before the store closes.  NULL is fine. */
void event_age_free(struct event_age *age);
/* Asks for the removal of what is due at this time (monotonic); the timer calls it. */
void event_age_pass(struct event_age *age, int64_t now_ms);
size_t event_age_count(const struct event_age *age);

#endif
