/*
 * oci_verb_exec.c - mote oci exec: a further process, described by a file or by options that change
 * what the first one has.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/oci_front.h"
#include "cli/oci_verb.h"

static bool put_user(const struct oci *oci, struct json_doc *doc, struct json *process,
		     struct error *err)
{
	struct json *user = json_sub_object(doc, process, "user");
	struct str gid = str_of(oci->options.user ? oci->options.user : "");
	struct str uid = str_cut(&gid, ':');
	struct json *groups = json_sub_array(doc, user, "additionalGids");
	uint64_t number;

	for (size_t i = 0; i < oci->options.groups.count; i++) {
		if (!str_to_u64(str_of(oci->options.groups.items[i]), UINT32_MAX - 1, &number))
			return error_set(err, ERROR_INVALID, "group \"%s\" is no number",
					 oci->options.groups.items[i]);
		json_append(groups, json_new_uint(doc, number));
	}
	if (uid.len == 0)
		return true;
	if (!str_to_u64(uid, UINT32_MAX - 1, &number))
		return error_set(err, ERROR_INVALID, "user \"%s\" is no number", oci->options.user);
	json_put(doc, user, "uid", json_new_uint(doc, number));
	if (gid.len == 0)
		return true;
	if (!str_to_u64(gid, UINT32_MAX - 1, &number))
		return error_set(err, ERROR_INVALID, "group in \"%s\" is no number",
				 oci->options.user);
	json_put(doc, user, "gid", json_new_uint(doc, number));
	return true;
}

static void put_caps(const struct oci *oci, struct json_doc *doc, struct json *process)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };

	for (size_t i = 0; i < oci->options.caps.count; i++) {
		struct json *said = json_sub_object(doc, process, "capabilities");

		for (size_t j = 0; j < ARRAY_LENGTH(sets); j++)
			json_append(json_sub_array(doc, said, sets[j]),
				    json_new_text(doc, oci->options.caps.items[i]));
		/* A user that is not root has them through the ambient set or not at all. */
		if (json_count(json_get(said, "inheritable")) > 0)
			json_append(json_sub_array(doc, said, "inheritable"),
				    json_new_text(doc, oci->options.caps.items[i]));
		if (json_count(json_get(said, "ambient")) > 0)
			json_append(json_sub_array(doc, said, "ambient"),
				    json_new_text(doc, oci->options.caps.items[i]));
	}
}

/* The first process with what the options change. */
static bool describe(const struct oci *oci, const struct json *first, struct json_doc *doc,
		     struct error *err)
{
	struct json *process = json_clone(doc, first);
	struct json *args = json_new_array(doc);
	struct json *env;

	if (!process || oci->arg_count < 2)
		return error_set(err, ERROR_INVALID, "exec: process args cannot be empty");
	json_set_root(doc, process);
	for (size_t i = 1; i < oci->arg_count; i++)
		json_append(args, json_new_text(doc, oci->args[i]));
	json_put(doc, process, "args", args);
	json_put(doc, process, "terminal", json_new_bool(doc, oci->options.tty));
	json_put(doc, process, "consoleSize", NULL);
	env = json_sub_array(doc, process, "env");
	for (size_t i = 0; i < oci->options.env.count; i++)
		json_append(env, json_new_text(doc, oci->options.env.items[i]));
	if (oci->options.cwd && *oci->options.cwd)
		json_put(doc, process, "cwd", json_new_text(doc, oci->options.cwd));
	if (oci->options.no_new_privs)
		json_put(doc, process, "noNewPrivileges", json_new_bool(doc, true));
	if (oci->options.apparmor && *oci->options.apparmor)
		json_put(doc, process, "apparmorProfile",
			 json_new_text(doc, oci->options.apparmor));
	if (oci->options.label && *oci->options.label)
		json_put(doc, process, "selinuxLabel", json_new_text(doc, oci->options.label));
	put_caps(oci, doc, process);
	return put_user(oci, doc, process, err);
}

static bool load_process(const struct oci *oci, const struct oci_state *state,
			 struct json_doc **out, struct error *err)
{
	auto_oci_config config = NULL;
	auto_json_doc doc = NULL;
	auto_buf text = BUF_INIT;
	const char *path = oci->options.process;

	if (path && *path) {
		if (!file_read(path, OCI_CONFIG_BYTES_MAX, &text, err) ||
		    !json_parse(buf_str(&text), &doc, NULL, err))
			return error_context(err, "process %s", path);
		if (oci->options.tty)
			json_put(doc, json_root(doc), "terminal", json_new_bool(doc, true));
		*out = take_ptr(&doc);
		return true;
	}
	doc = json_doc_new();
	if (!oci_state_load_config(state, &config, err) ||
	    !describe(oci, config->process, doc, err))
		return false;
	*out = take_ptr(&doc);
	return true;
}

static bool run(struct oci *oci, struct error *err)
{
	auto_oci_state state = NULL;
	auto_json_doc doc = NULL;
	int tty = -1;
	pid_t pid;
	struct oci_exec_options options = {
		.console_socket = oci->options.console_socket,
		.pid_file = oci->options.pid_file,
		.preserve_fds = (int)oci->options.preserve_fds,
		.no_new_keyring = true,
		.ignore_paused = oci->options.ignore_paused,
		.pidfd_socket = oci->options.pidfd_socket,
		.listener = oci->listener,
		.plain_lines = !isatty(1),
		.sub_cgroups = oci->options.cgroups.items,
		.sub_cgroup_count = oci->options.cgroups.count,
	};

	if (!oci_state_open(oci->root, oci->args[0], false, &state, err) ||
	    !load_process(oci, state, &doc, err))
		return false;
	if (oci->options.detach)
		return oci_exec(state, json_root(doc), &options, &pid, err);
	if (!options.console_socket || !*options.console_socket)
		options.out_tty = &tty;
	oci_front_begin();
	return oci_exec(state, json_root(doc), &options, &pid, err) &&
	       oci_front_wait(pid, tty, &oci->status, err);
}

#define EXEC_LIST(name, short, field, what, text)                                                  \
	{                                                                                          \
		.flag = name, .letter = short, .type = OPTION_LIST, .at = OCI_AT(field),           \
		.value_name = what, .group = "Options", .help = text                               \
	}

static const struct option_row rows[] = {
	{ .flag = "process",
	  .letter = 'p',
	  .type = OPTION_TEXT,
	  .at = OCI_AT(process),
	  .value_name = "FILE",
	  .group = "Options",
	  .help = "its description, as in config.json" },
	OCI_ROW_TEXT("console-socket", console_socket, "PATH",
		     "socket that gets the terminal's descriptor"),
	OCI_ROW_TEXT("pid-file", pid_file, "FILE", "write the process id there"),
	OCI_ROW_TEXT("pidfd-socket", pidfd_socket, "PATH",
		     "socket that gets a pidfd of the process"),
	OCI_ROW_TEXT("cwd", cwd, "DIR", "working folder"),
	{ .flag = "user",
	  .letter = 'u',
	  .type = OPTION_TEXT,
	  .at = OCI_AT(user),
	  .value_name = "UID[:GID]",
	  .group = "Options",
	  .help = "who it is" },
	{ .flag = "tty",
	  .letter = 't',
	  .type = OPTION_BOOL,
	  .at = OCI_AT(tty),
	  .group = "Options",
	  .help = "with a terminal" },
	{ .flag = "detach",
	  .letter = 'd',
	  .type = OPTION_BOOL,
	  .at = OCI_AT(detach),
	  .group = "Options",
	  .help = "do not wait for its end" },
	EXEC_LIST("env", 'e', env, "NAME=VALUE", "one more variable"),
	EXEC_LIST("cap", 'c', caps, "NAME", "one more capability"),
	EXEC_LIST("additional-gids", 'g', groups, "GID", "one more group"),
	EXEC_LIST("cgroup", 0, cgroups, "[CONTROLLERS:]PATH", "cgroup below the container's"),
	OCI_ROW_TEXT("process-label", label, "LABEL", "SELinux label"),
	OCI_ROW_TEXT("apparmor", apparmor, "PROFILE", "AppArmor profile"),
	OCI_ROW_SWITCH("no-new-privs", no_new_privs, "no rights beyond its own"),
	OCI_ROW_SWITCH("ignore-paused", ignore_paused, "also in a container that is paused"),
	OCI_ROW_SWITCH("no-subreaper", no_subreaper, "taken, and the same as without"),
	{ .flag = "preserve-fds",
	  .type = OPTION_INT,
	  .at = OCI_AT(preserve_fds),
	  .value_name = "N",
	  .fallback = "0",
	  .max = 1024,
	  .group = "Options",
	  .help = "descriptors from 3 on that the program gets" },
	{ 0 },
};

const struct oci_verb oci_verb_exec = { .name = "exec",
					.arguments = "ID [COMMAND [ARG...]]",
					.help = "run a further process in a container",
					.rows = rows,
					.args_min = 1,
					.args_max = 65536,
					.failure = 255,
					.own_args = true,
					.sealed = true,
					.run = run };
