/*
 * oci_sub_cgroup.c - the cgroup of a further process: the container's, or groups below it that the
 * caller names.
 *
 * Version 1 has a tree a controller, and a group may be named for some of them only.  In version 2
 * a program such as an init may have moved itself into a group below: the one above, which has
 * handed its controllers down, takes no processes any more, and we go where the first process is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/oci_inside.h"
#include "runtime/pathfd.h"

#define PROC_BYTES_MAX 65536

/* Also of controllers that share the folder of this one. */
static bool name_below(const struct cgroup *whole, struct cgroup *below, struct str controller,
		       const char *path, struct error *err)
{
	size_t part = CGROUP_MEMORY;

	while (part < CGROUP_PARTS &&
	       (!whole->folders[part] ||
		!str_is(controller, cgroup_part_name((enum cgroup_part)part))))
		part++;
	if (part == CGROUP_PARTS)
		return error_set(err, ERROR_INVALID, "unknown controller " STR_FMT " in --cgroup",
				 STR_ARG(controller));
	for (size_t i = 0; i < CGROUP_PARTS; i++) {
		if (!whole->folders[i] || strcmp(whole->folders[i], whole->folders[part]) != 0)
			continue;
		free(below->folders[i]);
		below->folders[i] = memory_print("%s/%s", whole->folders[i], path);
	}
	return true;
}

static bool name_one(const struct cgroup *whole, struct cgroup **below, const char *said,
		     bool alone, struct error *err)
{
	struct str path = str_of(said);
	struct str controllers = str_cut(&path, ':');
	const char *at = said + controllers.len;

	if (pathfd_has_dotdot(*at ? at + 1 : said))
		return error_set(err, ERROR_INVALID, "cgroup %s is not a sub cgroup path", said);
	if (*at == '\0') {
		if (!alone)
			return error_set(err, ERROR_INVALID,
					 "--cgroup %s: which controllers is it for?", said);
		cgroup_close(*below);
		*below = cgroup_name_child(whole, said);
		return true;
	}
	while (controllers.len > 0)
		if (!name_below(whole, *below, str_cut(&controllers, ','), at + 1, err))
			return false;
	return true;
}

/* Nothing is made here: who names a group has made it. */
static bool check_there(const struct cgroup *below, struct error *err)
{
	for (size_t i = 0; i < CGROUP_PARTS; i++)
		if (below->folders[i] && access(below->folders[i], F_OK) != 0)
			return errno == ENOENT
				       ? error_set(err, ERROR_NOT_FOUND,
						   "exec: adding pid to %s/cgroup.procs: no such "
						   "file or directory",
						   below->folders[i])
				       : error_os(err, "exec: adding pid to %s", below->folders[i]);
	return true;
}

/* Version 2: takes the group processes?  Not when its children have controllers of resources. */
static bool is_inner(const char *folder)
{
	auto_free char *path = memory_print("%s/cgroup.subtree_control", folder);
	auto_buf text = BUF_INIT;
	struct error ignored;

	return file_read(path, PROC_BYTES_MAX, &text, &ignored) && str_trim(buf_str(&text)).len > 0;
}

/*
 * The group of the container's first process, when it is below the container's.  The kernel tells
 * it from the top of our own hierarchy, and where that is mounted is known by the folder: its end
 * is how the kernel's text begins.
 */
static char *folder_of(pid_t pid, const char *folder)
{
	auto_free char *path = memory_print("/proc/%d/cgroup", (int)pid);
	auto_buf text = BUF_INIT;
	struct error ignored;
	struct str rest;

	if (!file_read(path, PROC_BYTES_MAX, &text, &ignored))
		return NULL;
	for (rest = buf_str(&text); rest.len > 0;) {
		struct str line = str_cut(&rest, '\n');
		struct str place = str_from(line.at + 3, line.len > 3 ? line.len - 3 : 0);

		if (!str_starts(line, STR("0::/")))
			continue;
		for (const char *end = strchr(folder, '/'); end; end = strchr(end + 1, '/'))
			if (place.len > strlen(end) && str_starts(place, str_of(end)) &&
			    place.at[strlen(end)] == '/')
				return memory_print("%s" STR_FMT, folder,
						    STR_ARG(str_from(place.at + strlen(end),
								     place.len - strlen(end))));
	}
	return NULL;
}

static void follow_first(const struct oci_state *state, struct cgroup **out)
{
	const char *unified = state->cgroup->folders[CGROUP_UNIFIED];
	char *folder = unified && is_inner(unified) ? folder_of(state->pid, unified) : NULL;

	if (!folder)
		return;
	*out = memory_new(struct cgroup);
	(*out)->folders[CGROUP_UNIFIED] = folder;
}

bool oci_sub_cgroup(const struct oci_state *state, const struct oci_exec_options *options,
		    struct cgroup **out, struct error *err)
{
	auto_cgroup below = NULL;
	size_t count = options->sub_cgroup_count;

	if (!state->cgroup)
		return count == 0 ||
		       error_set(err, ERROR_INVALID, "--cgroup: the container has none");
	if (count == 0) {
		follow_first(state, out);
		return true;
	}
	below = cgroup_name_child(state->cgroup, "");
	for (size_t i = 0; i < count; i++)
		if (!name_one(state->cgroup, &below, options->sub_cgroups[i], count == 1, err))
			return false;
	if (!check_there(below, err))
		return false;
	*out = take_ptr(&below);
	return true;
}
