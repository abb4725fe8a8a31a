/*
 * devices.c - which paths are devices, who holds which, and what happens when one comes or goes.
 *
 * A path that was a device once keeps its place in the list: whoever holds it holds it also while
 * it is not plugged in.
 */
#include "agent/devices.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "api/quantity.h"
#include "base/file.h"
#include "base/log.h"
#include "runtime/container_plan.h"

#define NAME_LEN_MAX  63
#define DEVICES_MAX   1024
#define SETTLE_MS     100 /* a plug makes many events */
#define FILE_NAME     "devices"
#define FILE_SIZE_MAX (256u * 1024)
#define CHANGES                                                                                    \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |     \
	 IN_ONLYDIR)

struct pattern {
	char *name, *glob;
};

struct device {
	const char *name; /* a pattern's */
	char *path;
	bool present;
};

struct holding {
	char *uid, *container;
	size_t device;
};

struct devices {
	struct loop *loop;
	char *pods;
	struct pattern *patterns;
	size_t pattern_count;
	struct device *list;
	size_t count;
	struct holding *holdings;
	size_t holding_count;
	struct loop_fd watch;
	struct loop_timer settle;
	void (*on_change)(void *of);
	void *of;
};

/* --- what is plugged in --- */

static bool is_node(const struct stat *facts)
{
	return S_ISCHR(facts->st_mode) || S_ISBLK(facts->st_mode);
}

static bool is_device(const char *path)
{
	struct stat facts;

	return stat(path, &facts) == 0 && (is_node(&facts) || S_ISDIR(facts.st_mode));
}

static struct device *find(struct devices *devices, const char *name, const char *path)
{
	for (size_t i = 0; i < devices->count; i++)
		if (strcmp(devices->list[i].name, name) == 0 &&
		    strcmp(devices->list[i].path, path) == 0)
			return &devices->list[i];
	return NULL;
}

static struct device *find_or_add(struct devices *devices, const char *name, const char *path)
{
	struct device *found = find(devices, name, path);

	if (found || devices->count == DEVICES_MAX)
		return found;
	devices->list = memory_grow(devices->list, (devices->count + 1) * sizeof(*devices->list));
	found = &devices->list[devices->count++];
	*found = (struct device){ .name = name, .path = memory_string(path) };
	return found;
}

static void look(struct devices *devices)
{
	for (size_t i = 0; i < devices->count; i++)
		devices->list[i].present = false;
	for (size_t i = 0; i < devices->pattern_count; i++) {
		glob_t matches = { 0 };

		if (glob(devices->patterns[i].glob, GLOB_NOSORT, NULL, &matches) == 0)
			for (size_t j = 0; j < matches.gl_pathc; j++) {
				struct device *device = NULL;

				if (is_device(matches.gl_pathv[j]))
					device = find_or_add(devices, devices->patterns[i].name,
							     matches.gl_pathv[j]);
				if (device)
					device->present = true;
			}
		globfree(&matches);
	}
}

static size_t count_present(const struct devices *devices, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < devices->count; i++)
		count += devices->list[i].present && strcmp(devices->list[i].name, name) == 0;
	return count;
}

static bool is_first_of_name(const struct devices *devices, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (devices->patterns[i].name == devices->patterns[at].name)
			return false;
	return true;
}

void devices_list(void *of,
		  void (*add)(void *to, const char *name, int64_t capacity, int64_t allocatable),
		  void *to)
{
	const struct devices *devices = of;

	for (size_t i = 0; i < devices->pattern_count; i++) {
		const char *name = devices->patterns[i].name;
		char key[sizeof(DEVICES_PREFIX) + NAME_LEN_MAX];
		int64_t count = (int64_t)count_present(devices, name);

		snprintf(key, sizeof(key), DEVICES_PREFIX "%s", name);
		if (is_first_of_name(devices, i))
			add(to, key, count, count);
	}
}

/* --- hearing of changes --- */

/* The deepest folder of the pattern that is there and has no wildcard in its name. */
static void watch_pattern(const struct devices *devices, const char *glob)
{
	char path[PATH_MAX];
	size_t len = strcspn(glob, "*?[");
	char *slash;

	snprintf(path, sizeof(path), "%.*s", (int)(len < sizeof(path) ? len : 1), glob);
	while ((slash = strrchr(path, '/'))) {
		slash[slash == path ? 1 : 0] = '\0';
		if (inotify_add_watch(devices->watch.fd, path, CHANGES) >= 0 || slash == path)
			return;
	}
}

static void watch_all(const struct devices *devices)
{
	for (size_t i = 0; i < devices->pattern_count; i++)
		watch_pattern(devices, devices->patterns[i].glob);
}

static void on_settle(struct loop_timer *timer)
{
	struct devices *devices = CONTAINER_OF(timer, struct devices, settle);

	/* First the watches: what comes between is heard again. */
	watch_all(devices);
	look(devices);
	devices->on_change(devices->of);
}

static void on_event(struct loop_fd *watch, unsigned events)
{
	struct devices *devices = CONTAINER_OF(watch, struct devices, watch);
	_Alignas(struct inotify_event) char room[4096];

	(void)events;
	while (read(watch->fd, room, sizeof(room)) > 0) {
	}
	loop_timer_set(devices->loop, &devices->settle, SETTLE_MS);
}

/* --- who holds what --- */

static void hold(struct devices *devices, struct str uid, struct str container, size_t device)
{
	devices->holdings = memory_grow(devices->holdings,
					(devices->holding_count + 1) * sizeof(*devices->holdings));
	devices->holdings[devices->holding_count++] = (struct holding){
		.uid = str_copy(uid), .container = str_copy(container), .device = device
	};
}

static void drop(struct devices *devices, size_t at)
{
	free(devices->holdings[at].uid);
	free(devices->holdings[at].container);
	devices->holdings[at] = devices->holdings[--devices->holding_count];
}

static bool is_held(const struct devices *devices, size_t device)
{
	for (size_t i = 0; i < devices->holding_count; i++)
		if (devices->holdings[i].device == device)
			return true;
	return false;
}

/* Lines "container name path". */
static char *file_of(const struct devices *devices, struct str uid)
{
	return memory_print("%s/" STR_FMT "/" FILE_NAME, devices->pods, STR_ARG(uid));
}

static bool save(const struct devices *devices, struct str uid, struct error *err)
{
	auto_free char *path = file_of(devices, uid);
	auto_free char *folder = memory_print("%s/" STR_FMT, devices->pods, STR_ARG(uid));
	auto_buf text = BUF_INIT;

	for (size_t i = 0; i < devices->holding_count; i++) {
		const struct holding *one = &devices->holdings[i];

		if (str_is(uid, one->uid))
			buf_add_print(&text, "%s %s %s\n", one->container,
				      devices->list[one->device].name,
				      devices->list[one->device].path);
	}
	return file_make_dirs(folder, 0755, err) && file_put(path, buf_str(&text), 0600, err);
}

static const char *known_name(const struct devices *devices, struct str name)
{
	for (size_t i = 0; i < devices->pattern_count; i++)
		if (str_is(name, devices->patterns[i].name))
			return devices->patterns[i].name;
	return NULL;
}

static void load(struct devices *devices, const char *uid)
{
	auto_free char *path = file_of(devices, str_of(uid));
	auto_buf text = BUF_INIT;
	struct error ignored;
	struct str rest;

	if (!file_read(path, FILE_SIZE_MAX, &text, &ignored))
		return;
	rest = buf_str(&text);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n'), container = str_cut(&line, ' ');
		const char *name = known_name(devices, str_cut(&line, ' '));
		auto_free char *where = str_copy(line);
		struct device *device = name && *where ? find_or_add(devices, name, where) : NULL;

		if (device)
			hold(devices, str_of(uid), container, (size_t)(device - devices->list));
	}
}

static void load_all(struct devices *devices)
{
	DIR *dir = opendir(devices->pods);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			load(devices, entry->d_name);
	if (dir)
		closedir(dir);
}

/* --- taking --- */

struct taking {
	struct devices *devices;
	const struct json *pod;
	struct str uid, container;
	const char *name;
	size_t added; /* holdings since the beginning */
};

static size_t count_own(const struct taking *it)
{
	size_t count = 0;

	for (size_t i = 0; i < it->devices->holding_count; i++) {
		const struct holding *one = &it->devices->holdings[i];

		count += str_is(it->uid, one->uid) && str_is(it->container, one->container) &&
			 it->devices->list[one->device].name == it->name;
	}
	return count;
}

/* Does a container of this name end before the others begin? */
static bool is_brief(const struct json *pod, const char *container)
{
	for (struct json_iter at = json_iter(json_path(pod, "spec", "initContainers", NULL));
	     json_next(&at);)
		if (str_is(json_str(json_get(at.value, "name")), container))
			return !str_is(json_str(json_get(at.value, "restartPolicy")), "Always");
	return false;
}

/* Nobody's, or only of init containers of the same pod that are over by then. */
static bool is_free_for(const struct taking *it, size_t device)
{
	for (size_t i = 0; i < it->devices->holding_count; i++) {
		const struct holding *one = &it->devices->holdings[i];

		if (one->device == device &&
		    (!str_is(it->uid, one->uid) || str_is(it->container, one->container) ||
		     !is_brief(it->pod, one->container)))
			return false;
	}
	return true;
}

static size_t take_some(struct taking *it, size_t wanted, bool reuse)
{
	size_t taken = 0;

	for (size_t i = 0; i < it->devices->count && taken < wanted; i++) {
		const struct device *device = &it->devices->list[i];

		if (device->name != it->name || !device->present ||
		    is_held(it->devices, i) != reuse || !is_free_for(it, i))
			continue;
		hold(it->devices, it->uid, it->container, i);
		it->added++;
		taken++;
	}
	return taken;
}

static bool take_resource(struct taking *it, struct str key, struct str text, struct error *err)
{
	struct str name = str_from(key.at + sizeof(DEVICES_PREFIX) - 1,
				   key.len - (sizeof(DEVICES_PREFIX) - 1));
	size_t have, missing;
	int64_t count;

	it->name = known_name(it->devices, name);
	if (!it->name)
		return error_set(err, ERROR_NOT_FOUND,
				 "cannot allocate unregistered device " STR_FMT, STR_ARG(key));
	if (!quantity_value(text, &count, err))
		return false;
	have = count_own(it);
	if (count <= (int64_t)have)
		return true;
	missing = (size_t)count - have;
	missing -= take_some(it, missing, true);
	have = take_some(it, missing, false);
	if (have == missing)
		return true;
	return error_set(err, ERROR_UNAVAILABLE,
			 "requested number of devices unavailable for " STR_FMT
			 ". Requested: %zu, Available: %zu",
			 STR_ARG(key), missing, have);
}

static bool take_container(struct taking *it, const struct json *container, struct error *err)
{
	const struct json *limits = json_path(container, "resources", "limits", NULL);

	it->container = json_str(json_get(container, "name"));
	for (struct json_iter at = json_iter(limits); json_next(&at);)
		if (str_starts(at.key, STR(DEVICES_PREFIX)) &&
		    !take_resource(it, at.key, json_str(at.value), err))
			return false;
	return true;
}

static bool take_all(struct taking *it, struct error *err)
{
	static const char *const lists[] = { "initContainers", "containers" };

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter at = json_iter(json_path(it->pod, "spec", lists[i], NULL));
		     json_next(&at);)
			if (!take_container(it, at.value, err))
				return false;
	return true;
}

bool devices_take(struct devices *devices, const struct json *pod, struct error *err)
{
	struct taking it = { .devices = devices,
			     .pod = pod,
			     .uid = json_str(json_path(pod, "metadata", "uid", NULL)) };

	if (take_all(&it, err) && (it.added == 0 || save(devices, it.uid, err)))
		return true;
	while (it.added-- > 0)
		drop(devices, devices->holding_count - 1);
	return false;
}

void devices_release(struct devices *devices, const char *uid)
{
	bool any = false;

	for (size_t i = devices ? devices->holding_count : 0; i-- > 0;)
		if (strcmp(devices->holdings[i].uid, uid) == 0) {
			drop(devices, i);
			any = true;
		}
	if (any) {
		auto_free char *path = file_of(devices, str_of(uid));

		unlink(path);
	}
}

/* --- for one container --- */

struct planning {
	struct arena *arena;
	struct container_device *list;
	size_t count;
};

static bool below_dev(const char *path)
{
	return strncmp(path, "/dev/", 5) == 0;
}

/* The node's real name inside as outside; the stable name leads to it. */
static bool plan_node(struct planning *it, const char *path, struct error *err)
{
	auto_free char *real = realpath(path, NULL);
	const char *last = real ? strrchr(real, '/') + 1 : "";
	struct container_device *out = &it->list[it->count];
	struct stat facts;

	if (!real || stat(real, &facts) != 0 || !is_node(&facts))
		return error_set(err, ERROR_NOT_FOUND, "device %s is not plugged in", path);
	if (it->count == CONTAINER_DEVICES_MAX)
		return error_set(err, ERROR_TOO_LARGE,
				 "more than %d device nodes for one container",
				 CONTAINER_DEVICES_MAX);
	*out = (struct container_device){
		.path = below_dev(real) ? arena_string(it->arena, real, strlen(real))
					: arena_print(it->arena, "/dev/%s", last),
		.block = S_ISBLK(facts.st_mode),
		.major = major(facts.st_rdev),
		.minor = minor(facts.st_rdev),
		.mode = (facts.st_mode & 0777) | 0660,
	};
	if (strcmp(path, out->path) != 0 && below_dev(path))
		out->link = arena_string(it->arena, path, strlen(path));
	it->count++;
	return true;
}

static bool plan_folder(struct planning *it, const char *path, struct error *err)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool fine = true;

	if (!dir)
		return error_set(err, ERROR_NOT_FOUND, "device %s is not plugged in", path);
	while (fine && (entry = readdir(dir))) {
		auto_free char *node = memory_print("%s/%s", path, entry->d_name);
		struct stat facts;

		if (stat(node, &facts) == 0 && is_node(&facts))
			fine = plan_node(it, node, err);
	}
	closedir(dir);
	return fine;
}

static bool plan_device(struct planning *it, const char *path, struct error *err)
{
	struct stat facts;

	return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode) ? plan_folder(it, path, err)
								 : plan_node(it, path, err);
}

/* "MOTE_DEVICE_SERIAL_PORT=" of "serial-port" */
static void begin_env(const char *name, struct buf *out)
{
	buf_add_text(out, "MOTE_DEVICE_");
	for (; *name; name++)
		buf_add_byte(out,
			     (char)(isalnum((unsigned char)*name) ? toupper((unsigned char)*name)
								  : '_'));
	buf_add_byte(out, '=');
}

static const char *env_of(const struct devices *devices, const char *name, struct str uid,
			  struct str container, struct arena *arena)
{
	auto_buf text = BUF_INIT;
	size_t count = 0;

	begin_env(name, &text);
	for (size_t i = 0; i < devices->holding_count; i++) {
		const struct holding *one = &devices->holdings[i];
		const struct device *device = &devices->list[one->device];

		if (str_is(uid, one->uid) && str_is(container, one->container) &&
		    strcmp(device->name, name) == 0)
			buf_add_print(&text, "%s%s%s", count++ > 0 ? "," : "",
				      below_dev(device->path) ? "" : "/dev",
				      below_dev(device->path) ? device->path
							      : strrchr(device->path, '/'));
	}
	return count > 0 ? str_copy_arena(buf_str(&text), arena) : NULL;
}

bool devices_plan(const struct devices *devices, struct str uid, struct str container,
		  struct arena *arena, struct devices_given *out, struct error *err)
{
	struct planning it = { .arena = arena };
	const char **env = arena_zero(arena, (devices->pattern_count + 1) * sizeof(*env));
	size_t count = 0;

	it.list = arena_zero(arena, (CONTAINER_DEVICES_MAX + 1) * sizeof(*it.list));
	for (size_t i = 0; i < devices->holding_count; i++) {
		const struct holding *one = &devices->holdings[i];

		if (str_is(uid, one->uid) && str_is(container, one->container) &&
		    !plan_device(&it, devices->list[one->device].path, err))
			return false;
	}
	for (size_t i = 0; i < devices->pattern_count; i++) {
		const char *text =
			is_first_of_name(devices, i)
				? env_of(devices, devices->patterns[i].name, uid, container, arena)
				: NULL;

		if (text)
			env[count++] = text;
	}
	*out = (struct devices_given){ it.list, it.count, env };
	return true;
}

/* --- life --- */

bool devices_validate(const struct option_list *words, struct error *err)
{
	for (size_t i = 0; i < words->count; i++) {
		struct str glob = str_of(words->items[i]), name = str_cut(&glob, '=');
		bool fine = name.len > 0 && name.len <= NAME_LEN_MAX && glob.len > 0 &&
			    glob.at[0] == '/' && glob.len < PATH_MAX;

		for (size_t j = 0; j < name.len; j++)
			fine = fine && (islower((unsigned char)name.at[j]) ||
					isdigit((unsigned char)name.at[j]) ||
					(name.at[j] == '-' && j > 0 && j + 1 < name.len));
		if (!fine)
			return error_set(err, ERROR_INVALID,
					 "--device \"%s\" must be NAME=PATTERN: a name of small "
					 "letters, digits and dashes, and an absolute path, which "
					 "may have * and ?",
					 words->items[i]);
	}
	return true;
}

static void add_patterns(struct devices *devices, const struct option_list *words)
{
	devices->patterns = memory_zero((words->count + 1) * sizeof(*devices->patterns));
	for (size_t i = 0; i < words->count; i++) {
		struct str glob = str_of(words->items[i]), name = str_cut(&glob, '=');
		struct pattern *pattern = &devices->patterns[devices->pattern_count++];

		pattern->glob = str_copy(glob);
		pattern->name = str_copy(name);
	}
}

/* One name, one pointer: they are compared so. */
static void share_names(struct devices *devices)
{
	for (size_t i = 0; i < devices->pattern_count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(devices->patterns[i].name, devices->patterns[j].name) == 0 &&
			    devices->patterns[i].name != devices->patterns[j].name) {
				free(devices->patterns[i].name);
				devices->patterns[i].name = devices->patterns[j].name;
			}
}

bool devices_open(struct loop *loop, const struct option_list *words, const char *pods,
		  void (*on_change)(void *of), void *of, struct devices **out, struct error *err)
{
	struct devices *devices;

	if (!devices_validate(words, err))
		return false;
	devices = memory_new(struct devices);
	devices->loop = loop;
	devices->pods = memory_string(pods);
	devices->on_change = on_change;
	devices->of = of;
	devices->settle.on_timer = on_settle;
	devices->watch = (struct loop_fd){ .on_event = on_event, .fd = -1 };
	add_patterns(devices, words);
	share_names(devices);
	load_all(devices);
	*out = devices;
	if (words->count == 0)
		return true;
	devices->watch.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (devices->watch.fd < 0 || !loop_fd_start(loop, &devices->watch, LOOP_READ, err))
		log_warn("agent.devices", "plugging and unplugging is not heard", "errno=%d",
			 errno);
	else
		watch_all(devices);
	look(devices);
	return true;
}

void devices_close(struct devices *devices)
{
	if (!devices)
		return;
	loop_timer_stop(&devices->settle);
	loop_fd_stop(&devices->watch);
	if (devices->watch.fd >= 0)
		close(devices->watch.fd);
	while (devices->holding_count > 0)
		drop(devices, 0);
	for (size_t i = 0; i < devices->count; i++)
		free(devices->list[i].path);
	for (size_t i = devices->pattern_count; i-- > 0;) {
		if (is_first_of_name(devices, i))
			free(devices->patterns[i].name);
		free(devices->patterns[i].glob);
	}
	free(devices->patterns);
	free(devices->list);
	free(devices->holdings);
	free(devices->pods);
	free(devices);
}
