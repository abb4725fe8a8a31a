/*
 * ota_facts.c - the agent's answers, gathered and compared.
 *
 *   {"agent": {"connected": true, "ready": true, "containers": [
 *       {"pod": "default/web", "uid": "...", "id": "nginx.0", "startedMicros": 17...,
 *        "mayEnd": false}]}}
 *
 * Before and now may come from two versions: what one of them does not know counts as not said.
 */
#include "cli/ota_facts.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/ctr_agent.h"

/* A container that was started again and again may be started again during the trial, too. */
#define STEADY_US (60 * 1000000ll)

static bool is_steady(const struct json *run)
{
	return json_int(json_get(run, "restarts")) == 0 ||
	       clock_wall_us() - json_int(json_get(run, "startedMicros")) > STEADY_US;
}

/* The container of a job: its work may be done during the trial. */
static bool may_end(const struct json *pod)
{
	struct str policy = json_str(json_get(pod, "restartPolicy"));

	return str_is(policy, "Never") || str_is(policy, "OnFailure");
}

static void add_containers(struct json_doc *doc, struct json *list, const struct json *pod)
{
	for (struct json_iter it = json_iter(json_get(pod, "containers")); json_next(&it);) {
		struct json *entry;

		if (!str_is(json_str(json_get(it.value, "state")), "running") ||
		    !is_steady(it.value))
			continue;
		entry = json_new_object(doc);
		json_put(doc, entry, "pod",
			 json_new_print(doc, STR_FMT "/" STR_FMT,
					STR_ARG(json_str(json_get(pod, "namespace"))),
					STR_ARG(json_str(json_get(pod, "name")))));
		json_put(doc, entry, "uid", json_clone(doc, json_get(pod, "uid")));
		json_put(doc, entry, "id", json_clone(doc, json_get(it.value, "id")));
		json_put(doc, entry, "startedMicros",
			 json_clone(doc, json_get(it.value, "startedMicros")));
		json_put(doc, entry, "mayEnd", json_new_bool(doc, may_end(pod)));
		json_append(list, entry);
	}
}

static bool ask_agent(struct ctr_agent *agent, struct json_doc *doc, struct json *out,
		      struct error *err)
{
	auto_json_doc node = NULL;
	auto_json_doc pods = NULL;
	struct json *list = json_sub_array(doc, out, "containers");

	if (!ctr_agent_call(agent, "GET", "/node", STR_NONE, &node, err) ||
	    !ctr_agent_call(agent, "GET", "/pods", STR_NONE, &pods, err))
		return false;
	json_put(doc, out, "connected", json_clone(doc, json_get(json_root(node), "connected")));
	json_put(doc, out, "ready", json_clone(doc, json_get(json_root(node), "ready")));
	for (struct json_iter it = json_iter(json_root(pods)); json_next(&it);)
		add_containers(doc, list, it.value);
	return true;
}

bool ota_facts_gather(const char *data_dir, struct json_doc **out, struct error *err)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	struct ctr_agent *agent = NULL;
	bool done = true;

	json_set_root(doc, root);
	json_put(doc, root, "agent", json_new_null(doc));
	if (ctr_agent_open(data_dir, &agent, err)) {
		struct json *part = json_new_object(doc);

		done = ask_agent(agent, doc, part, err);
		json_put(doc, root, "agent", part);
		ctr_agent_close(agent);
	} else {
		done = err->kind == ERROR_NOT_FOUND;
	}
	if (done)
		*out = take_ptr(&doc);
	return done;
}

static char *facts_path(const struct slots *slots)
{
	return memory_print("%s/facts", slots->root);
}

bool ota_facts_keep(const struct slots *slots, const struct json_doc *facts, struct error *err)
{
	auto_free char *path = facts_path(slots);
	auto_buf text = BUF_INIT;

	json_print(json_root(facts), &text);
	return file_replace(path, buf_str(&text), 0600, err);
}

bool ota_facts_record(const struct slots *slots, const char *data_dir, struct error *err)
{
	auto_json_doc facts = NULL;

	if (!ota_facts_gather(data_dir, &facts, err)) {
		fprintf(stderr, "mote: warning: %s; so it is not known what ran here\n", err->text);
		facts = json_doc_new();
		json_set_root(facts, json_new_object(facts));
	}
	return ota_facts_keep(slots, facts, err);
}

bool ota_facts_read(const struct slots *slots, struct json_doc **out, struct error *err)
{
	auto_free char *path = facts_path(slots);
	auto_buf text = BUF_INIT;

	if (file_read(path, CTR_ANSWER_MAX, &text, err))
		return json_parse(buf_str(&text), out, NULL, err);
	if (err->kind != ERROR_NOT_FOUND)
		return false;
	*out = json_doc_new();
	json_set_root(*out, json_new_object(*out));
	return true;
}

void ota_facts_forget(const struct slots *slots)
{
	auto_free char *path = facts_path(slots);

	unlink(path);
}

static bool is_same(const struct json *a, const struct json *b, const char *field)
{
	return json_equal(json_get(a, field), json_get(b, field));
}

/* The name in "nginx.0". */
static struct str name_of(const struct json *run)
{
	struct str id = json_str(json_get(run, "id"));

	while (id.len > 0 && id.at[id.len - 1] != '.')
		id.len--;
	return id;
}

/* It runs as it did, or it was one that ends and has ended: but it was not started again. */
static bool is_no_worse(const struct json *list, const struct json *wanted)
{
	bool again = false;

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		if (!is_same(it.value, wanted, "uid") ||
		    !str_equal(name_of(it.value), name_of(wanted)))
			continue;
		if (is_same(it.value, wanted, "id") && is_same(it.value, wanted, "startedMicros"))
			return true;
		again = true;
	}
	return !again && json_bool(json_get(wanted, "mayEnd"));
}

bool ota_facts_compare(const struct json *before, const struct json *now, struct error *err)
{
	const struct json *old = json_get(before, "agent"), *new = json_get(now, "agent");

	if (json_type(old) != JSON_OBJECT)
		return true;
	if (json_type(new) != JSON_OBJECT)
		return error_set(err, ERROR_UNAVAILABLE, "the agent does not answer");
	for (struct json_iter it = json_iter(json_get(old, "containers")); json_next(&it);)
		if (!is_no_worse(json_get(new, "containers"), it.value))
			return error_set(err, ERROR_UNAVAILABLE,
					 "container " STR_FMT " of pod " STR_FMT
					 " does not run as it did",
					 STR_ARG(json_str(json_get(it.value, "id"))),
					 STR_ARG(json_str(json_get(it.value, "pod"))));
	if (json_bool(json_get(old, "connected")) && !json_bool(json_get(new, "connected")))
		return error_set(err, ERROR_UNAVAILABLE,
				 "the node has no connection to its server");
	if (json_bool(json_get(old, "ready")) && !json_bool(json_get(new, "ready")))
		return error_set(err, ERROR_UNAVAILABLE, "the node is not Ready");
	return true;
}
