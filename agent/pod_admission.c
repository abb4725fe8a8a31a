/*
 * pod_admission.c - one row a check, in the order of kubelets.
 */
#include "agent/pod_admission.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/apparmor.h"
#include "agent/devices.h"
#include "agent/user_range.h"
#include "base/file.h"

/* --- sysctls --- */

enum space { SPACE_NONE, SPACE_IPC, SPACE_NET };

/* Those that change nothing for other pods; names with dots. */
static const char *const safe_sysctls[] = {
	"kernel.shm_rmid_forced",
	"net.ipv4.ip_local_port_range",
	"net.ipv4.tcp_syncookies",
	"net.ipv4.ping_group_range",
	"net.ipv4.ip_unprivileged_port_start",
	"net.ipv4.ip_local_reserved_ports",
	"net.ipv4.tcp_keepalive_time",
	"net.ipv4.tcp_fin_timeout",
	"net.ipv4.tcp_keepalive_intvl",
	"net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_rmem",
	"net.ipv4.tcp_wmem",
};

static enum space space_of(struct str name)
{
	static const struct {
		const char *begin;
		enum space space;
	} rows[] = {
		{ "kernel.shm", SPACE_IPC },
		{ "kernel.msg", SPACE_IPC },
		{ "fs.mqueue.", SPACE_IPC },
		{ "net.", SPACE_NET },
	};

	if (str_is(name, "kernel.sem"))
		return SPACE_IPC;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (str_starts(name, str_of(rows[i].begin)))
			return rows[i].space;
	return SPACE_NONE;
}

/* "net/ipv4/conf/eth0.1/rp_filter" has slashes between its parts: then dots are part of a name. */
static char *with_dots(struct str name)
{
	char *copy = str_copy(name);
	size_t first = strcspn(copy, "./");

	if (copy[first] != '/')
		return copy;
	for (char *at = copy; *at; at++)
		*at = (char)(*at == '/' ? '.' : *at == '.' ? '/' : *at);
	return copy;
}

static bool matches(const char *pattern, struct str name)
{
	auto_free char *dotted = with_dots(str_of(pattern));
	struct str want = str_of(dotted);

	if (!str_ends(want, STR("*")))
		return str_equal(want, name);
	return str_starts(name, str_from(want.at, want.len - 1));
}

static bool is_allowed(const struct node *node, struct str name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(safe_sysctls); i++)
		if (str_is(name, safe_sysctls[i]))
			return true;
	for (size_t i = 0; node->unsafe_sysctls && i < node->unsafe_sysctls->count; i++)
		if (matches(node->unsafe_sysctls->items[i], name))
			return true;
	return false;
}

static bool check_sysctl(const struct node *node, const struct json *spec, struct str given,
			 struct error *err)
{
	auto_free char *dotted = with_dots(given);
	struct str name = str_of(dotted);
	enum space space = space_of(name);

	if (!is_allowed(node, name))
		return error_set(err, ERROR_FORBIDDEN, "forbidden sysctl: \"%s\" not allowlisted",
				 dotted);
	if ((space == SPACE_NET && json_bool(json_get(spec, "hostNetwork"))) ||
	    (space == SPACE_IPC && json_bool(json_get(spec, "hostIPC"))))
		return error_set(err, ERROR_FORBIDDEN,
				 "forbidden sysctl: \"%s\" not allowed with host %s enabled",
				 dotted, space == SPACE_NET ? "net" : "ipc");
	return true;
}

static bool check_sysctls(const struct node *node, const struct json *pod, struct error *err)
{
	const struct json *spec = json_get(pod, "spec");
	const struct json *list = json_path(spec, "securityContext", "sysctls", NULL);

	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (!check_sysctl(node, spec, json_str(json_get(it.value, "name")), err))
			return false;
	return true;
}

bool pod_admission_check_sysctls(const struct option_list *patterns, struct error *err)
{
	for (size_t i = 0; i < patterns->count; i++) {
		auto_free char *dotted = with_dots(str_of(patterns->items[i]));
		struct str name = str_of(dotted);

		if (str_ends(name, STR("*")))
			name.len--;
		if (space_of(name) == SPACE_NONE)
			return error_set(err, ERROR_INVALID,
					 "the sysctls \"%s\" are not known to be namespaced",
					 patterns->items[i]);
	}
	return true;
}

/* --- AppArmor --- */

static struct str profile_of(const struct json *context, struct arena *arena)
{
	const struct json *profile = json_get(context, "appArmorProfile");
	struct str type = json_str(json_get(profile, "type"));
	struct str name = json_str(json_get(profile, "localhostProfile"));

	if (str_is(type, "Unconfined"))
		return STR("unconfined");
	if (str_is(type, "RuntimeDefault"))
		return STR("runtime/default");
	if (str_is(type, "Localhost"))
		return str_of(arena_print(arena, "localhost/" STR_FMT, STR_ARG(name)));
	return STR("");
}

/* The container's field, the old annotation, the pod's field: the first that says something. */
struct str pod_admission_apparmor(const struct json *pod, const struct json *container,
				  struct arena *arena)
{
	struct str name = json_str(json_get(container, "name"));
	const char *key = arena_print(
		arena, "container.apparmor.security.beta.kubernetes.io/" STR_FMT, STR_ARG(name));
	struct str found = profile_of(json_get(container, "securityContext"), arena);

	if (found.len == 0)
		found = json_str(json_path(pod, "metadata", "annotations", key, NULL));
	if (found.len == 0)
		found = profile_of(json_path(pod, "spec", "securityContext", NULL), arena);
	return found;
}

static bool check_apparmor(const struct node *node, const struct json *pod, struct error *err)
{
	static const char *const lists[] = { "initContainers", "containers" };
	auto_arena arena = arena_new();

	(void)node;
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_path(pod, "spec", lists[i], NULL));
		     json_next(&it);) {
			struct str profile = pod_admission_apparmor(pod, it.value, arena);

			if (profile.len > 0 && !str_is(profile, "unconfined") &&
			    !apparmor_enabled())
				return error_set(err, ERROR_FORBIDDEN,
						 "Cannot enforce AppArmor: AppArmor is not enabled "
						 "on the host");
		}
	return true;
}

/* --- devices --- */

static bool check_devices(const struct node *node, const struct json *pod, struct error *err)
{
	struct error why;

	if (!node->devices || devices_take(node->devices, pod, &why))
		return true;
	return error_set(err, ERROR_FORBIDDEN, "Allocate failed due to %.200s, which is unexpected",
			 why.text);
}

/* --- users --- */

bool pod_admission_users(const struct node *node, const struct json *pod, uint32_t *out_base,
			 struct error *err)
{
	const struct json *host = json_path(pod, "spec", "hostUsers", NULL);
	auto_free char *pods = memory_print("%s/pods", node->folder);
	auto_free char *uid = str_copy(meta_str(pod, "uid"));

	*out_base = 0;
	return json_type(host) != JSON_BOOL || json_bool(host) ||
	       user_range_get(pods, uid, out_base, err);
}

/* --- the table --- */

bool pod_admission_check(const struct node *node, const struct json *pod, const char **out_reason,
			 struct error *err)
{
	static const struct {
		const char *reason;
		bool (*check)(const struct node *node, const struct json *pod, struct error *err);
	} rows[] = {
		{ "UnexpectedAdmissionError", check_devices },
		{ "SysctlForbidden", check_sysctls },
		{ "AppArmor", check_apparmor },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (!rows[i].check(node, pod, err)) {
			*out_reason = rows[i].reason;
			return false;
		}
	return true;
}
