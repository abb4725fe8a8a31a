/*
 * command_agent.c - mote agent: this machine as a node.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/memory.h"
#include "cli/absent_options.h"
#include "cli/command_line.h"
#include "cli/kubelet_args.h"
#include "cli/node_options.h"
#include "cli/ota_daemon.h"
#include "net/service_notify.h"

struct options {
	struct agent_plan plan;
	struct node_choice choice;
	struct command_log log;
	const char *config;
};

#define AT(field) offsetof(struct options, field)

static const struct option_row rows[] = {
	COMMAND_ROW_CONFIG,
	{ .flag = "server",
	  .letter = 's',
	  .env = "MOTE_URL",
	  .type = OPTION_TEXT,
	  .at = AT(plan.server),
	  .value_name = "URL",
	  .group = "Cluster",
	  .help = "the server, as https://HOST:6443" },
	{ .flag = "token",
	  .letter = 't',
	  .env = "MOTE_TOKEN",
	  .type = OPTION_TEXT,
	  .at = AT(plan.token),
	  .value_name = "TOKEN",
	  .group = "Cluster",
	  .help = "what server/node-token of the server says" },
	{ .flag = "token-file",
	  .env = "MOTE_TOKEN_FILE",
	  .type = OPTION_TEXT,
	  .at = AT(plan.token_file),
	  .value_name = "FILE",
	  .group = "Cluster",
	  .help = "file that holds the token" },
	{ .flag = "data-dir",
	  .letter = 'd',
	  .env = "MOTE_DATA_DIR",
	  .type = OPTION_TEXT,
	  .at = AT(plan.data_dir),
	  .value_name = "DIR",
	  .fallback = "/var/lib/mote",
	  .min = 1,
	  .group = "Storage",
	  .help = "where all state lives" },
	NODE_OPTION_ROWS(plan),
	COMMAND_ROWS_LOG,
	{ 0 },
};

const struct option_set command_agent_options = {
	.usage = "mote agent --server URL --token TOKEN [options]",
	.about =
		"Joins this machine to a cluster and runs its pods.  Every option is also a key of "
		"the configuration file.",
	.rows = rows,
	.absent = absent_options,
	.other = &command_server_options,
};

struct serving {
	struct loop *loop;
	int status;
};

static void on_signal(struct loop_signal *watch, int number)
{
	log_info("agent", "stopping; pods run on", "signal=%d", number);
	loop_stop(watch->watch.loop);
}

static void on_failed(void *of, const struct error *why)
{
	struct serving *serving = of;

	serving->status = command_fail(why);
	loop_stop(serving->loop);
}

/* Until the loop is stopped; then the agent is, and its pods run on. */
static bool serve_until_stopped(struct serving *serving, struct agent *agent,
				struct service_notify *notify, struct ota_daemon *ota)
{
	service_notify_ready(notify, "the node runs");
	loop_run(serving->loop);
	if (!ota_daemon_wants_restart(ota))
		service_notify_stopping(notify);
	ota_daemon_close(ota);
	return agent_stop(agent);
}

static int serve(const struct options *options)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct ota_daemon_plan plan = { .part = "agent", .data_dir = options->plan.data_dir };
	struct loop_signal watch = { .on_signal = on_signal };
	struct serving serving = { 0 };
	struct service_notify notify;
	struct ota_daemon *ota = NULL;
	struct agent *agent = NULL;
	struct error err;
	bool stopped = true;

	umask(0022);
	if (!loop_open(&serving.loop, &err))
		return command_fail(&err);
	if (!service_notify_open(&notify, serving.loop, &err))
		log_warn("agent", "the supervisor cannot be told", "why=\"%s\"", err.text);
	if (!loop_signal_start(serving.loop, &watch, signals, ARRAY_LENGTH(signals), &err) ||
	    !agent_start(serving.loop, &options->plan, on_failed, &serving, &agent, &err)) {
		serving.status = command_fail(&err);
	} else {
		ota = ota_daemon_open(serving.loop, &plan);
		stopped = serve_until_stopped(&serving, agent, &notify, ota);
	}
	if (ota_daemon_wants_restart(ota)) {
		ota_daemon_restart(ota, &notify);
		serving.status = 1;
	}
	/* A servant thread that is still at work has what we would free. */
	if (!stopped)
		_exit(serving.status);
	service_notify_close(&notify);
	ota_daemon_free(ota);
	loop_signal_stop(&watch);
	loop_close(serving.loop);
	return serving.status;
}

static int run(int argc, char **argv)
{
	auto_arena arena = arena_new();
	struct options options = { 0 };
	struct command_line line = { .set = &command_agent_options,
				     .config = config_path(&command_agent_options, argc, argv),
				     .arena = arena,
				     .target = &options };
	struct error err;

	if (!command_line_read(&line, argc, argv))
		return line.status;
	if (!kubelet_args_apply(&options.choice.kubelet_arg, arena, &options.plan, &err)) {
		command_fail(&err);
		return 2;
	}
	if (!command_log_start(&options.log, &err) ||
	    !node_plan_finish(&options.choice, arena, &options.plan, &err))
		return command_fail(&err);
	return serve(&options);
}

const struct command command_agent = { "agent", "join this machine to a cluster as a node", run };
