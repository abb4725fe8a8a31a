/*
 * validate_workload.h - checks that the kinds that make pods share: counts and percents, selectors,
 * templates; and values as Go prints them in the real server's errors.
 *
 * Each adds to work->errors, with the paths and words of the real server.
 */
#ifndef API_VALIDATE_WORKLOAD_H
#define API_VALIDATE_WORKLOAD_H

#include "api/kind.h"

/* --- values as Go prints them; in the errors' arena --- */

/* map[string]string{"a":"b"}, keys in order; map[string]string(nil) when there is none. */
const char *workload_go_map(const struct kind_work *work, const struct json *map);
/* apps.NAME{Type:"x", RollingUpdate:(*apps.ROLLING)(nil)}; as JSON when it has a rolling update,
 * which Go shows as an address. */
const char *workload_go_strategy(const struct kind_work *work, const struct json *strategy,
				 const char *name, const char *rolling);
/* v1.LabelSelector{MatchLabels:..., MatchExpressions:...} */
const char *workload_go_selector(const struct kind_work *work, const struct json *selector);

/* "field is immutable"; a value that is gone is shown as "null", a selector as Go has it. */
void workload_immutable(const struct kind_work *work, const char *path, const struct json *now,
			const struct json *old);
void workload_immutable_selector(const struct kind_work *work, const struct json *now,
				 const struct json *old);

/* --- numbers --- */

/* Fields of `object` that must not be below 0, in this order; the list ends with NULL. */
void workload_counts(const struct kind_work *work, const struct json *object, const char *path,
		     const char *const *fields);
/* `field` of the status must not be above the number in `most`. */
void workload_at_most(const struct kind_work *work, const char *field, const char *most,
		      const char *words);
/* status.collisionCount never goes down. */
void workload_collisions(const struct kind_work *work);

/* A number from 0 on, or a percentage; nothing is said of an absent one. */
void workload_percent(const struct kind_work *work, const struct json *value, const char *path);
void workload_percent_below_100(const struct kind_work *work, const struct json *value,
				const char *path);
/* The number, of a percentage the one before the sign; 0 when it is neither. */
int64_t workload_percent_value(const struct json *value);
/* Invalid value: intstr.IntOrString{...}: detail */
void workload_percent_invalid(const struct kind_work *work, const struct json *value,
			      const char *path, const char *detail);

/* --- pods --- */

/* spec.selector: it is there (else "Required"), is no empty one ("empty selector is invalid for
 * WHAT"), and is well formed.  False when it cannot be used to compare labels. */
bool workload_selector(const struct kind_work *work, const struct json *spec, const char *what);
/* Do the labels match spec.selector?  An absent selector matches nothing, a wrong one everything.
 */
bool workload_matches(const struct json *spec, const struct json *labels);
/* "`selector` does not match template `labels`" */
void workload_mismatch(const struct kind_work *work, const struct json *spec);
/* Labels, annotations and pod spec of the template at `path`. */
void workload_pod_template(const struct kind_work *work, const struct json *pod_template,
			   const char *path);
/* Pods of `kind` always start again and have no deadline. */
void workload_runs_always(const struct kind_work *work, const struct json *spec, const char *kind);
/* Disks that many pods share must be read-only. */
void workload_shared_disks(const struct kind_work *work, const struct json *spec);
/* spec.selector and spec.template of a ReplicaSet or a Deployment. */
void workload_replica_template(const struct kind_work *work, const struct json *spec);
/* The name becomes a part of pods' host names: a warning when that goes wrong; and what is to be
 * said of the template. */
void workload_warn(const struct kind_work *work);

#endif
