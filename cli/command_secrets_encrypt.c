/*
 * command_secrets_encrypt.c - mote secrets-encrypt: with which key secrets are sealed on this
 * server's disk, and another key.  Works on the file of keys; a running server looks at it every
 * few seconds, one that is off when it starts (server/registry/sealing.h).
 */
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "base/clock.h"
#include "cli/command_line.h"
#include "cli/ctr_data_dir.h"
#include "net/seal_file.h"

#define WAIT_MS 60000 /* for a running server to have sealed all anew */
#define LOOK_MS 200

struct options {
	const char *data_dir;
};

static char *key_path(const struct options *options)
{
	return memory_print("%s/server/cred/encryption-key", options->data_dir);
}

static bool read_keys(const struct options *options, struct seal_keys **out, struct error *err)
{
	auto_free char *path = key_path(options);

	if (seal_file_read(path, out, err))
		return true;
	if (err->kind == ERROR_NOT_FOUND)
		return error_set(err, ERROR_NOT_FOUND,
				 "there is no %s: no server has run here, or it has another "
				 "--data-dir",
				 path);
	if (err->os_code == EACCES || err->os_code == EPERM)
		return error_set(err, ERROR_FORBIDDEN, "%s may not be read; use sudo", path);
	return false;
}

/* A server that runs holds the lock of its database. */
static bool server_runs(const struct options *options)
{
	auto_free char *path = memory_print("%s/server/db/lock", options->data_dir);
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

/* --- status --- */

static bool status(const struct options *options, struct error *err)
{
	AUTO(seal_keys_free) struct seal_keys *keys = NULL;

	if (!read_keys(options, &keys, err))
		return false;
	printf("Encryption Status: Enabled\n"
	       "Current Rotation Stage: %s\n"
	       "Server Encryption Hashes: All hashes match\n\n"
	       "Active  Key Type  Name              Created\n"
	       "------  --------  ----              -------\n",
	       seal_keys_count(keys) > 1 ? "reencrypt_active" : "reencrypt_finished");
	for (size_t i = 0; i < seal_keys_count(keys); i++)
		printf(" %c      AES-GCM   %s  %s\n", i == 0 ? '*' : ' ', seal_keys_id(keys, i),
		       seal_keys_made(keys, i));
	return true;
}

/* --- rotate-keys --- */

static bool await_end(const struct options *options, struct error *err)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	int64_t until = clock_now_ms() + WAIT_MS;
	bool done = false;

	while (!done && clock_now_ms() < until) {
		struct seal_keys *keys = NULL;

		nanosleep(&pause, NULL);
		if (!server_runs(options))
			return error_set(err, ERROR_UNAVAILABLE,
					 "the server has ended meanwhile; it goes on when it is "
					 "started again");
		if (!read_keys(options, &keys, err))
			return false;
		done = seal_keys_count(keys) == 1;
		seal_keys_free(keys);
	}
	return done || error_set(err, ERROR_TIMEOUT,
				 "the server has not sealed all secrets anew within %d s; its log "
				 "says why, and it tries again when it is started",
				 WAIT_MS / 1000);
}

static bool rotate_keys(const struct options *options, struct error *err)
{
	AUTO(seal_keys_free) struct seal_keys *keys = NULL;
	AUTO(seal_keys_free) struct seal_keys *added = NULL;
	auto_free char *path = key_path(options);

	if (!read_keys(options, &keys, err))
		return false;
	if (seal_keys_count(keys) > 1)
		return error_set(err, ERROR_CONFLICT,
				 "a rotation is running: the server drops the old keys when "
				 "everything is sealed with the new one; see mote secrets-encrypt "
				 "status");
	if (!seal_file_add(path, &added, err))
		return false;
	if (!server_runs(options)) {
		printf("There is a new key, %s; the server seals all secrets with it when it is "
		       "started.\n",
		       seal_keys_id(added, 0));
		return true;
	}
	if (!await_end(options, err))
		return false;
	printf("keys rotated, all secrets are sealed with the key %s\n", seal_keys_id(added, 0));
	return true;
}

/* --- words of others --- */

static bool always_on(const struct options *options, struct error *err)
{
	(void)options;
	return error_set(err, ERROR_INVALID,
			 "secrets are always sealed here, from the first start on: there is "
			 "nothing to enable or disable");
}

static bool in_one_step(const struct options *options, struct error *err)
{
	(void)options;
	return error_set(err, ERROR_INVALID,
			 "a new key is made, used and the old one dropped in one step: say mote "
			 "secrets-encrypt rotate-keys");
}

/* --- the command --- */

static const struct {
	const char *name, *help;
	bool (*run)(const struct options *options, struct error *err);
} verbs[] = {
	{ "status", "say which key secrets are sealed with", status },
	{ "rotate-keys", "make a new key and seal all secrets with it", rotate_keys },
	{ "enable", "(they are always sealed)", always_on },
	{ "disable", "(they are always sealed)", always_on },
	{ "prepare", "(a part of rotate-keys)", in_one_step },
	{ "rotate", "(a part of rotate-keys)", in_one_step },
	{ "reencrypt", "(a part of rotate-keys)", in_one_step },
};

static void print_help(FILE *to)
{
	fprintf(to, "Usage: mote secrets-encrypt VERB [options]\n\nThe keys that secrets are "
		    "sealed with; on the server's machine.\n\nVerbs:\n");
	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
		fprintf(to, "  %-12s %s\n", verbs[i].name, verbs[i].help);
	fprintf(to, "\nmote secrets-encrypt VERB --help tells about one of them.\n");
}

static int run_verb(size_t verb, int argc, char **argv)
{
	auto_arena arena = arena_new();
	const struct option_row rows[] = { ctr_data_dir_row(offsetof(struct options, data_dir)),
					   { 0 } };
	struct option_set set = {
		.usage = arena_print(arena, "mote secrets-encrypt %s [options]", verbs[verb].name),
		.about = arena_print(arena, "To %s.", verbs[verb].help),
		.rows = rows,
	};
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
	fprintf(stderr,
		"mote: secrets-encrypt has no verb \"%s\"; see mote secrets-encrypt --help\n",
		argv[1]);
	return 2;
}

const struct command command_secrets_encrypt = { "secrets-encrypt",
						 "the keys that secrets are sealed with", run };
