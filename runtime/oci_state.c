/*
 * oci_state.c - the folder of a container, its facts, and what phase it is in.
 */
#include "runtime/oci_state.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/cgroup_spec.h"
#include "runtime/container_state.h"

#define STATE_BYTES_MAX (1024u * 1024)
#define ID_MAX          1024

char *oci_state_root(const char *said)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (said && *said)
		return memory_string(said);
	if (geteuid() != 0 && runtime && *runtime)
		return memory_print("%s/mote-oci", runtime);
	return memory_string("/run/mote-oci");
}

bool oci_id_validate(const char *id, struct error *err)
{
	size_t len = strlen(id);

	if (len == 0)
		return error_set(err, ERROR_INVALID, "container id cannot be empty");
	if (len > ID_MAX || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
		return error_set(err, ERROR_INVALID, "invalid container ID format: %.64s", id);
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)id[i]) && !strchr("_+-.", id[i]))
			return error_set(err, ERROR_INVALID, "invalid container ID format: %.64s",
					 id);
	return true;
}

static struct oci_state *new_state(const char *root, const char *id)
{
	struct oci_state *state = memory_new(struct oci_state);

	state->id = memory_string(id);
	state->root = memory_string(root);
	state->folder = memory_print("%s/%s", root, id);
	state->lock = -1;
	return state;
}

void oci_state_close(struct oci_state *state)
{
	if (!state)
		return;
	free(state->id);
	free(state->root);
	free(state->folder);
	free(state->bundle);
	free(state->rootfs);
	free(state->created);
	cgroup_close(state->cgroup);
	if (state->lock >= 0)
		close(state->lock);
	free(state);
}

static bool take_lock(struct oci_state *state, struct error *err)
{
	auto_free char *path = memory_print("%s/lock", state->folder);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return error_os(err, "open %s", path);
	state->lock = fd;
	while (flock(fd, LOCK_EX) != 0)
		if (errno != EINTR)
			return error_os(err, "lock %s", path);
	return true;
}

bool oci_state_make(const char *root, const char *id, struct oci_state **out, struct error *err)
{
	auto_oci_state state = NULL;
	struct timespec now;
	struct tm parts;
	char text[48];

	if (!oci_id_validate(id, err) || !file_make_dirs(root, 0700, err))
		return false;
	state = new_state(root, id);
	if (mkdir(state->folder, 0711) != 0)
		return errno == EEXIST ? error_set(err, ERROR_EXISTS,
						   "container with given ID already exists: %s", id)
				       : error_os(err, "make %s", state->folder);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	state->created = memory_print("%s.%09ldZ", text, now.tv_nsec);
	state->owner = geteuid();
	if (!take_lock(state, err))
		return false;
	*out = take_ptr(&state);
	return true;
}

/* --- state.json --- */

bool oci_state_lay_aside(const struct oci_state *state, struct error *err)
{
	auto_free char *path = memory_print("%s/state.json", state->folder);
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	auto_buf text = BUF_INIT;

	json_put(doc, root, "id", json_new_text(doc, state->id));
	json_put(doc, root, "bundle", json_new_text(doc, state->bundle));
	json_put(doc, root, "rootfs", json_new_text(doc, state->rootfs));
	json_put(doc, root, "created", json_new_text(doc, state->created));
	json_put(doc, root, "pid", json_new_int(doc, state->pid));
	json_put(doc, root, "started", json_new_uint(doc, state->started));
	json_put(doc, root, "owner", json_new_int(doc, state->owner));
	if (state->cgroup)
		json_put(doc, root, "cgroup", cgroup_print(state->cgroup, doc));
	json_print(root, &text);
	return container_state_lay_aside(path, buf_str(&text), err);
}

bool oci_state_take(const struct oci_state *state, struct error *err)
{
	auto_free char *path = memory_print("%s/state.json", state->folder);

	return container_state_take(path, err);
}

static char *copy_of(const struct json *value)
{
	struct str text = json_str(value);

	return str_copy(text.at ? text : STR(""));
}

static bool load(struct oci_state *state, struct error *err)
{
	auto_free char *path = memory_print("%s/state.json", state->folder);
	auto_json_doc doc = NULL;
	auto_buf text = BUF_INIT;
	const struct json *root;

	if (!file_read(path, STATE_BYTES_MAX, &text, err))
		return false;
	if (!json_parse(buf_str(&text), &doc, NULL, err))
		return error_context(err, "%s", path);
	root = json_root(doc);
	state->bundle = copy_of(json_get(root, "bundle"));
	state->rootfs = copy_of(json_get(root, "rootfs"));
	state->created = copy_of(json_get(root, "created"));
	state->pid = (pid_t)json_int(json_get(root, "pid"));
	state->started = (uint64_t)json_int(json_get(root, "started"));
	state->owner = (uid_t)json_int(json_get(root, "owner"));
	return !json_get(root, "cgroup") ||
	       cgroup_parse(json_get(root, "cgroup"), &state->cgroup, err);
}

bool oci_state_open(const char *root, const char *id, bool lock, struct oci_state **out,
		    struct error *err)
{
	auto_oci_state state = NULL;

	if (!oci_id_validate(id, err))
		return false;
	state = new_state(root, id);
	if (access(state->folder, F_OK) != 0)
		return error_set(err, ERROR_NOT_FOUND, "container does not exist: %s", id);
	if (lock && !take_lock(state, err))
		return false;
	if (!load(state, err)) {
		/* Its creation was cut: there is a folder and nothing in it. */
		if (err->kind != ERROR_NOT_FOUND)
			return false;
		if (access(state->folder, F_OK) != 0)
			return error_set(err, ERROR_NOT_FOUND, "container does not exist: %s", id);
		state->bundle = memory_string("");
		state->rootfs = memory_string("");
		state->created = memory_string("");
	}
	*out = take_ptr(&state);
	return true;
}

bool oci_state_save_config(const struct oci_state *state, const struct oci_config *config,
			   struct error *err)
{
	auto_free char *path = memory_print("%s/config.json", state->folder);
	auto_buf text = BUF_INIT;

	json_print(config->root, &text);
	return container_state_replace(path, buf_str(&text), err);
}

bool oci_state_load_config(const struct oci_state *state, struct oci_config **out,
			   struct error *err)
{
	auto_free char *path = memory_print("%s/config.json", state->folder);
	auto_buf text = BUF_INIT;

	return file_read(path, OCI_CONFIG_BYTES_MAX, &text, err) &&
	       oci_config_parse(buf_str(&text), state->bundle, out, err);
}

bool oci_state_remove(const struct oci_state *state, struct error *err)
{
	return file_remove_tree(state->folder, err);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool oci_state_list(const char *root, struct arena *arena, const char ***out, struct error *err)
{
	DIR *dir = opendir(root);
	struct dirent *entry;
	struct error ignored;
	size_t count = 0;
	size_t room = 0;

	*out = arena_zero(arena, sizeof(char *));
	if (!dir)
		return errno == ENOENT || error_os(err, "open %s", root);
	while ((entry = readdir(dir)))
		room += entry->d_type == DT_DIR;
	rewinddir(dir);
	*out = arena_zero(arena, (room + 1) * sizeof(char *));
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && count < room &&
		    oci_id_validate(entry->d_name, &ignored))
			(*out)[count++] = arena_string(arena, entry->d_name, strlen(entry->d_name));
	closedir(dir);
	qsort(*out, count, sizeof(char *), compare);
	return true;
}

/* --- phases --- */

/* "PID (NAME) STATE ..."; a name may have anything in it. */
bool oci_process_started(pid_t pid, uint64_t *out_ticks)
{
	auto_free char *path = memory_print("/proc/%d/stat", (int)pid);
	auto_buf text = BUF_INIT;
	struct error ignored;
	struct str rest;
	const char *end;
	char state;

	if (pid <= 0 || !file_read(path, 4096, &text, &ignored))
		return false;
	end = strrchr(buf_text(&text), ')');
	if (!end || strlen(end) < 4)
		return false;
	rest = str_of(end + 2);
	state = rest.at[0];
	for (int i = 3; i < 22; i++)
		str_cut(&rest, ' ');
	return state != 'Z' && state != 'X' &&
	       str_to_u64(str_cut(&rest, ' '), UINT64_MAX, out_ticks);
}

enum oci_phase oci_state_phase(const struct oci_state *state)
{
	auto_free char *pipe = memory_print("%s/start", state->folder);
	uint64_t ticks;

	if (state->pid == 0 && state->lock < 0) {
		/* Who makes it holds the lock. */
		auto_free char *path = memory_print("%s/lock", state->folder);
		auto_fd fd = open(path, O_RDWR | O_CLOEXEC);

		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0)
			return OCI_CREATING;
	}
	if (!oci_process_started(state->pid, &ticks) || ticks != state->started)
		return OCI_STOPPED;
	if (state->cgroup && cgroup_spec_is_frozen(state->cgroup))
		return OCI_PAUSED;
	return access(pipe, F_OK) == 0 ? OCI_CREATED : OCI_RUNNING;
}

const char *oci_phase_name(enum oci_phase phase)
{
	static const char *const names[] = {
		[OCI_CREATING] = "creating", [OCI_CREATED] = "created", [OCI_RUNNING] = "running",
		[OCI_PAUSED] = "paused",     [OCI_STOPPED] = "stopped",
	};

	return names[phase];
}

struct json *oci_state_print(const struct oci_state *state, const struct oci_config *config,
			     const char *status, struct json_doc *doc)
{
	enum oci_phase phase = status ? OCI_CREATING : oci_state_phase(state);
	struct json *root = json_new_object(doc);
	const struct json *annotations = config ? json_get(config->root, "annotations") : NULL;
	bool alive = status ? strcmp(status, "stopped") != 0 : phase != OCI_STOPPED;

	json_put(doc, root, "ociVersion", json_new_text(doc, OCI_VERSION));
	json_put(doc, root, "id", json_new_text(doc, state->id));
	json_put(doc, root, "pid", json_new_int(doc, alive ? state->pid : 0));
	json_put(doc, root, "status", json_new_text(doc, status ? status : oci_phase_name(phase)));
	json_put(doc, root, "bundle", json_new_text(doc, state->bundle));
	if (json_count(annotations) > 0)
		json_put(doc, root, "annotations", json_clone(doc, annotations));
	return root;
}

/* --- the pipe --- */

/* Open for both: the reading end waits then, with or without somebody at the other. */
bool oci_state_make_pipe(const struct oci_state *state, int *out_fd, struct error *err)
{
	auto_free char *path = memory_print("%s/start", state->folder);

	if (mkfifo(path, 0600) != 0)
		return error_os(err, "make %s", path);
	*out_fd = open(path, O_RDWR | O_CLOEXEC);
	return *out_fd >= 0 || error_os(err, "open %s", path);
}

bool oci_state_let_go(const struct oci_state *state, struct error *err)
{
	auto_free char *path = memory_print("%s/start", state->folder);
	auto_fd fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return error_os(err, "start container %s", state->id);
	if (unlink(path) != 0)
		return error_os(err, "remove %s", path);
	return write(fd, "s", 1) == 1 || error_os(err, "start container %s", state->id);
}
