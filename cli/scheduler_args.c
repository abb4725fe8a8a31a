/*
 * scheduler_args.c - the arguments of the scheduler, one row each.
 */
#include "cli/scheduler_args.h"

#define NO_PORT    "the scheduler is part of the server and opens no port"
#define NO_LOGIN   "the scheduler is part of the server and needs no login"
#define ONE_SERVER "a cluster of mote has one server, and so one scheduler"

static const struct {
	const char *name, *why;
} refused[] = {
	{ "bind-address", NO_PORT },
	{ "secure-port", NO_PORT },
	{ "tls-cert-file", NO_PORT },
	{ "tls-private-key-file", NO_PORT },
	{ "kubeconfig", NO_LOGIN },
	{ "authentication-kubeconfig", NO_LOGIN },
	{ "authorization-kubeconfig", NO_LOGIN },
	{ "master", NO_LOGIN },
	{ "leader-elect", ONE_SERVER },
	{ "profiling", "mote is written in C and has no such profile" },
	{ "feature-gates", "the scheduler's features are not switched here" },
	{ "v", "log lines have one level for all parts: --log-level" },
};

static bool refuse(struct str name, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(refused); i++)
		if (str_is(name, refused[i].name))
			return error_set(err, ERROR_INVALID,
					 "--kube-scheduler-arg %s is not offered: %s",
					 refused[i].name, refused[i].why);
	return error_set(err, ERROR_INVALID,
			 "--kube-scheduler-arg " STR_FMT
			 " has no meaning here; the one that has is config",
			 STR_ARG(name));
}

bool scheduler_args_read(const struct option_list *args, struct profiles **out, struct error *err)
{
	const char *path = NULL;

	for (size_t i = 0; i < args->count; i++) {
		struct str value = str_of(args->items[i]), name = str_cut(&value, '=');

		/* People write them with the dashes of the command line. */
		while (name.len > 0 && name.at[0] == '-')
			name = str_from(name.at + 1, name.len - 1);
		if (!str_is(name, "config"))
			return refuse(name, err);
		path = value.len > 0 ? value.at : "";
	}
	return !path || profiles_read(path, out, err);
}
