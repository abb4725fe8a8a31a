/*
 * oci_verb_about.c - mote oci features, spec: what this runtime can do, and a config to begin with.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/version.h"
#include "cli/oci_verb.h"
#include "runtime/capability.h"
#include "runtime/oci_mount_words.h"
#include "runtime/seccomp_profile.h"

static struct json *list_of(const char *const *texts, struct json_doc *doc)
{
	struct json *list = json_new_array(doc);

	for (; *texts; texts++)
		json_append(list, json_new_text(doc, *texts));
	return list;
}

static struct json *switch_of(const char *key, bool value, struct json_doc *doc)
{
	struct json *object = json_new_object(doc);

	json_put(doc, object, key, json_new_bool(doc, value));
	return object;
}

static struct json *cgroup_features(struct json_doc *doc)
{
	struct json *cgroup = switch_of("v1", true, doc);

	json_put(doc, cgroup, "v2", json_new_bool(doc, true));
	json_put(doc, cgroup, "systemd", json_new_bool(doc, true));
	json_put(doc, cgroup, "systemdUser", json_new_bool(doc, false));
	json_put(doc, cgroup, "rdma", json_new_bool(doc, true));
	return cgroup;
}

static struct json *seccomp_features(struct json_doc *doc)
{
	struct json *seccomp = switch_of("enabled", true, doc);

	json_put(doc, seccomp, "actions", list_of(seccomp_profile_actions, doc));
	json_put(doc, seccomp, "operators", list_of(seccomp_profile_operators, doc));
	json_put(doc, seccomp, "archs", list_of(seccomp_profile_architectures, doc));
	json_put(doc, seccomp, "knownFlags", list_of(seccomp_profile_flags, doc));
	json_put(doc, seccomp, "supportedFlags", list_of(seccomp_profile_flags, doc));
	return seccomp;
}

static struct json *linux_features(struct json_doc *doc)
{
	struct json *system = json_new_object(doc);
	struct json *spaces = json_new_array(doc);
	struct json *rights = json_new_array(doc);
	struct json *extensions = json_new_object(doc);

	for (size_t i = 0; i < OCI_NAMESPACES; i++)
		json_append(spaces, json_new_text(doc, oci_namespace_rows[i].name));
	for (unsigned i = 0; capability_name(i); i++)
		json_append(rights, json_new_text(doc, capability_name(i)));
	json_put(doc, extensions, "idmap", switch_of("enabled", true, doc));
	json_put(doc, system, "namespaces", spaces);
	json_put(doc, system, "capabilities", rights);
	json_put(doc, system, "cgroup", cgroup_features(doc));
	json_put(doc, system, "seccomp", seccomp_features(doc));
	json_put(doc, system, "apparmor", switch_of("enabled", true, doc));
	json_put(doc, system, "selinux", switch_of("enabled", true, doc));
	json_put(doc, system, "intelRdt", switch_of("enabled", false, doc));
	json_put(doc, system, "mountExtensions", extensions);
	return system;
}

static bool run_features(struct oci *oci, struct error *err)
{
	static const char *const hooks[] = { "prestart",
					     "createRuntime",
					     "createContainer",
					     "startContainer",
					     "poststart",
					     "poststop",
					     NULL };
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	struct json *notes = json_new_object(doc);
	auto_buf text = BUF_INIT;

	(void)oci;
	(void)err;
	json_put(doc, root, "ociVersionMin", json_new_text(doc, "1.0.0"));
	json_put(doc, root, "ociVersionMax", json_new_text(doc, OCI_VERSION));
	json_put(doc, root, "hooks", list_of(hooks, doc));
	json_put(doc, root, "mountOptions", list_of(oci_mount_words_list(), doc));
	json_put(doc, root, "linux", linux_features(doc));
	json_put(doc, notes, "org.opencontainers.runc.checkpoint.enabled",
		 json_new_text(doc, "false"));
	json_put(doc, notes, "run.mote.version", json_new_text(doc, version_text()));
	json_put(doc, root, "annotations", notes);
	json_print_pretty(root, &text);
	printf("%s\n", buf_text(&text));
	return true;
}

const struct oci_verb oci_verb_features = { .name = "features",
					    .arguments = "",
					    .help = "print what this runtime can do",
					    .run = run_features };

static bool run_spec(struct oci *oci, struct error *err)
{
	auto_json_doc doc = json_doc_new();
	auto_free char *path = memory_print("%s/config.json", oci->options.bundle);
	auto_buf text = BUF_INIT;

	if (file_exists(path))
		return error_set(err, ERROR_EXISTS, "File config.json exists. Remove it first");
	json_print_pretty(oci_config_example(doc, oci->options.rootless), &text);
	buf_add_byte(&text, '\n');
	return file_put(path, buf_str(&text), 0644, err);
}

static const struct option_row spec_rows[] = {
	{ .flag = "bundle",
	  .letter = 'b',
	  .type = OPTION_TEXT,
	  .at = OCI_AT(bundle),
	  .value_name = "DIR",
	  .fallback = ".",
	  .group = "Options",
	  .help = "where to write it" },
	OCI_ROW_SWITCH("rootless", rootless, "for a user that is not root"),
	{ 0 },
};

const struct oci_verb oci_verb_spec = { .name = "spec",
					.arguments = "",
					.help = "write a config.json to begin with",
					.rows = spec_rows,
					.run = run_spec };
