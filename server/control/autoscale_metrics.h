/*
 * autoscale_metrics.h - one metric of an autoscaler: where its figures are asked for, and what they
 * mean for the number of pods.
 *
 * Loop thread only.
 */
#ifndef SERVER_CONTROL_AUTOSCALE_METRICS_H
#define SERVER_CONTROL_AUTOSCALE_METRICS_H

#include "server/control/autoscale_math.h"
#include "server/control/controller.h"

/* What is scaled, during one look. */
struct autoscale_target {
	struct str namespace;
	struct str selector; /* of its pods, as text */
	const struct object **pods;
	size_t pod_count;
	int64_t spec_replicas, status_replicas;
	const char *custom_version; /* of custom.metrics.k8s.io that is asked: "v1beta2" */
};

/* "/apis/metrics.k8s.io/v1beta1/namespaces/..." for an entry of spec.metrics.  ERROR_INVALID:
 * nobody can be asked for it. */
MUST_CHECK bool autoscale_metric_path(const struct json *metric,
				      const struct autoscale_target *target, struct buf *out,
				      struct error *err);

/*
 * The answer read.  *out_status is the entry of status.currentMetrics, in doc; `name` gets what
 * events call the metric.  On failure *err is what the condition says.  answer NULL: `why` tells.
 */
MUST_CHECK bool autoscale_metric_read(const struct json *metric,
				      const struct autoscale_target *target,
				      const struct json *answer, const struct error *why,
				      struct json_doc *doc, int64_t *out_replicas,
				      struct json **out_status, struct buf *name,
				      struct error *err);
/* "FailedGetResourceMetric" ... */
const char *autoscale_metric_reason(const struct json *metric);

#endif
