/*
 * ctr_images.c - mote ctr images: what is in the image store, and what comes in and goes out.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "cli/ctr_table.h"
#include "cli/ctr_verb.h"

/* --- ls --- */

/* "12.3 MB", powers of 1000 as docker and crictl print them. */
static void print_size(uint64_t bytes, struct buf *out)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	uint64_t tenths = bytes * 10;
	size_t unit = 0;

	for (; tenths >= 10000 && unit + 1 < ARRAY_LENGTH(units); unit++)
		tenths = (tenths + 500) / 1000;
	if (unit == 0)
		buf_add_print(out, "%" PRIu64 " B", bytes);
	else
		buf_add_print(out, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
			      units[unit]);
}

/* "sha256:0123456789ab" of "sha256:<64 digits>"; whole when it is something else. */
static struct str shorten(struct str id)
{
	size_t wanted = sizeof("sha256:") - 1 + 12;

	return str_starts(id, STR("sha256:")) && id.len > wanted ? str_from(id.at, wanted) : id;
}

static struct str digest_of(const struct json *image)
{
	struct str digest = json_str(json_at(json_get(image, "digests"), 0));
	ptrdiff_t at = str_find(digest, '@');

	return at < 0 ? digest : str_from(digest.at + at + 1, digest.len - (size_t)at - 1);
}

/* One line a name; an image without names shows once. */
static void add_image(struct ctr_table *table, const struct json *image)
{
	const struct json *names = json_get(image, "names");
	struct str id = json_str(json_get(image, "id"));
	struct str digest = digest_of(image);
	auto_buf size = BUF_INIT;

	print_size((uint64_t)json_int(json_get(image, "size")), &size);
	for (size_t i = 0; i < json_count(names) || i == 0; i++) {
		struct str name = json_str(json_at(names, i));

		ctr_table_add(table, name.len > 0 ? name : STR("<none>"));
		ctr_table_add(table, shorten(id));
		ctr_table_add(table, buf_str(&size));
		ctr_table_add(table, digest.len > 0 ? digest : STR("<none>"));
	}
}

static bool list(struct ctr *ctr, struct error *err)
{
	static const char *const heads[] = { "IMAGE", "ID", "SIZE", "DIGEST" };
	struct ctr_table *table;
	auto_json_doc doc = NULL;

	if (!ctr_agent_call(ctr->agent, "GET", "/images", STR_NONE, &doc, err))
		return false;
	if (ctr->options.quiet) {
		for (struct json_iter it = json_iter(json_root(doc)); json_next(&it);)
			printf(STR_FMT "\n", STR_ARG(json_str(json_get(it.value, "id"))));
		return true;
	}
	table = ctr_table_new(heads, ARRAY_LENGTH(heads));
	for (struct json_iter it = json_iter(json_root(doc)); json_next(&it);)
		add_image(table, it.value);
	ctr_table_show(table);
	ctr_table_free(table);
	return true;
}

/* --- import, pull, rm --- */

static void print_names(const struct json_doc *doc)
{
	for (struct json_iter it = json_iter(json_get(json_root(doc), "names")); json_next(&it);)
		printf(STR_FMT "\n", STR_ARG(json_str(it.value)));
	fflush(stdout);
}

/* The agent has another working folder: it gets the absolute path. */
static bool import_file(struct ctr *ctr, const char *file, struct error *err)
{
	auto_json_doc doc = NULL;
	char path[PATH_MAX];

	if (!realpath(file, path))
		return error_os(err, "cannot import %s", file);
	if (!ctr_agent_post(ctr->agent, "/images/import", "path", path, &doc, err))
		return false;
	print_names(doc);
	return true;
}

static bool import(struct ctr *ctr, struct error *err)
{
	for (size_t i = 0; i < ctr->arg_count; i++)
		if (!import_file(ctr, ctr->args[i], err))
			return false;
	return true;
}

static bool pull(struct ctr *ctr, struct error *err)
{
	for (size_t i = 0; i < ctr->arg_count; i++) {
		auto_json_doc doc = NULL;

		if (!ctr_agent_post(ctr->agent, "/images/pull", "name", ctr->args[i], &doc, err))
			return false;
		print_names(doc);
	}
	return true;
}

static bool remove_images(struct ctr *ctr, struct error *err)
{
	for (size_t i = 0; i < ctr->arg_count; i++) {
		auto_json_doc doc = NULL;

		if (!ctr_agent_post(ctr->agent, "/images/remove", "name", ctr->args[i], &doc, err))
			return error_context(err, "cannot remove %s", ctr->args[i]);
		printf("%s\n", ctr->args[i]);
		fflush(stdout);
	}
	return true;
}

/* --- rows --- */

static const struct option_row list_rows[] = {
	{ .flag = "quiet",
	  .letter = 'q',
	  .type = OPTION_BOOL,
	  .at = CTR_AT(quiet),
	  .group = "Options",
	  .help = "print ids only" },
	{ 0 },
};

const struct ctr_verb ctr_images_ls = { .name = "images ls",
					.arguments = "",
					.help = "list the images of this machine",
					.rows = list_rows,
					.run = list };

const struct ctr_verb ctr_images_import = { .name = "images import",
					    .arguments = "FILE...",
					    .help = "import archives of docker save or in OCI "
						    "layout (.tar .tar.gz .tar.zst)",
					    .args_min = 1,
					    .args_max = CTR_ARGS_MAX,
					    .run = import };

const struct ctr_verb ctr_images_pull = { .name = "images pull",
					  .arguments = "NAME...",
					  .help = "pull images from their registries",
					  .args_min = 1,
					  .args_max = CTR_ARGS_MAX,
					  .run = pull };

const struct ctr_verb ctr_images_rm = { .name = "images rm",
					.arguments = "NAME...",
					.help = "forget images, by name or id; what a container "
						"uses stays until it ends",
					.args_min = 1,
					.args_max = CTR_ARGS_MAX,
					.run = remove_images };
