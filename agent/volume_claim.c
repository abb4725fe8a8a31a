/*
 * volume_claim.c - a claim leads to its volume by name, both ways; the folder is the machine's.
 */
#include "agent/volume_claim.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"

#define PROVISIONED "pv.kubernetes.io/provisioned-by"
#define LOCAL_PATH  "rancher.io/local-path"
#define FOLDER_WORD "pvc-"

void volume_claim_name(const struct json *pod, const struct json *volume, struct buf *out)
{
	const struct json *claim = json_get(volume, "persistentVolumeClaim");

	if (claim)
		buf_add_str(out, json_str(json_get(claim, "claimName")));
	else if (json_get(volume, "ephemeral"))
		buf_add_print(out, STR_FMT "-" STR_FMT, STR_ARG(meta_str(pod, "name")),
			      STR_ARG(json_str(json_get(volume, "name"))));
}

/* A claim of a pod's own volume is the pod's: one of that name may be somebody else's. */
static bool check_owner(const struct volumes_work *work, const struct json *volume,
			const struct json *claim, struct error *err)
{
	struct str owner = json_str(json_get(meta_controller(claim), "uid"));

	if (!json_get(volume, "ephemeral") || str_equal(owner, meta_str(work->pod, "uid")))
		return true;
	return error_set(err, ERROR_UNAVAILABLE,
			 "PVC " STR_FMT "/" STR_FMT " was not created for pod " STR_FMT "/" STR_FMT
			 " (pod is not owner)",
			 STR_ARG(meta_str(claim, "namespace")), STR_ARG(meta_str(claim, "name")),
			 STR_ARG(meta_str(work->pod, "namespace")),
			 STR_ARG(meta_str(work->pod, "name")));
}

bool volume_claim_find(const struct volumes_work *work, const struct json *volume,
		       const struct json **out, struct error *err)
{
	auto_buf name = BUF_INIT;
	const struct json *claim, *persistent, *reference;

	volume_claim_name(work->pod, volume, &name);
	claim = sources_claim(work->sources, buf_str(&name));
	if (!claim)
		return error_set(err, ERROR_UNAVAILABLE, "PVC %s is not bound", buf_text(&name));
	if (!check_owner(work, volume, claim, err))
		return false;
	if (str_is(json_str(json_path(claim, "spec", "volumeMode", NULL)), "Block"))
		return error_set(err, ERROR_UNAVAILABLE,
				 "PVC %s is a block device: this node mounts file systems only",
				 buf_text(&name));
	persistent = sources_volume(work->sources,
				    json_str(json_path(claim, "spec", "volumeName", NULL)));
	reference = json_path(persistent, "spec", "claimRef", NULL);
	if (!str_equal(json_str(json_get(reference, "uid")), meta_str(claim, "uid")))
		return error_set(err, ERROR_UNAVAILABLE,
				 "PVC %s is not bound to the volume that it names",
				 buf_text(&name));
	*out = persistent;
	return true;
}

struct str volume_claim_place(const struct json *persistent)
{
	struct str local = json_str(json_path(persistent, "spec", "local", "path", NULL));

	return local.len > 0 ? local
			     : json_str(json_path(persistent, "spec", "hostPath", "path", NULL));
}

/* The last part of an absolute path of plain parts; NULL: it is no folder of local storage. */
static const char *folder_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct str rest = str_of(path);

	if (path[0] != '/' || slash == path ||
	    strncmp(slash + 1, FOLDER_WORD, strlen(FOLDER_WORD)) != 0)
		return NULL;
	str_cut(&rest, '/');
	while (rest.len > 0) {
		struct str part = str_cut(&rest, '/');

		if (part.len == 0 || str_is(part, ".") || str_is(part, ".."))
			return NULL;
	}
	return slash + 1;
}

static bool open_above(const char *path, const char *name, int *out_fd, struct error *err)
{
	auto_free char *above = str_copy(str_from(path, (size_t)(name - path)));

	*out_fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *out_fd >= 0 || error_os(err, "cannot open %s", above);
}

/* Made closed and opened for all at the end: one that is half made is known by its mode. */
static bool make_folder(const char *path, struct error *err)
{
	const char *name = folder_name(path);
	auto_fd above = -1;
	auto_fd folder = -1;
	struct stat st;

	if (!name)
		return error_set(err, ERROR_INVALID, "%s is no place for local storage", path);
	{
		auto_free char *root = str_copy(str_from(path, (size_t)(name - path)));

		if (!file_make_dirs(root, 0755, err))
			return false;
	}
	if (!open_above(path, name, &above, err))
		return false;
	if (mkdirat(above, name, 0) < 0 && errno != EEXIST)
		return error_os(err, "cannot make %s", path);
	folder = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0 || fstat(folder, &st) < 0)
		return error_os(err, "cannot open %s", path);
	if ((st.st_mode & 07777) == 0 && fchmod(folder, 0777) < 0)
		return error_os(err, "cannot open %s for all", path);
	return true;
}

bool volume_claim_prepare(const struct json *persistent, struct error *err)
{
	auto_free char *path = str_copy(volume_claim_place(persistent));
	struct stat st;

	if (str_is(meta_annotation(persistent, PROVISIONED), LOCAL_PATH))
		return make_folder(path, err);
	if (lstat(path, &st) < 0)
		return error_os(err, "path \"%s\" does not exist", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ERROR_INVALID, "path \"%s\" is no folder", path);
	return true;
}

bool volume_claim_remove(const char *path, struct error *err)
{
	if (!folder_name(path))
		return error_set(err, ERROR_INVALID, "%s is no folder of local storage", path);
	return file_remove_tree(path, err);
}
