/*
 * cron_pass.h - one look at a CronJob: which of its Jobs run, which have ended, and the status that
 * says so.  It tells events, but calls nothing: control_cronjob.c does.
 */
#ifndef SERVER_CONTROL_CRON_PASS_H
#define SERVER_CONTROL_CRON_PASS_H

#include "api/cron.h"
#include "api/object.h"

struct control;
struct zone_store;

/* Of a CronJob, in memory only. */
struct cron_note {
	int64_t changed_s; /* when its schedule was changed, INT64_MIN: not in this life */
	int64_t told_s;    /* the time that events have told of */
	bool told_zone;    /* and that it has its zone in the schedule */
};

struct cron_pass {
	/* Borrowed, put here before cron_pass_open(). */
	struct control *control;
	struct zone_store *zones;
	struct map *strangers; /* uids of Jobs that an event has told of */
	struct cron_note *note;

	const struct object *object; /* a reference of ours */
	struct json_doc *doc;        /* a copy of it, whose status becomes the new one */
	struct json *root, *status;
	const struct json *spec;
	struct arena *arena;
	const struct zone_clock *zone; /* of the schedule, both by cron_wish_find() */
	struct cron schedule;
	int64_t due_s;   /* INT64_MIN: no Job is to be made */
	int64_t look_ms; /* > 0: look again after it, whatever happens */
};

void cron_pass_open(struct cron_pass *pass, const struct object *cron);
void cron_pass_close(struct cron_pass *pass);

/* Bring the status up to what the Jobs are; events tell of what has ended, is lost or strange. */
void cron_pass_look(const struct cron_pass *pass);
/* "Complete" or "Failed"; NULL: it runs. */
const char *cron_pass_end_of(const struct object *job);

/* The status' list of those that run. */
struct json *cron_pass_actives(const struct cron_pass *pass);
bool cron_pass_lists(const struct cron_pass *pass, struct str uid);
void cron_pass_add(const struct cron_pass *pass, const struct json *job);
void cron_pass_drop(const struct cron_pass *pass, struct str uid);

/* An event about the CronJob. */
void cron_pass_tell(const struct cron_pass *pass, const char *type, const char *reason,
		    const char *message);
/* The words and the name, in the pass' arena. */
const char *cron_pass_print(const struct cron_pass *pass, struct str name, const char *words);

#endif
