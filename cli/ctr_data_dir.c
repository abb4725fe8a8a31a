/*
 * ctr_data_dir.c - one key of the configuration files, whatever else they say.
 */
#include "cli/ctr_data_dir.h"

#include <dirent.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/yaml.h"
#include "cli/config_path.h"

#define USUAL "/var/lib/mote"

struct option_row ctr_data_dir_row(size_t at)
{
	return (struct option_row){ .flag = "data-dir",
				    .letter = 'd',
				    .env = "MOTE_DATA_DIR",
				    .type = OPTION_TEXT,
				    .at = at,
				    .value_name = "DIR",
				    .group = "Storage",
				    .help = "where all state lives (default: what the "
					    "configuration says, or " USUAL ")" };
}

/* What only root may read is for who comes without sudo as if it were not there: the socket or the
 * file tells them so. */
static bool read_key(const char *path, struct arena *arena, const char **out, struct error *err)
{
	auto_json_doc doc = NULL;
	auto_buf text = BUF_INIT;
	struct str value;

	if (access(path, R_OK) != 0)
		return true;
	if (!file_read(path, LIMIT_CONFIG_FILE, &text, err))
		return false;
	if (!yaml_parse(buf_str(&text), &doc, NULL, err))
		return error_context(err, "%s", path);
	value = json_str(json_get(json_root(doc), "data-dir"));
	if (value.len > 0)
		*out = str_copy_arena(value, arena);
	return true;
}

static int only_yaml(const struct dirent *entry)
{
	struct str name = str_of(entry->d_name);

	return name.at[0] != '.' && (str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml")));
}

bool ctr_data_dir_find(struct arena *arena, const char **data_dir, struct error *err)
{
	const char *path = config_path(NULL, 0, NULL), *found = USUAL, *folder;
	struct dirent **entries = NULL;
	int count;
	bool done;

	if (*data_dir && **data_dir)
		return true;
	folder = arena_print(arena, "%s.d", path);
	done = read_key(path, arena, &found, err);
	count = scandir(folder, &entries, only_yaml, alphasort);
	for (int i = 0; i < count; i++) {
		const char *file = arena_print(arena, "%s/%s", folder, entries[i]->d_name);

		done = done && read_key(file, arena, &found, err);
		free(entries[i]);
	}
	free(entries);
	if (done)
		*data_dir = found;
	return done;
}
