/*
 * command_ota.c - mote ota: bundles of updates, made, signed, checked and applied.
 *
 * A verb is one word and a row (ota_verb.h).
 */
#include <stdio.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/ota_verb.h"

extern const struct ota_verb ota_build, ota_sign, ota_verify, ota_keygen, ota_root, ota_install,
	ota_apply, ota_status, ota_rollback, ota_self_test, ota_gate;

static const struct ota_verb *const verbs[] = {
	&ota_build, &ota_sign,   &ota_verify,   &ota_keygen,    &ota_root, &ota_install,
	&ota_apply, &ota_status, &ota_rollback, &ota_self_test, &ota_gate,
};

static void print_help(FILE *to)
{
	fprintf(to, "Usage: mote ota VERB [options]\n\nUpdates in one signed file.\n\nVerbs:\n");
	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
		fprintf(to, "  %-10s %s\n", verbs[i]->name, verbs[i]->help);
	fprintf(to, "\nmote ota VERB --help tells about one of them.\n");
}

static const struct ota_verb *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

static int run_verb(const struct ota_verb *verb, int argc, char **argv)
{
	auto_arena arena = arena_new();
	struct option_set set = { .usage = arena_print(arena, "mote ota %s%s%s [options]",
						       verb->name, *verb->arguments ? " " : "",
						       verb->arguments),
				  .about = arena_print(arena, "To %s.", verb->help),
				  .rows = verb->rows,
				  .args_max = verb->args_max };
	struct command_line line = { .set = &set,
				     .arena = arena,
				     .target = arena_zero(arena, verb->options_size) };
	struct error err;

	if (!command_line_read(&line, argc, argv))
		return line.status;
	if (line.result.arg_count < verb->args_min) {
		error_set(&err, ERROR_INVALID, "something is missing; usage: %s", set.usage);
		command_fail(&err);
		return 2;
	}

	struct ota_call call = { .options = line.target,
				 .args = line.result.args,
				 .arg_count = line.result.arg_count,
				 .arena = arena };

	return verb->run(&call, &err) ? call.status : command_fail(&err);
}

static int run(int argc, char **argv)
{
	const struct ota_verb *verb = argc > 1 ? find(argv[1]) : NULL;

	if (verb)
		return run_verb(verb, argc - 1, argv + 1);
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	fprintf(stderr, "mote: ota has no verb \"%s\"; see mote ota --help\n", argv[1]);
	return 2;
}

const struct command command_ota = { "ota", "updates: build, sign, verify, apply", run };
