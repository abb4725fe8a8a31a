/*
 * cgroup_base.c - finds the machine's hierarchies and where in them we run; makes "mote" there.
 *
 * /proc/self/mountinfo tells where hierarchies are mounted and which part of each,
 * /proc/self/cgroup which group of each we are in.  A container or a cgroup namespace may see only
 * a part of a hierarchy: the mount's root is taken off our path; when our path is not below it, the
 * mount's top is our place.
 */
#include "runtime/cgroup_inside.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/mount_list.h"
#include "runtime/pathfd.h"

#define PROC_BYTES_MAX (1024 * 1024)
#define LEAF           "/agent"

const char *const cgroup_part_names[CGROUP_PARTS] = {
	[CGROUP_UNIFIED] = "",        [CGROUP_MEMORY] = "memory",
	[CGROUP_CPU] = "cpu",         [CGROUP_CPUACCT] = "cpuacct",
	[CGROUP_PIDS] = "pids",       [CGROUP_FREEZER] = "freezer",
	[CGROUP_DEVICES] = "devices", [CGROUP_CPUSET] = "cpuset",
	[CGROUP_BLKIO] = "blkio",     [CGROUP_HUGETLB] = "hugetlb",
	[CGROUP_NET_CLS] = "net_cls", [CGROUP_NET_PRIO] = "net_prio",
	[CGROUP_PERF] = "perf_event", [CGROUP_RDMA] = "rdma",
	[CGROUP_MISC] = "misc",       [CGROUP_SYSTEMD] = "name=systemd",
};

/* A pod has no use for the controllers behind this one. */
#define POD_PARTS (CGROUP_BLKIO + 1)

const char *cgroup_part_name(enum cgroup_part part)
{
	return cgroup_part_names[part];
}

struct hierarchy {
	char *mount; /* where it is mounted */
	char *root;  /* which group is the mount's top */
};

struct search {
	struct hierarchy found[CGROUP_PARTS];
	char *own[CGROUP_PARTS]; /* our group, seen from our cgroup namespace */
};

static void search_clear(struct search *search)
{
	for (size_t i = 0; i < CGROUP_PARTS; i++) {
		free(search->found[i].mount);
		free(search->found[i].root);
		free(search->own[i]);
	}
}

static bool has_word(struct str words, const char *word)
{
	while (words.len > 0)
		if (str_is(str_cut(&words, ','), word))
			return true;
	return false;
}

static void remember(struct hierarchy *place, const char *mount, struct str root)
{
	if (place->mount)
		return;
	place->mount = memory_string(mount);
	place->root = str_copy(root);
}

static void see_mount(struct search *search, struct str line)
{
	struct mount_line mount;

	if (!mount_line_read(line, &mount))
		return;
	if (str_is(mount.type, "cgroup2"))
		remember(&search->found[CGROUP_UNIFIED], mount.place, mount.root);
	for (size_t i = CGROUP_MEMORY; i < CGROUP_PARTS && str_is(mount.type, "cgroup"); i++)
		if (has_word(mount.options, cgroup_part_names[i]))
			remember(&search->found[i], mount.place, mount.root);
	free(mount.place);
}

/* "4:memory:/some/group", version 2: "0::/some/group" */
static void see_own(struct search *search, struct str line)
{
	struct str names;

	str_cut(&line, ':');
	names = str_cut(&line, ':');
	if (names.len == 0 && !search->own[CGROUP_UNIFIED])
		search->own[CGROUP_UNIFIED] = str_copy(line);
	for (size_t i = CGROUP_MEMORY; i < CGROUP_PARTS; i++)
		if (has_word(names, cgroup_part_names[i]) && !search->own[i])
			search->own[i] = str_copy(line);
}

static void each_line(const struct buf *text, struct search *search,
		      void (*see)(struct search *search, struct str line))
{
	struct str rest = buf_str(text);

	while (rest.len > 0)
		see(search, str_cut(&rest, '\n'));
}

/* The folder of our own group in the hierarchy, "" parts left out; NULL when it is not mounted. */
static char *own_folder(const struct search *search, enum cgroup_part part)
{
	const struct hierarchy *place = &search->found[part];
	const char *own = search->own[part];
	size_t root_len;

	if (!place->mount || !own)
		return NULL;
	root_len = strlen(place->root);
	if (strcmp(place->root, "/") != 0 && strncmp(own, place->root, root_len) == 0 &&
	    (own[root_len] == '/' || own[root_len] == '\0'))
		own += root_len;
	if (strcmp(own, "/") == 0 || strncmp(own, "/..", 3) == 0)
		own = "";
	return memory_print("%s%s", place->mount, own);
}

/* Only the root of the whole hierarchy may have processes beside children with controllers; the top
 * of a cgroup namespace only looks like it. */
static bool is_true_root(const char *folder)
{
	auto_free char *events = memory_print("%s/cgroup.events", folder);

	return !file_exists(events);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text);

	return len > strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

/* Move all processes of `folder` into its leaf; new ones may come while we look, so look again. */
static bool empty_into_leaf(const char *folder, struct error *err)
{
	auto_free char *leaf = memory_print("%s" LEAF, folder);
	auto_buf pids = BUF_INIT;
	auto_free char *procs = memory_print("%s/cgroup.procs", folder);

	if (mkdir(leaf, 0755) != 0 && errno != EEXIST)
		return error_os(err, "make cgroup %s", leaf);
	for (int round = 0; round < 10; round++) {
		struct str rest;

		buf_reset(&pids);
		if (!file_read(procs, PROC_BYTES_MAX, &pids, err))
			return false;
		rest = buf_str(&pids);
		if (rest.len == 0)
			return true;
		while (rest.len > 0) {
			auto_free char *pid = str_copy(str_cut(&rest, '\n'));

			if (!cgroup_file_write(leaf, "cgroup.procs", pid) && errno != ESRCH)
				return error_os(err, "move process %s into %s", pid, leaf);
		}
	}
	return error_set(err, ERROR_UNAVAILABLE, "processes keep appearing in cgroup %s", folder);
}

/*
 * Version 2: where "mote" is to be made; changes `own`.  A service of systemd could not be started
 * again while its group has children with controllers, which are the pods that outlive the agent:
 * they go to the top, where kubelet has its own with the cgroupfs driver.
 */
static bool unified_parent(const struct search *search, char **own, struct error *err)
{
	if (ends_with(*own, ".service")) {
		free(*own);
		*own = memory_string(search->found[CGROUP_UNIFIED].mount);
		return true;
	}
	if (ends_with(*own, LEAF)) {
		/* We have been moved by an earlier start. */
		(*own)[strlen(*own) - strlen(LEAF)] = '\0';
		return true;
	}
	return is_true_root(*own) || empty_into_leaf(*own, err);
}

/* Version 2: the groups above ours, from the top on, let the controllers through.  Where one has
 * processes of its own it cannot, and we do with what comes. */
static void open_way_down(const char *mount, const char *own)
{
	size_t len = strlen(mount);

	while (strncmp(own, mount, strlen(mount)) == 0 && own[len] == '/') {
		auto_free char *above = memory_print("%.*s", (int)len, own);

		cgroup_hand_down(above);
		len += 1 + strcspn(own + len + 1, "/");
	}
}

static bool fill_unified(const struct search *search, char **own, struct error *err)
{
	*own = own_folder(search, CGROUP_UNIFIED);
	if (!*own)
		return error_set(err, ERROR_UNAVAILABLE, "our cgroup is not known");
	if (!unified_parent(search, own, err))
		return false;
	open_way_down(search->found[CGROUP_UNIFIED].mount, *own);
	return true;
}

static bool is_unified(const struct search *search)
{
	return search->found[CGROUP_UNIFIED].mount && !search->found[CGROUP_MEMORY].mount &&
	       !search->found[CGROUP_PIDS].mount && !search->found[CGROUP_CPU].mount;
}

static bool fill(const struct search *search, struct cgroup *parent, struct error *err)
{
	size_t count = 0;

	if (is_unified(search))
		return fill_unified(search, &parent->folders[CGROUP_UNIFIED], err);
	for (size_t i = CGROUP_MEMORY; i < POD_PARTS; i++) {
		parent->folders[i] = own_folder(search, (enum cgroup_part)i);
		count += parent->folders[i] != NULL;
	}
	if (count == 0)
		return error_set(err, ERROR_UNAVAILABLE,
				 "no cgroup hierarchy is mounted: mount cgroup2 on /sys/fs/cgroup");
	return true;
}

static bool look(struct search *search, struct error *err)
{
	auto_buf mounts = BUF_INIT;
	auto_buf own = BUF_INIT;

	if (!mount_list_read(&mounts, err) ||
	    !file_read("/proc/self/cgroup", PROC_BYTES_MAX, &own, err))
		return false;
	each_line(&mounts, search, see_mount);
	each_line(&own, search, see_own);
	return true;
}

/* Where `path` begins in one hierarchy; NULL when it is not mounted. */
static char *begin_of(const struct search *search, enum cgroup_part part, const char *path)
{
	char *own;

	if (path[0] == '/')
		return search->found[part].mount ? memory_string(search->found[part].mount) : NULL;
	own = own_folder(search, part);
	if (own && part == CGROUP_UNIFIED &&
	    strlen(own) > strlen(search->found[CGROUP_UNIFIED].mount))
		*strrchr(own, '/') = '\0';
	return own;
}

static bool open_all(const struct search *search, const char *path, struct cgroup *into,
		     struct error *err)
{
	bool unified = is_unified(search);
	size_t count = 0;

	for (size_t i = 0; i < CGROUP_PARTS; i++) {
		auto_free char *begin = (i == CGROUP_UNIFIED) == unified
						? begin_of(search, (enum cgroup_part)i, path)
						: NULL;

		if (!begin)
			continue;
		if (cgroup_make_folders(begin, path, (enum cgroup_part)i, &into->folders[i], err))
			count++;
		else if (geteuid() == 0)
			return false;
	}
	return count > 0 || error_set(err, ERROR_UNAVAILABLE, "no cgroup can be made");
}

bool cgroup_open_path(const char *path, struct cgroup **out, struct error *err)
{
	struct search search = { 0 };
	auto_cgroup cgroup = memory_new(struct cgroup);
	bool fine;

	if (pathfd_has_dotdot(path) || strlen(path) > PATH_MAX / 2)
		return error_set(err, ERROR_INVALID, "\"%s\" is no name of a cgroup", path);
	fine = look(&search, err) && open_all(&search, path, cgroup, err);
	search_clear(&search);
	if (fine)
		*out = take_ptr(&cgroup);
	return fine;
}

bool cgroup_open_base(struct cgroup **out, struct error *err)
{
	struct search search = { 0 };
	auto_cgroup parent = memory_new(struct cgroup);
	bool fine;

	fine = look(&search, err) && fill(&search, parent, err);
	search_clear(&search);
	return fine && cgroup_open_child(parent, "mote", out, err);
}
