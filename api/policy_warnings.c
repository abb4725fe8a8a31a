/*
 * policy_warnings.c - a row an annotation.
 */
#include "api/policy_warnings.h"

#include "base/clock.h"

static bool is_duration(struct str text)
{
	int64_t ms;

	return clock_parse_duration(text, &ms) && ms >= 0;
}

static bool is_time_or_never(struct str text)
{
	return str_is(text, "never") || is_duration(text);
}

static bool is_bool(struct str text)
{
	return str_is(text, "true") || str_is(text, "false");
}

static bool is_choice(struct str text)
{
	return str_is(text, "keepOriginal") || str_is(text, "keepReplacement") ||
	       str_is(text, "longestRunning");
}

static const struct {
	const char *key;
	bool (*is_fine)(struct str text);
	const char *wanted;
} rows[] = {
	{ "mote.dev/lost-after", is_time_or_never, "a duration such as 10m, or never" },
	{ "mote.dev/stop-after", is_duration, "a duration such as 10m" },
	{ "mote.dev/replace", is_bool, "true or false" },
	{ "mote.dev/reconcile", is_choice, "keepOriginal, keepReplacement or longestRunning" },
};

void policy_warnings(const struct kind_work *work, const struct json *metadata, const char *path)
{
	const struct json *annotations = json_get(metadata, "annotations");

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str text = json_str(json_get(annotations, rows[i].key));
		auto_free char *told = NULL;

		if (!text.at || rows[i].is_fine(text))
			continue;
		told = memory_print("%s%smetadata.annotations[%s]: is ignored, it must be %s", path,
				    *path ? "." : "", rows[i].key, rows[i].wanted);
		kind_warn(work, told);
	}
}
