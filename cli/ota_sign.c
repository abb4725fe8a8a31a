/*
 * ota_sign.c - mote ota sign: signatures into a bundle, or beside any file.
 */
#include <assert.h>
#include <stdio.h>

#include "base/file.h"
#include "cli/command_line.h"
#include "cli/ota_files.h"
#include "cli/ota_verb.h"
#include "ota/bundle_check.h"

struct options {
	bool detached;
	struct option_list keys, roots;
};

/* FILE.sig: lines over the file's bytes. */
static bool sign_beside(const char *path, const struct str *keys, size_t count, struct error *err)
{
	auto_free char *beside = memory_print("%s.sig", path);
	auto_signatures list = SIGNATURE_LIST_INIT;
	auto_buf bytes = BUF_INIT, text = BUF_INIT;

	if (!ota_files_signed(path, &bytes, err) || !ota_files_signatures(path, &list, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!signature_list_sign(&list, buf_str(&bytes), keys[i], err))
			return false;
	signature_list_print(&list, &text);
	return file_replace(beside, buf_str(&text), 0644, err);
}

/* A root that cannot be read would make the bundle useless to everybody. */
static bool check_roots(const struct options *options, const struct str *roots, struct error *err)
{
	for (size_t i = 0; i < options->roots.count; i++) {
		auto_root root = NULL;

		if (!root_parse(roots[i], &root, err))
			return error_context(err, "%s", options->roots.items[i]);
	}
	return true;
}

static bool sign(struct ota_call *call, struct error *err)
{
	const struct options *options = call->options;
	struct bundle_signing signing = { .key_count = options->keys.count,
					  .root_count = options->roots.count };

	assert(call->arg_count == 1);
	if (options->keys.count + options->roots.count == 0)
		return error_set(err, ERROR_INVALID, "say --key KEY: with what to sign");
	if (options->detached && options->roots.count > 0)
		return error_set(err, ERROR_INVALID, "a root goes into bundles only");
	if (!ota_files_read(&options->keys, call->arena, &signing.key_pems, err) ||
	    !ota_files_read(&options->roots, call->arena, &signing.roots, err) ||
	    !check_roots(options, signing.roots, err))
		return false;
	return options->detached
		       ? sign_beside(call->args[0], signing.key_pems, signing.key_count, err)
		       : bundle_sign(call->args[0], &signing, err);
}

static const struct option_row rows[] = {
	{ .flag = "key",
	  .type = OPTION_LIST,
	  .at = COMMAND_OPTION(keys),
	  .value_name = "KEY",
	  .group = "Options",
	  .help = "sign with this secret key; may be given more than once" },
	{ .flag = "root",
	  .type = OPTION_LIST,
	  .at = COMMAND_OPTION(roots),
	  .value_name = "FILE",
	  .group = "Options",
	  .help = "take a newer root along, oldest first" },
	{ .flag = "detached",
	  .type = OPTION_BOOL,
	  .at = COMMAND_OPTION(detached),
	  .group = "Options",
	  .help = "sign any file: the signatures go to FILE.sig" },
	{ 0 },
};

const struct ota_verb ota_sign = {
	.name = "sign",
	.arguments = "FILE",
	.help = "add signatures to a bundle, or beside a file",
	.rows = rows,
	.options_size = sizeof(struct options),
	.args_min = 1,
	.args_max = 1,
	.run = sign,
};
