/*
 * own_agent.c - builds the child's command line and keeps the child alive.
 */
#include "cli/own_agent.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"

#define WORDS_MAX      256
#define AGAIN_FIRST_MS 500
#define AGAIN_MAX_MS   10000
#define STEADY_MS      30000
#define END_MS         2000

struct own_agent {
	struct loop *loop;
	struct own_agent_plan plan;
	struct arena *arena;
	struct loop_child child;
	struct loop_timer again;
	int64_t started_ms, wait_ms;
	bool alive, stopping;
};

struct words {
	const char *list[WORDS_MAX + 1];
	size_t count;
};

static void add(struct words *words, const char *word)
{
	if (words->count < WORDS_MAX)
		words->list[words->count++] = word;
}

static void add_text(struct words *words, const char *flag, const char *value)
{
	if (!value || !*value)
		return;
	add(words, flag);
	add(words, value);
}

static void add_list(struct words *words, const char *flag, const struct option_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		add_text(words, flag, list->items[i]);
}

/* The way to our own port: loopback, unless we listen at one address only. */
const char *own_agent_url(const struct server_plan *server, struct arena *arena)
{
	const char *bind = server->bind_address;
	bool all = !bind || !*bind || strcmp(bind, "0.0.0.0") == 0 || strcmp(bind, "::") == 0;

	return arena_print(arena,
			   strchr(all ? "" : bind, ':') ? "https://[%s]:%" PRId64
							: "https://%s:%" PRId64,
			   all ? "127.0.0.1" : bind, server->https_listen_port);
}

static void add_switch(struct words *words, const char *flag, bool on)
{
	if (on)
		add(words, flag);
}

static void add_log(struct words *words, const struct command_log *log, struct arena *arena)
{
	add_switch(words, "--debug", log->debug);
	add_switch(words, "--log-json", log->as_json);
	add_switch(words, "--alsologtostderr", log->stderr_too);
	add_text(words, "--v", arena_print(arena, "%" PRId64, log->verbosity));
	add_text(words, "--log", log->file);
}

static void make_words(const struct own_agent *agent, struct words *words)
{
	const struct server_plan *server = agent->plan.server;
	const struct agent_plan *node = agent->plan.node;
	const struct node_choice *choice = agent->plan.choice;
	const char *address = server->advertise_address;
	bool loopback = !address || strncmp(address, "127.", 4) == 0;

	add(words, "mote");
	add(words, "agent");
	/* All is said here: the configuration file is the server's. */
	add_text(words, "--config", "/dev/null");
	add_text(words, "--server", own_agent_url(server, agent->arena));
	add_text(words, "--token-file",
		 arena_print(agent->arena, "%s/server/node-token", server->data_dir));
	add_text(words, "--data-dir", server->data_dir);
	add_text(words, "--node-name", node->node_name);
	add_switch(words, "--with-node-id", choice->with_node_id);
	add_text(words, "--flannel-iface", choice->interface);
	if (node->node_ip && *node->node_ip)
		add_text(words, "--node-ip", node->node_ip);
	else if (!loopback && !(choice->interface && *choice->interface))
		add_text(words, "--node-ip", address);
	add_text(words, "--node-external-ip", node->node_external_ip);
	add_text(words, "--node-label", "node-role.kubernetes.io/control-plane=true");
	add_list(words, "--node-label", &node->node_label);
	add_list(words, "--node-taint", &node->node_taint);
	add_list(words, "--device", &node->device);
	for (size_t i = 0; i < node->unsafe_sysctls.count; i++)
		add_text(words, "--kubelet-arg",
			 arena_print(agent->arena, "allowed-unsafe-sysctls=%s",
				     node->unsafe_sysctls.items[i]));
	add_text(words, "--max-pods", arena_print(agent->arena, "%" PRId64, node->max_pods));
	add_list(words, "--kubelet-arg", &node->node_limits);
	add_text(words, "--private-registry", node->registries);
	add_text(words, "--resolv-conf", node->resolv_conf);
	add_text(words, "--pod-logs-dir", node->pod_logs_dir);
	if (node->pod_manifest_path && *node->pod_manifest_path)
		add_text(
			words, "--kubelet-arg",
			arena_print(agent->arena, "pod-manifest-path=%s", node->pod_manifest_path));
	add_log(words, agent->plan.log, agent->arena);
}

static void start_later(struct own_agent *agent)
{
	bool steady = clock_now_ms() - agent->started_ms > STEADY_MS;

	agent->wait_ms = steady || agent->wait_ms == 0 ? AGAIN_FIRST_MS : agent->wait_ms * 2;
	if (agent->wait_ms > AGAIN_MAX_MS)
		agent->wait_ms = AGAIN_MAX_MS;
	loop_timer_set(agent->loop, &agent->again, agent->wait_ms);
}

static void on_exit_(struct loop_child *child, int wait_status)
{
	struct own_agent *agent = CONTAINER_OF(child, struct own_agent, child);

	agent->alive = false;
	if (agent->stopping)
		return;
	start_later(agent);
	log_warn("server.agent", "this machine's agent has ended; starting it again",
		 "status=%d again_ms=%" PRId64, wait_status, agent->wait_ms);
}

static void start(struct own_agent *agent)
{
	struct words words = { .count = 0 };
	struct process_plan plan = { .path = "/proc/self/exe",
				     .argv = words.list,
				     .stdio = { -1, STDOUT_FILENO, STDERR_FILENO },
				     /* SIGTERM would not end one that hangs. */
				     .die_with_parent = SIGKILL };
	struct error err;

	make_words(agent, &words);
	agent->started_ms = clock_now_ms();
	if (!process_start(&plan, &agent->child.pid, &err)) {
		log_error("server.agent", "this machine's agent cannot be started", "why=\"%s\"",
			  err.text);
		start_later(agent);
		return;
	}
	agent->alive = loop_child_start(agent->loop, &agent->child, &err);
}

static void on_again(struct loop_timer *timer)
{
	start(CONTAINER_OF(timer, struct own_agent, again));
}

struct own_agent *own_agent_start(struct loop *loop, const struct own_agent_plan *plan)
{
	struct own_agent *agent = memory_new(struct own_agent);

	agent->loop = loop;
	agent->plan = *plan;
	agent->arena = arena_new();
	agent->child.on_exit = on_exit_;
	agent->again.on_timer = on_again;
	start(agent);
	return agent;
}

void own_agent_stop(struct own_agent *agent)
{
	int64_t until = clock_now_ms() + END_MS;

	if (!agent)
		return;
	agent->stopping = true;
	loop_timer_stop(&agent->again);
	if (agent->alive)
		kill(agent->child.pid, SIGTERM);
	for (int64_t left = END_MS; agent->alive && left > 0; left = until - clock_now_ms())
		loop_once(agent->loop, (int)left);
	if (agent->alive) {
		kill(agent->child.pid, SIGKILL);
		while (agent->alive)
			loop_once(agent->loop, -1);
	}
	loop_child_stop(&agent->child);
	arena_free(agent->arena);
	free(agent);
}
