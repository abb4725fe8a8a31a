/*
 * user_range.c - the file "users" in the pods' folders.
 */
#include "agent/user_range.h"

#include <dirent.h>
#include <stdio.h>

#include "base/file.h"
#include "base/text.h"
#include "runtime/user_namespace.h"

#define IDS       USER_NAMESPACE_IDS
#define FIRST     1u     /* in units of IDS: below are the host's users */
#define LAST      32767u /* ids stay below 2^31 */
#define FILE_NAME "users"

/* The unit that a pod has; 0: none. */
static unsigned unit_of(const char *pods, const char *uid)
{
	auto_free char *path = memory_print("%s/%s/" FILE_NAME, pods, uid);
	auto_buf text = BUF_INIT;
	struct error ignored;
	struct str rest;
	uint64_t base;

	if (!file_read(path, 64, &text, &ignored))
		return 0;
	rest = buf_str(&text);
	if (!str_to_u64(str_cut(&rest, '\n'), UINT32_MAX, &base) || base % IDS != 0 ||
	    base / IDS > LAST)
		return 0;
	return (unsigned)(base / IDS);
}

static void mark_all(const char *pods, unsigned char *taken)
{
	DIR *dir = opendir(pods);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		unsigned unit = entry->d_name[0] == '.' ? 0 : unit_of(pods, entry->d_name);

		taken[unit / 8] |= (unsigned char)(1u << unit % 8);
	}
	if (dir)
		closedir(dir);
}

bool user_range_get(const char *pods, const char *uid, uint32_t *out_base, struct error *err)
{
	auto_free char *path = memory_print("%s/%s/" FILE_NAME, pods, uid);
	unsigned char taken[(LAST + 8) / 8] = { 0 };
	unsigned unit = unit_of(pods, uid);
	char text[32];

	if (unit == 0) {
		mark_all(pods, taken);
		for (unit = FIRST; unit <= LAST && (taken[unit / 8] >> unit % 8 & 1); unit++) {
		}
		if (unit > LAST)
			return error_set(err, ERROR_UNAVAILABLE, "all ranges of users are taken");
		snprintf(text, sizeof(text), "%u\n", unit * IDS);
		if (!file_put(path, str_of(text), 0600, err))
			return false;
	}
	*out_base = unit * IDS;
	return true;
}

int64_t user_range_host(uint32_t base, int64_t id)
{
	if (base == 0)
		return id;
	return id >= 0 && id < IDS ? base + id : base;
}
