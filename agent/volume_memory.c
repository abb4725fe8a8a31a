/*
 * volume_memory.c - mounts of tmpfs and hugetlbfs; whose a volume is, its folder's owner says.
 */
#include "agent/volume_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "api/quantity.h"
#include "base/file.h"
#include "runtime/user_namespace.h"

#define TMPFS_KIND     0x01021994 /* linux/magic.h: TMPFS_MAGIC */
#define HUGETLBFS_KIND 0x958458f6

bool volume_memory_is_mounted(const char *path)
{
	auto_free char *above = memory_print("%s/..", path);
	struct stat st, st_above;
	struct statfs fs;

	return statfs(path, &fs) == 0 &&
	       (fs.f_type == TMPFS_KIND || (uint32_t)fs.f_type == HUGETLBFS_KIND) &&
	       stat(path, &st) == 0 && stat(above, &st_above) == 0 && st.st_dev != st_above.st_dev;
}

static int64_t quantity_of(const struct json *value)
{
	struct str text = json_str(value);
	struct error ignored;
	int64_t bytes;

	return text.len > 0 && quantity_value(text, &bytes, &ignored) && bytes > 0 ? bytes : 0;
}

/* What all containers together may use; 0 = one of them has no limit. */
static int64_t memory_limit(const struct json *pod)
{
	int64_t sum = 0;

	for (struct json_iter it = json_iter(json_path(pod, "spec", "containers", NULL));
	     json_next(&it);) {
		int64_t limit =
			quantity_of(json_path(it.value, "resources", "limits", "memory", NULL));

		if (limit == 0 || limit > INT64_MAX - sum)
			return 0;
		sum += limit;
	}
	return sum;
}

/* As kubelets size it: what the pod may use, else what all pods may, or less if it says so. */
static int64_t memory_size(const struct volumes_work *work, const struct json *part)
{
	int64_t sizes[] = { work->facts ? work->facts->memory : 0, memory_limit(work->pod),
			    quantity_of(json_get(part, "sizeLimit")) };
	int64_t least = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++)
		if (sizes[i] > 0 && (least == 0 || sizes[i] < least))
			least = sizes[i];
	return least;
}

uint32_t volume_memory_ids(const struct volumes_work *work, const char *path)
{
	struct stat st;

	/* The pod may give the folder to others of its users. */
	if (work->user_base == 0 || !volume_memory_is_mounted(path) || stat(path, &st) < 0)
		return 0;
	return st.st_uid - work->user_base < USER_NAMESPACE_IDS ? work->user_base : 0;
}

/* Programs may be started from there: scripts are handed out as secrets, too. */
static bool mount_one(const struct volumes_work *work, const char *type, const char *more,
		      const char *path, struct error *err)
{
	auto_free char *options =
		memory_print("uid=%u,gid=%u,%s", work->user_base, work->user_base, more);

	if (mount(type, path, type, MS_NOSUID | MS_NODEV, options) < 0)
		return error_os(err, "cannot mount %s at %s", type, path);
	return true;
}

bool volume_memory_empty(const struct volumes_work *work, const struct json *part, const char *path,
			 int64_t page_size, struct error *err)
{
	int64_t bytes = memory_size(work, part);
	char more[64] = "mode=0777";

	if (page_size > 0) {
		snprintf(more, sizeof(more), "mode=0777,pagesize=%" PRId64 "K", page_size / 1024);
		return mount_one(work, "hugetlbfs", more, path, err);
	}
	if (bytes > 0)
		snprintf(more, sizeof(more), "mode=0777,size=%" PRId64, bytes);
	return mount_one(work, "tmpfs", more, path, err);
}

/* Mounted once for the life of the pod, and anew after the machine was off.  A folder that has
 * files is one of a running pod whose agent did not do so: its containers hold it. */
bool volume_memory_files(const struct volumes_work *work, const char *path, struct error *err)
{
	if (volume_memory_is_mounted(path))
		return true;
	if (!file_make_dirs(path, 0755, err))
		return false;
	if (rmdir(path) < 0) {
		if (errno == ENOTEMPTY || errno == EEXIST)
			return true;
		return error_os(err, "cannot remake %s", path);
	}
	if (mkdir(path, 0755) < 0)
		return error_os(err, "cannot make %s", path);
	return mount_one(work, "tmpfs", "mode=0755", path, err);
}
