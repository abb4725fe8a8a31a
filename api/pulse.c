/*
 * pulse.c - walks both objects together; the paths lead the way to what does not count.
 */
#include "api/pulse.h"

#include <assert.h>
#include <string.h>

#define PATHS_MAX 6 /* ours and the caller's */

struct paths {
	const char *at[PATHS_MAX];
	size_t count;
};

static const char revision[] = "metadata.resourceVersion", owners[] = "metadata.managedFields";

/* What is left of the paths behind this step; false: one of them ends here. */
static bool follow(const struct paths *paths, struct str step, struct paths *out)
{
	out->count = 0;
	for (size_t i = 0; i < paths->count; i++) {
		struct str rest = str_of(paths->at[i]);

		if (!str_equal(str_cut(&rest, '.'), step))
			continue;
		if (rest.len == 0)
			return false;
		out->at[out->count++] = rest.at;
	}
	return true;
}

static bool equal(const struct json *a, const struct json *b, const struct paths *paths);

/* Each entry of a is in b too, and equal if `deep`. */
static bool has_all(const struct json *a, const struct json *b, const struct paths *paths,
		    bool deep)
{
	struct paths below;

	for (struct json_iter it = json_iter(a); json_next(&it);) {
		const struct json *other = json_get_str(b, it.key);

		if (!follow(paths, it.key, &below))
			continue;
		if (!other || (deep && !equal(it.value, other, &below)))
			return false;
	}
	return true;
}

static bool equal_lists(const struct json *a, const struct json *b, const struct paths *paths)
{
	struct json_iter left = json_iter(a), right = json_iter(b);
	struct paths below;

	if (!follow(paths, STR("*"), &below))
		return true;
	while (json_next(&left))
		if (!json_next(&right) || !equal(left.value, right.value, &below))
			return false;
	return !json_next(&right);
}

static bool equal(const struct json *a, const struct json *b, const struct paths *paths)
{
	if (paths->count == 0 || json_type(a) != json_type(b))
		return json_equal(a, b);
	if (json_type(a) == JSON_OBJECT)
		return has_all(a, b, paths, true) && has_all(b, a, paths, false);
	if (json_type(a) == JSON_ARRAY)
		return equal_lists(a, b, paths);
	return json_equal(a, b);
}

bool pulse_check(const struct json *before, const struct json *after, const char *const *paths)
{
	struct paths all = { .at = { revision, owners }, .count = 2 };

	for (; *paths; paths++) {
		assert(all.count < PATHS_MAX);
		all.at[all.count++] = *paths;
	}
	return equal(before, after, &all);
}

bool pulse_beats(const struct json *before, const struct json *after, const char *const *paths)
{
	static const char *const nothing_else[] = { NULL };

	return pulse_check(before, after, paths) && !pulse_check(before, after, nothing_else);
}
