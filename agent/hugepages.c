/*
 * hugepages.c - the names "hugepages-2Mi", and what they say.
 */
#include "agent/hugepages.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#include "api/quantity.h"
#include "base/file.h"

#define PREFIX "hugepages-"
#define FOLDER "/sys/kernel/mm/hugepages"

/* One size, its folder is "hugepages-2048kB"; gives the bytes. */
static int64_t offer_size(struct json_doc *doc, struct json *to, const char *folder)
{
	auto_free char *path = memory_print("%s/%s/nr_hugepages", FOLDER, folder);
	struct str size = str_of(folder);
	auto_buf text = BUF_INIT;
	struct error ignored;
	int64_t kib, count;
	char name[48];

	str_cut(&size, '-');
	if (!str_ends(size, STR("kB")) || !file_read(path, 64, &text, &ignored))
		return 0;
	size.len -= 2;
	if (!str_to_i64(size, 1, INT64_MAX / 1024, &kib) ||
	    !str_to_i64(str_from(text.at, strcspn(buf_text(&text), "\n")), 0, INT32_MAX, &count))
		return 0;
	snprintf(name, sizeof(name), PREFIX "%" PRId64 "%s",
		 kib >= 1048576 ? kib / 1048576
		 : kib >= 1024  ? kib / 1024
				: kib,
		 kib >= 1048576 ? "Gi"
		 : kib >= 1024  ? "Mi"
				: "Ki");
	json_put(doc, to, name,
		 json_new_print(doc, count > 0 ? "%" PRId64 "Ki" : "%" PRId64, count * kib));
	return count * kib * 1024;
}

int64_t hugepages_offer(struct json_doc *doc, struct json *to)
{
	DIR *open = opendir(FOLDER);
	struct dirent *entry;
	int64_t all = 0;

	while (open && (entry = readdir(open)))
		if (entry->d_name[0] != '.')
			all += offer_size(doc, to, entry->d_name);
	if (open)
		closedir(open);
	return all;
}

/* The bytes that "hugepages-2Mi" names; 0: it is another resource. */
static int64_t size_of(struct str key)
{
	struct error ignored;
	int64_t bytes;

	return str_starts(key, STR(PREFIX)) &&
			       quantity_value(str_from(key.at + sizeof(PREFIX) - 1,
						       key.len - (sizeof(PREFIX) - 1)),
					      &bytes, &ignored) &&
			       bytes > 0
		       ? bytes
		       : 0;
}

void hugepages_limit(const struct json *resources, struct resources_plan *out)
{
	size_t count = 0;

	out->hugepages_limited = true;
	for (struct json_iter it = json_iter(json_get(resources, "limits")); json_next(&it);) {
		struct error ignored;
		int64_t size = size_of(it.key), bytes;

		if (size == 0 || count == HUGEPAGE_SIZES_MAX ||
		    !quantity_value(json_str(it.value), &bytes, &ignored) || bytes < 0)
			continue;
		out->hugepages[count++] =
			(struct hugepage_limit){ (uint64_t)size, (uint64_t)bytes };
	}
}

static bool is_known(int64_t size)
{
	char path[96];

	snprintf(path, sizeof(path), FOLDER "/" PREFIX "%" PRId64 "kB", size / 1024);
	return file_exists(path);
}

/* The one size that the containers ask for. */
static bool size_of_pod(const struct json *pod, int64_t *out, struct error *err)
{
	static const char *const lists[] = { "initContainers", "containers" };

	*out = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter c = json_iter(json_path(pod, "spec", lists[i], NULL));
		     json_next(&c);)
			for (struct json_iter it =
				     json_iter(json_path(c.value, "resources", "requests", NULL));
			     json_next(&it);) {
				int64_t size = size_of(it.key);

				if (size > 0 && *out > 0 && size != *out)
					return error_set(err, ERROR_INVALID,
							 "medium HugePages can only be used if "
							 "container requests use one page size");
				*out = size > 0 ? size : *out;
			}
	return *out > 0 ||
	       error_set(err, ERROR_INVALID, "no container of the pod asks for huge pages");
}

bool hugepages_medium(const struct json *pod, struct str medium, int64_t *out_size,
		      struct error *err)
{
	struct str size = STR_NONE;

	*out_size = 0;
	if (str_is(medium, "HugePages"))
		return size_of_pod(pod, out_size, err);
	if (!str_starts(medium, STR("HugePages-")))
		return true;
	size = str_from(medium.at + 10, medium.len - 10);
	if (!quantity_value(size, out_size, err))
		return false;
	return is_known(*out_size) ||
	       error_set(err, ERROR_INVALID, "this machine has no huge pages of " STR_FMT,
			 STR_ARG(size));
}
