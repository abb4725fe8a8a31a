/*
 * command_server.c - mote server: the control plane in this process.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "cli/command_line.h"
#include "cli/node_options.h"
#include "cli/ota_daemon.h"
#include "cli/own_agent.h"
#include "net/service_notify.h"
#include "server/server.h"

struct options {
	struct server_plan plan;
	struct agent_plan node; /* of our own agent */
	const char *config;
	bool debug, log_json, disable_agent;
};

#define AT(field) offsetof(struct options, field)

static const struct option_row rows[] = {
	COMMAND_ROW_CONFIG,
	{ .flag = "bind-address",
	  .env = "MOTE_BIND_ADDRESS",
	  .type = OPTION_TEXT,
	  .at = AT(plan.bind_address),
	  .value_name = "ADDR",
	  .fallback = "0.0.0.0",
	  .group = "Listening",
	  .help = "address the API answers on" },
	{ .flag = "https-listen-port",
	  .type = OPTION_INT,
	  .at = AT(plan.https_listen_port),
	  .value_name = "PORT",
	  .fallback = "6443",
	  .min = 1,
	  .max = 65535,
	  .group = "Listening",
	  .help = "port of the API and the tunnel" },
	{ .flag = "advertise-address",
	  .type = OPTION_TEXT,
	  .at = AT(plan.advertise_address),
	  .value_name = "ADDR",
	  .group = "Listening",
	  .help = "address that nodes use (default: that of the default route)" },
	{ .flag = "tls-san",
	  .type = OPTION_LIST,
	  .at = AT(plan.tls_san),
	  .value_name = "NAME",
	  .group = "Listening",
	  .help = "further name or address in the serving certificate; repeatable" },
	{ .flag = "data-dir",
	  .letter = 'd',
	  .env = "MOTE_DATA_DIR",
	  .type = OPTION_TEXT,
	  .at = AT(plan.data_dir),
	  .value_name = "DIR",
	  .fallback = "/var/lib/mote",
	  .group = "Storage",
	  .help = "where all state lives" },
	{ .flag = "token",
	  .letter = 't',
	  .env = "MOTE_TOKEN",
	  .type = OPTION_TEXT,
	  .at = AT(plan.token),
	  .value_name = "TOKEN",
	  .group = "Cluster",
	  .help = "secret that nodes join with (default: generated)" },
	{ .flag = "token-file",
	  .env = "MOTE_TOKEN_FILE",
	  .type = OPTION_TEXT,
	  .at = AT(plan.token_file),
	  .value_name = "FILE",
	  .group = "Cluster",
	  .help = "file that holds the token" },
	{ .flag = "cluster-cidr",
	  .type = OPTION_TEXT,
	  .at = AT(plan.cluster_cidr),
	  .value_name = "CIDR",
	  .fallback = "10.42.0.0/16",
	  .group = "Networking",
	  .help = "addresses of pods" },
	{ .flag = "service-cidr",
	  .type = OPTION_TEXT,
	  .at = AT(plan.service_cidr),
	  .value_name = "CIDR",
	  .fallback = "10.43.0.0/16",
	  .group = "Networking",
	  .help = "addresses of services" },
	{ .flag = "service-node-port-range",
	  .type = OPTION_TEXT,
	  .at = AT(plan.node_port_range),
	  .value_name = "A-B",
	  .fallback = "30000-32767",
	  .group = "Networking",
	  .help = "ports of NodePort services" },
	{ .flag = "cluster-dns",
	  .type = OPTION_TEXT,
	  .at = AT(plan.cluster_dns),
	  .value_name = "ADDR",
	  .fallback = "10.43.0.10",
	  .group = "Networking",
	  .help = "service address of DNS" },
	{ .flag = "cluster-domain",
	  .type = OPTION_TEXT,
	  .at = AT(plan.cluster_domain),
	  .value_name = "NAME",
	  .fallback = "cluster.local",
	  .group = "Networking",
	  .help = "domain of the cluster" },
	{ .flag = "write-kubeconfig",
	  .letter = 'o',
	  .env = "MOTE_KUBECONFIG_OUTPUT",
	  .type = OPTION_TEXT,
	  .at = AT(plan.write_kubeconfig),
	  .value_name = "FILE",
	  .fallback = "/etc/mote/mote.yaml",
	  .group = "Client",
	  .help = "where the administrator's kubeconfig is written" },
	{ .flag = "write-kubeconfig-mode",
	  .env = "MOTE_KUBECONFIG_MODE",
	  .type = OPTION_TEXT,
	  .at = AT(plan.write_kubeconfig_mode),
	  .value_name = "MODE",
	  .fallback = "0600",
	  .group = "Client",
	  .help = "its file mode" },
	{ .flag = "disable-agent",
	  .type = OPTION_BOOL,
	  .at = AT(disable_agent),
	  .group = "Node",
	  .help = "do not run pods on this machine" },
	NODE_OPTION_ROWS(node),
	COMMAND_ROWS_LOG,
	{ 0 },
};

static const struct option_set set = {
	.usage = "mote server [options]",
	.about = "Runs the control plane, and this machine as its first node.  Every option is "
		 "also a "
		 "key of the configuration file.",
	.rows = rows,
};

static void on_signal(struct loop_signal *watch, int number)
{
	log_info("server", "stopping", "signal=%d", number);
	loop_stop(watch->watch.loop);
}

/* Until the loop is stopped; then all of it is. */
static void serve_until_stopped(struct loop *loop, const struct options *options,
				struct server *server, struct service_notify *notify,
				struct ota_daemon *ota)
{
	struct own_agent_plan own = { .server = &options->plan,
				      .node = &options->node,
				      .debug = options->debug,
				      .log_json = options->log_json };
	struct own_agent *agent = options->disable_agent ? NULL : own_agent_start(loop, &own);

	service_notify_ready(notify, "the API answers");
	loop_run(loop);
	if (!ota_daemon_wants_restart(ota))
		service_notify_stopping(notify);
	ota_daemon_close(ota);
	own_agent_stop(agent);
	server_stop(server);
}

static struct ota_daemon *open_ota(struct loop *loop, const struct options *options)
{
	auto_arena arena = arena_new();
	struct ota_daemon_plan plan = { .part = "server",
					.data_dir = options->plan.data_dir,
					.api_url = own_agent_url(&options->plan, arena) };

	return ota_daemon_open(loop, &plan);
}

static int serve(const struct options *options)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct loop_signal watch = { .on_signal = on_signal };
	struct service_notify notify;
	struct ota_daemon *ota = NULL;
	struct server *server = NULL;
	struct loop *loop = NULL;
	struct error err;
	int status = 0;

	umask(0077);
	if (!loop_open(&loop, &err))
		return command_fail(&err);
	if (!service_notify_open(&notify, loop, &err))
		log_warn("server", "the supervisor cannot be told", "why=\"%s\"", err.text);
	if (!loop_signal_start(loop, &watch, signals, ARRAY_LENGTH(signals), &err) ||
	    !server_start(loop, &options->plan, &server, &err)) {
		status = command_fail(&err);
	} else {
		ota = open_ota(loop, options);
		serve_until_stopped(loop, options, server, &notify, ota);
	}
	if (ota_daemon_wants_restart(ota)) {
		ota_daemon_restart(ota, &notify);
		status = 1;
	}
	service_notify_close(&notify);
	ota_daemon_free(ota);
	loop_signal_stop(&watch);
	loop_close(loop);
	return status;
}

static int run(int argc, char **argv)
{
	auto_arena arena = arena_new();
	struct options options = { 0 };
	struct command_line line = { .set = &set,
				     .config = config_path(&set, argc, argv),
				     .arena = arena,
				     .target = &options };

	if (!command_line_read(&line, argc, argv))
		return line.status;
	log_set(options.debug ? LOG_DEBUG : LOG_INFO, options.log_json);
	return serve(&options);
}

const struct command command_server = { "server", "run the control plane", run };
