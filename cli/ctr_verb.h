/*
 * ctr_verb.h - one row a verb of `mote ctr`.  A verb is a row in a file cli/ctr_<thing>.c and one
 * line in command_ctr.c.
 */
#ifndef CLI_CTR_VERB_H
#define CLI_CTR_VERB_H

#include "base/options.h"
#include "cli/ctr_agent.h"

/* What all verbs together know of options; each has rows for some of it. */
struct ctr_options {
	const char *data_dir;
	const char *namespace, *container; /* "" = not given */
	bool all, follow, previous, quiet, stdin_wanted, timestamps, tty;
	int64_t tail; /* -1 = all lines */
};

struct ctr {
	struct ctr_options options;
	const char **args;
	size_t arg_count;
	struct ctr_agent *agent;
	int status; /* what the command exits with; 0 unless a verb says otherwise */
};

struct ctr_verb {
	const char *name;              /* "images ls" */
	const char *arguments;         /* "NAME..." for the usage line */
	const char *help;              /* one line */
	const struct option_row *rows; /* beside --data-dir; ends with flag == NULL; or NULL */
	size_t args_min, args_max;
	bool (*run)(struct ctr *ctr, struct error *err);
};

#define CTR_AT(field) offsetof(struct ctr_options, field)
#define CTR_ARGS_MAX  4096

/* Options that several verbs have (ctr_pods.c). */
#define CTR_NAMESPACE_ROW                                                                          \
	{                                                                                          \
		.flag = "namespace", .letter = 'n', .type = OPTION_TEXT, .at = CTR_AT(namespace),  \
		.value_name = "NAME", .fallback = "", .group = "Options",                          \
		.help = "namespace of the pod (default: wherever a pod has this name)"             \
	}
#define CTR_CONTAINER_ROW                                                                          \
	{                                                                                          \
		.flag = "container", .letter = 'c', .type = OPTION_TEXT, .at = CTR_AT(container),  \
		.value_name = "NAME", .fallback = "", .group = "Options",                          \
		.help = "container of the pod (default: its first, or what its annotation says)"   \
	}

/* A pod of this machine and one of its containers. */
struct ctr_target {
	char *namespace, *pod, *container; /* container: the default one when none was named */
};
/*
 * Find what args[0], --namespace and --container name; ERROR_NOT_FOUND, ERROR_INVALID when the name
 * is that of several pods.
 */
MUST_CHECK bool ctr_target_find(struct ctr *ctr, struct ctr_target *out, struct error *err);
void ctr_target_clear(struct ctr_target *target);
/* "<verb>/NAMESPACE/POD/CONTAINER", as the agent names it. */
void ctr_target_path(const struct ctr_target *target, const char *verb, struct buf *out);

#endif
