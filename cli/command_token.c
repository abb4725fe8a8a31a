/*
 * command_token.c - mote token: what machines join the cluster with.  Works on the server's files,
 * so it needs no server that answers.
 *
 * The server reads server/token once, when it starts, and writes server/node-token from it: until
 * its next start the old token is the valid one, and node-token says so.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/command_line.h"
#include "cli/ctr_data_dir.h"

#define SECRET_MAX 256 /* a header carries it; nobody's is longer than some dozen letters */

struct options {
	const char *data_dir, *old_token, *new_token;
};

#define AT(field) offsetof(struct options, field)

/* The file's text without the end of its line. */
static bool read_file(const struct options *options, const char *name, struct buf *out,
		      struct error *err)
{
	auto_free char *path = memory_print("%s/server/%s", options->data_dir, name);

	if (!file_read(path, LIMIT_CONFIG_FILE, out, err)) {
		if (err->kind == ERROR_NOT_FOUND)
			return error_set(err, ERROR_NOT_FOUND,
					 "there is no %s: no server has run here, or it has "
					 "another --data-dir",
					 path);
		if (err->os_code == EACCES || err->os_code == EPERM)
			return error_set(err, ERROR_FORBIDDEN, "%s may not be read; use sudo",
					 path);
		return false;
	}
	while (out->len > 0 && strchr("\r\n ", out->at[out->len - 1]))
		out->len--;
	return true;
}

/* "M10<hash>::server:<secret>" or the secret alone; what stands before it, too. */
static struct str secret_of(struct str token, struct str *out_before)
{
	ptrdiff_t at = str_search(token, STR("::"));
	struct str rest;

	*out_before = str_from(token.at, 0);
	if (at < 0)
		return token;
	rest = str_from(token.at + at + 2, token.len - (size_t)at - 2);
	str_cut(&rest, ':');
	*out_before = str_from(token.at, token.len - rest.len);
	return rest;
}

/* --- print --- */

static bool print(const struct options *options, struct error *err)
{
	auto_buf text = BUF_INIT;

	if (!read_file(options, "node-token", &text, err))
		return false;
	printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
	return true;
}

/* --- rotate --- */

/* A header, a shell and a YAML file must be able to carry it. */
static bool check_secret(struct str secret, struct error *err)
{
	if (secret.len == 0 || secret.len > SECRET_MAX)
		return error_set(err, ERROR_INVALID, "--new-token must have 1 to %d letters",
				 SECRET_MAX);
	for (size_t i = 0; i < secret.len; i++)
		if (secret.at[i] <= ' ' || secret.at[i] > '~' || strchr(":\"'\\", secret.at[i]))
			return error_set(err, ERROR_INVALID,
					 "--new-token may hold letters, digits and signs, but no "
					 "blanks, quotes and colons");
	return true;
}

static bool check_rotation(const struct options *options, struct str known, struct str *out_secret,
			   struct error *err)
{
	struct str before, old;

	if (!options->old_token || !options->new_token)
		return error_set(err, ERROR_INVALID,
				 "usage: mote token rotate --token OLD --new-token NEW");
	old = secret_of(str_of(options->old_token), &before);
	if (!str_equal(old, secret_of(known, &before)))
		return error_set(err, ERROR_FORBIDDEN,
				 "--token is not the token of this server; mote token print prints "
				 "the one nodes join with");
	*out_secret = secret_of(str_of(options->new_token), &before);
	return check_secret(*out_secret, err);
}

static bool rotate(const struct options *options, struct error *err)
{
	auto_free char *path = memory_print("%s/server/token", options->data_dir);
	auto_buf known = BUF_INIT, text = BUF_INIT;
	struct str before, secret;

	if (!read_file(options, "token", &known, err) ||
	    !check_rotation(options, buf_str(&known), &secret, err))
		return false;
	(void)secret_of(buf_str(&known), &before);
	buf_add_str(&text, before);
	buf_add_str(&text, secret);
	buf_add_byte(&text, '\n');
	if (!file_replace(path, buf_str(&text), 0600, err))
		return false;
	printf("The token is changed; restart the server, which takes the old one until then.\n"
	       "Give it the new one too where it is told a token: --token, MOTE_TOKEN, "
	       "config.yaml.\n"
	       "Nodes that have joined stay, but need the new one when their certificates are "
	       "renewed.\n");
	return true;
}

/* --- the command --- */

static const struct {
	const char *name, *help;
	bool (*run)(const struct options *options, struct error *err);
	bool changes;
} verbs[] = {
	{ "print", "print the token that machines join with", print, false },
	{ "rotate", "replace the server's token", rotate, true },
};

static void print_help(FILE *to)
{
	fprintf(to, "Usage: mote token VERB [options]\n\nThe token that machines join the cluster "
		    "with; on the server's machine.\n\nVerbs:\n");
	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
		fprintf(to, "  %-12s %s\n", verbs[i].name, verbs[i].help);
	fprintf(to, "\nmote token VERB --help tells about one of them.\n");
}

static int run_verb(size_t verb, int argc, char **argv)
{
	auto_arena arena = arena_new();
	const struct option_row rows[] = {
		ctr_data_dir_row(AT(data_dir)),
		{ .flag = verbs[verb].changes ? "token" : NULL,
		  .letter = 't',
		  .type = OPTION_TEXT,
		  .at = AT(old_token),
		  .value_name = "OLD",
		  .group = "Cluster",
		  .help = "the present token, long or its secret only" },
		{ .flag = "new-token",
		  .type = OPTION_TEXT,
		  .at = AT(new_token),
		  .value_name = "NEW",
		  .group = "Cluster",
		  .help = "the secret from the server's next start on" },
		{ 0 },
	};
	struct option_set set = { .usage = arena_print(arena, "mote token %s [options]",
						       verbs[verb].name),
				  .about = arena_print(arena, "To %s.", verbs[verb].help),
				  .rows = rows };
	struct options options = { 0 };
	struct command_line line = { .set = &set, .arena = arena, .target = &options };
	struct error err;

	if (!command_line_read(&line, argc, argv))
		return line.status;
	if (!ctr_data_dir_find(arena, &options.data_dir, &err))
		return command_fail(&err);
	return verbs[verb].run(&options, &err) ? 0 : command_fail(&err);
}

static int run(int argc, char **argv)
{
	const char *last = argv[argc - 1];

	for (size_t i = 0; argc > 1 && i < ARRAY_LENGTH(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return run_verb(i, argc - 1, argv + 1);
	if (argc < 2 || strcmp(last, "--help") == 0 || strcmp(last, "-h") == 0) {
		print_help(argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	fprintf(stderr, "mote: token has no verb \"%s\"; see mote token --help\n", argv[1]);
	return 2;
}

const struct command command_token = { "token", "what machines join the cluster with", run };
