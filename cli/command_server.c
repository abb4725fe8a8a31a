/*
 * command_server.c - mote server: the control plane in this process.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "cli/absent_options.h"
#include "cli/command_line.h"
#include "cli/kubelet_args.h"
#include "cli/node_options.h"
#include "cli/ota_daemon.h"
#include "cli/own_agent.h"
#include "cli/scheduler_args.h"
#include "net/service_notify.h"
#include "server/server.h"

struct options {
	struct server_plan plan;
	struct agent_plan node; /* of our own agent */
	struct node_choice choice;
	struct command_log log;
	const char *config;
	const char *flannel_backend;
	struct option_list scheduler_arg;
	bool disable_agent;
};

#define VXLAN     "vxlan"
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
	{ .flag = "advertise-port",
	  .type = OPTION_INT,
	  .at = AT(plan.advertise_port),
	  .value_name = "PORT",
	  .min = 1,
	  .max = 65535,
	  .group = "Listening",
	  .help = "port that pods are told (default: --https-listen-port)" },
	{ .flag = "tls-san",
	  .type = OPTION_LIST,
	  .commas = true,
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
	  .min = 1,
	  .group = "Storage",
	  .help = "where all state lives" },
	{ .flag = "default-local-storage-path",
	  .env = "MOTE_DEFAULT_LOCAL_STORAGE_PATH",
	  .type = OPTION_TEXT,
	  .at = AT(plan.default_local_storage_path),
	  .value_name = "DIR",
	  .group = "Storage",
	  .help = "where nodes keep volumes of the class local-path (default: storage in the data "
		  "folder)" },
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
	{ .flag = "agent-token",
	  .env = "MOTE_AGENT_TOKEN",
	  .type = OPTION_TEXT,
	  .at = AT(plan.agent_token),
	  .value_name = "TOKEN",
	  .group = "Cluster",
	  .help = "another secret, which agents join with (default: the token)" },
	{ .flag = "agent-token-file",
	  .env = "MOTE_AGENT_TOKEN_FILE",
	  .type = OPTION_TEXT,
	  .at = AT(plan.agent_token_file),
	  .value_name = "FILE",
	  .group = "Cluster",
	  .help = "file that holds it" },
	{ .flag = "disable",
	  .type = OPTION_LIST,
	  .commas = true,
	  .at = AT(plan.disable),
	  .value_name = "NAME",
	  .group = "Cluster",
	  .help = "do not deploy server/manifests/NAME.yaml, and remove what it deployed" },
	{ .flag = "kube-scheduler-arg",
	  .type = OPTION_LIST,
	  .at = AT(scheduler_arg),
	  .value_name = "KEY=VALUE",
	  .group = "Cluster",
	  .help = "argument of the scheduler: config=FILE, a KubeSchedulerConfiguration" },
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
	{ .flag = "flannel-backend",
	  .type = OPTION_TEXT,
	  .at = AT(flannel_backend),
	  .value_name = "NAME",
	  .fallback = VXLAN,
	  .group = "Networking",
	  .help = "way between the nodes' pods; there is this one only" },
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
	{ .flag = "write-kubeconfig-group",
	  .env = "MOTE_KUBECONFIG_GROUP",
	  .type = OPTION_TEXT,
	  .at = AT(plan.write_kubeconfig_group),
	  .value_name = "GROUP",
	  .group = "Client",
	  .help = "its group" },
	{ .flag = "disable-agent",
	  .type = OPTION_BOOL,
	  .at = AT(disable_agent),
	  .group = "Node",
	  .help = "do not run pods on this machine" },
	NODE_OPTION_ROWS(node),
	COMMAND_ROWS_LOG,
	{ 0 },
};

const struct option_set command_server_options = {
	.usage = "mote server [options]",
	.about = "Runs the control plane, and this machine as its first node.  Every option is "
		 "also a "
		 "key of the configuration file.",
	.rows = rows,
	.absent = absent_options,
	.other = &command_agent_options,
};

static bool check(const struct options *options, struct error *err)
{
	const struct option_list *names = &options->plan.disable;

	if (strcmp(options->flannel_backend, VXLAN) != 0)
		return error_set(err, ERROR_INVALID,
				 "--flannel-backend \"%s\" is not offered: pods of different nodes "
				 "reach each other over VXLAN",
				 options->flannel_backend);
	for (size_t i = 0; i < names->count; i++)
		if (!names->items[i][0] || strpbrk(names->items[i], "/ "))
			return error_set(err, ERROR_INVALID,
					 "--disable \"%s\" must be the name of a file of "
					 "server/manifests without its ending",
					 names->items[i]);
	return true;
}

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
				      .choice = &options->choice,
				      .log = &options->log };
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
	struct command_line line = { .set = &command_server_options,
				     .config = config_path(&command_server_options, argc, argv),
				     .arena = arena,
				     .target = &options };
	struct profiles *scheduler = NULL;
	struct error err;
	int status;

	if (!command_line_read(&line, argc, argv))
		return line.status;
	if (!check(&options, &err) ||
	    !scheduler_args_read(&options.scheduler_arg, &scheduler, &err) ||
	    !kubelet_args_apply(&options.choice.kubelet_arg, arena, &options.node, &err)) {
		command_fail(&err);
		return 2;
	}
	if (!command_log_start(&options.log, &err))
		return command_fail(&err);
	options.plan.scheduler = scheduler;
	status = serve(&options);
	profiles_free(scheduler);
	return status;
}

const struct command command_server = { "server",
					"run the control plane, and this machine as its first node",
					run };
