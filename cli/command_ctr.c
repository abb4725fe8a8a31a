/*
 * command_ctr.c - mote ctr: images and containers of this machine, without the API server.
 *
 * A verb is one or two words and a row (ctr_verb.h).  All of them talk to the agent's socket.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/ctr_data_dir.h"
#include "cli/ctr_verb.h"

#define ROWS_MAX 16

extern const struct ctr_verb ctr_images_import, ctr_images_ls, ctr_images_pull, ctr_images_rm,
	ctr_pods_ps, ctr_exec, ctr_logs, ctr_pods_rm;

static const struct ctr_verb *const verbs[] = {
	&ctr_images_import, &ctr_images_ls, &ctr_images_pull, &ctr_images_rm,
	&ctr_pods_ps,       &ctr_exec,      &ctr_logs,        &ctr_pods_rm,
};

static void print_help(FILE *to)
{
	fprintf(to, "Usage: mote ctr VERB [options]\n\nImages and containers of this machine; "
		    "the agent must run.\n\nVerbs:\n");
	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
		fprintf(to, "  %-14s %s\n", verbs[i]->name, verbs[i]->help);
	fprintf(to, "\nmote ctr VERB --help tells about one of them.\n");
}

/* One or two words behind "ctr"; *out_words is how many. */
static const struct ctr_verb *find(int argc, char **argv, int *out_words)
{
	auto_free char *two = argc > 2 ? memory_print("%s %s", argv[1], argv[2]) : NULL;

	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++) {
		*out_words = strchr(verbs[i]->name, ' ') ? 2 : 1;
		if (*out_words == 1 && strcmp(verbs[i]->name, argv[1]) == 0)
			return verbs[i];
		if (two && *out_words == 2 && strcmp(verbs[i]->name, two) == 0)
			return verbs[i];
	}
	return NULL;
}

static bool is_switch(const struct option_row *rows, char letter)
{
	for (; rows->flag; rows++)
		if (rows->letter == letter)
			return rows->type == OPTION_BOOL;
	return false;
}

/* "-it" becomes "-i" "-t" as everybody types it; not behind "--". */
static char **split_letters(const struct option_row *rows, int *argc, char **argv,
			    struct arena *arena)
{
	size_t room = 1;
	char **out;
	int count = 0, at = 0;

	for (int i = 0; i < *argc; i++)
		room += strlen(argv[i]) + 1;
	out = arena_get(arena, room * sizeof(*out));
	for (; at < *argc && strcmp(argv[at], "--") != 0; at++) {
		const char *letters = argv[at] + 1;
		bool all = argv[at][0] == '-' && strlen(argv[at]) > 2;

		for (const char *letter = letters; all && *letter; letter++)
			all = is_switch(rows, *letter);
		for (const char *letter = letters; all && *letter; letter++)
			out[count++] = arena_print(arena, "-%c", *letter);
		if (!all)
			out[count++] = argv[at];
	}
	for (; at < *argc; at++)
		out[count++] = argv[at];
	*argc = count;
	return out;
}

/* The verb's own, then --data-dir. */
static void gather_rows(const struct ctr_verb *verb, struct option_row out[ROWS_MAX])
{
	size_t count = 0;

	for (const struct option_row *row = verb->rows; row && row->flag; row++)
		if (count < ROWS_MAX - 2)
			out[count++] = *row;
	out[count++] = ctr_data_dir_row(CTR_AT(data_dir));
	out[count] = (struct option_row){ 0 };
}

static int serve(const struct ctr_verb *verb, struct ctr *ctr)
{
	struct error err;
	bool done;

	if (!ctr_agent_open(ctr->options.data_dir, &ctr->agent, &err))
		return command_fail(&err);
	done = verb->run(ctr, &err);
	ctr_agent_close(ctr->agent);
	return done ? ctr->status : command_fail(&err);
}

static int refuse(const struct error *err)
{
	command_fail(err);
	return 2;
}

static int run_verb(const struct ctr_verb *verb, int argc, char **argv)
{
	auto_arena arena = arena_new();
	struct option_row rows[ROWS_MAX];
	struct option_set set = { .usage = arena_print(arena, "mote ctr %s%s%s [options]",
						       verb->name, *verb->arguments ? " " : "",
						       verb->arguments),
				  .about = arena_print(arena, "To %s.", verb->help),
				  .rows = rows,
				  .args_max = verb->args_max };
	struct ctr ctr = { 0 };
	struct command_line line = { .set = &set, .arena = arena, .target = &ctr.options };
	struct error err;

	gather_rows(verb, rows);
	argv = split_letters(rows, &argc, argv, arena);
	if (!command_line_read(&line, argc, argv))
		return line.status;
	if (!ctr_data_dir_find(arena, &ctr.options.data_dir, &err))
		return refuse(&err);
	if (line.result.arg_count < verb->args_min) {
		error_set(&err, ERROR_INVALID, "something is missing; usage: %s", set.usage);
		return refuse(&err);
	}
	ctr.args = line.result.args;
	ctr.arg_count = line.result.arg_count;
	return serve(verb, &ctr);
}

static int run(int argc, char **argv)
{
	const struct ctr_verb *verb;
	const char *last = argv[argc - 1];
	int words = 0;

	verb = argc > 1 ? find(argc, argv, &words) : NULL;
	if (verb)
		return run_verb(verb, argc - words, argv + words);
	if (argc < 2 || strcmp(last, "--help") == 0 || strcmp(last, "-h") == 0) {
		print_help(argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	fprintf(stderr, "mote: ctr has no verb \"%s%s%s\"; see mote ctr --help\n", argv[1],
		argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
	return 2;
}

const struct command command_ctr = { "ctr", "images and containers of this machine", run };
