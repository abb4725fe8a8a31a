/*
 * ota_self_test.c - mote ota self-test: what a new version says of this machine before it is tried.
 *
 * It reads a copy of the database and the configuration, and changes nothing.
 */
#include <dirent.h>
#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/yaml.h"
#include "cli/config_path.h"
#include "cli/ota_database.h"
#include "cli/ota_place.h"

struct options {
	const char *data_dir;
};

static bool check_yaml(const char *path, struct error *err)
{
	auto_json_doc doc = NULL;
	auto_buf text = BUF_INIT;

	if (!file_read(path, LIMIT_CONFIG_FILE, &text, err))
		return err->kind == ERROR_NOT_FOUND;
	return yaml_parse(buf_str(&text), &doc, NULL, err) || error_context(err, "%s", path);
}

static int only_yaml(const struct dirent *entry)
{
	struct str name = str_of(entry->d_name);

	return name.at[0] != '.' && (str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml")));
}

static bool check_configuration(struct arena *arena, struct error *err)
{
	const char *path = config_path(NULL, 0, NULL);
	const char *folder = arena_print(arena, "%s.d", path);
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, only_yaml, alphasort);
	bool done = check_yaml(path, err);

	for (int i = 0; i < count; i++) {
		done = done &&
		       check_yaml(arena_print(arena, "%s/%s", folder, entries[i]->d_name), err);
		free(entries[i]);
	}
	free(entries);
	return done;
}

static bool run(struct ota_call *call, struct error *err)
{
	const struct options *options = call->options;
	const char *data_dir;
	struct slots slots;
	bool done;

	if (!ota_place_open(call->arena, options->data_dir, false, &data_dir, &slots, err))
		return false;
	done = check_configuration(call->arena, err) && ota_database_try(data_dir, &slots, err);
	slots_close(&slots);
	if (done)
		printf("fit for this machine\n");
	return done;
}

static const struct option_row rows[] = {
	OTA_ROW_DATA_DIR,
	{ 0 },
};

const struct ota_verb ota_self_test = {
	.name = "self-test",
	.arguments = "",
	.help = "see whether this program can take over the data of this machine",
	.rows = rows,
	.options_size = sizeof(struct options),
	.run = run,
};
