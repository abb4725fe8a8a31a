/*
 * ctr_pods.c - mote ctr ps, rm; and which pod and container a command line means.
 */
#include <inttypes.h>
#include <stdio.h>

#include "api/table.h"
#include "base/clock.h"
#include "cli/ctr_table.h"
#include "cli/ctr_verb.h"

static struct str text(const struct json *object, const char *key)
{
	return json_str(json_get(object, key));
}

/* --- ps --- */

/* "3m20s ago"; "-" for what has not begun. */
static void print_started(const struct json *container, struct buf *out)
{
	int64_t started_us = json_int(json_get(container, "startedMicros"));
	int64_t seconds = (clock_wall_us() - started_us) / 1000000;

	if (started_us <= 0) {
		buf_add_text(out, "-");
		return;
	}
	table_print_age(seconds > 0 ? seconds : 0, out);
	buf_add_text(out, " ago");
}

/* "running", "exited (1)" */
static void print_state(const struct json *container, struct buf *out)
{
	struct str state = text(container, "state");
	const struct json *code = json_get(container, "exitCode");

	buf_add_str(out, state);
	if (str_is(state, "exited") && code)
		buf_add_print(out, " (%" PRId64 ")", json_int(code));
}

static void add_container(struct ctr_table *table, const struct json *pod,
			  const struct json *container)
{
	auto_buf state = BUF_INIT, started = BUF_INIT, restarts = BUF_INIT;

	print_state(container, &state);
	print_started(container, &started);
	buf_add_print(&restarts, "%" PRId64, json_int(json_get(container, "restarts")));
	ctr_table_add(table, text(pod, "namespace"));
	ctr_table_add(table, text(pod, "name"));
	ctr_table_add(table, text(container, "name"));
	ctr_table_add(table, buf_str(&state));
	ctr_table_add(table, buf_str(&started));
	ctr_table_add(table, buf_str(&restarts));
	ctr_table_add(table, text(container, "image"));
}

static void add_pod(struct ctr *ctr, struct ctr_table *table, const struct json *pod)
{
	const char *namespace = ctr->options.namespace;

	if (*namespace && !str_is(text(pod, "namespace"), namespace))
		return;
	for (struct json_iter it = json_iter(json_get(pod, "containers")); json_next(&it);)
		if (ctr->options.all || str_is(text(it.value, "state"), "running"))
			add_container(table, pod, it.value);
}

static bool list(struct ctr *ctr, struct error *err)
{
	static const char *const heads[] = { "NAMESPACE", "POD",      "CONTAINER", "STATE",
					     "STARTED",   "RESTARTS", "IMAGE" };
	struct ctr_table *table;
	auto_json_doc doc = NULL;

	if (!ctr_agent_call(ctr->agent, "GET", "/pods", STR_NONE, &doc, err))
		return false;
	table = ctr_table_new(heads, ARRAY_LENGTH(heads));
	for (struct json_iter it = json_iter(json_root(doc)); json_next(&it);)
		add_pod(ctr, table, it.value);
	ctr_table_show(table);
	ctr_table_free(table);
	return true;
}

/* --- which one --- */

/* The one pod of that name; NULL with an error. */
static const struct json *find_pod(const struct ctr *ctr, const struct json *pods,
				   struct error *err)
{
	const char *name = ctr->args[0], *namespace = ctr->options.namespace;
	const struct json *found = NULL;

	for (struct json_iter it = json_iter(pods); json_next(&it);) {
		if (!str_is(text(it.value, "name"), name) ||
		    (*namespace && !str_is(text(it.value, "namespace"), namespace)))
			continue;
		if (found) {
			error_set(err, ERROR_INVALID,
				  "the namespaces " STR_FMT " and " STR_FMT
				  " both have a pod %s: name one with -n",
				  STR_ARG(text(found, "namespace")),
				  STR_ARG(text(it.value, "namespace")), name);
			return NULL;
		}
		found = it.value;
	}
	if (!found)
		error_set(
			err, ERROR_NOT_FOUND,
			"there is no pod %s%s%s on this machine; mote ctr ps -a lists those there "
			"are",
			namespace, *namespace ? "/" : "", name);
	return found;
}

static bool has_container(const struct json *pod, const char *name)
{
	for (struct json_iter it = json_iter(json_get(pod, "containers")); json_next(&it);)
		if (str_is(text(it.value, "name"), name))
			return true;
	return false;
}

bool ctr_target_find(struct ctr *ctr, struct ctr_target *out, struct error *err)
{
	const char *container = ctr->options.container;
	const struct json *pod;
	auto_json_doc doc = NULL;

	if (!ctr_agent_call(ctr->agent, "GET", "/pods", STR_NONE, &doc, err))
		return false;
	pod = find_pod(ctr, json_root(doc), err);
	if (!pod)
		return false;
	if (*container && !has_container(pod, container))
		return error_set(err, ERROR_NOT_FOUND, "pod %s has no container %s", ctr->args[0],
				 container);
	out->namespace = str_copy(text(pod, "namespace"));
	out->pod = str_copy(text(pod, "name"));
	out->container = str_copy(*container ? str_of(container) : text(pod, "default"));
	return true;
}

void ctr_target_clear(struct ctr_target *target)
{
	free(target->namespace);
	free(target->pod);
	free(target->container);
	*target = (struct ctr_target){ 0 };
}

void ctr_target_path(const struct ctr_target *target, const char *verb, struct buf *out)
{
	buf_add_print(out, "/%s/%s/%s/%s", verb, target->namespace, target->pod, target->container);
}

/* --- rm --- */

static void print_stopped(const struct ctr_target *target, const struct json_doc *answer)
{
	const struct json *names = json_get(json_root(answer), "names");

	if (json_count(names) == 0) {
		printf("nothing of %s/%s runs\n", target->namespace, target->pod);
		return;
	}
	for (struct json_iter it = json_iter(names); json_next(&it);)
		printf("stopping container " STR_FMT "\n", STR_ARG(json_str(it.value)));
	printf("the pod itself stays, and its restart policy may start them again: only "
	       "kubectl delete pod %s -n %s takes it away\n",
	       target->pod, target->namespace);
}

static bool stop(struct ctr *ctr, struct error *err)
{
	struct ctr_target target = { 0 };
	auto_json_doc asked = json_doc_new();
	struct json *root = json_new_object(asked);
	auto_json_doc answer = NULL;
	auto_buf body = BUF_INIT;
	bool done;

	if (!ctr_target_find(ctr, &target, err))
		return false;
	json_put(asked, root, "namespace", json_new_text(asked, target.namespace));
	json_put(asked, root, "name", json_new_text(asked, target.pod));
	json_put(asked, root, "container", json_new_text(asked, ctr->options.container));
	json_print(root, &body);
	done = ctr_agent_call(ctr->agent, "POST", "/pods/stop", buf_str(&body), &answer, err);
	if (done)
		print_stopped(&target, answer);
	ctr_target_clear(&target);
	return done;
}

/* --- rows --- */

static const struct option_row ps_rows[] = {
	{ .flag = "all",
	  .letter = 'a',
	  .type = OPTION_BOOL,
	  .at = CTR_AT(all),
	  .group = "Options",
	  .help = "also those that do not run" },
	{ .flag = "namespace",
	  .letter = 'n',
	  .type = OPTION_TEXT,
	  .at = CTR_AT(namespace),
	  .value_name = "NAME",
	  .fallback = "",
	  .group = "Options",
	  .help = "only pods of this namespace" },
	{ 0 },
};

static const struct option_row rm_rows[] = {
	CTR_NAMESPACE_ROW,
	{ .flag = "container",
	  .letter = 'c',
	  .type = OPTION_TEXT,
	  .at = CTR_AT(container),
	  .value_name = "NAME",
	  .fallback = "",
	  .group = "Options",
	  .help = "only this container" },
	{ 0 },
};

const struct ctr_verb ctr_pods_ps = { .name = "ps",
				      .arguments = "",
				      .help = "list the containers of this machine",
				      .rows = ps_rows,
				      .run = list };

const struct ctr_verb ctr_pods_rm = { .name = "rm",
				      .arguments = "POD",
				      .help = "stop a pod's containers; its restart policy may "
					      "start them again",
				      .rows = rm_rows,
				      .args_min = 1,
				      .args_max = 1,
				      .run = stop };
