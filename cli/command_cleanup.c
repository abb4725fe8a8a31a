/*
 * command_cleanup.c - mote cleanup: takes away what an agent left on this machine.
 */
#include <stdio.h>

#include "agent/cleanup.h"
#include "base/memory.h"
#include "cli/command_line.h"

#define PATIENCE_MS 10000

struct options {
	struct cleanup_plan plan;
};

#define AT(field) offsetof(struct options, field)

static const struct option_row rows[] = {
	{ .flag = "data-dir",
	  .letter = 'd',
	  .env = "MOTE_DATA_DIR",
	  .type = OPTION_TEXT,
	  .at = AT(plan.data_dir),
	  .value_name = "DIR",
	  .fallback = "/var/lib/mote",
	  .min = 1,
	  .group = "Storage",
	  .help = "where the agent had its state" },
	{ .flag = "pod-logs-dir",
	  .type = OPTION_TEXT,
	  .at = AT(plan.pod_logs_dir),
	  .value_name = "DIR",
	  .fallback = "/var/log/pods",
	  .min = 1,
	  .group = "Logging",
	  .help = "where the containers' logs were" },
	{ 0 },
};

static const struct option_set set = {
	.usage = "mote cleanup [options]",
	.about = "Ends all pods that an agent left on this machine and takes away their network, "
		 "rules, mounts, cgroups and logs.  The agent must have ended.  The data folder "
		 "itself stays.",
	.rows = rows,
};

static int run(int argc, char **argv)
{
	auto_arena arena = arena_new();
	struct options options = { 0 };
	struct command_line line = { .set = &set, .arena = arena, .target = &options };
	struct error err;
	size_t pods;

	if (!command_line_read(&line, argc, argv))
		return line.status;
	log_set(LOG_WARN, false);
	options.plan.patience_ms = PATIENCE_MS;
	if (!cleanup_run(&options.plan, &pods, &err))
		return command_fail(&err);
	printf("%zu pods ended; no network, rules, mounts or logs of theirs are left\n", pods);
	return 0;
}

const struct command command_cleanup = { "cleanup", "take away what an agent left", run };
