/*
 * command_token.c - mote token: what machines join the cluster with.  The server's own token is in
 * its files and needs no server that answers; tokens for a time are objects of the cluster.
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
#include "cli/token_verb.h"

#define SECRET_MAX 256 /* a header carries it; nobody's is longer than some dozen letters */

#define ROWS_MAX 8

#define AT(field) offsetof(struct token_options, field)

/* The file's text without the end of its line. */
static bool read_file(const struct token_options *options, const char *name, struct buf *out,
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

static bool print(const struct token_options *options, struct error *err)
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

static bool check_rotation(const struct token_options *options, struct str known,
			   struct str *out_secret, struct error *err)
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

static bool rotate(const struct token_options *options, struct error *err)
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

static const struct option_row rotate_rows[] = {
	{ .flag = "token",
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

#define ROW_KUBECONFIG                                                                             \
	{                                                                                          \
		.flag = "kubeconfig", .type = OPTION_TEXT, .at = AT(kubeconfig),                   \
		.value_name = "FILE", .group = "Cluster",                                          \
		.help = "where the server is (default: KUBECONFIG, or /etc/mote/mote.yaml)"        \
	}

static const struct option_row api_rows[] = { ROW_KUBECONFIG, { 0 } };

static const struct option_row create_rows[] = {
	ROW_KUBECONFIG,
	{ .flag = "ttl",
	  .type = OPTION_TEXT,
	  .at = AT(ttl),
	  .value_name = "TIME",
	  .fallback = "24h",
	  .group = "Token",
	  .help = "how long machines can join with it, 0 = for good" },
	{ .flag = "description",
	  .type = OPTION_TEXT,
	  .at = AT(description),
	  .value_name = "TEXT",
	  .group = "Token",
	  .help = "what it is for" },
	{ .flag = "groups",
	  .type = OPTION_LIST,
	  .commas = true,
	  .at = AT(groups),
	  .value_name = "NAME",
	  .fallback = "system:bootstrappers:mote:default-node-token",
	  .group = "Token",
	  .help = "groups of who comes with it" },
	{ .flag = "usages",
	  .type = OPTION_LIST,
	  .commas = true,
	  .at = AT(usages),
	  .value_name = "NAME",
	  .fallback = "authentication,signing",
	  .group = "Token",
	  .help = "authentication lets machines join" },
	{ 0 },
};

static const struct verb {
	const char *name, *arguments, *help;
	bool (*run)(const struct token_options *options, struct error *err);
	const struct option_row *rows; /* may be NULL */
	size_t args_min, args_max;
} verbs[] = {
	{ "print", "", "print the token that machines join with", print, NULL, 0, 0 },
	{ "rotate", "", "replace the server's token", rotate, rotate_rows, 0, 0 },
	{ "create", " [TOKEN]", "make a token that holds for a time", token_create, create_rows, 0,
	  1 },
	{ "list", "", "list the tokens that hold for a time", token_list, api_rows, 0, 0 },
	{ "delete", " TOKEN...", "delete tokens that hold for a time", token_delete, api_rows, 1,
	  64 },
	{ "generate", "", "print a new token that no server knows yet", token_generate, NULL, 0,
	  0 },
};

static void print_help(FILE *to)
{
	fprintf(to, "Usage: mote token VERB [options]\n\nThe tokens that machines join the cluster "
		    "with; on the server's machine.\n\nVerbs:\n");
	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
		fprintf(to, "  %-12s %s\n", verbs[i].name, verbs[i].help);
	fprintf(to, "\nmote token VERB --help tells about one of them.\n");
}

/* "M10<hash>::", for tokens that name this server. */
static const char *find_prefix(const struct token_options *options, struct arena *arena)
{
	auto_buf text = BUF_INIT;
	struct error ignored;
	ptrdiff_t at;

	if (!read_file(options, "node-token", &text, &ignored))
		return "";
	at = str_search(buf_str(&text), STR("::"));
	return at < 0 ? "" : str_copy_arena(str_from(text.at, (size_t)at + 2), arena);
}

static void gather_rows(const struct verb *verb, struct option_row out[ROWS_MAX])
{
	size_t count = 0;

	for (const struct option_row *row = verb->rows; row && row->flag; row++)
		if (count < ROWS_MAX - 2)
			out[count++] = *row;
	out[count++] = ctr_data_dir_row(AT(data_dir));
	out[count] = (struct option_row){ 0 };
}

static int run_verb(const struct verb *verb, int argc, char **argv)
{
	auto_arena arena = arena_new();
	struct option_row rows[ROWS_MAX];
	struct option_set set = { .usage = arena_print(arena, "mote token %s%s [options]",
						       verb->name, verb->arguments),
				  .about = arena_print(arena, "To %s.", verb->help),
				  .rows = rows,
				  .args_max = verb->args_max };
	struct token_options options = { 0 };
	struct command_line line = { .set = &set, .arena = arena, .target = &options };
	struct error err;

	gather_rows(verb, rows);
	if (!command_line_read(&line, argc, argv))
		return line.status;
	if (line.result.arg_count < verb->args_min) {
		error_set(&err, ERROR_INVALID, "something is missing; usage: %s", set.usage);
		command_fail(&err);
		return 2;
	}
	if (!ctr_data_dir_find(arena, &options.data_dir, &err))
		return command_fail(&err);
	options.args = line.result.args;
	options.arg_count = line.result.arg_count;
	options.prefix = find_prefix(&options, arena);
	return verb->run(&options, &err) ? 0 : command_fail(&err);
}

static int run(int argc, char **argv)
{
	const char *last = argv[argc - 1];

	for (size_t i = 0; argc > 1 && i < ARRAY_LENGTH(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return run_verb(&verbs[i], argc - 1, argv + 1);
	if (argc < 2 || strcmp(last, "--help") == 0 || strcmp(last, "-h") == 0) {
		print_help(argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	fprintf(stderr, "mote: token has no verb \"%s\"; see mote token --help\n", argv[1]);
	return 2;
}

const struct command command_token = { "token", "what machines join the cluster with", run };
