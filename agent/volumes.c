/*
 * volumes.c - the table of volume types and what each does.
 */
#include "agent/volumes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/hugepages.h"
#include "agent/payload.h"
#include "agent/user_range.h"
#include "agent/volume_claim.h"
#include "agent/volume_group.h"
#include "agent/volume_memory.h"
#include "agent/volume_mounts.h"
#include "api/quantity.h"
#include "base/file.h"

struct volume_type {
	const char *field; /* of the volume in the pod's spec */
	bool read_only;
	bool secret; /* its files are in memory only */
	bool whole;  /* prepare is given the volume, not the field */
	bool (*prepare)(const struct volumes_work *work, const struct json *part, const char *path,
			struct error *err);
};

/* Of a volume or a projected source: its field that no row names. */
static struct str unknown_type(const struct json *volume)
{
	for (struct json_iter it = json_iter(volume); json_next(&it);)
		if (!str_is(it.key, "name"))
			return it.key;
	return STR("nothing");
}

/* --- emptyDir --- */

/* Made before and filled by the pod?  A folder with this mode was left in the middle. */
#define UNFINISHED 01000

static bool is_made(const char *path, bool memory)
{
	struct stat st;

	return stat(path, &st) == 0 &&
	       (memory ? volume_memory_is_mounted(path) : (st.st_mode & 07777) != UNFINISHED);
}

static bool prepare_empty(const struct volumes_work *work, const struct json *part,
			  const char *path, struct error *err)
{
	auto_free char *above = memory_print("%s/volumes", work->folder);
	struct str medium = json_str(json_get(part, "medium"));
	int64_t group = volume_group_of(work->pod), page_size;
	bool memory;

	if (!hugepages_medium(work->pod, medium, &page_size, err))
		return false;
	memory = str_is(medium, "Memory") || page_size > 0;
	if (is_made(path, memory))
		return true;
	if (!file_make_dirs(above, 0755, err))
		return false;
	if (mkdir(path, UNFINISHED) < 0 && errno != EEXIST)
		return error_os(err, "cannot make %s", path);
	if (memory && !volume_memory_empty(work, part, path, page_size, err))
		return false;
	if (group >= 0 && chown(path, (uid_t)-1,
				(gid_t)user_range_host(volume_memory_ids(work, path), group)) < 0)
		return error_os(err, "cannot give %s to its group", path);
	if (chmod(path, group >= 0 ? 02777 : 0777) < 0)
		return error_os(err, "cannot open %s for all", path);
	return true;
}

/* --- hostPath --- */

struct host_type {
	const char *type;
	mode_t mode;
	const char *words; /* as kubelets say it */
};

static const struct host_type *host_type(const char *type)
{
	static const struct host_type rows[] = {
		{ "Directory", S_IFDIR, "a directory" },
		{ "DirectoryOrCreate", S_IFDIR, "a directory" },
		{ "File", S_IFREG, "a file" },
		{ "FileOrCreate", S_IFREG, "a file" },
		{ "Socket", S_IFSOCK, "a socket file" },
		{ "CharDevice", S_IFCHR, "a character device" },
		{ "BlockDevice", S_IFBLK, "a block device" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (strcmp(type, rows[i].type) == 0)
			return &rows[i];
	return NULL;
}

/* Only what is not there is made: what is there may be a pipe, whose opening would wait. */
static bool make_host(const char *host, const char *type, struct error *err)
{
	auto_fd fd = -1;

	if (strcmp(type, "FileOrCreate") != 0)
		return file_make_dirs(host, 0755, err);
	fd = open(host, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	return fd >= 0 || error_os(err, "cannot make %s", host);
}

static bool prepare_host(const struct volumes_work *work, const struct json *part, const char *path,
			 struct error *err)
{
	auto_free char *host = str_copy(json_str(json_get(part, "path")));
	auto_free char *type = str_copy(json_str(json_get(part, "type")));
	const struct host_type *row = host_type(type);
	struct stat st;

	(void)work;
	(void)path;
	if (!row && *type)
		return error_set(err, ERROR_INVALID, "%s is an invalid volume type", type);
	if (stat(host, &st) < 0) {
		if (errno == ENOENT && (!row || str_ends(str_of(type), STR("OrCreate"))))
			return make_host(host, type, err);
		return row ? error_set(err, ERROR_INVALID,
				       "hostPath type check failed: %s is not %s", host, row->words)
			   : error_os(err, "cannot look at %s", host);
	}
	if (row && (st.st_mode & S_IFMT) != row->mode)
		return error_set(err, ERROR_INVALID, "hostPath type check failed: %s is not %s",
				 host, row->words);
	return true;
}

/* --- files from the API --- */

struct filling {
	const struct volumes_work *work;
	struct payload payload;
	unsigned mode; /* where an item has none */
};

static unsigned mode_of(const struct json *part, unsigned fallback)
{
	const struct json *mode = json_get(part, "mode");

	return json_is_int(mode) ? (unsigned)json_int(mode) & 0777u : fallback;
}

static bool add_value(struct filling *fill, struct str path, const struct json *value, bool encoded,
		      struct error *err)
{
	auto_buf plain = BUF_INIT;

	if (!encoded)
		return payload_add(&fill->payload, path, json_str(value), fill->mode, err);
	if (!buf_add_base64_decoded(&plain, json_str(value)))
		return error_set(err, ERROR_INVALID, "the value of " STR_FMT " is not base64",
				 STR_ARG(path));
	return payload_add(&fill->payload, path, buf_str(&plain), fill->mode, err);
}

/* data is plain in config maps and base64 in secrets; binaryData is base64 */
static const struct json *value_of(const struct json *object, struct str key, bool secret,
				   bool *out_encoded)
{
	const struct json *value = json_get_str(json_get(object, "data"), key);

	*out_encoded = secret || !value;
	return value ? value : json_get_str(json_get(object, "binaryData"), key);
}

static bool add_items(struct filling *fill, const struct json *object, const struct json *part,
		      bool secret, struct error *err)
{
	unsigned fallback = fill->mode;
	bool encoded;

	for (struct json_iter it = json_iter(json_get(part, "items")); json_next(&it);) {
		struct str key = json_str(json_get(it.value, "key"));
		const struct json *value = value_of(object, key, secret, &encoded);
		bool done;

		if (!value && json_bool(json_get(part, "optional")))
			continue;
		if (!value)
			return error_set(err, ERROR_NOT_FOUND,
					 "references non-existent %s key: " STR_FMT,
					 secret ? "secret" : "config", STR_ARG(key));
		fill->mode = mode_of(it.value, fallback);
		done = add_value(fill, json_str(json_get(it.value, "path")), value, encoded, err);
		fill->mode = fallback;
		if (!done)
			return false;
	}
	return true;
}

/* Secret volumes say "secretName", all others "name". */
static struct str name_of(const struct json *part)
{
	struct str name = json_str(json_get(part, "secretName"));

	return name.len > 0 ? name : json_str(json_get(part, "name"));
}

static bool add_object(struct filling *fill, const struct json *object, const struct json *part,
		       bool secret, struct error *err)
{
	static const char *const fields[] = { "data", "binaryData" };

	if (!object && !json_bool(json_get(part, "optional")))
		return error_set(err, ERROR_NOT_FOUND, "%s \"" STR_FMT "\" not found",
				 secret ? "secret" : "configmap", STR_ARG(name_of(part)));
	if (json_type(json_get(part, "items")) == JSON_ARRAY)
		return add_items(fill, object, part, secret, err);
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		for (struct json_iter it = json_iter(json_get(object, fields[i])); json_next(&it);)
			if (!add_value(fill, it.key, it.value, secret || i == 1, err))
				return false;
	return true;
}

static bool add_config_map(struct filling *fill, const struct json *part, struct error *err)
{
	return add_object(fill, sources_config_map(fill->work->sources, name_of(part)), part, false,
			  err);
}

static bool add_secret(struct filling *fill, const struct json *part, struct error *err)
{
	return add_object(fill, sources_secret(fill->work->sources, name_of(part)), part, true,
			  err);
}

static bool print_downward(const struct volumes_work *work, const struct json *item,
			   struct buf *out, struct error *err)
{
	const struct json *resource = json_get(item, "resourceFieldRef");
	struct str name = json_str(json_get(resource, "containerName"));
	const struct json *container = downward_container(work->pod, name);

	if (!resource)
		return downward_field(work->pod, work->facts,
				      json_str(json_path(item, "fieldRef", "fieldPath", NULL)), out,
				      err);
	if (!container)
		return error_set(err, ERROR_INVALID, "container " STR_FMT " not found",
				 STR_ARG(name));
	return downward_resource(container, work->facts, resource, out, err);
}

static bool add_downward(struct filling *fill, const struct json *part, struct error *err)
{
	for (struct json_iter it = json_iter(json_get(part, "items")); json_next(&it);) {
		auto_buf text = BUF_INIT;

		if (!print_downward(fill->work, it.value, &text, err) ||
		    !payload_add(&fill->payload, json_str(json_get(it.value, "path")),
				 buf_str(&text), mode_of(it.value, fill->mode), err))
			return false;
	}
	return true;
}

/* The user of all containers, when they have one and the same; -1 = not so. */
static int64_t user_of(const struct json *pod)
{
	static const char *const lists[] = { "initContainers", "containers" };
	const struct json *common = json_path(pod, "spec", "securityContext", "runAsUser", NULL);
	int64_t user = -1;

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_path(pod, "spec", lists[i], NULL));
		     json_next(&it);) {
			const struct json *own =
				json_path(it.value, "securityContext", "runAsUser", NULL);
			const struct json *runs_as = own ? own : common;

			if (!json_is_int(runs_as) || (user >= 0 && user != json_int(runs_as)))
				return -1;
			user = json_int(runs_as);
		}
	return user;
}

/* A token is its containers' user's alone; with a group, the group's too. */
static bool add_token(struct filling *fill, const struct json *part, struct error *err)
{
	struct str token = sources_token(fill->work->sources, json_str(json_get(part, "audience")),
					 json_int(json_get(part, "expirationSeconds")));
	int64_t user = user_of(fill->work->pod);
	bool done;

	if (token.len == 0)
		return error_set(err, ERROR_NOT_FOUND, "the service account's token is not there");
	fill->payload.owner = user;
	done = payload_add(&fill->payload, json_str(json_get(part, "path")), token,
			   user >= 0 || fill->payload.group >= 0 ? 0600u : fill->mode, err);
	fill->payload.owner = -1;
	return done;
}

static bool add_projected(struct filling *fill, const struct json *part, struct error *err)
{
	static const struct {
		const char *field;
		bool (*add)(struct filling *fill, const struct json *part, struct error *err);
	} rows[] = {
		{ "configMap", add_config_map },
		{ "secret", add_secret },
		{ "downwardAPI", add_downward },
		{ "serviceAccountToken", add_token },
	};

	for (struct json_iter it = json_iter(json_get(part, "sources")); json_next(&it);) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
			if (!json_get(it.value, rows[i].field))
				continue;
			known = true;
			if (!rows[i].add(fill, json_get(it.value, rows[i].field), err))
				return false;
		}
		if (!known)
			return error_set(err, ERROR_INVALID,
					 "this node has no projected sources of the type " STR_FMT,
					 STR_ARG(unknown_type(it.value)));
	}
	return true;
}

static bool prepare_files(const struct volumes_work *work, const struct json *part,
			  const char *path, struct error *err,
			  bool (*add)(struct filling *fill, const struct json *part,
				      struct error *err))
{
	const struct json *mode = json_get(part, "defaultMode");
	struct filling fill = { .work = work,
				.mode = json_is_int(mode) ? (unsigned)json_int(mode) & 0777u
							  : 0644u };
	bool done;

	payload_init(&fill.payload, volume_group_of(work->pod));
	fill.payload.ids = volume_memory_ids(work, path);
	done = add(&fill, part, err) && payload_write(&fill.payload, path, err);
	payload_clear(&fill.payload);
	return done;
}

#define PREPARE_FILES(name)                                                                        \
	static bool prepare_##name(const struct volumes_work *work, const struct json *part,       \
				   const char *path, struct error *err)                            \
	{                                                                                          \
		return prepare_files(work, part, path, err, add_##name);                           \
	}
PREPARE_FILES(config_map)
PREPARE_FILES(secret)
PREPARE_FILES(downward)
PREPARE_FILES(projected)

/* --- image, nfs: volume_mounts.h mounts them, before --- */

static bool check_mounted(const char *path, struct error *err)
{
	return volume_is_mounted(path) || error_set(err, ERROR_UNAVAILABLE, "it is not mounted");
}

static bool prepare_mounted(const struct volumes_work *work, const struct json *part,
			    const char *path, struct error *err)
{
	(void)work;
	(void)part;
	return check_mounted(path, err);
}

/* --- csi: no driver can be registered; in the words of kubelets --- */

static bool check_driver(const struct json *part, struct error *err)
{
	return error_set(err, ERROR_INVALID,
			 "kubernetes.io/csi: driver name " STR_FMT
			 " not found in the list of registered CSI drivers",
			 STR_ARG(json_str(json_get(part, "driver"))));
}

static bool prepare_csi(const struct volumes_work *work, const struct json *part, const char *path,
			struct error *err)
{
	(void)work;
	(void)path;
	return check_driver(part, err);
}

/* --- persistentVolumeClaim, ephemeral --- */

static bool prepare_claim(const struct volumes_work *work, const struct json *volume,
			  const char *path, struct error *err)
{
	const struct json *persistent, *host;

	if (!volume_claim_find(work, volume, &persistent, err))
		return false;
	host = json_path(persistent, "spec", "hostPath", NULL);
	if (host)
		return prepare_host(work, host, path, err);
	if (json_path(persistent, "spec", "local", NULL))
		return volume_claim_prepare(persistent, err);
	if (json_path(persistent, "spec", "nfs", NULL))
		return check_mounted(path, err);
	if (json_path(persistent, "spec", "csi", NULL))
		return check_driver(json_path(persistent, "spec", "csi", NULL), err);
	return error_set(err, ERROR_INVALID,
			 "this node has no persistent volumes of the type that " STR_FMT " has",
			 STR_ARG(meta_str(persistent, "name")));
}

/* --- the table --- */

static const struct volume_type volume_types[] = {
	{ .field = "emptyDir", .prepare = prepare_empty },
	{ .field = "hostPath", .prepare = prepare_host },
	{ .field = "configMap", .read_only = true, .prepare = prepare_config_map },
	{ .field = "secret", .read_only = true, .secret = true, .prepare = prepare_secret },
	{ .field = "downwardAPI", .read_only = true, .prepare = prepare_downward },
	{ .field = "projected", .read_only = true, .secret = true, .prepare = prepare_projected },
	{ .field = "image", .read_only = true, .prepare = prepare_mounted },
	{ .field = "nfs", .prepare = prepare_mounted },
	{ .field = "csi", .prepare = prepare_csi },
	{ .field = "persistentVolumeClaim", .whole = true, .prepare = prepare_claim },
	{ .field = "ephemeral", .whole = true, .prepare = prepare_claim },
};

static const struct volume_type *type_of(const struct json *volume)
{
	for (size_t i = 0; i < ARRAY_LENGTH(volume_types); i++)
		if (json_get(volume, volume_types[i].field))
			return &volume_types[i];
	return NULL;
}

static char *own_path(const struct volumes_work *work, struct str name)
{
	return memory_print("%s/volumes/" STR_FMT, work->folder, STR_ARG(name));
}

bool volumes_prepare(const struct volumes_work *work, struct error *err)
{
	for (struct json_iter it = json_iter(json_path(work->pod, "spec", "volumes", NULL));
	     json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));
		const struct volume_type *type = type_of(it.value);
		auto_free char *path = own_path(work, name);

		if (!type)
			return error_set(err, ERROR_INVALID,
					 "MountVolume.SetUp failed for volume \"" STR_FMT
					 "\" : this node has no volumes of the type " STR_FMT,
					 STR_ARG(name), STR_ARG(unknown_type(it.value)));
		if (type->secret && !volume_memory_files(work, path, err))
			return error_context(err,
					     "MountVolume.SetUp failed for volume \"" STR_FMT "\" ",
					     STR_ARG(name));
		if (!type->prepare(work, type->whole ? it.value : json_get(it.value, type->field),
				   path, err))
			return error_context(err,
					     "MountVolume.SetUp failed for volume \"" STR_FMT "\" ",
					     STR_ARG(name));
	}
	return true;
}

static const struct json *find(const struct volumes_work *work, struct str name)
{
	for (struct json_iter it = json_iter(json_path(work->pod, "spec", "volumes", NULL));
	     json_next(&it);)
		if (str_equal(json_str(json_get(it.value, "name")), name))
			return it.value;
	return NULL;
}

char *volumes_path(const struct volumes_work *work, struct str name)
{
	const struct json *volume = find(work, name);
	struct str host = json_str(json_path(volume, "hostPath", "path", NULL));
	const struct json *persistent;
	struct error ignored;

	if (!volume)
		return NULL;
	if (type_of(volume) && type_of(volume)->whole) {
		if (!volume_claim_find(work, volume, &persistent, &ignored))
			return NULL;
		host = volume_claim_place(persistent);
	}
	return host.len > 0 ? str_copy(host) : own_path(work, name);
}

unsigned volumes_source_kind(const struct volumes_work *work, struct str name)
{
	const struct json *volume = find(work, name), *persistent;
	const struct json *host = json_get(volume, "hostPath");
	auto_free char *type = NULL;
	struct error ignored;

	if (!host && volume && type_of(volume) && type_of(volume)->whole &&
	    volume_claim_find(work, volume, &persistent, &ignored))
		host = json_path(persistent, "spec", "hostPath", NULL);
	type = str_copy(json_str(json_get(host, "type")));
	return host_type(type) ? host_type(type)->mode : 0;
}

uint32_t volumes_own_ids(const struct volumes_work *work, struct str name)
{
	auto_free char *path = volumes_path(work, name), *own = own_path(work, name);

	return path && strcmp(path, own) == 0 && !volumes_is_share(work, name)
		       ? volume_memory_ids(work, own)
		       : 0;
}

bool volumes_is_read_only(const struct volumes_work *work, struct str name)
{
	const struct json *volume = find(work, name);
	const struct volume_type *type = volume ? type_of(volume) : NULL;

	return type && (type->read_only ||
			json_bool(json_path(volume, "persistentVolumeClaim", "readOnly", NULL)) ||
			json_bool(json_path(volume, "nfs", "readOnly", NULL)));
}

bool volumes_is_share(const struct volumes_work *work, struct str name)
{
	const struct json *volume = find(work, name);
	struct volume_nfs ignored;

	return volume && volume_nfs_find(work, volume, &ignored);
}

void volumes_release(const char *folder)
{
	auto_free char *path = memory_print("%s/volumes", folder);
	DIR *open = opendir(path);
	struct dirent *entry;

	while (open && (entry = readdir(open))) {
		auto_free char *below = memory_print("%s/%s", path, entry->d_name);

		if (entry->d_name[0] != '.' && volume_is_mounted(below))
			(void)!umount2(below, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
	if (open)
		closedir(open);
	volume_unmount_below(path);
}
