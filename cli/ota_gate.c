/*
 * ota_gate.c - mote ota gate: what a daemon on trial runs beside it; the gates of the machine
 * itself.
 *
 * All gates in their order, again and again, until all have passed in one round: then the version
 * is good.  Its end by time is the watcher's work (ota/stage0/stage0.c), which needs nothing of
 * this.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include "cli/ota_daemon.h"
#include "cli/ota_database.h"
#include "cli/ota_facts.h"
#include "cli/ota_gates.h"
#include "cli/ota_place.h"
#include "cli/ota_switch.h"

#define ROUND_MS  200
#define HOOK_MS   30000
#define HOOKS_MAX 64

struct options {
	const char *data_dir, *part, *api;
};

static const struct ota_gate *const gates[] = {
	&ota_gate_api,
	&ota_gate_agent,
	&ota_gate_database,
	&ota_gate_hooks,
};

static void pause_for(int ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

/* --- the gates of this machine --- */

static enum ota_verdict ask_agent(struct ota_gating *gating, struct error *err)
{
	auto_json_doc now = NULL;

	return ota_facts_gather(gating->data_dir, &now, err) &&
			       ota_facts_compare(json_root(gating->facts), json_root(now), err)
		       ? OTA_PASSED
		       : OTA_WAITS;
}

static enum ota_verdict ask_database(struct ota_gating *gating, struct error *err)
{
	if (strcmp(gating->part, "server") != 0 ||
	    ota_database_try(gating->data_dir, &gating->slots, err))
		return OTA_PASSED;
	return err->kind == ERROR_BROKEN ? OTA_REFUSED : OTA_WAITS;
}

/* One executable of gates.d: its end with 0 within its time. */
static bool run_hook(const struct ota_gating *gating, const char *name, struct error *err)
{
	auto_free char *path = memory_print("%s/gates.d/%s", gating->slots.root, name);
	const char *argv[] = { path, gating->part, gating->slot, NULL };
	struct process_plan plan = {
		.path = path, .argv = argv, .stdio = { -1, -1, 2 }, .die_with_parent = SIGKILL
	};
	int status;
	pid_t pid;

	if (!process_start(&plan, &pid, err) || !process_wait(pid, HOOK_MS, &status, err))
		return error_context(err, "%s", name);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	return error_set(err, ERROR_UNAVAILABLE, "%s ended with %s %d", name,
			 WIFEXITED(status) ? "status" : "signal",
			 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static int only_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static enum ota_verdict ask_hooks(struct ota_gating *gating, struct error *err)
{
	auto_free char *folder = memory_print("%s/gates.d", gating->slots.root);
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, only_visible, alphasort);
	int code = errno;
	bool passed = true;

	for (int i = 0; i < count; i++) {
		passed = passed && i < HOOKS_MAX && run_hook(gating, entries[i]->d_name, err);
		free(entries[i]);
	}
	free(entries);
	/* A folder that is not there asks nothing; one that cannot be read may ask something. */
	if (count < 0 && code != ENOENT) {
		errno = code;
		passed = error_os(err, "read %s", folder);
	}
	if (count > HOOKS_MAX)
		error_set(err, ERROR_TOO_LARGE, "%s has more than %d files", folder, HOOKS_MAX);
	return passed ? OTA_PASSED : OTA_WAITS;
}

const struct ota_gate ota_gate_agent = { "agent", ask_agent };
const struct ota_gate ota_gate_database = { "database", ask_database };
const struct ota_gate ota_gate_hooks = { "hooks", ask_hooks };

/* --- rounds --- */

static enum ota_verdict ask_all(struct ota_gating *gating, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(gates); i++) {
		enum ota_verdict verdict = gates[i]->ask(gating, err);

		if (verdict != OTA_PASSED) {
			error_context(err, "%s", gates[i]->name);
			return verdict;
		}
	}
	return OTA_PASSED;
}

/* What can never pass is taken back at once; the daemon goes by itself, or the watcher ends it. */
static bool refuse(struct ota_gating *gating, const struct error *why, struct error *err)
{
	struct error ignored;

	launch_revert(gating->slots.folder, gating->slot, "gate", why->text);
	(void)!ota_daemon_ask(gating->slots.root, gating->part, &ignored);
	*err = *why;
	return error_context(err, "version %s is taken back", gating->slot);
}

static bool gate_until_good(struct ota_gating *gating, struct error *err)
{
	for (;;) {
		struct error why;
		enum ota_verdict verdict = ask_all(gating, &why);
		struct slot_state state;

		slot_state_read(gating->slots.folder, &state);
		if (state.phase != SLOT_PHASE_TRIAL || strcmp(state.slot, gating->slot) != 0)
			return error_set(err, ERROR_CONFLICT, "the trial is over");
		if (verdict == OTA_PASSED)
			break;
		if (verdict == OTA_REFUSED)
			return refuse(gating, &why, err);
		ota_switch_waiting(&gating->slots, why.text);
		pause_for(ROUND_MS);
	}
	if (!ota_switch_commit(&gating->slots, gating->data_dir, gating->slot, err))
		return false;
	ota_switch_waiting(&gating->slots, "");
	ota_facts_forget(&gating->slots);
	return true;
}

static bool run(struct ota_call *call, struct error *err)
{
	const struct options *options = call->options;
	struct ota_gating gating = { .part = options->part, .api_url = options->api };
	bool done;

	if (strcmp(gating.part, "server") != 0 && strcmp(gating.part, "agent") != 0)
		return error_set(err, ERROR_INVALID, "--part is server or agent");
	if (!ota_place_open(call->arena, options->data_dir, false, &gating.data_dir, &gating.slots,
			    err))
		return false;
	ota_place_own_slot(&gating.slots, gating.slot);
	done = ota_facts_read(&gating.slots, &gating.facts, err) && gate_until_good(&gating, err);
	json_doc_free(gating.facts);
	slots_close(&gating.slots);
	return done;
}

static const struct option_row rows[] = {
	OTA_ROW_DATA_DIR,
	{ .flag = "part",
	  .type = OPTION_TEXT,
	  .at = offsetof(struct options, part),
	  .value_name = "PART",
	  .fallback = "",
	  .group = "Options",
	  .help = "server or agent: which daemon is on trial" },
	{ .flag = "api",
	  .type = OPTION_TEXT,
	  .at = offsetof(struct options, api),
	  .value_name = "URL",
	  .fallback = "",
	  .group = "Options",
	  .help = "where a server on trial answers" },
	{ 0 },
};

const struct ota_verb ota_gate = {
	.name = "gate",
	.arguments = "",
	.help = "watch a version on trial until it is good (daemons run this by themselves)",
	.rows = rows,
	.options_size = sizeof(struct options),
	.run = run,
};
