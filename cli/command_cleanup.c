/*
 * command_cleanup.c - mote cleanup: takes away what an agent left on this machine.
 */
#include <stdio.h>

#include "agent/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"
#include "cli/command.h"

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
	  .group = "Storage",
	  .help = "where the agent had its state" },
	{ .flag = "pod-logs-dir",
	  .type = OPTION_TEXT,
	  .at = AT(plan.pod_logs_dir),
	  .value_name = "DIR",
	  .fallback = "/var/log/pods",
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
	struct option_result result;
	auto_buf help = BUF_INIT;
	struct error err;
	size_t pods;

	if (!options_parse(&set, argc, argv, NULL, arena, &options, &result, &err)) {
		command_fail(&err);
		return 2;
	}
	if (result.help_wanted) {
		options_help(&set, &help);
		fputs(buf_text(&help), stdout);
		return 0;
	}
	log_set(LOG_WARN, false);
	options.plan.patience_ms = PATIENCE_MS;
	if (!cleanup_run(&options.plan, &pods, &err))
		return command_fail(&err);
	printf("%zu pods ended; no network, rules, mounts or logs of theirs are left\n", pods);
	return 0;
}

const struct command command_cleanup = { "cleanup", "take away what an agent left", run };
