/*
 * oci_config.c - config.json: one table says what type each field has; what fields mean together is
 * judged after it.
 */
#include "runtime/oci_config.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "runtime/pathfd.h"
#include "runtime/seccomp_profile.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

const struct oci_namespace_row oci_namespace_rows[OCI_NAMESPACES] = {
	[OCI_USER] = { "user", "user", CLONE_NEWUSER },
	[OCI_CGROUP] = { "cgroup", "cgroup", CLONE_NEWCGROUP },
	[OCI_IPC] = { "ipc", "ipc", CLONE_NEWIPC },
	[OCI_UTS] = { "uts", "uts", CLONE_NEWUTS },
	[OCI_NETWORK] = { "network", "net", CLONE_NEWNET },
	[OCI_PID] = { "pid", "pid", CLONE_NEWPID },
	[OCI_TIME] = { "time", "time", CLONE_NEWTIME },
	[OCI_MOUNT] = { "mount", "mnt", CLONE_NEWNS },
};

/* --- types of fields --- */

/* "a.b" is a field of a field, "[]" each of an array, "{}" each of a map. */
static const struct {
	const char *path;
	enum json_type type;
} fields[] = {
	{ "ociVersion", JSON_STRING },
	{ "hostname", JSON_STRING },
	{ "domainname", JSON_STRING },
	{ "annotations{}", JSON_STRING },
	{ "root.path", JSON_STRING },
	{ "root.readonly", JSON_BOOL },
	{ "mounts[].destination", JSON_STRING },
	{ "mounts[].type", JSON_STRING },
	{ "mounts[].source", JSON_STRING },
	{ "mounts[].options[]", JSON_STRING },
	{ "mounts[].uidMappings[].containerID", JSON_NUMBER },
	{ "mounts[].uidMappings[].hostID", JSON_NUMBER },
	{ "mounts[].uidMappings[].size", JSON_NUMBER },
	{ "mounts[].gidMappings[].containerID", JSON_NUMBER },
	{ "mounts[].gidMappings[].hostID", JSON_NUMBER },
	{ "mounts[].gidMappings[].size", JSON_NUMBER },
	{ "hooks{}[].path", JSON_STRING },
	{ "hooks{}[].args[]", JSON_STRING },
	{ "hooks{}[].env[]", JSON_STRING },
	{ "hooks{}[].timeout", JSON_NUMBER },
	{ "linux.namespaces[].type", JSON_STRING },
	{ "linux.namespaces[].path", JSON_STRING },
	{ "linux.uidMappings[].containerID", JSON_NUMBER },
	{ "linux.uidMappings[].hostID", JSON_NUMBER },
	{ "linux.uidMappings[].size", JSON_NUMBER },
	{ "linux.gidMappings[].containerID", JSON_NUMBER },
	{ "linux.gidMappings[].hostID", JSON_NUMBER },
	{ "linux.gidMappings[].size", JSON_NUMBER },
	{ "linux.timeOffsets{}.secs", JSON_NUMBER },
	{ "linux.timeOffsets{}.nanosecs", JSON_NUMBER },
	{ "linux.devices[].path", JSON_STRING },
	{ "linux.devices[].type", JSON_STRING },
	{ "linux.devices[].major", JSON_NUMBER },
	{ "linux.devices[].minor", JSON_NUMBER },
	{ "linux.devices[].fileMode", JSON_NUMBER },
	{ "linux.devices[].uid", JSON_NUMBER },
	{ "linux.devices[].gid", JSON_NUMBER },
	{ "linux.cgroupsPath", JSON_STRING },
	{ "linux.rootfsPropagation", JSON_STRING },
	{ "linux.mountLabel", JSON_STRING },
	{ "linux.maskedPaths[]", JSON_STRING },
	{ "linux.readonlyPaths[]", JSON_STRING },
	{ "linux.sysctl{}", JSON_STRING },
	{ "linux.personality.domain", JSON_STRING },
	{ "linux.seccomp.defaultAction", JSON_STRING },
	{ "linux.seccomp.listenerPath", JSON_STRING },
	{ "linux.seccomp.listenerMetadata", JSON_STRING },
	{ "linux.seccomp.syscalls[].names[]", JSON_STRING },
	{ "linux.resources.unified{}", JSON_STRING },
	{ "linux.resources.devices[].allow", JSON_BOOL },
	{ "linux.resources.devices[].type", JSON_STRING },
	{ "linux.resources.devices[].major", JSON_NUMBER },
	{ "linux.resources.devices[].minor", JSON_NUMBER },
	{ "linux.resources.devices[].access", JSON_STRING },
	{ "linux.resources.memory.limit", JSON_NUMBER },
	{ "linux.resources.memory.reservation", JSON_NUMBER },
	{ "linux.resources.memory.swap", JSON_NUMBER },
	{ "linux.resources.memory.kernel", JSON_NUMBER },
	{ "linux.resources.memory.kernelTCP", JSON_NUMBER },
	{ "linux.resources.memory.swappiness", JSON_NUMBER },
	{ "linux.resources.memory.disableOOMKiller", JSON_BOOL },
	{ "linux.resources.memory.useHierarchy", JSON_BOOL },
	{ "linux.resources.memory.checkBeforeUpdate", JSON_BOOL },
	{ "linux.resources.cpu.shares", JSON_NUMBER },
	{ "linux.resources.cpu.quota", JSON_NUMBER },
	{ "linux.resources.cpu.burst", JSON_NUMBER },
	{ "linux.resources.cpu.period", JSON_NUMBER },
	{ "linux.resources.cpu.realtimeRuntime", JSON_NUMBER },
	{ "linux.resources.cpu.realtimePeriod", JSON_NUMBER },
	{ "linux.resources.cpu.cpus", JSON_STRING },
	{ "linux.resources.cpu.mems", JSON_STRING },
	{ "linux.resources.cpu.idle", JSON_NUMBER },
	{ "linux.resources.pids.limit", JSON_NUMBER },
	{ "linux.resources.blockIO.weight", JSON_NUMBER },
	{ "linux.resources.blockIO.leafWeight", JSON_NUMBER },
	{ "linux.resources.hugepageLimits[].pageSize", JSON_STRING },
	{ "linux.resources.hugepageLimits[].limit", JSON_NUMBER },
	{ "linux.resources.network.classID", JSON_NUMBER },
	{ "linux.resources.network.priorities[].name", JSON_STRING },
	{ "linux.resources.network.priorities[].priority", JSON_NUMBER },
};

static const struct {
	const char *path;
	enum json_type type;
} process_fields[] = {
	{ "terminal", JSON_BOOL },
	{ "consoleSize.height", JSON_NUMBER },
	{ "consoleSize.width", JSON_NUMBER },
	{ "user.uid", JSON_NUMBER },
	{ "user.gid", JSON_NUMBER },
	{ "user.umask", JSON_NUMBER },
	{ "user.additionalGids[]", JSON_NUMBER },
	{ "user.username", JSON_STRING },
	{ "args[]", JSON_STRING },
	{ "commandLine", JSON_STRING },
	{ "env[]", JSON_STRING },
	{ "cwd", JSON_STRING },
	{ "capabilities.bounding[]", JSON_STRING },
	{ "capabilities.effective[]", JSON_STRING },
	{ "capabilities.inheritable[]", JSON_STRING },
	{ "capabilities.permitted[]", JSON_STRING },
	{ "capabilities.ambient[]", JSON_STRING },
	{ "rlimits[].type", JSON_STRING },
	{ "rlimits[].soft", JSON_NUMBER },
	{ "rlimits[].hard", JSON_NUMBER },
	{ "noNewPrivileges", JSON_BOOL },
	{ "apparmorProfile", JSON_STRING },
	{ "selinuxLabel", JSON_STRING },
	{ "oomScoreAdj", JSON_NUMBER },
	{ "scheduler.policy", JSON_STRING },
	{ "scheduler.nice", JSON_NUMBER },
	{ "scheduler.priority", JSON_NUMBER },
	{ "scheduler.flags[]", JSON_STRING },
	{ "scheduler.runtime", JSON_NUMBER },
	{ "scheduler.deadline", JSON_NUMBER },
	{ "scheduler.period", JSON_NUMBER },
	{ "ioPriority.class", JSON_STRING },
	{ "ioPriority.priority", JSON_NUMBER },
	{ "execCPUAffinity.initial", JSON_STRING },
	{ "execCPUAffinity.final", JSON_STRING },
};

static bool has_type(const struct json *value, const char *path, const char *at,
		     enum json_type type, struct error *err)
{
	static const char *const words[] = {
		[JSON_BOOL] = "true or false", [JSON_NUMBER] = "a whole number",
		[JSON_STRING] = "a text",      [JSON_ARRAY] = "a list",
		[JSON_OBJECT] = "an object",
	};
	enum json_type found = json_type(value);
	double number = json_double(value);

	(void)at;
	if (found == JSON_ABSENT || found == JSON_NULL)
		return true;
	if (found != type)
		return error_set(err, ERROR_INVALID, "config: %s must be %s", path, words[type]);
	if (type == JSON_STRING && memchr(json_str(value).at, '\0', json_str(value).len))
		return error_set(err, ERROR_INVALID, "config: %s has a zero byte", path);
	return type != JSON_NUMBER || json_is_int(value) ||
	       (number >= 9.2e18 && number <= 1.9e19) ||
	       error_set(err, ERROR_INVALID, "config: %s must be %s", path, words[type]);
}

static bool walk(const struct json *value, const char *path, const char *at, enum json_type type,
		 struct error *err);

static bool walk_each(const struct json *value, const char *path, const char *at,
		      enum json_type type, struct error *err)
{
	enum json_type wanted = *at == '[' ? JSON_ARRAY : JSON_OBJECT;

	if (!has_type(value, path, at, wanted, err))
		return false;
	if (json_type(value) != wanted)
		return true;
	for (struct json_iter it = json_iter(value); json_next(&it);)
		if (!walk(it.value, path, at + 2, type, err))
			return false;
	return true;
}

static bool walk(const struct json *value, const char *path, const char *at, enum json_type type,
		 struct error *err)
{
	size_t len;

	if (*at == '\0')
		return has_type(value, path, at, type, err);
	if (*at == '[' || *at == '{')
		return walk_each(value, path, at, type, err);
	at += *at == '.';
	if (!has_type(value, path, at, JSON_OBJECT, err))
		return false;
	len = strcspn(at, ".[{");
	return walk(json_get_str(value, str_from(at, len)), path, at + len, type, err);
}

static bool check_types(const struct json *root, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		if (!walk(root, fields[i].path, fields[i].path, fields[i].type, err))
			return false;
	return true;
}

/* --- what fields mean --- */

const char *oci_config_text(const struct oci_config *config, const struct json *value)
{
	struct str text = json_str(value);

	return text.at ? str_copy_arena(text, config->arena) : NULL;
}

const char **oci_config_list(const struct oci_config *config, const struct json *array)
{
	const char **list = arena_zero(config->arena, (json_count(array) + 1) * sizeof(char *));
	size_t count = 0;

	for (struct json_iter it = json_iter(array); json_next(&it);)
		list[count++] = str_copy_arena(json_str(it.value), config->arena);
	return list;
}

bool oci_config_has(const struct oci_config *config, enum oci_namespace which)
{
	return (config->made & oci_namespace_rows[which].flag) || config->joined[which];
}

static bool check_version(const struct json *value, struct error *err)
{
	struct str version = json_str(value);

	if (version.len == 0)
		return error_set(err, ERROR_INVALID, "config: ociVersion is missing");
	return str_starts(version, STR("1.")) ||
	       error_set(err, ERROR_INVALID,
			 "config: ociVersion \"" STR_FMT
			 "\" is not supported; 1.0.0 to " OCI_VERSION " is",
			 STR_ARG(version));
}

static bool add_namespace(struct oci_config *config, const struct json *value, struct error *err)
{
	struct str type = json_str(json_get(value, "type"));
	struct str path = json_str(json_get(value, "path"));
	size_t i = 0;

	while (i < OCI_NAMESPACES && !str_is(type, oci_namespace_rows[i].name))
		i++;
	if (i == OCI_NAMESPACES)
		return error_set(err, ERROR_INVALID,
				 "config: there is no namespace \"" STR_FMT "\"", STR_ARG(type));
	if (oci_config_has(config, (enum oci_namespace)i))
		return error_set(err, ERROR_INVALID,
				 "config: malformed spec file: duplicated ns \"" STR_FMT "\"",
				 STR_ARG(type));
	if (path.len == 0) {
		config->made |= oci_namespace_rows[i].flag;
		return true;
	}
	if (path.at[0] != '/')
		return error_set(err, ERROR_INVALID,
				 "config: namespace path \"" STR_FMT "\" is not absolute",
				 STR_ARG(path));
	config->joined[i] = str_copy_arena(path, config->arena);
	return true;
}

static bool read_namespaces(struct oci_config *config, struct error *err)
{
	const struct json *list = json_get(config->system, "namespaces");

	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (!add_namespace(config, it.value, err))
			return false;
	if ((config->made & CLONE_NEWUSER) == 0 && !config->joined[OCI_USER] &&
	    (json_count(json_get(config->system, "uidMappings")) > 0 ||
	     json_count(json_get(config->system, "gidMappings")) > 0))
		return error_set(err, ERROR_INVALID,
				 "config: user namespace mappings need a user namespace");
	if ((config->made & CLONE_NEWUSER) &&
	    (json_count(json_get(config->system, "uidMappings")) == 0 ||
	     json_count(json_get(config->system, "gidMappings")) == 0))
		return error_set(err, ERROR_INVALID,
				 "config: a new user namespace needs uidMappings and gidMappings");
	if (json_count(json_get(config->system, "timeOffsets")) > 0 &&
	    (config->made & CLONE_NEWTIME) == 0)
		return error_set(err, ERROR_INVALID,
				 "config: timeOffsets need a time namespace of its own");
	return true;
}

static bool check_names(const struct oci_config *config, struct error *err)
{
	struct str host = json_str(json_get(config->root, "hostname"));
	struct str domain = json_str(json_get(config->root, "domainname"));

	if (host.len > 64 || domain.len > 64)
		return error_set(err, ERROR_INVALID,
				 "config: hostname and domainname have at most 64 characters");
	return (host.len == 0 && domain.len == 0) || oci_config_has(config, OCI_UTS) ||
	       error_set(err, ERROR_INVALID,
			 "config: unable to set hostname or domainname without a private UTS "
			 "namespace");
}

/* Each sysctl belongs to a namespace, which must be the container's own. */
static bool check_sysctl(const struct oci_config *config, struct str key, struct error *err)
{
	static const char *const ipc[] = { "kernel.msgmax",      "kernel.msgmnb",
					   "kernel.msgmni",      "kernel.sem",
					   "kernel.shmall",      "kernel.shmmax",
					   "kernel.shmmni",      "kernel.shm_rmid_forced",
					   "kernel.msg_next_id", "kernel.sem_next_id",
					   "kernel.shm_next_id" };
	auto_free char *name = str_copy(key);

	/* With a dot in a name, as of a network device, slashes part the names. */
	if (strcspn(name, "./") < key.len && name[strcspn(name, "./")] == '/')
		for (char *at = name; *at; at++)
			*at = *at == '/' ? '.' : *at == '.' ? '/' : *at;
	if (pathfd_has_dotdot(name) || strstr(name, ".."))
		return error_set(err, ERROR_INVALID, "config: sysctl \"%s\" is no name", name);
	if (strcmp(name, "kernel.domainname") == 0 || strcmp(name, "kernel.hostname") == 0)
		return name[7] == 'd'
			       ? oci_config_has(config, OCI_UTS) ||
					 error_set(
						 err, ERROR_INVALID,
						 "config: sysctl %s needs a private UTS namespace",
						 name)
			       : error_set(err, ERROR_INVALID,
					   "config: sysctl %s conflicts with hostname", name);
	for (size_t i = 0; i < ARRAY_LENGTH(ipc); i++)
		if (strcmp(name, ipc[i]) == 0)
			return oci_config_has(config, OCI_IPC) ||
			       error_set(err, ERROR_INVALID,
					 "config: sysctl %s is not in a separate kernel namespace",
					 name);
	if (strncmp(name, "fs.mqueue.", 10) == 0)
		return oci_config_has(config, OCI_IPC) ||
		       error_set(err, ERROR_INVALID,
				 "config: sysctl %s is not in a separate kernel namespace", name);
	if (strncmp(name, "net.", 4) == 0)
		return oci_config_has(config, OCI_NETWORK) ||
		       error_set(err, ERROR_INVALID,
				 "config: sysctl %s not allowed in host network namespace", name);
	if (strncmp(name, "user.", 5) == 0)
		return oci_config_has(config, OCI_USER) ||
		       error_set(err, ERROR_INVALID,
				 "config: sysctl %s not allowed without user namespace", name);
	return error_set(err, ERROR_INVALID,
			 "config: sysctl \"%s\" is not in a separate kernel namespace", name);
}

static bool check_mounts(const struct oci_config *config, struct error *err)
{
	const struct json *list = json_get(config->root, "mounts");

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct str target = json_str(json_get(it.value, "destination"));
		size_t uids = json_count(json_get(it.value, "uidMappings"));
		size_t gids = json_count(json_get(it.value, "gidMappings"));

		if (target.len == 0)
			return error_set(err, ERROR_INVALID, "config: a mount has no destination");
		if ((uids == 0) != (gids == 0))
			return error_set(err, ERROR_INVALID,
					 "config: mount " STR_FMT
					 " must have uidMappings and gidMappings or none of them",
					 STR_ARG(target));
	}
	return true;
}

static bool check_paths(const struct oci_config *config, const char *key, struct error *err)
{
	const struct json *list = json_get(config->system, key);

	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (json_str(it.value).len == 0 || json_str(it.value).at[0] != '/')
			return error_set(err, ERROR_INVALID,
					 "config: %s has a path that is not absolute", key);
	return json_count(list) == 0 || oci_config_has(config, OCI_MOUNT) ||
	       error_set(err, ERROR_INVALID,
			 "config: unable to restrict sys entries without a private MNT namespace");
}

static bool check_linux(const struct oci_config *config, struct error *err)
{
	static const char *const propagations[] = { "",        "private",    "rprivate",
						    "slave",   "rslave",     "shared",
						    "rshared", "unbindable", "runbindable" };
	struct str propagation = json_str(json_get(config->system, "rootfsPropagation"));
	const struct json *rdt = json_get(config->system, "intelRdt");
	const struct json *sysctl = json_get(config->system, "sysctl");
	const struct json *seccomp = json_get(config->system, "seccomp");
	struct seccomp_program program;
	bool known = false;

	for (size_t i = 0; i < ARRAY_LENGTH(propagations); i++)
		known |= str_is(propagation, propagations[i]);
	if (!known)
		return error_set(err, ERROR_INVALID,
				 "config: rootfsPropagation=" STR_FMT " is not supported",
				 STR_ARG(propagation));
	if (json_count(rdt) > 0)
		return error_set(err, ERROR_INVALID,
				 "config: intelRdt is not supported by this runtime");
	for (struct json_iter it = json_iter(sysctl); json_next(&it);)
		if (!check_sysctl(config, it.key, err))
			return false;
	return json_count(seccomp) == 0 || seccomp_profile_look(seccomp, &program, err);
}

bool oci_config_validate_process(const struct json *process, struct error *err)
{
	struct str cwd = json_str(json_get(process, "cwd"));
	const struct json *score = json_get(process, "oomScoreAdj");

	for (size_t i = 0; i < ARRAY_LENGTH(process_fields); i++)
		if (!walk(process, process_fields[i].path, process_fields[i].path,
			  process_fields[i].type, err))
			return error_context(err, "process");
	if (json_count(json_get(process, "args")) == 0)
		return error_set(err, ERROR_INVALID, "config: args must not be empty");
	if (cwd.len == 0)
		return error_set(err, ERROR_INVALID, "config: cwd property must not be empty");
	if (cwd.at[0] != '/')
		return error_set(err, ERROR_INVALID, "config: cwd must be an absolute path");
	return !score || (json_int(score) >= -1000 && json_int(score) <= 1000) ||
	       error_set(err, ERROR_INVALID, "config: oomScoreAdj must be from -1000 to 1000");
}

static bool judge(struct oci_config *config, struct error *err)
{
	if (json_type(config->root) != JSON_OBJECT)
		return error_set(err, ERROR_INVALID, "config: it is no object");
	if (!check_types(config->root, err) ||
	    !check_version(json_get(config->root, "ociVersion"), err))
		return false;
	if (json_get(config->root, "vm") || json_get(config->root, "windows") ||
	    json_get(config->root, "solaris") || json_get(config->root, "zos"))
		return error_set(err, ERROR_INVALID, "config: this runtime is for Linux only");
	if (!read_namespaces(config, err) || !check_names(config, err) ||
	    !check_mounts(config, err) || !check_paths(config, "maskedPaths", err) ||
	    !check_paths(config, "readonlyPaths", err) || !check_linux(config, err))
		return false;
	if (!config->process)
		return true;
	config->terminal = json_bool(json_get(config->process, "terminal"));
	return oci_config_validate_process(config->process, err);
}

bool oci_config_parse(struct str text, const char *folder, struct oci_config **out,
		      struct error *err)
{
	auto_oci_config config = memory_new(struct oci_config);

	config->arena = arena_new();
	config->bundle = memory_string(folder);
	if (!json_parse(text, &config->doc, NULL, err))
		return error_context(err, "config.json");
	config->root = json_root(config->doc);
	config->process = json_get(config->root, "process");
	config->system = json_get(config->root, "linux");
	if (!judge(config, err))
		return false;
	*out = take_ptr(&config);
	return true;
}

bool oci_config_load(const char *folder, struct oci_config **out, struct error *err)
{
	auto_free char *real = realpath(folder, NULL);
	auto_free char *path = memory_print("%s/config.json", real ? real : folder);
	auto_buf text = BUF_INIT;

	if (!real)
		return error_os(err, "bundle %s", folder);
	if (!file_read(path, OCI_CONFIG_BYTES_MAX, &text, err))
		return err->kind == ERROR_NOT_FOUND
			       ? error_set(err, ERROR_NOT_FOUND,
					   "JSON specification file config.json not found in %s",
					   real)
			       : false;
	return oci_config_parse(buf_str(&text), real, out, err);
}

bool oci_config_find_rootfs(struct oci_config *config, struct error *err)
{
	const char *said = oci_config_text(config, json_path(config->root, "root", "path", NULL));
	auto_free char *path = NULL;
	struct stat facts;

	if (!said || !*said)
		return error_set(err, ERROR_INVALID, "config: root.path is missing");
	path = said[0] == '/' ? memory_string(said) : memory_print("%s/%s", config->bundle, said);
	free(config->rootfs);
	config->rootfs = realpath(path, NULL);
	if (!config->rootfs)
		return error_os(err, "rootfs (%s)", path);
	if (stat(config->rootfs, &facts) != 0 || !S_ISDIR(facts.st_mode))
		return error_set(err, ERROR_INVALID, "rootfs (%s) is no folder", config->rootfs);
	return true;
}

void oci_config_free(struct oci_config *config)
{
	if (!config)
		return;
	json_doc_free(config->doc);
	arena_free(config->arena);
	free(config->bundle);
	free(config->rootfs);
	free(config);
}
