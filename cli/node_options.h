/*
 * node_options.h - the options of this machine as a node, one list for `mote agent` and for
 * `mote server`, which hands them to its agent.
 */
#ifndef CLI_NODE_OPTIONS_H
#define CLI_NODE_OPTIONS_H

#include <stddef.h>

#include "agent/agent.h"
#include "base/options.h"
#include "cli/node_plan.h"

/* Rows for a `struct options` that has a struct agent_plan under the name `member` and a struct
 * node_choice under the name `choice`. */
#define NODE_OPTION(member, field) offsetof(struct options, member.field)
/* clang-format off */
#define NODE_OPTION_ROWS(member)                                                                   \
	{ .flag = "node-name", .env = "MOTE_NODE_NAME", .type = OPTION_TEXT,                       \
	  .at = NODE_OPTION(member, node_name), .value_name = "NAME", .group = "Node",             \
	  .help = "name of the node (default: the host's name)" },                                 \
	{ .flag = "node-ip", .letter = 'i', .type = OPTION_TEXT,                                   \
	  .at = NODE_OPTION(member, node_ip), .value_name = "ADDR", .group = "Node",               \
	  .help = "address other nodes reach this one by (default: that of the way out)" },        \
	{ .flag = "node-external-ip", .type = OPTION_TEXT,                                         \
	  .at = NODE_OPTION(member, node_external_ip), .value_name = "ADDR", .group = "Node",      \
	  .help = "address by which the node is reached from outside, as its object says" },       \
	{ .flag = "with-node-id", .type = OPTION_BOOL,                                             \
	  .at = NODE_OPTION(choice, with_node_id), .group = "Node",                                \
	  .help = "add a number to the name, which is made once and kept" },                       \
	{ .flag = "flannel-iface", .type = OPTION_TEXT,                                            \
	  .at = NODE_OPTION(choice, interface), .value_name = "NAME", .group = "Networking",       \
	  .help = "interface whose address other nodes reach this one by" },                       \
	{ .flag = "kubelet-arg", .type = OPTION_LIST,                                              \
	  .at = NODE_OPTION(choice, kubelet_arg), .value_name = "KEY=VALUE", .group = "Node",      \
	  .help = "argument of a kubelet that has a meaning here; repeatable" },                   \
	{ .flag = "node-label", .type = OPTION_LIST,                                               \
	  .at = NODE_OPTION(member, node_label), .value_name = "KEY=VALUE", .group = "Node",       \
	  .help = "label at the first registration; repeatable" },                                 \
	{ .flag = "node-taint", .type = OPTION_LIST,                                               \
	  .at = NODE_OPTION(member, node_taint), .value_name = "KEY=VALUE:EFFECT",                 \
	  .group = "Node", .help = "taint at the first registration; repeatable" },                \
	{ .flag = "device", .type = OPTION_LIST,                                                   \
	  .at = NODE_OPTION(member, device), .value_name = "NAME=GLOB", .group = "Node",           \
	  .help = "device that pods can ask for as mote.dev/NAME; repeatable" },                   \
	{ .flag = "max-pods", .type = OPTION_INT,                                                  \
	  .at = NODE_OPTION(member, max_pods), .value_name = "N", .fallback = "110",               \
	  .min = 1, .max = 1000, .group = "Node", .help = "pods that fit on this node" },          \
	{ .flag = "private-registry", .type = OPTION_TEXT,                                         \
	  .at = NODE_OPTION(member, registries), .value_name = "FILE",                             \
	  .fallback = "/etc/mote/registries.yaml", .group = "Runtime",                             \
	  .help = "mirrors, logins and certificates of registries" },                              \
	{ .flag = "resolv-conf", .env = "MOTE_RESOLV_CONF", .type = OPTION_TEXT,                   \
	  .at = NODE_OPTION(member, resolv_conf), .value_name = "FILE",                            \
	  .fallback = "/etc/resolv.conf", .group = "Networking",                                   \
	  .help = "resolver configuration that pods get" },                                        \
	{ .flag = "pod-logs-dir", .type = OPTION_TEXT,                                             \
	  .at = NODE_OPTION(member, pod_logs_dir), .value_name = "DIR",                            \
	  .fallback = "/var/log/pods", .min = 1, .group = "Logging",                               \
	  .help = "where the containers' logs are" }
/* clang-format on */

/* The other command that reads the same configuration file. */
extern const struct option_set command_server_options, command_agent_options;

#endif
