/*
 * eviction_verdict.c - what the states of a pod and its budget mean, in the words of Kubernetes.
 */
#include "server/registry/eviction_verdict.h"

#include <inttypes.h>

#include "api/selector.h"
#include "base/limits.h"

bool eviction_needs_no_budget(const struct object *pod)
{
	struct str phase = json_str(json_path(object_json(pod), "status", "phase", NULL));

	return str_is(phase, "Succeeded") || str_is(phase, "Failed") || str_is(phase, "Pending") ||
	       object_is_deleting(pod);
}

void eviction_note(struct eviction *it, const struct object *budget)
{
	const struct json *wanted = json_path(object_json(budget), "spec", "selector", NULL);
	AUTO(selector_free) struct selector *selector = NULL;
	struct error unused;

	if (!wanted || !selector_from_json(wanted, &selector, &unused) ||
	    !selector_match(selector, it->pod))
		return;
	it->budget = budget;
	it->budgets++;
}

/* A pod that is not ready may go while the others are enough, or always if the budget says so. */
static bool may_go_unready(const struct object *pod, const struct object *budget)
{
	const struct json *root = object_json(budget), *status = json_get(root, "status");
	struct str policy = json_str(json_path(root, "spec", "unhealthyPodEvictionPolicy", NULL));
	int64_t wanted = json_int(json_get(status, "desiredHealthy"));

	if (meta_condition_is_true(object_json(pod), STR("Ready")))
		return false;
	return str_is(policy, "AlwaysAllow") ||
	       (wanted > 0 && json_int(json_get(status, "currentHealthy")) >= wanted);
}

enum eviction_verdict eviction_judge(const struct eviction *it, struct error *err)
{
	if (it->budgets > 1) {
		error_set(err, ERROR_PLAIN,
			  "This pod has more than one PodDisruptionBudget, which the eviction "
			  "subresource does not support.");
		return EVICTION_REFUSED;
	}
	return it->budgets == 0 || may_go_unready(it->pod, it->budget) ? EVICTION_GOES
								       : EVICTION_COSTS;
}

/* --- paying --- */

static bool refuse(struct eviction_refusal *out, const char *why, int retry_after_s,
		   struct error *err)
{
	*out = (struct eviction_refusal){ { .reason = "DisruptionBudget", .message = why },
					  retry_after_s };
	return error_set(err, ERROR_TOO_MANY,
			 "Cannot evict pod as it would violate the pod's disruption budget.");
}

static bool forbid(const struct object *budget, const char *why, struct error *err)
{
	/* In the singular: so it is there. */
	return error_set(err, ERROR_FORBIDDEN,
			 "poddisruptionbudget.policy \"" STR_FMT "\" is forbidden: %s",
			 STR_ARG(object_name(budget)), why);
}

bool eviction_check(const struct object *budget, struct arena *arena, struct eviction_refusal *out,
		    struct error *err)
{
	const struct json *root = object_json(budget), *status = json_get(root, "status");
	int64_t allowed = json_int(json_get(status, "disruptionsAllowed"));
	struct str name = object_name(budget);

	*out = (struct eviction_refusal){ 0 };
	if (json_int(json_get(status, "observedGeneration")) <
	    json_int(json_get(meta_of(root), "generation")))
		return refuse(out,
			      arena_print(arena,
					  "The disruption budget " STR_FMT
					  " is still being processed by the server.",
					  STR_ARG(name)),
			      EVICTION_WAIT_S, err);
	if (allowed < 0)
		return forbid(budget, "pdb disruptions allowed is negative", err);
	if (json_count(json_get(status, "disruptedPods")) > LIMIT_DISRUPTED_PODS)
		return forbid(budget,
			      "DisruptedPods map too big - too many evictions not confirmed by PDB "
			      "controller",
			      err);
	if (allowed > 0)
		return true;
	return refuse(out,
		      arena_print(arena,
				  "The disruption budget " STR_FMT " needs %" PRId64
				  " healthy pods and has %" PRId64 " currently",
				  STR_ARG(name), json_int(json_get(status, "desiredHealthy")),
				  json_int(json_get(status, "currentHealthy"))),
		      -1, err);
}

static void tell_used_up(struct json_doc *doc, struct json *status, const char *now)
{
	struct json *conditions = json_sub_array(doc, status, "conditions"), *condition = NULL;

	for (struct json_iter it = json_iter(conditions); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), "DisruptionAllowed"))
			condition = it.value;
	if (!condition) {
		condition = json_new_object(doc);
		json_put(doc, condition, "type", json_new_text(doc, "DisruptionAllowed"));
		json_append(conditions, condition);
	}
	if (!str_is(json_str(json_get(condition, "status")), "False"))
		json_put(doc, condition, "lastTransitionTime", json_new_text(doc, now));
	json_put(doc, condition, "status", json_new_text(doc, "False"));
	json_put(doc, condition, "reason", json_new_text(doc, "InsufficientPods"));
	json_put(doc, condition, "message", json_new_text(doc, ""));
	json_put(doc, condition, "observedGeneration",
		 json_clone(doc, json_get(status, "observedGeneration")));
}

void eviction_pay(struct json_doc *doc, struct json *status, struct str pod, const char *now)
{
	int64_t left = json_int(json_get(status, "disruptionsAllowed")) - 1;

	json_put(doc, status, "disruptionsAllowed", json_new_int(doc, left));
	if (left == 0)
		tell_used_up(doc, status, now);
	json_put_str(doc, json_sub_object(doc, status, "disruptedPods"), pod,
		     json_new_text(doc, now));
}
