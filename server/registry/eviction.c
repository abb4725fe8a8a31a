/*
 * eviction.c - a deletion that a disruption budget may refuse.
 *
 *   the pod has ended, has not begun, or is going already -> delete
 *   no budget is about it -> delete
 *   it is not ready, and its budget is met without it -> delete
 *   else the budget's status pays for it, if it can -> delete
 *
 * The questions are answered by eviction_verdict.c.
 */
#include "base/clock.h"
#include "server/registry/body.h"
#include "server/registry/change.h"
#include "server/registry/eviction_verdict.h"
#include "server/registry/subresource.h"

static const struct body_wish wish = {
	.type_name = "io.k8s.api.policy.v1.Eviction",
	.api_version = "policy/v1",
	.old_version = "policy/v1beta1",
	.kind = "Eviction",
};

/* --- paying --- */

struct evicting {
	struct request *req;
	struct str pod;
	int retry_after_s;
};

static bool make_paid(struct changing *change, const struct object *old, struct json_doc **out_doc,
		      struct error *err)
{
	struct evicting *evicting = change->of;
	struct eviction_refusal why;
	struct json_doc *doc;
	char now[CLOCK_TEXT];

	if (!eviction_check(old, change->arena, &why, err)) {
		evicting->retry_after_s = why.retry_after_s;
		change->cause = why.cause;
		return false;
	}
	doc = object_thaw(old);
	clock_print(clock_wall_s(), now);
	eviction_pay(doc, json_sub_object(doc, json_root(doc), "status"), evicting->pod, now);
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

static bool on_budget(void *of, const struct object *budget)
{
	eviction_note(of, budget);
	return true;
}

enum step eviction_pass(struct request *req, struct error *err)
{
	const struct kind *budgets = kind_find_name(STR("policy/v1"), STR("PodDisruptionBudget"));
	auto_json_doc body = NULL;
	struct eviction eviction = { 0 };

	if (!body_read(req, &wish, &body, err) || !take_options(req, json_root(body), err))
		return STEP_FAIL;
	eviction.pod = registry_find(registry_of(req), req->kind, req->namespace, req->name);
	if (!eviction.pod) {
		status_not_found(err, req->kind, req->name);
		return STEP_FAIL;
	}
	if (budgets && !eviction_needs_no_budget(eviction.pod))
		registry_each(registry_of(req), budgets, req->namespace, on_budget, &eviction);
	switch (eviction_judge(&eviction, err)) {
	case EVICTION_GOES: return removal_evict(req, err);
	case EVICTION_COSTS: pay(req, eviction.budget); return STEP_DONE;
	case EVICTION_REFUSED: break;
	}
	return STEP_FAIL;
}
