/*
 * kubelet_args.c - one row an argument: where it goes, or why it does not go anywhere.
 */
#include "cli/kubelet_args.h"

#include <stddef.h>

#include "agent/devices.h"
#include "agent/node_limits.h"
#include "agent/pod_admission.h"

#define PODS_MAX 1000

struct argument {
	const char *name;
	enum option_type type;
	size_t at;       /* offsetof into struct agent_plan */
	const char *why; /* not NULL: refused */
};

#define TAKEN(word, kind, field)                                                                   \
	{                                                                                          \
		.name = (word), .type = (kind), .at = offsetof(struct agent_plan, field)           \
	}
#define REFUSED(word, reason)                                                                      \
	{                                                                                          \
		.name = (word), .why = (reason)                                                    \
	}

#define OWN_CGROUPS "mote makes the cgroups of pods itself, on version 1 and 2"
#define NO_PORT     "the agent opens no port; what the kubelet serves comes through the tunnel"

static const struct argument arguments[] = {
	TAKEN("max-pods", OPTION_INT, max_pods),
	TAKEN("node-labels", OPTION_LIST, node_label),
	TAKEN("register-with-taints", OPTION_LIST, node_taint),
	TAKEN("node-ip", OPTION_TEXT, node_ip),
	TAKEN("allowed-unsafe-sysctls", OPTION_LIST, unsafe_sysctls),
	TAKEN("hostname-override", OPTION_TEXT, node_name),
	TAKEN("resolv-conf", OPTION_TEXT, resolv_conf),
	TAKEN("pod-log-dir", OPTION_TEXT, pod_logs_dir),
	TAKEN("pod-manifest-path", OPTION_TEXT, pod_manifest_path),
	REFUSED("config", "a kubelet's configuration file is not read; say it in config.yaml"),
	REFUSED("cgroup-driver", OWN_CGROUPS),
	REFUSED("cgroup-root", OWN_CGROUPS),
	REFUSED("cgroups-per-qos", OWN_CGROUPS),
	REFUSED("feature-gates", "the kubelet's features are not switched here"),
	REFUSED("cpu-manager-policy", "processors are shared by weight, none is given away whole"),
	REFUSED("port", NO_PORT),
	REFUSED("read-only-port", NO_PORT),
	REFUSED("address", NO_PORT),
	REFUSED("anonymous-auth", NO_PORT),
	REFUSED("serialize-image-pulls", "images are pulled two at a time, always"),
};

static void add(struct option_list *list, const char *value, struct arena *arena)
{
	const char **items = arena_get(arena, (list->count + 1) * sizeof(*items));

	if (list->count > 0)
		memcpy(items, list->items, list->count * sizeof(*items));
	items[list->count] = value;
	*list = (struct option_list){ items, list->count + 1 };
}

static void append(struct option_list *list, struct str values, struct arena *arena)
{
	while (values.len > 0)
		add(list, str_copy_arena(str_cut(&values, ','), arena), arena);
}

static bool take(const struct argument *argument, struct str value, struct arena *arena,
		 struct agent_plan *plan, struct error *err)
{
	void *slot = (char *)plan + argument->at;

	if (argument->type == OPTION_LIST) {
		append(slot, value, arena);
		return true;
	}
	if (argument->type == OPTION_TEXT) {
		*(const char **)slot = str_copy_arena(value, arena);
		return true;
	}
	return str_to_i64(value, 1, PODS_MAX, slot) ||
	       error_set(err, ERROR_INVALID,
			 "--kubelet-arg %s must be a number from 1 to %d, not \"" STR_FMT "\"",
			 argument->name, PODS_MAX, STR_ARG(value));
}

static const struct argument *find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(arguments); i++)
		if (str_is(name, arguments[i].name))
			return &arguments[i];
	return NULL;
}

static bool refuse_unknown(struct str name, struct error *err)
{
	auto_buf known = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LENGTH(arguments); i++)
		if (!arguments[i].why)
			buf_add_print(&known, "%s%s", known.len > 0 ? ", " : "", arguments[i].name);
	return error_set(err, ERROR_INVALID,
			 "--kubelet-arg " STR_FMT
			 " has no meaning here; those that have one are %s",
			 STR_ARG(name), buf_text(&known));
}

bool kubelet_args_apply(const struct option_list *args, struct arena *arena,
			struct agent_plan *plan, struct error *err)
{
	struct node_limits limits;

	for (size_t i = 0; i < args->count; i++) {
		struct str value = str_of(args->items[i]), name = str_cut(&value, '=');
		const struct argument *argument;

		/* People write them with the dashes of the kubelet's own command line. */
		while (name.len > 0 && name.at[0] == '-')
			name = str_from(name.at + 1, name.len - 1);
		if (node_limits_knows(name)) {
			add(&plan->node_limits, arena_print(arena, STR_FMT "=" STR_FMT,
							    STR_ARG(name), STR_ARG(value)),
			    arena);
			continue;
		}
		argument = find(name);
		if (!argument)
			return refuse_unknown(name, err);
		if (argument->why)
			return error_set(err, ERROR_INVALID, "--kubelet-arg %s is not offered: %s",
					 argument->name, argument->why);
		if (!take(argument, value, arena, plan, err))
			return false;
	}
	/* What the agent would refuse is refused here, by name. */
	return node_limits_read(&plan->node_limits, &limits, err) &&
	       pod_admission_check_sysctls(&plan->unsafe_sysctls, err) &&
	       devices_validate(&plan->device, err);
}
