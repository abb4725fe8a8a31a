/*
 * ota_verify.c - mote ota verify: is a bundle whole and signed, and what is in it.
 */
#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/command_line.h"
#include "cli/ctr_table.h"
#include "cli/ota_files.h"
#include "cli/ota_place.h"
#include "ota/bundle_check.h"

struct options {
	const char *root, *data_dir;
	bool detached, is_unsigned;
};

/* The root that was named, or the newest that this machine keeps. */
static bool find_root(struct ota_call *call, struct root_of_trust **out, struct error *err)
{
	const struct options *options = call->options;
	const char *data_dir = NULL;

	if (*options->root)
		return root_read(options->root, out, err);
	if (!ota_place_find(call->arena, options->data_dir, &data_dir, err))
		return false;
	if (root_newest(arena_print(call->arena, "%s/ota/trust", data_dir), out, err))
		return true;
	return err->kind == ERROR_NOT_FOUND
		       ? error_set(err, ERROR_INVALID,
				   "say --root FILE: there is no root of trust in the data folder")
		       : false;
}

static void show_signatures(const struct signature_list *list, const struct root_of_trust *root)
{
	for (size_t i = 0; i < list->root_count; i++) {
		auto_root along = NULL;
		struct error ignored;

		if (root_parse(buf_str(&list->roots[i]), &along, &ignored))
			printf("root       %u, taken along\n", root_version(along));
	}
	for (size_t i = 0; i < list->count; i++) {
		const char *who = root ? "not a key of the root" : "not checked";

		for (size_t k = 0; root && k < root_key_count(root); k++)
			if (strcmp(root_key_id(root, k), list->items[i].key_id) == 0)
				who = "a key of the root";
		printf("signed by  " OTA_SHORT_ID " (%s)\n", list->items[i].key_id, who);
	}
	if (root)
		printf("root       %u: it takes %zu of %zu keys\n", root_version(root),
		       root_threshold(root), root_key_count(root));
}

static void show_header(const struct bundle_header *header)
{
	char created[CLOCK_TEXT], expires[CLOCK_TEXT];

	clock_print(header->created_s, created);
	clock_print(header->expires_s, expires);
	printf("version    %s for %s\n", header->version, header->arch);
	printf("epoch      %" PRIu32 ", floor %" PRIu32 ", from %s or newer\n", header->epoch,
	       header->floor, header->min_from);
	printf("created    %s\n", created);
	printf("expires    %s%s\n", expires,
	       clock_wall_s() >= header->expires_s ? " (that is past, as this clock says)" : "");
	printf("size       %" PRIu64 "\n", header->length);
}

static void add_cell(struct ctr_table *table, const char *format, ...) PRINTF_LIKE(2, 3);

static void add_cell(struct ctr_table *table, const char *format, ...)
{
	char text[BUNDLE_NAME];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ctr_table_add(table, str_of(text));
}

static void add_row(struct ctr_table *table, const struct bundle_entry *entry, const char *codec,
		    uint64_t packed, const unsigned char *sha256)
{
	auto_buf hex = BUF_INIT;

	buf_add_hex(&hex, str_from(sha256, BUNDLE_SHA256));
	add_cell(table, "%s", entry->name);
	add_cell(table, "%s", bundle_role_names[entry->role]);
	add_cell(table, "%s", codec);
	add_cell(table, "%" PRIu64, entry->size);
	add_cell(table, "%" PRIu64, packed);
	add_cell(table, "%s%.16s", strcmp(codec, "delta") == 0 ? "from " : "", buf_text(&hex));
}

static void show_entries(const struct bundle *bundle)
{
	static const char *const heads[] = { "NAME", "ROLE", "CODEC", "SIZE", "PACKED", "SHA256" };
	struct ctr_table *table = ctr_table_new(heads, ARRAY_LENGTH(heads));

	for (size_t i = 0; i < bundle_entry_count(bundle); i++) {
		const struct bundle_entry *entry = bundle_entry(bundle, i);

		add_row(table, entry, bundle_codec_names[entry->codec], entry->piece.packed.size,
			entry->sha256);
		for (size_t k = 0; k < bundle_delta_count(bundle); k++) {
			const struct bundle_delta *delta = bundle_delta(bundle, k);

			if (delta->entry == i)
				add_row(table, entry, "delta", delta->piece.packed.size,
					delta->from_sha256);
		}
	}
	ctr_table_show(table);
	ctr_table_free(table);
}

static bool verify_bundle(const char *path, const struct root_of_trust *root, struct error *err)
{
	auto_bundle bundle = root ? bundle_new(root) : bundle_new_unsigned();
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_os(err, "open %s", path);
	if (!bundle_read_fd(bundle, fd, err) || !bundle_check_pieces(bundle, fd, err))
		return error_context(err, "%s", path);
	show_header(bundle_header(bundle));
	show_signatures(bundle_signatures(bundle), bundle_root(bundle));
	printf("\n");
	show_entries(bundle);
	return true;
}

static bool verify_detached(const char *path, const struct root_of_trust *root, struct error *err)
{
	auto_signatures list = SIGNATURE_LIST_INIT;
	auto_buf bytes = BUF_INIT;

	if (!ota_files_signed(path, &bytes, err) || !ota_files_signatures(path, &list, err))
		return false;
	if (!root_verify(root, buf_str(&bytes), &list, err))
		return error_context(err, "%s", path);
	show_signatures(&list, root);
	return true;
}

static bool verify(struct ota_call *call, struct error *err)
{
	const struct options *options = call->options;
	auto_root root = NULL;

	assert(call->arg_count == 1);
	if (options->is_unsigned && (options->detached || *options->root))
		return error_set(err, ERROR_INVALID,
				 "--unsigned looks into a bundle, without --root or --detached");
	if (!options->is_unsigned && !find_root(call, &root, err))
		return false;
	return options->detached ? verify_detached(call->args[0], root, err)
				 : verify_bundle(call->args[0], root, err);
}

static const struct option_row rows[] = {
	{ .flag = "root",
	  .type = OPTION_TEXT,
	  .at = COMMAND_OPTION(root),
	  .value_name = "FILE",
	  .fallback = "",
	  .group = "Options",
	  .help = "believe this root of trust (default: the newest that this machine keeps)" },
	OTA_ROW_DATA_DIR,
	{ .flag = "detached",
	  .type = OPTION_BOOL,
	  .at = COMMAND_OPTION(detached),
	  .group = "Options",
	  .help = "check any file against its FILE.sig" },
	{ .flag = "unsigned",
	  .type = OPTION_BOOL,
	  .at = COMMAND_OPTION(is_unsigned),
	  .group = "Options",
	  .help = "only look into a bundle: nobody says that it is good" },
	{ 0 },
};

const struct ota_verb ota_verify = {
	.name = "verify",
	.arguments = "FILE",
	.help = "check a bundle, or a signed file, and show what is in it",
	.rows = rows,
	.options_size = sizeof(struct options),
	.args_min = 1,
	.args_max = 1,
	.run = verify,
};
