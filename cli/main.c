/*
 * main.c - the one binary: picks the command from its table.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/error.h"
#include "base/version.h"
#include "cli/command.h"

extern const struct command command_server, command_agent, command_ctr, command_token,
	command_secrets_encrypt, command_ota, command_cleanup, command_monitor, command_version,
	command_help, command_check_config, command_completion, command_certificate, command_oci;

const struct command *const command_list[] = {
	&command_server,     &command_agent,        &command_ctr,
	&command_oci,        &command_token,        &command_secrets_encrypt,
	&command_ota,        &command_cleanup,      &command_monitor,
	&command_version,    &command_check_config, &command_certificate,
	&command_completion, &command_help,         NULL,
};

int command_fail(const struct error *err)
{
	fprintf(stderr, "mote: %s\n", err->text);
	return 1;
}

static const struct command *find(const char *name)
{
	if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0)
		name = "help";
	if (strcmp(name, "-v") == 0 || strcmp(name, "--version") == 0)
		name = "version";
	for (const struct command *const *at = command_list; *at; at++)
		if (strcmp((*at)->name, name) == 0)
			return *at;
	return NULL;
}

/* Called by a link such as "mote-oci", as callers of OCI runtimes want one program. */
static bool is_runtime(const char *name)
{
	size_t len = name ? strlen(name) : 0;

	return len >= 3 && strcmp(name + len - 3, "oci") == 0;
}

int main(int argc, char **argv)
{
	bool runtime = is_runtime(argv[0]);
	const struct command *command = runtime ? &command_oci : find(argc > 1 ? argv[1] : "help");

	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NAME, "mote"); /* also where we were started as /proc/self/exe */
	/* Memory holds keys and secrets: no core files, no debuggers but root's.  Programs that are
	 * executed (containers) are as they would be. */
	prctl(PR_SET_DUMPABLE, 0);
	if (!command) {
		fprintf(stderr, "mote: there is no command \"%s\"; see mote help\n", argv[1]);
		return 2;
	}
	if (runtime)
		return command->run(argc, argv);
	return command->run(argc > 1 ? argc - 1 : argc, argc > 1 ? argv + 1 : argv);
}
