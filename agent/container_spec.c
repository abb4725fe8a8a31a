/*
 * container_spec.c - command, user, mounts, limits, rights of a container.
 *
 * Rules of
 * https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container: a
 * command replaces the image's entry point and its arguments, args alone replace the arguments.
 */
#include "agent/container_spec.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>

#include "agent/confine.h"
#include "agent/hugepages.h"
#include "agent/volume_mounts.h"
#include "api/quantity.h"
#include "runtime/pathfd.h"

#define MOUNTS_MAX 512
#define GROUPS_MAX 128
/* 262144 shares are the most the kernel takes. */
#define CPU_MILLI_MAX 256000

/* --- command --- */

static size_t add_words(const struct environment *env, const struct json *words, bool expand,
			const char **argv, size_t at)
{
	for (struct json_iter it = json_iter(words); json_next(&it);)
		argv[at++] = expand ? environment_expand(env, json_str(it.value))
				    : str_copy_arena(json_str(it.value), env->arena);
	return at;
}

static bool plan_command(const struct container_spec_work *work, const struct environment *env,
			 struct container_plan *out, struct error *err)
{
	const struct json *config = json_get(json_root(work->image->config), "config");
	const struct json *entry = json_get(config, "Entrypoint"), *cmd = json_get(config, "Cmd");
	const struct json *command = json_get(work->container, "command");
	const struct json *args = json_get(work->container, "args");
	const char **argv;
	size_t count = 0;

	argv = arena_get(env->arena, (json_count(entry) + json_count(cmd) + json_count(command) +
				      json_count(args) + 1) *
					     sizeof(*argv));
	if (json_count(command) > 0) {
		count = add_words(env, command, true, argv, count);
		count = add_words(env, args, true, argv, count);
	} else {
		count = add_words(env, entry, false, argv, count);
		count = json_count(args) > 0 ? add_words(env, args, true, argv, count)
					     : add_words(env, cmd, false, argv, count);
	}
	argv[count] = NULL;
	out->argv = argv;
	if (count > 0)
		return true;
	return error_set(err, ERROR_INVALID, "neither the pod nor the image says what to run");
}

/* --- user --- */

/* The container's own word, else the pod's. */
static const struct json *secure(const struct container_spec_work *work, const char *field)
{
	const struct json *own = json_path(work->container, "securityContext", field, NULL);

	return own ? own : json_path(work->pod, "spec", "securityContext", field, NULL);
}

static int64_t number_or(const struct json *value, int64_t fallback)
{
	return json_is_int(value) ? json_int(value) : fallback;
}

static void plan_user(const struct container_spec_work *work, struct arena *arena,
		      struct container_plan *out)
{
	const struct json *config = json_get(json_root(work->image->config), "config");
	const struct json *context = json_path(work->pod, "spec", "securityContext", NULL);
	const struct json *more = json_get(context, "supplementalGroups");
	uint32_t *groups = arena_get(arena, GROUPS_MAX * sizeof(*groups));
	size_t count = 0;

	out->user = str_copy_arena(json_str(json_get(config, "User")), arena);
	out->uid = number_or(secure(work, "runAsUser"), -1);
	out->gid = number_or(secure(work, "runAsGroup"), -1);
	out->run_as_non_root = json_bool(secure(work, "runAsNonRoot"));
	for (struct json_iter it = json_iter(more); json_next(&it) && count < GROUPS_MAX - 1;)
		groups[count++] = (uint32_t)json_int(it.value);
	if (json_is_int(json_get(context, "fsGroup")))
		groups[count++] = (uint32_t)json_int(json_get(context, "fsGroup"));
	out->groups = groups;
	out->group_count = count;
	out->strict_groups =
		str_is(json_str(json_get(context, "supplementalGroupsPolicy")), "Strict");
}

/* Said before the start, with the words of kubelets: starting again would not help.  A name that
 * the image's own files make root is found out at the start. */
static bool check_not_root(const struct container_plan *plan, struct error *err)
{
	struct str user = str_of(plan->user), name = str_cut(&user, ':');
	int64_t number;

	if (!plan->run_as_non_root)
		return true;
	if (plan->uid == 0)
		return error_set(err, ERROR_INVALID,
				 "container's runAsUser breaks non-root policy");
	if (plan->uid > 0 || (name.len > 0 && !str_is(name, "root") &&
			      !(str_to_i64(name, 0, INT64_MAX, &number) && number == 0)))
		return true;
	return error_set(err, ERROR_INVALID,
			 "container has runAsNonRoot and image will run as root");
}

/* --- mounts --- */

static int propagation_of(const struct json *mount)
{
	struct str word = json_str(json_get(mount, "mountPropagation"));

	return str_is(word, "Bidirectional") ? 2 : str_is(word, "HostToContainer") ? 1 : 0;
}

static bool is_read_only_below(const struct json *mount)
{
	struct str word = json_str(json_get(mount, "recursiveReadOnly"));

	return str_is(word, "Enabled") || str_is(word, "IfPossible");
}

/* Made and tried here, so that a bad one is an error of the configuration; the runtime does so
 * again, as it may have changed since.  What is wrong is not told: it says something of the
 * machine.  A file server may keep who asks: the runtime alone does it there, in a process that can
 * be killed.
 */
static bool check_sub_path(const struct container_spec_work *work, const struct json *mount,
			   const struct container_mount *planned, struct error *err)
{
	struct str container = json_str(json_get(work->container, "name"));
	struct str name = json_str(json_get(mount, "name"));
	auto_fd base = open(planned->source, O_PATH | O_CLOEXEC);
	auto_fd below = -1;
	struct error why = { 0 };

	/* A volume that is no more is the runtime's to tell. */
	if (base < 0 || !planned->sub_path || !*planned->sub_path ||
	    volumes_is_share(work->volumes, name) ||
	    pathfd_open(base, planned->sub_path, PATHFD_BELOW, O_PATH, &below, &why))
		return true;
	if (why.kind == ERROR_NOT_FOUND) {
		if (pathfd_make_below(base, planned->sub_path,
				      planned->own_ids ? work->volumes->user_base : 0, &below,
				      &why))
			return true;
		return error_set(err, ERROR_INVALID,
				 "failed to create subPath directory for volumeMount \"" STR_FMT
				 "\" of container \"" STR_FMT "\"",
				 STR_ARG(name), STR_ARG(container));
	}
	return error_set(err, ERROR_INVALID,
			 "failed to prepare subPath for volumeMount \"" STR_FMT
			 "\" of container \"" STR_FMT "\"",
			 STR_ARG(name), STR_ARG(container));
}

static bool plan_sub_path(const struct json *mount, const struct environment *env, const char **out,
			  struct error *err)
{
	struct str expr = json_str(json_get(mount, "subPathExpr"));
	struct str plain = json_str(json_get(mount, "subPath"));

	*out = plain.len > 0 ? str_copy_arena(plain, env->arena) : NULL;
	if (expr.len > 0 && !environment_expand_all(env, expr, out, err))
		return false;
	/* What the server cannot see in an expression.  The words of kubelets. */
	if (*out && **out == '/')
		return error_set(err, ERROR_INVALID,
				 "error SubPath `%s` must not be an absolute path", *out);
	if (*out && pathfd_has_dotdot(*out))
		return error_set(err, ERROR_INVALID,
				 "unable to provision SubPath `%s`: must not contain '..'", *out);
	return true;
}

/* A relative mount path is below the root, as docker takes it. */
static const char *target_of(struct str path, struct arena *arena)
{
	return arena_print(arena, "%s" STR_FMT, path.len > 0 && path.at[0] == '/' ? "" : "/",
			   STR_ARG(path));
}

static bool plan_mount(const struct container_spec_work *work, const struct environment *env,
		       const struct json *mount, struct container_mount *out, struct error *err)
{
	struct str name = json_str(json_get(mount, "name"));
	auto_free char *source = volumes_path(work->volumes, name);

	if (!source)
		return error_set(err, ERROR_INVALID, "the pod has no volume \"" STR_FMT "\"",
				 STR_ARG(name));
	*out = (struct container_mount){
		.source = arena_string(env->arena, source, strlen(source)),
		.target = target_of(json_str(json_get(mount, "mountPath")), env->arena),
		.type = "bind",
		.source_kind = volumes_source_kind(work->volumes, name),
		.read_only = json_bool(json_get(mount, "readOnly")) ||
			     volumes_is_read_only(work->volumes, name),
		.read_only_below = is_read_only_below(mount),
		.propagation = propagation_of(mount),
		.own_ids = volumes_own_ids(work->volumes, name) > 0,
	};
	/* What is mounted there shall be seen outside: it would be lost. */
	return (out->propagation != 2 || volume_check_shared(out->source, err)) &&
	       plan_sub_path(mount, env, &out->sub_path, err) &&
	       check_sub_path(work, mount, out, err);
}

static bool is_mounted(const struct container_mount *mounts, size_t count, const char *target)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(mounts[i].target, target) == 0)
			return true;
	return false;
}

/* hosts, resolv.conf and hostname of the pod, where the pod has nothing of its own there. */
static size_t add_etc(const struct container_spec_work *work, struct arena *arena,
		      struct container_mount *mounts, size_t count)
{
	static const char *const names[] = { "hosts", "resolv.conf", "hostname" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		const char *target = arena_print(arena, "/etc/%s", names[i]);

		if (is_mounted(mounts, count, target))
			continue;
		mounts[count++] = (struct container_mount){
			.source = arena_print(arena, "%s/etc/%s", work->volumes->folder, names[i]),
			.target = target,
			.type = "bind",
		};
	}
	return count;
}

static bool plan_mounts(const struct container_spec_work *work, const struct environment *env,
			struct container_plan *out, struct error *err)
{
	const struct json *list = json_get(work->container, "volumeMounts");
	struct container_mount *mounts;
	size_t count = 0;

	if (json_count(list) > MOUNTS_MAX)
		return error_set(err, ERROR_INVALID, "more than %d volume mounts", MOUNTS_MAX);
	mounts = arena_zero(env->arena, (json_count(list) + 3) * sizeof(*mounts));
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (!plan_mount(work, env, it.value, &mounts[count++], err))
			return false;
	out->mount_count = add_etc(work, env->arena, mounts, count);
	out->mounts = mounts;
	return true;
}

/* --- limits --- */

static int64_t milli(const struct json *resources, const char *list, const char *name)
{
	struct str text = json_str(json_path(resources, list, name, NULL));
	struct error ignored;
	int64_t value;

	return text.len > 0 && quantity_milli(text, &value, &ignored) ? value : 0;
}

static int64_t whole(const struct json *resources, const char *list, const char *name)
{
	struct str text = json_str(json_path(resources, list, name, NULL));
	struct error ignored;
	int64_t value;

	return text.len > 0 && quantity_value(text, &value, &ignored) ? value : 0;
}

void container_spec_resources(const struct json *resources, struct resources_plan *out)
{
	int64_t request = milli(resources, "requests", "cpu");
	int64_t limit = milli(resources, "limits", "cpu");
	int64_t memory = whole(resources, "limits", "memory");

	*out = (struct resources_plan){ 0 };
	if (request <= 0)
		request = limit;
	/* 1024 shares are one processor; two are the least the kernel takes. */
	request = request > CPU_MILLI_MAX ? CPU_MILLI_MAX : request;
	limit = limit > CPU_MILLI_MAX ? CPU_MILLI_MAX : limit;
	out->cpu_shares = request * 1024 / 1000 > 2 ? (uint64_t)(request * 1024 / 1000) : 2;
	if (limit > 0) {
		out->cpu_period_us = 100000;
		out->cpu_quota_us = limit * 100 > 1000 ? limit * 100 : 1000;
	}
	if (memory > 0)
		out->memory_bytes = (uint64_t)memory;
	hugepages_limit(resources, out);
}

static int64_t memory_request(const struct json *container)
{
	return whole(json_get(container, "resources"), "requests", "memory");
}

/* A sidecar shall not be killed before the containers that it serves: the least of theirs. */
static int64_t least_request(const struct json *pod)
{
	int64_t least = INT64_MAX;

	for (struct json_iter it = json_iter(json_path(pod, "spec", "containers", NULL));
	     json_next(&it);)
		if (memory_request(it.value) < least)
			least = memory_request(it.value);
	return least == INT64_MAX ? 0 : least;
}

/* Kubernetes: "Node out of memory behaviour", oom_score_adj by quality of service. */
static int oom_score(const struct container_spec_work *work)
{
	struct str class = json_str(json_path(work->pod, "status", "qosClass", NULL));
	int64_t request = memory_request(work->container);
	int64_t score;

	if (str_is(class, "Guaranteed") ||
	    str_is(json_str(json_path(work->pod, "spec", "priorityClassName", NULL)),
		   "system-node-critical"))
		return -997;
	if (str_is(class, "BestEffort") || work->node_memory <= 0)
		return 1000;
	if (str_is(json_str(json_get(work->container, "restartPolicy")), "Always") &&
	    least_request(work->pod) > request)
		request = least_request(work->pod);
	score = 1000 - (int64_t)(1000.0 * (double)request / (double)work->node_memory);
	return score < 3 ? 3 : score > 999 ? 999 : (int)score;
}

/* --- rights --- */

/* Devices that the pod holds for this container, and what tells their names. */
static bool plan_devices(const struct container_spec_work *work, struct arena *arena,
			 struct container_plan *out, struct error *err)
{
	struct devices_given given;
	const char **env;
	size_t have = 0, more = 0;

	if (!work->devices)
		return true;
	if (!devices_plan(work->devices, meta_str(work->pod, "uid"),
			  json_str(json_get(work->container, "name")), arena, &given, err))
		return false;
	out->devices = given.list;
	out->device_count = given.count;
	while (out->env && out->env[have])
		have++;
	while (given.env[more])
		more++;
	if (more == 0)
		return true;
	env = arena_zero(arena, (have + more + 1) * sizeof(*env));
	/* First, so that what the pod says itself wins. */
	memcpy(env, given.env, more * sizeof(*env));
	if (have > 0)
		memcpy(env + more, out->env, have * sizeof(*env));
	out->env = env;
	return true;
}

static int signal_number(struct str name)
{
	static const struct {
		const char *name;
		int number;
	} rows[] = {
		{ "TERM", SIGTERM }, { "INT", SIGINT },     { "QUIT", SIGQUIT },
		{ "HUP", SIGHUP },   { "KILL", SIGKILL },   { "USR1", SIGUSR1 },
		{ "USR2", SIGUSR2 }, { "WINCH", SIGWINCH }, { "ABRT", SIGABRT },
		{ "ALRM", SIGALRM }, { "PWR", SIGPWR },     { "RTMIN", 34 },
	};
	int64_t number;

	if (str_to_i64(name, 1, 64, &number))
		return (int)number;
	if (str_starts(name, STR("SIG")))
		name = str_from(name.at + 3, name.len - 3);
	/* Counted from 34, whatever the C library keeps for itself. */
	if (str_starts(name, STR("RTMIN+")) &&
	    str_to_i64(str_from(name.at + 6, name.len - 6), 0, 30, &number))
		return 34 + (int)number;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (str_is(name, rows[i].name))
			return rows[i].number;
	return 0;
}

/* --- the whole --- */

void container_spec_hostname(const struct json *pod, char out[64])
{
	struct str name = json_str(json_path(pod, "spec", "hostname", NULL));

	if (name.len == 0)
		name = meta_str(pod, "name");
	/* 63 bytes is what the kernel and DNS take; no dash or dot at the end. */
	snprintf(out, 64, STR_FMT, STR_ARG(name));
	for (size_t len = strlen(out); len > 0 && (out[len - 1] == '-' || out[len - 1] == '.');
	     len--)
		out[len - 1] = '\0';
}

static bool fill(const struct container_spec_work *work, const struct environment *env,
		 struct container_plan *out, struct error *err)
{
	const struct json *config = json_get(json_root(work->image->config), "config");
	struct str cwd = json_str(json_get(work->container, "workingDir"));
	struct str termination = json_str(json_get(work->container, "terminationMessagePath"));
	struct resources_plan *resources = arena_zero(env->arena, sizeof(*resources));

	container_spec_resources(
		work->granted ? work->granted : json_get(work->container, "resources"), resources);
	if (cwd.len == 0)
		cwd = json_str(json_get(config, "WorkingDir"));
	out->cwd = str_copy_arena(cwd, env->arena);
	out->resources = resources;
	out->stdin_open = json_bool(json_get(work->container, "stdin"));
	out->stdin_once = json_bool(json_get(work->container, "stdinOnce"));
	out->tty = json_bool(json_get(work->container, "tty"));
	out->oom_score_adj = oom_score(work);
	out->log_path = work->log_path;
	out->termination_path = str_copy_arena(
		termination.len > 0 ? termination : STR("/dev/termination-log"), env->arena);
	out->stop_signal = signal_number(json_str(json_get(config, "StopSignal")));
	out->env = environment_list(env);
	plan_user(work, env->arena, out);
	return check_not_root(out, err) && confine_plan(work, env->arena, out, err) &&
	       plan_devices(work, env->arena, out, err) && plan_command(work, env, out, err) &&
	       plan_mounts(work, env, out, err) && environment_fits(env, err);
}

bool container_spec_plan(const struct container_spec_work *work, struct arena *arena,
			 struct container_plan *out, struct error *err)
{
	struct environment_work env_work = {
		.pod = work->pod,
		.container = work->container,
		.image_env = json_path(json_root(work->image->config), "config", "Env", NULL),
		.sources = work->volumes->sources,
		.facts = work->volumes->facts,
		.services = work->services,
		.api_address = work->api_address,
		.hostname = work->hostname,
	};
	struct environment env;
	bool done;

	assert(work->image);
	if (!environment_build(&env_work, arena, &env, err))
		return false;
	*out = (struct container_plan){
		.id = work->id,
		.layers = (const char *const *)work->image->layers,
	};
	done = fill(work, &env, out, err);
	environment_clear(&env);
	return done;
}
