/*
 * measure.c - depth and size of JSON values.
 */
#include "api/measure.h"

size_t measure_depth(const struct json *value, size_t most)
{
	size_t deepest = 0;

	if (json_type(value) != JSON_OBJECT && json_type(value) != JSON_ARRAY)
		return 0;
	for (struct json_iter it = json_iter(value); deepest < most && json_next(&it);) {
		size_t depth = measure_depth(it.value, most - 1);

		deepest = depth > deepest ? depth : deepest;
	}
	return deepest + 1;
}

size_t measure_size(const struct json *value, size_t most)
{
	size_t size = 2 + json_str(value).len;

	if (json_type(value) == JSON_NUMBER)
		size += 6; /* as digits, about */
	for (struct json_iter it = json_iter(value); size <= most && json_next(&it);)
		size += it.key.len + 4 + measure_size(it.value, most - size);
	return size;
}
