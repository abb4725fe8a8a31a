/*
 * validate_security.c - security contexts of pods and containers.
 */
#include "api/validate_security.h"

#include "api/validate.h"
#include "api/validate_files.h"
#include "api/validate_values.h"
#include "api/validate_windows.h"
#include "api/validate_words.h"
#include "base/map.h"

#define AT(...)     field_path(work->errors, __VA_ARGS__)
#define SYSCTL_MAX  253
#define PROFILE_MAX 4095 /* a path of the node */
#define LISTS_OF_A_POD                                                                             \
	{                                                                                          \
		"initContainers", "containers", "ephemeralContainers"                              \
	}
#define SYSCTL_WORDS                                                                               \
	"must have at most 253 characters and match regex "                                        \
	"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"

/* --- profiles --- */

static void check_seccomp(const struct kind_work *work, const struct json *profile,
			  const char *path)
{
	static const char *const types[] = { "Localhost", "RuntimeDefault", "Unconfined", NULL };
	const struct json *type = json_get(profile, "type"),
			  *file = json_get(profile, "localhostProfile");
	const char *here = AT("%s.localhostProfile", path);

	if (!profile)
		return;
	if (json_str(type).len == 0)
		validate_required(work, AT("%s.type", path),
				  "type is required when seccompProfile is set");
	else
		words_check(work, AT("%s.type", path), type, types);
	if (str_is(json_str(type), "Localhost")) {
		if (!file)
			validate_required(work, here, "must be set when seccomp type is Localhost");
		else
			files_inside(work, file, here);
	} else if (file) {
		validate_invalid(work, here, profile,
				 "can only be set when seccomp type is Localhost");
	}
}

static void check_local_apparmor(const struct kind_work *work, const struct json *file,
				 const char *path)
{
	static const char words[] = "must be set when AppArmor type is Localhost";
	struct str text = json_str(file), trimmed = str_trim(text);

	if (!file) {
		validate_required(work, path, words);
		return;
	}
	if (trimmed.len != text.len)
		validate_invalid(work, path, file, "must not be padded with whitespace");
	else if (text.len == 0)
		validate_required(work, path, words);
	if (text.len > PROFILE_MAX)
		words_too_long(work, path, PROFILE_MAX);
}

static void check_apparmor(const struct kind_work *work, const struct json *profile,
			   const char *path)
{
	static const char *const types[] = { "Localhost", "RuntimeDefault", "Unconfined", NULL };
	const struct json *type = json_get(profile, "type"),
			  *file = json_get(profile, "localhostProfile");
	const char *here = AT("%s.localhostProfile", path);

	if (!profile)
		return;
	if (str_is(json_str(type), "Localhost"))
		check_local_apparmor(work, file, here);
	else if (json_str(type).len == 0)
		validate_required(work, AT("%s.type", path),
				  "type is required when appArmorProfile is set");
	else if (!words_have(types, json_str(type)))
		words_not_supported(work, AT("%s.type", path), type, types);
	else if (file)
		validate_invalid(work, here, file,
				 "can only be set when AppArmor type is Localhost");
}

/* --- sysctls --- */

static bool is_sysctl(struct str name)
{
	bool start = true, end = false;

	if (name.len > SYSCTL_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];
		bool inner = c == '-' || c == '_', dot = c == '.' || c == '/',
		     word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if ((!inner && !dot && !word) || (start && !word) || (dot && !end))
			return false;
		start = dot;
		end = word;
	}
	return end;
}

/* Which namespace it is of: 'n' of the network, 'i' of messages, 0 of none we share. */
static char sysctl_space(struct str name)
{
	auto_buf dotted = BUF_INIT;

	for (size_t i = 0; i < name.len; i++)
		buf_add_byte(&dotted, name.at[i] == '/' ? '.' : name.at[i]);
	name = buf_str(&dotted);
	if (str_starts(name, STR("net.")))
		return 'n';
	return str_starts(name, STR("kernel.shm")) || str_starts(name, STR("kernel.msg")) ||
			       str_starts(name, STR("fs.mqueue.")) || str_is(name, "kernel.sem")
		       ? 'i'
		       : 0;
}

static void check_sysctls(const struct kind_work *work, const struct json *spec,
			  const struct json *sysctls, const char *path)
{
	bool host_network = json_bool(json_get(spec, "hostNetwork")),
	     host_ipc = json_bool(json_get(spec, "hostIPC"));
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(sysctls); json_next(&it);) {
		const struct json *name = json_get(it.value, "name");
		const char *here = AT("%s[%zu].name", path, it.index);
		char space = sysctl_space(json_str(name));

		if (json_str(name).len == 0)
			validate_required(work, here, "");
		else if (!is_sysctl(json_str(name)))
			validate_invalid(work, here, name, SYSCTL_WORDS);
		else if (map_find(seen, json_str(name)))
			validate_duplicate(work, here, name);
		if (host_network && space == 'n')
			validate_invalid(work, here, name,
					 "may not be specified when 'hostNetwork' is true");
		else if (host_ipc && space == 'i')
			validate_invalid(work, here, name,
					 "may not be specified when 'hostIPC' is true");
		map_put(seen, json_str(name), it.value);
	}
}

/* --- contexts --- */

static void check_choice(const struct kind_work *work, const struct json *context,
			 const char *field, const char *const *list, const char *path)
{
	if (json_get(context, field))
		words_check(work, AT("%s.%s", path, field), json_get(context, field), list);
}

void security_pod(const struct kind_work *work, const struct json *spec, const char *pod_path)
{
	static const char *const changes[] = { "Always", "OnRootMismatch", NULL };
	static const char *const groups[] = { "Merge", "Strict", NULL };
	static const char *const labels[] = { "MountOption", "Recursive", NULL };
	const struct json *context = json_get(spec, "securityContext"),
			  *share = json_get(spec, "shareProcessNamespace");
	const char *path = AT("%s.securityContext", pod_path);

	values_id(work, AT("%s.fsGroup", path), json_get(context, "fsGroup"));
	values_id(work, AT("%s.runAsUser", path), json_get(context, "runAsUser"));
	values_id(work, AT("%s.runAsGroup", path), json_get(context, "runAsGroup"));
	for (struct json_iter it = json_iter(json_get(context, "supplementalGroups"));
	     json_next(&it);)
		values_id(work, AT("%s.supplementalGroups[%zu]", path, it.index), it.value);
	if (json_bool(share) && json_bool(json_get(spec, "hostPID")))
		validate_invalid(work, AT("%s.shareProcessNamespace", path), share,
				 "ShareProcessNamespace and HostPID cannot both be enabled");
	check_sysctls(work, spec, json_get(context, "sysctls"), AT("%s.sysctls", path));
	check_choice(work, context, "fsGroupChangePolicy", changes, path);
	check_seccomp(work, json_get(context, "seccompProfile"), AT("%s.seccompProfile", path));
	windows_options(work, json_get(context, "windowsOptions"), AT("%s.windowsOptions", path));
	check_apparmor(work, json_get(context, "appArmorProfile"), AT("%s.appArmorProfile", path));
	check_choice(work, context, "supplementalGroupsPolicy", groups, path);
	check_choice(work, context, "seLinuxChangePolicy", labels, path);
}

/* What is taken away must not be given beside it. */
static void check_escalation(const struct kind_work *work, const struct json *context,
			     const char *path)
{
	const struct json *more = json_get(context, "allowPrivilegeEscalation");

	if (!more || json_bool(more))
		return;
	if (json_bool(json_get(context, "privileged")))
		validate_invalid(work, path, context,
				 "cannot set `allowPrivilegeEscalation` to false and `privileged` "
				 "to true");
	for (struct json_iter it = json_iter(json_path(context, "capabilities", "add", NULL));
	     json_next(&it);)
		if (str_is(json_str(it.value), "CAP_SYS_ADMIN"))
			validate_invalid(work, path, context,
					 "cannot set `allowPrivilegeEscalation` to false and "
					 "`capabilities.Add` CAP_SYS_ADMIN");
}

void security_container(const struct kind_work *work, const struct json *context, bool host_users,
			const char *path)
{
	static const char *const mounts[] = { "Default", "Unmasked", NULL };
	const struct json *mount = json_get(context, "procMount");

	if (!context)
		return;
	values_id(work, AT("%s.runAsUser", path), json_get(context, "runAsUser"));
	values_id(work, AT("%s.runAsGroup", path), json_get(context, "runAsGroup"));
	check_choice(work, context, "procMount", mounts, path);
	if (host_users && str_is(json_str(mount), "Unmasked"))
		validate_invalid(work, AT("%s.procMount", path), mount,
				 "`hostUsers` must be false to use `Unmasked`");
	check_seccomp(work, json_get(context, "seccompProfile"), AT("%s.seccompProfile", path));
	check_escalation(work, context, path);
	windows_options(work, json_get(context, "windowsOptions"), AT("%s.windowsOptions", path));
	check_apparmor(work, json_get(context, "appArmorProfile"), AT("%s.appArmorProfile", path));
}

/* --- operating systems --- */

void security_host_processes(const struct kind_work *work, const struct json *spec,
			     const char *pod_path)
{
	static const char *const lists[] = LISTS_OF_A_POD;
	const struct json *of_pod =
		json_path(spec, "securityContext", "windowsOptions", "hostProcess", NULL);
	size_t count = 0, all = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);) {
			const struct json *own = json_path(it.value, "securityContext",
							   "windowsOptions", "hostProcess", NULL);

			all++;
			count += json_bool(own ? own : of_pod);
			if (own && of_pod && json_bool(own) != json_bool(of_pod))
				validate_invalid(
					work,
					AT("%s.%s[%zu].securityContext.windowsOptions.hostProcess",
					   pod_path, lists[i], it.index),
					own,
					AT("pod hostProcess value must be identical if both are "
					   "specified, was %s",
					   json_bool(of_pod) ? "true" : "false"));
		}
	if (count > 0 && count != all)
		field_errors_add(work->errors, FIELD_INVALID, pod_path, "\"\"",
				 "If pod contains any hostProcess containers then all containers "
				 "must be HostProcess containers");
	if (count > 0 && !json_bool(json_get(spec, "hostNetwork")))
		field_errors_add(work->errors, FIELD_INVALID, AT("%s.hostNetwork", pod_path),
				 "false",
				 "hostNetwork must be true if pod contains any hostProcess "
				 "containers");
}

/* The fields of the list (NULL-ended) that are set. */
static void forbid(const struct kind_work *work, const struct json *object,
		   const char *const *fields, const char *words, const char *path)
{
	for (; *fields; fields++) {
		const struct json *value = json_get(object, *fields);
		bool set = value && (json_type(value) != JSON_ARRAY || json_count(value) > 0);

		if (set)
			words_forbidden(work, AT("%s.%s", path, *fields), words);
	}
}

static void forbid_everywhere(const struct kind_work *work, const struct json *spec,
			      const char *const *fields, const char *words, const char *pod_path)
{
	static const char *const lists[] = LISTS_OF_A_POD;

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);)
			forbid(work, json_get(it.value, "securityContext"), fields, words,
			       AT("%s.%s[%zu].securityContext", pod_path, lists[i], it.index));
}

static void check_linux(const struct kind_work *work, const struct json *spec, const char *path)
{
	static const char *const fields[] = { "windowsOptions", NULL };
	static const char words[] = "windows options cannot be set for a linux pod";

	forbid(work, json_get(spec, "securityContext"), fields, words,
	       AT("%s.securityContext", path));
	forbid_everywhere(work, spec, fields, words, path);
}

static void check_windows(const struct kind_work *work, const struct json *spec, const char *path)
{
	static const char *const profiles[] = { "appArmorProfile", "seLinuxOptions", NULL };
	static const char *const fields[] = { "seccompProfile", "fsGroup", "fsGroupChangePolicy",
					      "sysctls", NULL };
	static const char *const users[] = { "runAsUser",           "runAsGroup",
					     "supplementalGroups",  "supplementalGroupsPolicy",
					     "seLinuxChangePolicy", NULL };
	static const char *const of_container[] = { "appArmorProfile",
						    "seLinuxOptions",
						    "seccompProfile",
						    "capabilities",
						    "readOnlyRootFilesystem",
						    "privileged",
						    "allowPrivilegeEscalation",
						    "procMount",
						    "runAsUser",
						    "runAsGroup",
						    NULL };
	static const char *const host_users[] = { "hostUsers", NULL };
	static const char *const share[] = { "shareProcessNamespace", NULL };
	static const char words[] = "cannot be set for a windows pod";
	const struct json *context = json_get(spec, "securityContext");
	const char *here = AT("%s.securityContext", path);

	forbid(work, context, profiles, words, here);
	forbid(work, spec, host_users, words, path);
	if (json_bool(json_get(spec, "hostPID")))
		words_forbidden(work, AT("%s.hostPID", path), words);
	if (json_bool(json_get(spec, "hostIPC")))
		words_forbidden(work, AT("%s.hostIPC", path), words);
	forbid(work, context, fields, words, here);
	forbid(work, spec, share, words, path);
	forbid(work, context, users, words, here);
	forbid_everywhere(work, spec, of_container, words, path);
}

void security_os(const struct kind_work *work, const struct json *spec, const char *pod_path)
{
	static const char *const known[] = { "linux", "windows", NULL };
	const struct json *os = json_get(spec, "os"), *name = json_get(os, "name");

	if (!os)
		return;
	if (json_str(name).len == 0)
		validate_required(work, AT("%s.os.name", pod_path), "cannot be empty");
	else if (!words_have(known, json_str(name)))
		words_not_supported(work, AT("%s.os", pod_path), name, known);
	else if (str_is(json_str(name), "linux"))
		check_linux(work, spec, pod_path);
	else
		check_windows(work, spec, pod_path);
}
