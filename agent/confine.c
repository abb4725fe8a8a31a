/*
 * confine.c - profiles are files of this node, named by the pod: they are found below one folder
 * and nowhere else.
 */
#include "agent/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/apparmor.h"
#include "agent/pod_admission.h"
#include "base/file.h"
#include "runtime/pathfd.h"
#include "runtime/seccomp_profile.h"

/* Where people who know kubelets put them. */
#define KUBELET_FOLDER "/var/lib/kubelet/seccomp"

static const char *const *caps_of(const struct json *list, struct arena *arena)
{
	const char **caps = arena_get(arena, (json_count(list) + 1) * sizeof(*caps));
	size_t count = 0;

	for (struct json_iter it = json_iter(list); json_next(&it);)
		caps[count++] = str_copy_arena(json_str(it.value), arena);
	caps[count] = NULL;
	return caps;
}

/* --- seccomp --- */

/* False with *out_missing: there is no such file in this folder. */
static bool read_below(const char *folder, const char *name, struct buf *out, bool *out_missing,
		       struct error *err)
{
	auto_fd root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
	struct stat facts;

	*out_missing = root < 0 && errno == ENOENT;
	if (root < 0)
		return error_os(err, "open %s", folder);
	if (!pathfd_open(root, name, PATHFD_BELOW, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd, err)) {
		*out_missing = err->kind == ERROR_NOT_FOUND;
		return false;
	}
	if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size < 0 ||
	    facts.st_size > (off_t)SECCOMP_PROFILE_BYTES_MAX)
		return error_set(err, ERROR_INVALID, "it is not a file of at most %u bytes",
				 SECCOMP_PROFILE_BYTES_MAX);
	buf_reserve(out, (size_t)facts.st_size + 1);
	out->len = (size_t)facts.st_size;
	return pread(fd, out->at, out->len, 0) == (ssize_t)out->len || error_os(err, "read it");
}

static bool read_profile(const struct container_spec_work *work, const char *name, struct buf *out,
			 struct error *err)
{
	auto_free char *own = memory_print("%s/kubelet/seccomp", work->agent_folder);
	bool missing;

	if (read_below(own, name, out, &missing, err) ||
	    (missing && read_below(KUBELET_FOLDER, name, out, &missing, err)))
		return true;
	if (!missing)
		return error_context(err, "cannot load seccomp profile \"%s/%s\"", own, name);
	return error_set(err, ERROR_NOT_FOUND,
			 "cannot load seccomp profile \"%s/%s\": no such file or directory", own,
			 name);
}

/* The container's word as a whole, else the pod's. */
static const struct json *seccomp_of(const struct container_spec_work *work)
{
	const struct json *own =
		json_path(work->container, "securityContext", "seccompProfile", NULL);

	return own ? own : json_path(work->pod, "spec", "securityContext", "seccompProfile", NULL);
}

static bool plan_seccomp(const struct container_spec_work *work, struct arena *arena,
			 struct container_plan *out, struct error *err)
{
	const struct json *profile = seccomp_of(work);
	struct str type = json_str(json_get(profile, "type"));
	const char *name = str_copy_arena(json_str(json_get(profile, "localhostProfile")), arena);
	auto_buf text = BUF_INIT;

	out->seccomp_unconfined = out->privileged || str_is(type, "Unconfined");
	if (out->privileged || !str_is(type, "Localhost"))
		return true;
	if (*name == '\0')
		return error_set(err, ERROR_INVALID,
				 "localhostProfile must be set if seccompProfile type is "
				 "Localhost.");
	if (name[0] == '/' || pathfd_has_dotdot(name))
		return error_set(err, ERROR_INVALID,
				 "seccomp profile \"%s\" must be below the folder of profiles",
				 name);
	if (!read_profile(work, name, &text, err))
		return false;
	out->seccomp_profile = str_copy_arena(buf_str(&text), arena);
	return true;
}

/* --- AppArmor --- */

static bool plan_apparmor(const struct container_spec_work *work, struct arena *arena,
			  struct container_plan *out, struct error *err)
{
	struct str profile = pod_admission_apparmor(work->pod, work->container, arena), name;

	if (!apparmor_enabled() || str_is(profile, "unconfined") ||
	    (out->privileged && profile.len == 0))
		return true;
	if (str_starts(profile, STR("localhost/"))) {
		name = str_from(profile.at + 10, profile.len - 10);
		out->apparmor = str_copy_arena(name, arena);
		return apparmor_is_loaded(name) ||
		       error_set(err, ERROR_NOT_FOUND, "apparmor profile not found " STR_FMT,
				 STR_ARG(name));
	}
	out->apparmor = apparmor_default();
	return out->apparmor || profile.len == 0 ||
	       error_set(err, ERROR_NOT_FOUND,
			 "this node has no default apparmor profile: its apparmor_parser is "
			 "missing or failed");
}

/* --- the whole --- */

bool confine_plan(const struct container_spec_work *work, struct arena *arena,
		  struct container_plan *out, struct error *err)
{
	const struct json *own = json_get(work->container, "securityContext");
	const struct json *escalate = json_get(own, "allowPrivilegeEscalation");
	const struct json *add = json_path(own, "capabilities", "add", NULL);

	out->privileged = json_bool(json_get(own, "privileged"));
	out->read_only_root = json_bool(json_get(own, "readOnlyRootFilesystem"));
	out->no_new_privs = json_type(escalate) == JSON_BOOL && !json_bool(escalate);
	out->proc_unmasked = str_is(json_str(json_get(own, "procMount")), "Unmasked");
	out->caps_add = caps_of(add, arena);
	out->caps_drop = caps_of(json_path(own, "capabilities", "drop", NULL), arena);
	return plan_seccomp(work, arena, out, err) && plan_apparmor(work, arena, out, err);
}
