/*
 * command_certificate.c - mote certificate check: what lies below the data folder, and how long it
 * lasts.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/command_line.h"
#include "cli/ctr_data_dir.h"
#include "cli/ctr_table.h"
#include "net/pki.h"

#define DAY_S (24 * 3600)

struct options {
	const char *data_dir, *output;
	bool as_json; /* output, read */
};

struct listing {
	struct ctr_table *table; /* NULL: as JSON */
	struct json_doc *doc;
	size_t count, over;
};

/* The server's and the agent's folders that hold certificates. */
static const char *const folders[] = { "server/tls", "agent/tls" };

static const char *state_of(const struct pki_info *info, int64_t now)
{
	if (info->not_after_s <= now)
		return "expired";
	if (info->not_before_s > now)
		return "not yet valid";
	return info->is_ca || pki_is_fresh(info) ? "ok" : "renewal due";
}

static void add_row(struct listing *listing, const char *path, const struct pki_info *info)
{
	int64_t now = clock_wall_s(), days = (info->not_after_s - now) / DAY_S;
	auto_free char *left = memory_print("%" PRId64 "d", days);
	char until[CLOCK_TEXT];

	clock_print(info->not_after_s, until);
	listing->count++;
	listing->over += info->not_after_s <= now;
	if (listing->table) {
		ctr_table_add(listing->table, str_of(path));
		ctr_table_add(listing->table, str_of(info->name));
		ctr_table_add(listing->table, str_of(until));
		ctr_table_add(listing->table, str_of(left));
		ctr_table_add(listing->table, str_of(state_of(info, now)));
		return;
	}

	struct json *row = json_new_object(listing->doc);

	json_put(listing->doc, row, "file", json_new_text(listing->doc, path));
	json_put(listing->doc, row, "subject", json_new_text(listing->doc, info->name));
	json_put(listing->doc, row, "expires", json_new_text(listing->doc, until));
	json_put(listing->doc, row, "daysLeft", json_new_int(listing->doc, days));
	json_put(listing->doc, row, "status", json_new_text(listing->doc, state_of(info, now)));
	json_append(json_root(listing->doc), row);
}

static bool add_file(struct listing *listing, const struct options *options, const char *folder,
		     const char *name, struct error *err)
{
	auto_free char *relative = memory_print("%s/%s", folder, name);
	auto_free char *path = memory_print("%s/%s", options->data_dir, relative);
	auto_buf text = BUF_INIT;
	struct pki_info info;

	if (!file_read(path, LIMIT_CONFIG_FILE, &text, err) ||
	    !pki_read(buf_str(&text), &info, err))
		return error_context(err, "%s", path);
	add_row(listing, relative, &info);
	return true;
}

static int only_certificates(const struct dirent *entry)
{
	return str_ends(str_of(entry->d_name), STR(".crt"));
}

static bool add_folder(struct listing *listing, const struct options *options, const char *folder,
		       struct error *err)
{
	auto_free char *path = memory_print("%s/%s", options->data_dir, folder);
	struct dirent **entries = NULL;
	bool done = true;
	int count;

	if (!file_exists(path))
		return true;
	count = scandir(path, &entries, only_certificates, alphasort);
	if (count < 0)
		return error_set(err, ERROR_FORBIDDEN, "%s may not be read; use sudo", path);
	for (int i = 0; i < count; i++) {
		done = done && add_file(listing, options, folder, entries[i]->d_name, err);
		free(entries[i]);
	}
	free(entries);
	return done;
}

static bool gather(struct listing *listing, const struct options *options, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(folders); i++)
		if (!add_folder(listing, options, folders[i], err))
			return false;
	return listing->count > 0 ||
	       error_set(err, ERROR_NOT_FOUND,
			 "there are no certificates below %s: nothing has run here, or it has "
			 "another --data-dir, or it may not be read without sudo",
			 options->data_dir);
}

static int check(const struct options *options)
{
	static const char *const heads[] = { "FILE", "SUBJECT", "EXPIRES", "LEFT", "STATUS" };
	struct listing listing = { 0 };
	auto_buf text = BUF_INIT;
	struct error err;
	int status = 0;

	if (options->as_json) {
		listing.doc = json_doc_new();
		json_set_root(listing.doc, json_new_array(listing.doc));
	} else {
		listing.table = ctr_table_new(heads, ARRAY_LENGTH(heads));
	}
	if (!gather(&listing, options, &err)) {
		status = command_fail(&err);
	} else if (listing.table) {
		ctr_table_show(listing.table);
	} else {
		json_print(json_root(listing.doc), &text);
		puts(buf_text(&text));
	}
	ctr_table_free(listing.table);
	json_doc_free(listing.doc);
	return status != 0 || listing.over > 0 ? 1 : 0;
}

static int run_check(int argc, char **argv)
{
	auto_arena arena = arena_new();
	const struct option_row rows[] = {
		COMMAND_ROW_OUTPUT,
		ctr_data_dir_row(offsetof(struct options, data_dir)),
		{ 0 },
	};
	const struct option_set set = {
		.usage = "mote certificate check [options]",
		.about = "Lists the certificates below the data folder.  Certificates of servers "
			 "and nodes are renewed by themselves.  The exit status is 1 if one has "
			 "expired.",
		.rows = rows,
	};
	struct options options = { 0 };
	struct command_line line = { .set = &set, .arena = arena, .target = &options };
	struct error err;

	if (!command_line_read(&line, argc, argv))
		return line.status;
	if (!command_output_read(options.output, &options.as_json))
		return 2;
	return ctr_data_dir_find(arena, &options.data_dir, &err) ? check(&options)
								 : command_fail(&err);
}

static int run(int argc, char **argv)
{
	static const char help[] =
		"Usage: mote certificate VERB [options]\n\nCertificates of this "
		"machine.\n\nVerbs:\n  check        list them, with the days left\n";
	const char *last = argv[argc - 1];

	if (argc > 1 && strcmp(argv[1], "check") == 0)
		return run_check(argc - 1, argv + 1);
	if (argc < 2 || strcmp(last, "--help") == 0 || strcmp(last, "-h") == 0) {
		fputs(help, argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	fprintf(stderr,
		"mote: certificate has no verb \"%s\"; there is check: the others' work is done by "
		"itself\n",
		argv[1]);
	return 2;
}

const struct command command_certificate = { "certificate", "list this machine's certificates",
					     run };
