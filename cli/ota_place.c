/*
 * ota_place.c - the folder of slots, from the least that was said about it.
 */
#include "cli/ota_place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static const char *absolute(struct arena *arena, const char *path)
{
	char here[PATH_MAX];

	if (*path == '/' || !getcwd(here, sizeof(here)))
		return path;
	return arena_print(arena, "%s/%s", here, path);
}

bool ota_place_find(struct arena *arena, const char *said, const char **out, struct error *err)
{
	const char *launched = getenv("MOTE_OTA_DIR"), *environment = getenv("MOTE_DATA_DIR");
	struct str folder = str_of(launched);

	if (said && *said) {
		*out = absolute(arena, said);
		return true;
	}
	if (launched && str_ends(folder, STR("/ota"))) {
		*out = arena_string(arena, folder.at, folder.len - 4);
		return true;
	}
	*out = environment;
	if (!ctr_data_dir_find(arena, out, err))
		return false;
	*out = absolute(arena, *out);
	return true;
}

bool ota_place_open(struct arena *arena, const char *said, bool make, const char **out_data_dir,
		    struct slots *out, struct error *err)
{
	return ota_place_find(arena, said, out_data_dir, err) &&
	       slots_open(*out_data_dir, make, out, err);
}

void ota_place_own_slot(const struct slots *slots, char out[SLOT_NAME])
{
	char root[PATH_MAX], path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	struct str rest, name;

	*out = '\0';
	if (len <= 0 || !realpath(slots->root, root))
		return;
	rest = str_from(path, (size_t)len);
	if (!str_starts(rest, str_of(root)))
		return;
	rest = str_from(rest.at + strlen(root), rest.len - strlen(root));
	if (!str_starts(rest, STR("/slots/")))
		return;
	rest = str_from(rest.at + 7, rest.len - 7);
	name = str_cut(&rest, '/');
	if (str_starts(rest, STR("bin")) && name.len < SLOT_NAME) {
		memcpy(out, name.at, name.len);
		out[name.len] = '\0';
	}
}
