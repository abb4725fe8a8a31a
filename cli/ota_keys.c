/*
 * ota_keys.c - mote ota keygen: a new key for signing updates.
 */
#include <assert.h>
#include <stdio.h>

#include "base/file.h"
#include "cli/command_line.h"
#include "cli/ota_verb.h"
#include "net/pki.h"

struct options {
	const char *out;
};

/* Keys are not to be lost by a slip of the hand. */
static bool check_free(const char *path, struct error *err)
{
	return !file_exists(path) ||
	       error_set(err, ERROR_EXISTS, "%s is there already; keys are not replaced", path);
}

static bool keygen(struct ota_call *call, struct error *err)
{
	const struct options *options = call->options;
	const char *key_path = arena_print(call->arena, "%s.key", options->out);
	const char *public_path = arena_print(call->arena, "%s.pub", options->out);
	auto_buf key = BUF_INIT, public = BUF_INIT;
	char id[65];

	assert(call->arena);
	if (!*options->out)
		return error_set(err, ERROR_INVALID, "say --out PREFIX: where the key goes");
	if (!check_free(key_path, err) || !check_free(public_path, err) ||
	    !pki_new_key(&key, err) || !pki_public_pem(buf_str(&key), &public, err) ||
	    !pki_key_id(buf_str(&key), id, err) ||
	    !file_replace(key_path, buf_str(&key), 0600, err) ||
	    !file_replace(public_path, buf_str(&public), 0644, err))
		return false;
	printf("key %s\nsecret: %s\npublic: %s\n", id, key_path, public_path);
	return true;
}

static const struct option_row rows[] = {
	{ .flag = "out",
	  .type = OPTION_TEXT,
	  .at = COMMAND_OPTION(out),
	  .value_name = "PREFIX",
	  .fallback = "",
	  .group = "Options",
	  .help = "write PREFIX.key (keep it secret) and PREFIX.pub" },
	{ 0 },
};

const struct ota_verb ota_keygen = {
	.name = "keygen",
	.arguments = "",
	.help = "make a key that signs updates",
	.rows = rows,
	.options_size = sizeof(struct options),
	.run = keygen,
};
