/*
 * validate.h - checks that several kinds share: metadata, what the tables demand, pod specs,
 * selectors.
 *
 * Each adds to work->errors, with the paths and words of the real server (k8s.io/kubernetes
 * validation).
 */
#ifndef API_VALIDATE_H
#define API_VALIDATE_H

#include "api/kind.h"

/* Names, labels, annotations, owners, finalizers. */
void validate_metadata(const struct kind_work *work);
/* Required fields and enums of the table, recursively. */
void validate_table(const struct type *type, const struct kind_work *work);
/* A pod's spec at `path` ("spec" or "spec.template.spec"). */
void validate_pod_spec(const struct kind_work *work, const struct json *spec, const char *path);
void validate_label_selector(const struct kind_work *work, const struct json *selector,
			     const char *path);
void validate_labels(const struct kind_work *work, const struct json *labels, const char *path);
void validate_annotations(const struct kind_work *work, const struct json *annotations,
			  const char *path);
/* A finalizer without a domain must be one of the standard ones. */
void validate_finalizer(const struct kind_work *work, const struct json *name, const char *path);
/* value must not differ from the old one: "field is immutable". */
void validate_immutable(const struct kind_work *work, const char *path, const struct json *now,
			const struct json *old);
void validate_not_negative(const struct kind_work *work, const struct json *value,
			   const char *path);

/* Short for the usual calls. */
void validate_duplicate(const struct kind_work *work, const char *path, const struct json *value);
void validate_required(const struct kind_work *work, const char *path, const char *detail);
void validate_invalid(const struct kind_work *work, const char *path, const struct json *value,
		      const char *detail);

/* Conditional defaults of pod specs (volumes, image pull policies, requests from limits). */
void fill_pod_spec(const struct kind_work *work, struct json *spec, bool is_pod);

#endif
