/*
 * ctr_logs.c - mote ctr logs: what a container has written, from the agent's files.
 */
#include <inttypes.h>

#include "cli/ctr_verb.h"

static bool take(void *of, struct str piece)
{
	(void)of;
	return ctr_write(STDOUT_FILENO, piece);
}

static void print_path(const struct ctr *ctr, const struct ctr_target *target, struct buf *out)
{
	const struct {
		const char *name;
		bool set;
	} words[] = { { "follow", ctr->options.follow },
		      { "previous", ctr->options.previous },
		      { "timestamps", ctr->options.timestamps } };

	ctr_target_path(target, "containerLogs", out);
	buf_add_byte(out, '?');
	for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
		if (words[i].set)
			buf_add_print(out, "%s=true&", words[i].name);
	if (ctr->options.tail >= 0)
		buf_add_print(out, "tailLines=%" PRId64, ctr->options.tail);
}

static bool logs(struct ctr *ctr, struct error *err)
{
	struct ctr_target target = { 0 };
	auto_buf path = BUF_INIT;

	if (!ctr_target_find(ctr, &target, err))
		return false;
	print_path(ctr, &target, &path);
	ctr_target_clear(&target);
	return ctr_agent_stream(ctr->agent, buf_text(&path), take, NULL, err);
}

static const struct option_row rows[] = {
	{ .flag = "follow",
	  .letter = 'f',
	  .type = OPTION_BOOL,
	  .at = CTR_AT(follow),
	  .group = "Options",
	  .help = "stay and print what comes" },
	{ .flag = "tail",
	  .type = OPTION_INT,
	  .at = CTR_AT(tail),
	  .value_name = "N",
	  .fallback = "-1",
	  .min = -1,
	  .max = INT64_MAX,
	  .group = "Options",
	  .help = "only the last N lines; -1 is all" },
	{ .flag = "timestamps",
	  .type = OPTION_BOOL,
	  .at = CTR_AT(timestamps),
	  .group = "Options",
	  .help = "begin each line with its time" },
	{ .flag = "previous",
	  .letter = 'p',
	  .type = OPTION_BOOL,
	  .at = CTR_AT(previous),
	  .group = "Options",
	  .help = "of the run before the last restart" },
	CTR_NAMESPACE_ROW,
	CTR_CONTAINER_ROW,
	{ 0 },
};

const struct ctr_verb ctr_logs = { .name = "logs",
				   .arguments = "POD",
				   .help = "print what a container has written",
				   .rows = rows,
				   .args_min = 1,
				   .args_max = 1,
				   .run = logs };
