/*
 * eviction.c - a deletion that a disruption budget may refuse.
 *
 *   the pod has ended, has not begun, or is going already -> delete
 *   no budget is about it -> delete
 *   it is not ready, and its budget is met without it -> delete
 *   else the budget's status pays for it, if it can -> delete
 *
 * Kubernetes, "API-initiated eviction".
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/limits.h"
#include "server/registry/body.h"
#include "server/registry/change.h"
#include "server/registry/subresource.h"

#define WAIT_S 10 /* how long the one who evicts waits for the controller's count */

static const struct body_wish wish = {
	.type_name = "io.k8s.api.policy.v1.Eviction",
	.api_version = "policy/v1",
	.old_version = "policy/v1beta1",
	.kind = "Eviction",
};

/* --- which budget --- */

struct search {
	const struct object *pod, *found;
	size_t count;
};

static bool try_budget(void *of, const struct object *budget)
{
	struct search *search = of;
	const struct json *wanted = json_path(object_json(budget), "spec", "selector", NULL);
	AUTO(selector_free) struct selector *selector = NULL;
	struct error unused;

	if (!wanted || !selector_from_json(wanted, &selector, &unused) ||
	    !selector_match(selector, search->pod))
		return true;
	search->found = budget;
	search->count++;
	return true;
}

static bool needs_no_budget(const struct object *pod)
{
	struct str phase = json_str(json_path(object_json(pod), "status", "phase", NULL));

	return str_is(phase, "Succeeded") || str_is(phase, "Failed") || str_is(phase, "Pending") ||
	       object_is_deleting(pod);
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

/* --- paying --- */

struct evicting {
	struct request *req;
	struct str pod;
	int retry_after_s;
};

static bool refuse(struct changing *change, struct error *err, const char *why, int retry_after_s)
{
	struct evicting *evicting = change->of;

	evicting->retry_after_s = retry_after_s;
	change->cause = (struct status_cause){ .reason = "DisruptionBudget", .message = why };
	return error_set(err, ERROR_TOO_MANY,
			 "Cannot evict pod as it would violate the pod's disruption budget.");
}

static bool check_budget(struct changing *change, const struct object *budget, struct error *err)
{
	const struct json *root = object_json(budget), *status = json_get(root, "status");
	int64_t allowed = json_int(json_get(status, "disruptionsAllowed"));
	struct str name = object_name(budget);

	if (json_int(json_get(status, "observedGeneration")) <
	    json_int(json_get(meta_of(root), "generation")))
		return refuse(change, err,
			      arena_print(change->arena,
					  "The disruption budget " STR_FMT
					  " is still being processed by the server.",
					  STR_ARG(name)),
			      WAIT_S);
	if (allowed < 0)
		return error_set(err, ERROR_FORBIDDEN,
				 "poddisruptionbudgets.policy \"" STR_FMT
				 "\" is forbidden: pdb disruptions allowed is negative",
				 STR_ARG(name));
	if (json_count(json_get(status, "disruptedPods")) > LIMIT_DISRUPTED_PODS)
		return error_set(err, ERROR_FORBIDDEN,
				 "poddisruptionbudgets.policy \"" STR_FMT
				 "\" is forbidden: DisruptedPods map too big - too many evictions "
				 "not confirmed by PDB controller",
				 STR_ARG(name));
	if (allowed > 0)
		return true;
	return refuse(change, err,
		      arena_print(change->arena,
				  "The disruption budget " STR_FMT " needs %" PRId64
				  " healthy pods and has %" PRId64 " currently",
				  STR_ARG(name), json_int(json_get(status, "desiredHealthy")),
				  json_int(json_get(status, "currentHealthy"))),
		      -1);
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

static bool make_paid(struct changing *change, const struct object *old, struct json_doc **out_doc,
		      struct error *err)
{
	struct evicting *evicting = change->of;
	struct json_doc *doc;
	struct json *status;
	int64_t left;
	char now[CLOCK_TEXT];

	if (!check_budget(change, old, err))
		return false;
	doc = object_thaw(old);
	status = json_sub_object(doc, json_root(doc), "status");
	left = json_int(json_get(status, "disruptionsAllowed")) - 1;
	clock_print(clock_wall_s(), now);
	json_put(doc, status, "disruptionsAllowed", json_new_int(doc, left));
	if (left == 0)
		tell_used_up(doc, status, now);
	json_put_str(doc, json_sub_object(doc, status, "disruptedPods"), evicting->pod,
		     json_new_text(doc, now));
	*out_doc = doc;
	return true;
}

static void end_pod(struct request *req)
{
	struct error err;

	if (removal_evict(req, &err) == STEP_FAIL)
		reply_error(req, &err, NULL);
}

static void on_paid(struct changing *change, const struct object *result, const struct error *err)
{
	struct evicting *evicting = change->of;
	struct status_about about = { .kind = change->kind,
				      .name = change->name,
				      .cause = change->cause,
				      .retry_after_s = evicting->retry_after_s };

	(void)result;
	if (err)
		reply_error(evicting->req, err, &about);
	else
		end_pod(evicting->req);
}

static void pay(struct request *req, const struct object *budget)
{
	struct evicting *evicting = arena_zero(req->arena, sizeof(*evicting));
	struct changing *change = change_of_request(req, CHANGE_UPDATE);

	evicting->req = req;
	evicting->pod = req->name;
	change->kind = kind_find_name(STR("policy/v1"), STR("PodDisruptionBudget"));
	change->face = change->kind;
	change->name = str_of(str_copy_arena(object_name(budget), req->arena));
	change->subresource = "status";
	/* It is the server that writes the budget, whoever evicts. */
	change->owning->manager = STR("kube-apiserver");
	change->owning->subresource = "status";
	change->make = make_paid;
	change->on_done = on_paid;
	change->of = evicting;
	change_run(change);
}

/* --- the request --- */

/* From here on it is the DELETE with the options of the body. */
static bool take_options(struct request *req, const struct json *body, struct error *err)
{
	const struct json *given = json_get(body, "deleteOptions");
	struct str name = meta_str(body, "name");
	auto_buf options = BUF_INIT;

	if (name.len > 0 && !str_equal(name, req->name))
		return error_set(err, ERROR_BAD_REQUEST,
				 "name in URL does not match name in Eviction object");
	for (struct json_iter it = json_iter(json_get(given, "dryRun")); json_next(&it);)
		req->params.dry_run = req->params.dry_run || str_is(json_str(it.value), "All");
	if (given)
		json_print(given, &options);
	req->http->body = str_of(str_copy_arena(buf_str(&options), req->arena));
	req->body_form = BODY_JSON;
	return true;
}

enum step eviction_pass(struct request *req, struct error *err)
{
	const struct kind *budgets = kind_find_name(STR("policy/v1"), STR("PodDisruptionBudget"));
	auto_json_doc body = NULL;
	struct search search = { 0 };

	if (!body_read(req, &wish, &body, err) || !take_options(req, json_root(body), err))
		return STEP_FAIL;
	search.pod = registry_find(registry_of(req), req->kind, req->namespace, req->name);
	if (!search.pod) {
		status_not_found(err, req->kind, req->name);
		return STEP_FAIL;
	}
	if (budgets && !needs_no_budget(search.pod))
		registry_each(registry_of(req), budgets, req->namespace, try_budget, &search);
	if (search.count > 1) {
		error_set(err, ERROR_PLAIN,
			  "This pod has more than one PodDisruptionBudget, which the eviction "
			  "subresource does not support.");
		return STEP_FAIL;
	}
	if (search.count == 0 || may_go_unready(search.pod, search.found))
		return removal_evict(req, err);
	pay(req, search.found);
	return STEP_DONE;
}
