/*
 * volumes.c - the table of volume types and what each does.
 */
#include "agent/volumes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "agent/payload.h"
#include "api/quantity.h"
#include "base/file.h"

#define TMPFS_KIND 0x01021994 /* linux/magic.h: TMPFS_MAGIC */

struct volume_type {
	const char *field; /* of the volume in the pod's spec */
	bool read_only;
	bool (*prepare)(const struct volumes_work *work, const struct json *part, const char *path,
			struct error *err);
};

static int64_t group_of(const struct json *pod)
{
	const struct json *group = json_path(pod, "spec", "securityContext", "fsGroup", NULL);

	return json_is_int(group) ? json_int(group) : -1;
}

/* --- emptyDir --- */

static bool is_tmpfs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == TMPFS_KIND;
}

/* Shared by the pod's containers, so it is mounted once for all of them. */
static bool mount_memory(const struct json *part, const char *path, struct error *err)
{
	struct str limit = json_str(json_get(part, "sizeLimit"));
	char options[64] = "mode=0777";
	int64_t bytes;

	if (limit.len > 0 && quantity_value(limit, &bytes, err) && bytes > 0)
		snprintf(options, sizeof(options), "mode=0777,size=%" PRId64, bytes);
	if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return error_os(err, "cannot mount memory at %s", path);
	return true;
}

static bool prepare_empty(const struct volumes_work *work, const struct json *part,
			  const char *path, struct error *err)
{
	int64_t group = group_of(work->pod);
	struct stat st;

	if (stat(path, &st) == 0 &&
	    (!str_is(json_str(json_get(part, "medium")), "Memory") || is_tmpfs(path)))
		return true; /* made before, filled by the pod: it is the pod's */
	if (!file_make_dirs(path, 0755, err))
		return false;
	if (str_is(json_str(json_get(part, "medium")), "Memory") && !mount_memory(part, path, err))
		return false;
	if (group >= 0 && chown(path, (uid_t)-1, (gid_t)group) < 0)
		return error_os(err, "cannot give %s to its group", path);
	if (chmod(path, group >= 0 ? 02777 : 0777) < 0)
		return error_os(err, "cannot open %s for all", path);
	return true;
}

/* --- hostPath --- */

static bool host_type_fits(const char *type, mode_t mode)
{
	static const struct {
		const char *type;
		mode_t mode;
	} rows[] = {
		{ "Directory", S_IFDIR },   { "DirectoryOrCreate", S_IFDIR },
		{ "File", S_IFREG },        { "FileOrCreate", S_IFREG },
		{ "Socket", S_IFSOCK },     { "CharDevice", S_IFCHR },
		{ "BlockDevice", S_IFBLK },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (strcmp(type, rows[i].type) == 0)
			return (mode & S_IFMT) == rows[i].mode;
	return *type == '\0';
}

static bool make_host_file(const char *path, struct error *err)
{
	auto_fd fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);

	return fd >= 0 || error_os(err, "cannot make %s", path);
}

static bool prepare_host(const struct volumes_work *work, const struct json *part, const char *path,
			 struct error *err)
{
	auto_free char *host = str_copy(json_str(json_get(part, "path")));
	auto_free char *type = str_copy(json_str(json_get(part, "type")));
	struct stat st;

	(void)work;
	(void)path;
	if (strcmp(type, "DirectoryOrCreate") == 0 && !file_make_dirs(host, 0755, err))
		return false;
	if (strcmp(type, "FileOrCreate") == 0 && !make_host_file(host, err))
		return false;
	if (stat(host, &st) < 0) {
		if (*type == '\0' && errno == ENOENT)
			return file_make_dirs(host, 0755, err);
		return error_set(err, ERROR_INVALID, "hostPath type check failed: %s is not a %s",
				 host, *type ? type : "path");
	}
	if (!host_type_fits(type, st.st_mode))
		return error_set(err, ERROR_INVALID, "hostPath type check failed: %s is not a %s",
				 host, type);
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

static bool add_object(struct filling *fill, const struct json *object, const struct json *part,
		       bool secret, struct error *err)
{
	static const char *const fields[] = { "data", "binaryData" };

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
	return add_object(fill,
			  sources_config_map(fill->work->sources, json_str(json_get(part, "name"))),
			  part, false, err);
}

static bool add_secret(struct filling *fill, const struct json *part, struct error *err)
{
	struct str name = json_str(json_get(part, "secretName"));

	if (name.len == 0)
		name = json_str(json_get(part, "name"));
	return add_object(fill, sources_secret(fill->work->sources, name), part, true, err);
}

static bool add_downward(struct filling *fill, const struct json *part, struct error *err)
{
	const struct volumes_work *work = fill->work;

	for (struct json_iter it = json_iter(json_get(part, "items")); json_next(&it);) {
		const struct json *resource = json_get(it.value, "resourceFieldRef");
		auto_buf text = BUF_INIT;
		bool done;

		if (resource)
			done = downward_resource(
				downward_container(work->pod,
						   json_str(json_get(resource, "containerName"))),
				work->facts, resource, &text, err);
		else
			done = downward_field(
				work->pod, work->facts,
				json_str(json_path(it.value, "fieldRef", "fieldPath", NULL)), &text,
				err);
		if (!done || !payload_add(&fill->payload, json_str(json_get(it.value, "path")),
					  buf_str(&text), mode_of(it.value, fill->mode), err))
			return false;
	}
	return true;
}

static bool add_token(struct filling *fill, const struct json *part, struct error *err)
{
	struct str token = sources_token(fill->work->sources, json_str(json_get(part, "audience")),
					 json_int(json_get(part, "expirationSeconds")));

	/* A token is its container's user's alone; with a group, the group's too. */
	return payload_add(&fill->payload, json_str(json_get(part, "path")), token, fill->mode,
			   err);
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

	for (struct json_iter it = json_iter(json_get(part, "sources")); json_next(&it);)
		for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
			if (json_get(it.value, rows[i].field) &&
			    !rows[i].add(fill, json_get(it.value, rows[i].field), err))
				return false;
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

	payload_init(&fill.payload, group_of(work->pod));
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

/* --- the table --- */

static const struct volume_type volume_types[] = {
	{ "emptyDir", false, prepare_empty },      { "hostPath", false, prepare_host },
	{ "configMap", true, prepare_config_map }, { "secret", true, prepare_secret },
	{ "downwardAPI", true, prepare_downward }, { "projected", true, prepare_projected },
};

static const struct volume_type *type_of(const struct json *volume)
{
	for (size_t i = 0; i < ARRAY_LENGTH(volume_types); i++)
		if (json_get(volume, volume_types[i].field))
			return &volume_types[i];
	return NULL;
}

static struct str unknown_type(const struct json *volume)
{
	for (struct json_iter it = json_iter(volume); json_next(&it);)
		if (!str_is(it.key, "name"))
			return it.key;
	return STR("nothing");
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
					 "volume \"" STR_FMT "\": this node has no volumes of the "
					 "type " STR_FMT,
					 STR_ARG(name), STR_ARG(unknown_type(it.value)));
		if (!type->prepare(work, json_get(it.value, type->field), path, err))
			return error_context(err, "volume \"" STR_FMT "\"", STR_ARG(name));
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

	if (!volume)
		return NULL;
	return host.len > 0 ? str_copy(host) : own_path(work, name);
}

bool volumes_is_read_only(const struct volumes_work *work, struct str name)
{
	const struct json *volume = find(work, name);
	const struct volume_type *type = volume ? type_of(volume) : NULL;

	return type && type->read_only;
}

void volumes_release(const char *folder)
{
	auto_free char *path = memory_print("%s/volumes", folder);
	DIR *open = opendir(path);
	struct dirent *entry;

	while (open && (entry = readdir(open))) {
		auto_free char *below = memory_print("%s/%s", path, entry->d_name);

		if (entry->d_name[0] != '.' && is_tmpfs(below))
			(void)!umount2(below, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
	if (open)
		closedir(open);
}
