/*
 * command_oci.c - mote oci: this program as an OCI runtime.
 *
 * Options stand before the verb and behind it, each with its own meaning; a single dash does for
 * two, as callers write both.  What goes wrong is said on standard error and, with --log, in that
 * file in the form that callers read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/version.h"
#include "cli/command_line.h"
#include "cli/oci_verb.h"

#define ROWS_MAX 40
#define ARGS_MAX 65536

extern const struct oci_verb oci_verb_create, oci_verb_delete, oci_verb_events, oci_verb_exec,
	oci_verb_features, oci_verb_kill, oci_verb_list, oci_verb_pause, oci_verb_ps,
	oci_verb_resume, oci_verb_run, oci_verb_spec, oci_verb_start, oci_verb_state,
	oci_verb_update;

static const struct oci_verb *const verbs[] = {
	&oci_verb_create, &oci_verb_delete, &oci_verb_events, &oci_verb_exec,  &oci_verb_features,
	&oci_verb_kill,   &oci_verb_list,   &oci_verb_pause,  &oci_verb_ps,    &oci_verb_resume,
	&oci_verb_run,    &oci_verb_spec,   &oci_verb_start,  &oci_verb_state, &oci_verb_update,
};

static const struct option_row global_rows[] = {
	OCI_ROW_TEXT("root", root, "DIR", "where the states of containers are kept"),
	OCI_ROW_TEXT("log", log, "FILE", "write what goes wrong into this file, too"),
	OCI_ROW_TEXT("log-format", log_format, "FORMAT", "text or json"),
	OCI_ROW_SWITCH("debug", debug, "tell each step, in the log or on standard error"),
	OCI_ROW_SWITCH("systemd-cgroup", systemd_cgroup, "cgroupsPath is SLICE:PREFIX:NAME"),
	OCI_ROW_TEXT("rootless", rootless_said, "HOW",
		     "true, false or auto: what the kernel "
		     "allows is found out by trying"),
	{ .flag = "version",
	  .letter = 'v',
	  .type = OPTION_BOOL,
	  .at = OCI_AT(all),
	  .group = "Options",
	  .help = "print the version" },
	{ 0 },
};

static void print_help(FILE *to)
{
	fprintf(to,
		"Usage: mote oci [options] VERB [options]\n\nContainers by the OCI runtime "
		"specification: a folder with config.json and\na root file system.\n\nVerbs:\n");
	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
		fprintf(to, "  %-9s %s\n", verbs[i]->name, verbs[i]->help);
	fprintf(to, "\nmote oci VERB --help tells about one of them.\n");
}

static const struct oci_verb *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

/* --- arguments --- */

static const struct option_row *find_row(const struct option_row *rows, const char *arg)
{
	const char *name = arg + strspn(arg, "-");
	size_t len = strcspn(name, "=");

	for (; rows->flag; rows++)
		if ((strlen(rows->flag) == len && strncmp(rows->flag, name, len) == 0) ||
		    (rows->letter && len == 1 && name[0] == rows->letter))
			return rows;
	return NULL;
}

/* "-it" is "-i -t" when all of them are switches. */
static bool are_letters(const struct option_row *rows, const char *arg)
{
	if (arg[0] != '-' || arg[1] == '-' || arg[1] == '\0' || arg[2] == '\0')
		return false;
	for (const char *at = arg + 1; *at; at++) {
		const struct option_row *row = rows;

		while (row->flag && row->letter != *at)
			row++;
		if (!row->flag || row->type != OPTION_BOOL)
			return false;
	}
	return true;
}

/* How many leading arguments are options; they are written into `out` as options.h reads them. */
static int take_options(const struct option_row *rows, int argc, char **argv, char **out,
			int *out_count, struct arena *arena)
{
	int at = 0;

	while (at < argc && argv[at][0] == '-' && argv[at][1] != '\0' &&
	       strcmp(argv[at], "--") != 0) {
		const char *arg = argv[at++];
		const struct option_row *row = find_row(rows, arg);

		if (are_letters(rows, arg)) {
			for (const char *letter = arg + 1; *letter; letter++)
				out[(*out_count)++] = arena_print(arena, "-%c", *letter);
			continue;
		}
		if (row && arg[1] != '-' && arg[2] != '\0')
			arg = arena_print(arena, "-%s", arg);
		/* "--flag=true" as Go's programs take it. */
		if (row && row->type == OPTION_BOOL && strchr(arg, '=')) {
			if (strcmp(strchr(arg, '='), "=true") == 0)
				out[(*out_count)++] = arena_print(arena, "--%s", row->flag);
			continue;
		}
		out[(*out_count)++] = (char *)(uintptr_t)arg;
		if (row && row->type != OPTION_BOOL && !strchr(arg, '=') && at < argc)
			out[(*out_count)++] = argv[at++];
	}
	return at;
}

/* Options may also stand behind arguments, unless those are somebody else's. */
static char **order(const struct oci_verb *verb, const struct option_row *rows, int *argc,
		    char **argv, struct arena *arena)
{
	size_t letters = 0;
	char **out;
	char **plain;
	int count = 1;
	int plain_count = 0;
	int at = 1;

	for (int i = 0; i < *argc; i++)
		letters += strlen(argv[i]) + 3;
	out = arena_zero(arena, letters * sizeof(*out));
	plain = arena_zero(arena, ((size_t)*argc + 1) * sizeof(*plain));
	out[0] = argv[0];
	while (at < *argc) {
		at += take_options(rows, *argc - at, argv + at, out, &count, arena);
		if (at < *argc && strcmp(argv[at], "--") == 0) {
			at++;
			break;
		}
		if (at < *argc)
			plain[plain_count++] = argv[at++];
		if (verb->own_args && plain_count > 0)
			break;
	}
	/* Docker's way: "exec ID -- program". */
	if (verb->own_args && plain_count == 1 && at < *argc && strcmp(argv[at], "--") == 0)
		at++;
	while (at < *argc)
		plain[plain_count++] = argv[at++];
	out[count++] = (char *)(uintptr_t) "--";
	memcpy(out + count, plain, (size_t)plain_count * sizeof(*plain));
	*argc = count + plain_count;
	return out;
}

/* --- what goes wrong --- */

static void print_line(const struct oci *oci, const char *level, const char *text, struct buf *out)
{
	const char *format = oci->options.log_format;
	auto_json_doc doc = json_doc_new();
	struct json *line = json_new_object(doc);
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	json_put(doc, line, "level", json_new_text(doc, level));
	json_put(doc, line, "msg", json_new_text(doc, text));
	json_put(doc, line, "time", json_new_text(doc, now));
	if (format && strcmp(format, "json") == 0) {
		json_print(line, out);
	} else {
		buf_add_print(out, "time=\"%s\" level=%s msg=", now, level);
		json_print(json_get(line, "msg"), out);
	}
	buf_add_byte(out, '\n');
}

static bool has_log(const struct oci *oci)
{
	return oci->options.log && *oci->options.log;
}

static void write_log(const struct oci *oci, const char *level, const char *text)
{
	auto_buf out = BUF_INIT;
	struct error ignored;
	auto_fd fd = -1;

	if (has_log(oci))
		fd = open(oci->options.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (has_log(oci) && fd < 0)
		return;
	print_line(oci, level, text, &out);
	(void)!file_write_all(fd >= 0 ? fd : 2, out.at, out.len, &ignored);
}

static void tell_debug(void *of, const char *text)
{
	write_log(of, "debug", text);
}

static int fail(const struct oci *oci, const struct oci_verb *verb, const struct error *err)
{
	if (has_log(oci))
		write_log(oci, "error", err->text);
	fprintf(stderr, "mote oci: %s\n", err->text);
	return verb && verb->failure ? verb->failure : 1;
}

/* --- running --- */

static bool read_verb(const struct oci_verb *verb, struct oci *oci, int argc, char **argv,
		      int *out_status)
{
	static const struct option_row none = { 0 };
	const struct option_row *rows = verb->rows ? verb->rows : &none;
	struct option_set set = { .usage = arena_print(oci->arena, "mote oci %s [options] %s",
						       verb->name, verb->arguments),
				  .about = arena_print(oci->arena, "To %s.", verb->help),
				  .rows = rows,
				  .args_max = verb->args_max };
	struct command_line line = { .set = &set, .arena = oci->arena, .target = &oci->options };
	struct oci_options before = oci->options;

	argv = order(verb, rows, &argc, argv, oci->arena);
	if (!command_line_read(&line, argc, argv)) {
		*out_status = line.status == 2 ? 1 : line.status;
		return false;
	}
	oci->options.root = before.root;
	oci->options.log = before.log;
	oci->options.log_format = before.log_format;
	oci->options.debug = before.debug;
	oci->options.systemd_cgroup = before.systemd_cgroup;
	oci->args = line.result.args;
	oci->arg_count = line.result.arg_count;
	if (oci->arg_count >= verb->args_min)
		return true;
	fprintf(stderr, "mote oci: %s: requires at least %zu argument(s); usage: %s\n", verb->name,
		verb->args_min, set.usage);
	*out_status = 1;
	return false;
}

static int run_verb(const struct oci_verb *verb, struct oci *oci, int argc, char **argv)
{
	struct error err;
	int status = 1;

	if (!read_verb(verb, oci, argc, argv, &status))
		return status;
	oci->root = oci_state_root(oci->options.root);
	if (oci->options.debug)
		oci->listener = (struct oci_listener){ tell_debug, oci };
	oci_tell(&oci->listener, "%s %s: version %s, states in %s", verb->name,
		 oci->arg_count > 0 ? oci->args[0] : "", version_text(), oci->root);
	status = verb->run(oci, &err) ? oci->status : fail(oci, verb, &err);
	oci_tell(&oci->listener, "%s ends with status %d", verb->name, status);
	return status;
}

static int print_version(void)
{
	printf("mote oci version %s\nspec: " OCI_VERSION "\n", version_text());
	return 0;
}

static int run_globals(struct oci *oci, int argc, char **argv, char **whole)
{
	struct option_set set = { .usage = "mote oci [options] VERB [options]",
				  .about = "Containers by the OCI runtime specification.",
				  .rows = global_rows };
	struct command_line line = { .set = &set, .arena = oci->arena, .target = &oci->options };
	char **options = arena_zero(oci->arena, ((size_t)argc * 16 + 64) * sizeof(char *));
	const struct oci_verb *verb;
	struct error err;
	int count = 1;
	int at;

	options[0] = argv[0];
	at = 1 + take_options(global_rows, argc - 1, argv + 1, options, &count, oci->arena);
	if (at >= argc && count > 1 &&
	    (strcmp(options[count - 1], "--help") == 0 || strcmp(options[count - 1], "-h") == 0)) {
		print_help(stdout);
		return 0;
	}
	if (!command_line_read(&line, count, options))
		return line.status == 2 ? 1 : line.status;
	if (oci->options.all)
		return print_version();
	if (at >= argc || strcmp(argv[at], "help") == 0) {
		print_help(at >= argc ? stderr : stdout);
		return at >= argc;
	}
	verb = find(argv[at]);
	if (!verb) {
		error_set(&err, ERROR_INVALID, "there is no verb \"%s\"; see mote oci --help",
			  argv[at]);
		return fail(oci, NULL, &err);
	}
	if (verb->sealed && !oci_seal(whole, &err))
		return fail(oci, verb, &err);
	return run_verb(verb, oci, argc - at, argv + at);
}

static int run(int argc, char **argv)
{
	auto_arena arena = arena_new();
	struct oci oci = { .arena = arena };
	char **whole = arena_zero(arena, ((size_t)argc + 2) * sizeof(char *));
	int status;

	/* However we were called: executed again it is "mote oci ...". */
	whole[0] = (char *)(uintptr_t) "mote";
	memcpy(whole + 1, argv, (size_t)argc * sizeof(char *));
	whole[1] = (char *)(uintptr_t) "oci";
	status = run_globals(&oci, argc, argv, whole);
	free(oci.root);
	return status;
}

const struct command command_oci = { "oci", "containers by the OCI runtime specification", run };
