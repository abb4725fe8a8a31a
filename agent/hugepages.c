/*
 * hugepages.c - the names "hugepages-2Mi", and what they say.
 */
#include "agent/hugepages.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/quantity.h"
#include "base/file.h"

#define PREFIX "hugepages-"

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

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%" PRId64 "kB",
		 size / 1024);
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
