/*
 * ota_root.c - mote ota root: who may sign from now on.
 *
 * Everybody whose signature it takes says the same command with a key of theirs: signatures gather
 * in the file.
 */
#include <assert.h>
#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/command_line.h"
#include "cli/ota_files.h"
#include "cli/ota_verb.h"

struct options {
	const char *out;
	int64_t version, threshold;
	struct option_list keys, sign;
};

/* The new root, or the one of the file if that says the same. */
static bool begin(struct ota_call *call, struct root_of_trust **out, struct error *err)
{
	const struct options *options = call->options;
	struct root_plan plan = { .version = (uint32_t)options->version,
				  .threshold = (size_t)options->threshold,
				  .key_count = options->keys.count };
	auto_root fresh = NULL;
	auto_root there = NULL;
	auto_buf text = BUF_INIT;

	if (!ota_files_read(&options->keys, call->arena, &plan.public_pems, err) ||
	    !root_print(&plan, &text, err) || !root_parse(buf_str(&text), &fresh, err))
		return false;
	if (!file_exists(options->out)) {
		*out = take_ptr(&fresh);
		return true;
	}
	if (!root_read(options->out, &there, err))
		return false;
	if (!str_equal(root_signed_text(there), root_signed_text(fresh)))
		return error_set(err, ERROR_EXISTS,
				 "%s is there and says something else; it is not replaced",
				 options->out);
	*out = take_ptr(&there);
	return true;
}

static size_t count_own(const struct root_of_trust *root)
{
	const struct signature_list *list = root_signatures(root);
	size_t own = 0;

	for (size_t i = 0; i < list->count; i++)
		for (size_t k = 0; k < root_key_count(root); k++)
			if (strcmp(list->items[i].key_id, root_key_id(root, k)) == 0)
				own++;
	return own;
}

static bool make_root(struct ota_call *call, struct error *err)
{
	const struct options *options = call->options;
	const struct str *keys;
	auto_root root = NULL;

	assert(call->arena);
	if (!*options->out || options->keys.count == 0)
		return error_set(err, ERROR_INVALID, "say --key PUB... and --out FILE");
	if (!begin(call, &root, err) || !ota_files_read(&options->sign, call->arena, &keys, err))
		return false;
	for (size_t i = 0; i < options->sign.count; i++) {
		struct root_of_trust *next = NULL;

		if (!root_sign(root, keys[i], &next, err))
			return error_context(err, "%s", options->sign.items[i]);
		root_free(root);
		root = next;
	}
	if (!file_replace(options->out, root_text(root), 0644, err))
		return false;
	printf("root %u: %zu keys, %zu of them must sign; signatures: %zu, by its own keys: %zu\n",
	       root_version(root), root_key_count(root), root_threshold(root),
	       root_signatures(root)->count, count_own(root));
	return true;
}

static const struct option_row rows[] = {
	{ .flag = "version",
	  .type = OPTION_INT,
	  .at = COMMAND_OPTION(version),
	  .value_name = "N",
	  .fallback = "1",
	  .min = 1,
	  .max = UINT32_MAX,
	  .group = "Options",
	  .help = "number of the root: one more than the last" },
	{ .flag = "threshold",
	  .type = OPTION_INT,
	  .at = COMMAND_OPTION(threshold),
	  .value_name = "K",
	  .fallback = "1",
	  .min = 1,
	  .max = LIMIT_ROOT_KEYS,
	  .group = "Options",
	  .help = "how many keys must sign" },
	{ .flag = "key",
	  .type = OPTION_LIST,
	  .at = COMMAND_OPTION(keys),
	  .value_name = "PUB",
	  .group = "Options",
	  .help = "a public key that may sign; may be given more than once" },
	{ .flag = "sign",
	  .type = OPTION_LIST,
	  .at = COMMAND_OPTION(sign),
	  .value_name = "KEY",
	  .group = "Options",
	  .help = "sign the root with this key: enough old and enough new ones must" },
	{ .flag = "out",
	  .type = OPTION_TEXT,
	  .at = COMMAND_OPTION(out),
	  .value_name = "FILE",
	  .fallback = "",
	  .group = "Options",
	  .help = "where the root goes; signatures are added if it is there" },
	{ 0 },
};

const struct ota_verb ota_root = {
	.name = "root",
	.arguments = "",
	.help = "say which keys may sign updates, and how many of them must",
	.rows = rows,
	.options_size = sizeof(struct options),
	.run = make_root,
};
