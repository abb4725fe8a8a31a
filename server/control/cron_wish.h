/*
 * cron_wish.h - whether a CronJob wants a Job now: by its schedule, its deadline and what still
 * runs.  No calls; events tell why there is none.
 */
#ifndef SERVER_CONTROL_CRON_WISH_H
#define SERVER_CONTROL_CRON_WISH_H

#include "server/control/cron_pass.h"

/*
 * True: a Job is to be made, for the time pass->due_s; under the policy "Replace" those that run
 * stand in its way.  Sets when to look again (pass->look_ms), too.  After cron_pass_look().
 */
bool cron_wish_find(struct cron_pass *pass);
/* The name of the Job for pass->due_s, in the pass' arena: by its minute, so that none is made
 * twice. */
const char *cron_wish_name(const struct cron_pass *pass);

#endif
