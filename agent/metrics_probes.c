/*
 * metrics_probes.c - /metrics/probes: what containers were asked, and how often they answered.
 */
#include "agent/metrics_text.h"
#include "agent/pod_inside.h"
#include "base/exposition.h"

#define TOTAL "prober_probe_total"

static void add_probe(const struct pod *pod, const struct pod_container *container,
		      enum probe_type type, struct buf *out)
{
	static const char *const types[] = { [PROBE_STARTUP] = "Startup",
					     [PROBE_READINESS] = "Readiness",
					     [PROBE_LIVENESS] = "Liveness" };
	static const char *const results[] = { [PROBE_SUCCESSFUL] = "successful",
					       [PROBE_FAILED] = "failed",
					       [PROBE_UNKNOWN] = "unknown" };

	for (size_t i = 0; i < PROBE_RESULTS; i++) {
		uint64_t count = probes_count(container->probes, type, (enum probe_result)i);
		auto_buf labels = BUF_INIT;

		if (count == 0)
			continue;
		exposition_label(&labels, "container", str_of(container->name));
		exposition_label(&labels, "namespace", pod_namespace(pod));
		exposition_label(&labels, "pod", pod_name(pod));
		exposition_label(&labels, "pod_uid", pod_uid(pod));
		exposition_label(&labels, "probe_type", str_of(types[type]));
		exposition_label(&labels, "result", str_of(results[i]));
		exposition_int(out, TOTAL, buf_str(&labels), (int64_t)count, 0);
	}
}

void metrics_probes(const struct metrics_plan *plan, struct buf *out)
{
	const struct pod *pod;

	exposition_head(out, TOTAL, "counter",
			"[BETA] Cumulative number of a liveness, readiness or startup probe for a "
			"container by result.");
	for (size_t i = 0; (pod = pods_next(plan->pods, &i));)
		for (size_t c = 0; c < pod->container_count; c++)
			for (int type = 0; pod->containers[c].probes && type < PROBE_TYPES; type++)
				add_probe(pod, &pod->containers[c], (enum probe_type)type, out);
}
