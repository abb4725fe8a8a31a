/*
 * own_agent.h - the agent of a server's own machine: a child process of the same program.
 *
 * It is started again when it ends, with back-off.  It ends with the server, also when that is
 * killed; its pods run on in any case, and the next agent adopts them.
 */
#ifndef CLI_OWN_AGENT_H
#define CLI_OWN_AGENT_H

#include "agent/agent.h"
#include "cli/command_line.h"
#include "cli/node_plan.h"
#include "server/server.h"

struct own_agent_plan {
	const struct server_plan *server;
	const struct agent_plan *node; /* what the command line says of this machine as a node */
	const struct node_choice *choice;
	const struct command_log *log;
};
/* Where a program of this machine reaches this server. */
const char *own_agent_url(const struct server_plan *server, struct arena *arena);

struct own_agent;
struct own_agent *own_agent_start(struct loop *loop, const struct own_agent_plan *plan);
/* Ends it and waits for its end; one that does not end in two seconds is killed.  NULL is fine. */
void own_agent_stop(struct own_agent *agent);

#endif
