/*
 * validate_job.h - the spec of a Job, as it stands in a Job and in a CronJob's template.
 *
 * Each check adds to work->errors, with the paths and words of the real server.
 */
#ifndef API_VALIDATE_JOB_H
#define API_VALIDATE_JOB_H

#include "api/kind.h"

/* Everything but the selector, which a template does not have.  `path` is that of the spec. */
void job_validate_spec(const struct kind_work *work, const struct json *spec, const char *path);
/* spec.podFailurePolicy and spec.successPolicy (of an indexed job), when there are any. */
void job_validate_failure_policy(const struct kind_work *work, const struct json *spec,
				 const char *path);
void job_validate_success_policy(const struct kind_work *work, const struct json *spec,
				 const char *path);
/* A warning where an indexed job may be more than a cluster can follow. */
void job_warn(const struct kind_work *work, const struct json *spec, const char *path);
bool job_is_indexed(const struct json *spec);

/* Indexes as text: "0,2-4".  Gives their number; or -1 and what is wrong with them, in `arena`. */
int64_t job_count_indexes(struct str text, int64_t completions, struct arena *arena,
			  const char **out_why);
/* The first index that both texts have, or -1.  Parts that cannot be read are passed over. */
int64_t job_shared_index(struct str completed, struct str failed, int64_t completions);

/* What a writer of the status may say; and what it may take back. */
void job_validate_status(const struct kind_work *work);
void job_validate_status_change(const struct kind_work *work);

#endif
