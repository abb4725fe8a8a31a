/*
 * oci_verb_look.c - mote oci state, list, ps, events: what there is.
 */
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process.h"
#include "cli/oci_verb.h"
#include "runtime/cgroup_spec.h"

static void print_line(const struct json *value, bool pretty)
{
	auto_buf text = BUF_INIT;

	if (pretty)
		json_print_pretty(value, &text);
	else
		json_print(value, &text);
	printf("%s\n", buf_text(&text));
	fflush(stdout);
}

/* The specification's state, and what callers of runtimes look for beside it. */
static struct json *describe(const struct oci_state *state, struct json_doc *doc)
{
	auto_oci_config config = NULL;
	struct error ignored;
	struct passwd *user = NULL;
	struct json *root;

	(void)!oci_state_load_config(state, &config, &ignored);
	root = oci_state_print(state, config, NULL, doc);
	(void)user;
	json_put(doc, root, "rootfs", json_new_text(doc, state->rootfs));
	json_put(doc, root, "created", json_new_text(doc, state->created));
	json_put(doc, root, "owner", json_new_text(doc, state->owner == 0 ? "root" : ""));
	return root;
}

static bool run_state(struct oci *oci, struct error *err)
{
	auto_oci_state state = NULL;
	auto_json_doc doc = json_doc_new();

	if (!oci_state_open(oci->root, oci->args[0], false, &state, err))
		return false;
	print_line(describe(state, doc), true);
	return true;
}

const struct oci_verb oci_verb_state = { .name = "state",
					 .arguments = "ID",
					 .help = "print what is known of a container",
					 .args_min = 1,
					 .args_max = 1,
					 .run = run_state };

/* --- list --- */

static void print_row(const struct oci_state *state, bool header)
{
	enum oci_phase phase = oci_state_phase(state);

	if (header)
		printf("%-20s %-8s %-9s %-32s %-31s %s\n", "ID", "PID", "STATUS", "BUNDLE",
		       "CREATED", "OWNER");
	printf("%-20s %-8d %-9s %-32s %-31s %s\n", state->id,
	       phase == OCI_STOPPED ? 0 : (int)state->pid, oci_phase_name(phase), state->bundle,
	       state->created, state->owner == 0 ? "root" : "");
}

static bool run_list(struct oci *oci, struct error *err)
{
	bool as_json = oci->options.format && strcmp(oci->options.format, "json") == 0;
	auto_json_doc doc = json_doc_new();
	struct json *all = json_new_array(doc);
	const char **names;
	struct error gone;
	bool first = true;

	if (oci->options.format && !as_json && strcmp(oci->options.format, "table") != 0)
		return error_set(err, ERROR_INVALID, "invalid format option");
	if (!oci_state_list(oci->root, oci->arena, &names, err))
		return false;
	for (; *names; names++) {
		auto_oci_state state = NULL;

		if (oci->options.quiet)
			printf("%s\n", *names);
		if (oci->options.quiet || !oci_state_open(oci->root, *names, false, &state, &gone))
			continue;
		if (as_json)
			json_append(all, describe(state, doc));
		else
			print_row(state, first);
		first = false;
	}
	if (as_json && !oci->options.quiet)
		print_line(all, false);
	else if (first && !oci->options.quiet)
		printf("%-20s %-8s %-9s %-32s %-31s %s\n", "ID", "PID", "STATUS", "BUNDLE",
		       "CREATED", "OWNER");
	return true;
}

#define FORMAT_ROW                                                                                 \
	{                                                                                          \
		.flag = "format", .letter = 'f', .type = OPTION_TEXT, .at = OCI_AT(format),        \
		.value_name = "FORMAT", .fallback = "table", .group = "Options",                   \
		.help = "table or json"                                                            \
	}

static const struct option_row list_rows[] = {
	FORMAT_ROW,
	{ .flag = "quiet",
	  .letter = 'q',
	  .type = OPTION_BOOL,
	  .at = OCI_AT(quiet),
	  .group = "Options",
	  .help = "names only" },
	{ 0 },
};

const struct oci_verb oci_verb_list = { .name = "list",
					.arguments = "",
					.help = "list containers",
					.rows = list_rows,
					.run = run_list };

/* --- ps --- */

static bool has_pid(const struct json *list, int64_t pid)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (json_int(it.value) == pid)
			return true;
	return false;
}

/* The column under "PID" tells which lines are ours. */
static void print_matching(struct str text, const struct json *list)
{
	struct str header = str_cut(&text, '\n');
	size_t column = 0;
	struct str rest = header;

	while (rest.len > 0) {
		struct str word = str_cut(&rest, ' ');

		if (str_is(word, "PID"))
			break;
		column += word.len > 0;
	}
	printf(STR_FMT "\n", STR_ARG(header));
	while (text.len > 0) {
		struct str line = str_cut(&text, '\n');
		struct str words = line;
		size_t at = 0;
		int64_t pid;

		while (words.len > 0) {
			struct str word = str_cut(&words, ' ');

			if (word.len > 0 && at++ == column) {
				if (str_to_i64(word, 1, INT32_MAX, &pid) && has_pid(list, pid))
					printf(STR_FMT "\n", STR_ARG(line));
				break;
			}
		}
	}
}

static bool call_ps(const struct oci *oci, const struct json *list, struct error *err)
{
	const char **argv = arena_zero(oci->arena, (oci->arg_count + 2) * sizeof(char *));
	struct process_plan plan = { .path = "ps", .argv = argv, .stdio = { -1, -1, 2 } };
	auto_buf text = BUF_INIT;
	int pair[2];
	int status;
	char room[4096];
	ssize_t got;
	pid_t pid;

	argv[0] = "ps";
	argv[1] = "-ef";
	for (size_t i = 1; i < oci->arg_count; i++)
		argv[i] = oci->args[i];
	if (pipe2(pair, O_CLOEXEC) != 0)
		return error_os(err, "make a pipe");
	plan.stdio[1] = pair[1];
	if (!process_start(&plan, &pid, err)) {
		close(pair[0]);
		close(pair[1]);
		return false;
	}
	close(pair[1]);
	while ((got = read(pair[0], room, sizeof(room))) > 0)
		buf_add(&text, room, (size_t)got);
	close(pair[0]);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		return error_set(err, ERROR_BROKEN, "ps fails");
	print_matching(buf_str(&text), list);
	return true;
}

static bool run_ps(struct oci *oci, struct error *err)
{
	auto_oci_state state = NULL;
	auto_json_doc doc = json_doc_new();
	struct json *list = NULL;

	if (!oci_state_open(oci->root, oci->args[0], false, &state, err))
		return false;
	if (!state->cgroup)
		return error_set(err, ERROR_UNAVAILABLE, "container %s has no cgroup", state->id);
	if (!cgroup_spec_processes(state->cgroup, doc, &list, err))
		return false;
	if (strcmp(oci->options.format, "json") == 0) {
		print_line(list, false);
		return true;
	}
	if (strcmp(oci->options.format, "table") != 0)
		return error_set(err, ERROR_INVALID, "invalid format option");
	return call_ps(oci, list, err);
}

static const struct option_row ps_rows[] = { FORMAT_ROW, { 0 } };

const struct oci_verb oci_verb_ps = { .name = "ps",
				      .arguments = "ID [PS-OPTION...]",
				      .help = "list the processes of a container",
				      .rows = ps_rows,
				      .args_min = 1,
				      .args_max = 64,
				      .own_args = true,
				      .run = run_ps };

/* --- events --- */

static void print_event(const char *type, const char *id, struct json *data, struct json_doc *doc)
{
	struct json *event = json_new_object(doc);

	json_put(doc, event, "type", json_new_text(doc, type));
	json_put(doc, event, "id", json_new_text(doc, id));
	json_put(doc, event, "data", data);
	print_line(event, false);
}

static void print_stats(const struct oci_state *state)
{
	auto_json_doc doc = json_doc_new();

	print_event("stats", state->id, cgroup_spec_stats(state->cgroup, doc), doc);
}

static bool is_over(const struct oci_state *state)
{
	return oci_state_phase(state) == OCI_STOPPED;
}

static bool run_events(struct oci *oci, struct error *err)
{
	auto_oci_state state = NULL;
	int64_t interval_ms;
	uint64_t kills;

	if (!oci_state_open(oci->root, oci->args[0], false, &state, err))
		return false;
	if (!clock_parse_duration(str_of(oci->options.interval), &interval_ms) || interval_ms <= 0)
		return error_set(err, ERROR_INVALID, "duration interval must be greater than 0");
	if (is_over(state) || !state->cgroup)
		return error_set(err, ERROR_CONFLICT, "container with id %s is not running",
				 state->id);
	if (oci->options.stats) {
		print_stats(state);
		return true;
	}
	kills = cgroup_oom_kills(state->cgroup);
	while (!is_over(state)) {
		auto_json_doc doc = json_doc_new();

		if (poll(NULL, 0, (int)(interval_ms > 600000 ? 600000 : interval_ms)) < 0)
			break;
		if (cgroup_oom_kills(state->cgroup) > kills) {
			kills = cgroup_oom_kills(state->cgroup);
			print_event("oom", state->id, NULL, doc);
		}
		if (!is_over(state))
			print_stats(state);
	}
	return true;
}

static const struct option_row events_rows[] = {
	OCI_ROW_SWITCH("stats", stats, "once, then leave"),
	{ .flag = "interval",
	  .type = OPTION_TEXT,
	  .at = OCI_AT(interval),
	  .value_name = "TIME",
	  .fallback = "5s",
	  .group = "Options",
	  .help = "time between two figures" },
	{ 0 },
};

const struct oci_verb oci_verb_events = { .name = "events",
					  .arguments = "ID",
					  .help = "print what a container uses, again and again",
					  .rows = events_rows,
					  .args_min = 1,
					  .args_max = 1,
					  .run = run_events };
