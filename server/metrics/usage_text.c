/*
 * usage_text.c - name{label="value",...} number time, line by line.
 */
#include "server/metrics/usage_text.h"

#include "base/memory.h"

#define NANOS_DIGITS 9

static const struct {
	const char *name;
	bool of_container;
	int what;
} names[] = {
	{ "node_cpu_usage_seconds_total", false, USAGE_CPU },
	{ "node_memory_working_set_bytes", false, USAGE_MEMORY },
	{ "container_cpu_usage_seconds_total", true, USAGE_CPU },
	{ "container_memory_working_set_bytes", true, USAGE_MEMORY },
	{ "container_start_time_seconds", true, USAGE_START },
};

/* "12.5" exactly; digits beyond the ninth do not count. */
static bool read_number(struct str text, int64_t *out_whole, int32_t *out_nanos)
{
	struct str whole = str_cut(&text, '.');
	int32_t nanos = 0;
	size_t digits = 0;

	for (; digits < NANOS_DIGITS; digits++) {
		if (digits < text.len && (text.at[digits] < '0' || text.at[digits] > '9'))
			return false;
		nanos = nanos * 10 + (digits < text.len ? text.at[digits] - '0' : 0);
	}
	*out_nanos = nanos;
	return str_to_i64(whole, 0, INT64_MAX, out_whole);
}

/* name="value",... */
static bool read_labels(struct str text, struct usage_line *out)
{
	while (text.len > 0) {
		struct str name = str_cut(&text, '='), value;

		if (text.len == 0 || text.at[0] != '"')
			return false;
		text = str_from(text.at + 1, text.len - 1);
		value = str_cut(&text, '"');
		if (str_is(name, "namespace"))
			out->namespace = value;
		else if (str_is(name, "pod"))
			out->pod = value;
		else if (str_is(name, "container"))
			out->container = value;
		if (text.len > 0 && text.at[0] == ',')
			text = str_from(text.at + 1, text.len - 1);
	}
	return true;
}

static bool read_line(struct str line, struct usage_line *out)
{
	ptrdiff_t brace = str_find(line, '{');
	struct str name, labels = STR("");

	*out = (struct usage_line){ 0 };
	if (brace >= 0) {
		name = str_cut(&line, '{');
		labels = str_cut(&line, '}');
		line = str_trim(line);
	} else {
		name = str_cut(&line, ' ');
	}
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		if (!str_is(name, names[i].name))
			continue;
		out->what = names[i].what;
		if (!read_labels(labels, out) ||
		    !read_number(str_cut(&line, ' '), &out->whole, &out->nanos))
			return false;
		(void)!str_to_i64(str_trim(line), 0, INT64_MAX / 1000000, &out->time_ms);
		return names[i].of_container ==
		       (out->namespace.len > 0 && out->pod.len > 0 && out->container.len > 0);
	}
	return false;
}

bool usage_text_next(struct str *rest, struct usage_line *out)
{
	while (rest->len > 0)
		if (read_line(str_cut(rest, '\n'), out))
			return true;
	return false;
}
