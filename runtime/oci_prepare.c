/*
 * oci_prepare.c - what the child finds open when it begins: copies of what is bound into it, the
 * namespaces it joins, its filter.
 *
 * All paths of the host are opened here, by root and in the host's mount namespace; the child may
 * have lost both.
 */
#include "runtime/oci_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "runtime/oci_filter.h"
#include "runtime/seccomp.h"

void oci_launch_init(struct oci_launch *launch, const struct oci_config *config,
		     const struct oci_state *state, const struct oci_create_options *options)
{
	*launch = (struct oci_launch){ .config = config,
				       .state = state,
				       .process = config->process,
				       .options = options,
				       .rootfs = -1,
				       .host_proc = -1,
				       .made = config->made,
				       .start = -1,
				       .target = -1,
				       .report = -1,
				       .root = -1,
				       .tty_slave = -1 };
	for (size_t i = 0; i < OCI_NAMESPACES; i++)
		launch->joined[i] = -1;
	for (size_t i = 0; i < CGROUP_PARTS; i++)
		launch->doors[i] = -1;
}

static void drop(int fd)
{
	if (fd >= 0)
		close(fd);
}

void oci_launch_clear(struct oci_launch *launch)
{
	for (size_t i = 0; i < launch->mount_count; i++)
		drop(launch->mounts[i].fd);
	launch->mount_count = 0;
	for (size_t i = 0; i < OCI_NAMESPACES; i++)
		drop(launch->joined[i]);
	for (size_t i = 0; i < CGROUP_PARTS; i++)
		drop(launch->doors[i]);
	drop(launch->rootfs);
	drop(launch->host_proc);
	drop(launch->start);
	drop(launch->target);
	if (launch->filter.len > 0)
		munmap(launch->filter.filter, launch->filter.len * sizeof(struct sock_filter));
}

/* --- ids --- */

void oci_print_mappings(const struct json *list, struct buf *out)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		buf_add_print(out, "%" PRId64 " %" PRId64 " %" PRId64 "\n",
			      json_int(json_get(it.value, "containerID")),
			      json_int(json_get(it.value, "hostID")),
			      json_int(json_get(it.value, "size")));
}

static bool write_map(pid_t pid, const char *file, struct str text, struct error *err)
{
	auto_free char *path = memory_print("/proc/%d/%s", (int)pid, file);
	auto_fd fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text.at, text.len) != (ssize_t)text.len)
		return error_os(err, "write %s of the user namespace", file);
	return true;
}

/* The program that may do for users what only root can. */
static bool call_mapper(const char *program, pid_t pid, const struct json *list, struct error *err)
{
	auto_arena arena = arena_new();
	const char **argv = arena_zero(arena, (json_count(list) * 3 + 3) * sizeof(char *));
	struct process_plan plan = { .path = program, .argv = argv, .stdio = { -1, -1, 2 } };
	size_t count = 0;
	int status;
	pid_t helper;

	argv[count++] = program;
	argv[count++] = arena_print(arena, "%d", (int)pid);
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		static const char *const keys[] = { "containerID", "hostID", "size" };

		for (size_t i = 0; i < ARRAY_LENGTH(keys); i++)
			argv[count++] = arena_print(arena, "%" PRId64,
						    json_int(json_get(it.value, keys[i])));
	}
	if (!process_start(&plan, &helper, err))
		return false;
	return (waitpid(helper, &status, 0) == helper && WIFEXITED(status) &&
		WEXITSTATUS(status) == 0) ||
	       error_set(err, ERROR_FORBIDDEN, "%s refuses the mapping of ids", program);
}

static bool is_own(const struct json *list, unsigned id)
{
	const struct json *first = json_at(list, 0);

	return json_count(list) == 1 && json_int(json_get(first, "hostID")) == (int64_t)id &&
	       json_int(json_get(first, "size")) == 1;
}

bool oci_write_mappings(pid_t pid, const struct json *uids, const struct json *gids,
			struct error *err)
{
	auto_buf text = BUF_INIT;
	bool root = geteuid() == 0;

	oci_print_mappings(uids, &text);
	if (root || is_own(uids, geteuid()) ? !write_map(pid, "uid_map", buf_str(&text), err)
					    : !call_mapper("newuidmap", pid, uids, err))
		return false;
	buf_reset(&text);
	oci_print_mappings(gids, &text);
	if (!root && is_own(gids, getegid()))
		return write_map(pid, "setgroups", STR("deny"), err) &&
		       write_map(pid, "gid_map", buf_str(&text), err);
	return root ? write_map(pid, "gid_map", buf_str(&text), err)
		    : call_mapper("newgidmap", pid, gids, err);
}

/* A user namespace that nobody lives in, as a list of mappings for the ids of files. */
static bool make_users(const struct json *uids, const struct json *gids, int *out_fd,
		       struct error *err)
{
	auto_free char *path = NULL;
	pid_t pid = (pid_t)syscall(SYS_clone, (unsigned long)(CLONE_NEWUSER | SIGCHLD), 0, 0, 0, 0);
	bool fine;

	if (pid == 0)
		for (;;)
			pause();
	if (pid < 0)
		return error_os(err, "make a user namespace");
	path = memory_print("/proc/%d/ns/user", (int)pid);
	fine = oci_write_mappings(pid, uids, gids, err);
	if (fine) {
		*out_fd = open(path, O_RDONLY | O_CLOEXEC);
		fine = *out_fd >= 0 || error_os(err, "open %s", path);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return fine;
}

/* --- mounts --- */

static bool map_ids(const struct oci_launch *launch, struct oci_mount *mount, struct error *err)
{
	const struct json *uids = json_get(mount->value, "uidMappings");
	const struct json *gids = json_get(mount->value, "gidMappings");
	auto_fd users = -1;

	if (json_count(uids) == 0 && !mount->words.map)
		return true;
	if (json_count(uids) == 0) {
		uids = json_get(launch->config->system, "uidMappings");
		gids = json_get(launch->config->system, "gidMappings");
	}
	if (json_count(uids) == 0 && launch->joined[OCI_USER] < 0)
		return error_set(err, ERROR_INVALID,
				 "mount %s: idmap needs uidMappings and gidMappings",
				 mount->target);
	if (json_count(uids) > 0 && !make_users(uids, gids, &users, err))
		return false;
	return mountfd_map_ids(mount->fd, mount->words.map_tree ? MOUNTFD_TREE : MOUNTFD_ONE,
			       users >= 0 ? users : launch->joined[OCI_USER], err);
}

/* Mounts of the host that are shared must not become shared with the container unless somebody says
 * so: what is mounted inside would come out. */
static uint64_t default_propagation(const struct oci_config *config)
{
	struct str said = json_str(json_get(config->system, "rootfsPropagation"));

	if (str_is(said, "shared") || str_is(said, "rshared"))
		return 0;
	if (str_is(said, "private") || str_is(said, "rprivate"))
		return MS_PRIVATE;
	return MS_SLAVE;
}

static bool copy_bound(const struct oci_launch *launch, struct oci_mount *mount, struct error *err)
{
	const char *source = mount->source ? mount->source : "";
	auto_free char *path = source[0] == '/'
				       ? memory_string(source)
				       : memory_print("%s/%s", launch->config->bundle, source);
	auto_fd from = open(path, O_PATH | O_CLOEXEC);
	struct stat facts;
	uint64_t propagation = default_propagation(launch->config);

	if (from < 0 || fstat(from, &facts) != 0)
		return error_os(err, "mount %s: source %s", mount->target, path);
	mount->is_file = !S_ISDIR(facts.st_mode);
	if (!mountfd_copy(from, "", mount->words.tree ? MOUNTFD_TREE : MOUNTFD_ONE, &mount->fd,
			  err))
		return error_context(err, "mount %s", mount->target);
	if (propagation && !mountfd_change(mount->fd, MOUNTFD_TREE, 0, propagation, err))
		return false;
	return map_ids(launch, mount, err);
}

static bool prepare_mounts(struct oci_launch *launch, struct error *err)
{
	const struct oci_config *config = launch->config;
	const struct json *list = json_get(config->root, "mounts");

	launch->mounts =
		arena_zero(config->arena, (json_count(list) + 1) * sizeof(*launch->mounts));
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct oci_mount *mount = &launch->mounts[launch->mount_count++];
		const char *target = oci_config_text(config, json_get(it.value, "destination"));

		*mount = (struct oci_mount){ .value = it.value, .target = target, .fd = -1 };
		/* Older configs have them without: from the root on, as everybody reads them. */
		if (target[0] != '/')
			mount->target = arena_print(config->arena, "/%s", target);
		mount->source = oci_config_text(config, json_get(it.value, "source"));
		mount->type = oci_config_text(config, json_get(it.value, "type"));
		oci_mount_words_read(json_get(it.value, "options"), config->arena, &mount->words);
		if (mount->type && strcmp(mount->type, "bind") == 0)
			mount->words.bind = true;
		if (mount->words.bind && !copy_bound(launch, mount, err))
			return false;
	}
	return true;
}

/* --- the rest --- */

static bool open_namespaces(struct oci_launch *launch, struct error *err)
{
	for (size_t i = 0; i < OCI_NAMESPACES; i++) {
		const char *path = launch->config->joined[i];

		if (!path)
			continue;
		launch->joined[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (launch->joined[i] < 0)
			return error_os(err, "%s namespace %s", oci_namespace_rows[i].name, path);
		if (ioctl(launch->joined[i], NS_GET_NSTYPE) != (int)oci_namespace_rows[i].flag)
			return error_set(err, ERROR_INVALID, "%s is no %s namespace", path,
					 oci_namespace_rows[i].name);
	}
	return true;
}

static bool open_host(struct oci_launch *launch, struct error *err)
{
	struct stat facts;

	launch->host_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (launch->host_proc < 0 || fstat(launch->host_proc, &facts) != 0)
		return error_os(err, "open /proc");
	if (!mountfd_is_kind(launch->host_proc, PROC_SUPER_MAGIC) || facts.st_ino != 1)
		return error_set(err, ERROR_BROKEN, "/proc is not what it should be");
	return true;
}

static bool open_filter(struct oci_launch *launch, struct error *err)
{
	const struct json *profile = json_get(launch->config->system, "seccomp");
	struct seccomp_program program;
	struct stat facts;
	void *at;

	if (json_count(profile) == 0)
		return true;
	if (!oci_filter_open(launch->state->root, profile, &program, err))
		return false;
	launch->filter_flags = program.flags;
	launch->notifies = program.notifies;
	at = fstat(program.fd, &facts) == 0 && facts.st_size > 0
		     ? mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, program.fd, 0)
		     : MAP_FAILED;
	close(program.fd);
	if (at == MAP_FAILED)
		return error_os(err, "read the filter of system calls");
	launch->filter.filter = at;
	launch->filter.len = (unsigned short)((size_t)facts.st_size / sizeof(struct sock_filter));
	return true;
}

bool oci_prepare_process(struct oci_launch *launch, struct error *err)
{
	launch->argv = oci_config_list(launch->config, json_get(launch->process, "args"));
	launch->env = oci_config_list(launch->config, json_get(launch->process, "env"));
	return open_host(launch, err) && open_filter(launch, err);
}

bool oci_prepare(struct oci_launch *launch, struct error *err)
{
	uint64_t propagation;

	if (!launch->config->process)
		return error_set(err, ERROR_INVALID, "config: process property must not be empty");
	if (!oci_prepare_process(launch, err) || !open_namespaces(launch, err))
		return false;
	if (!oci_config_has(launch->config, OCI_MOUNT))
		return true;
	propagation = default_propagation(launch->config);
	/* The kernel changes to no root that is shared. */
	return mountfd_copy(AT_FDCWD, launch->config->rootfs, MOUNTFD_TREE, &launch->rootfs, err) &&
	       mountfd_change(launch->rootfs, MOUNTFD_TREE, 0,
			      propagation ? propagation : MS_PRIVATE, err) &&
	       prepare_mounts(launch, err);
}
