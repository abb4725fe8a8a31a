/*
 * ota_switch.c - every change of the record that is not the launcher's.
 */
#include "cli/ota_switch.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/ota_daemon.h"
#include "ota/slot_maker.h"

#define LOCK_MS      10000
#define LOOK_MS      100
#define GRACE_MS     30000 /* beside the gates' own time: ends and starts */
#define WAITING_MAX  512
#define MANIFEST_MAX (4u * 1024 * 1024)

/* --- the record --- */

static bool lock(const struct slots *slots, int *out, struct error *err)
{
	*out = slot_state_lock(slots->folder, LOCK_MS);
	if (*out >= 0)
		return true;
	return errno == EWOULDBLOCK
		       ? error_set(err, ERROR_UNAVAILABLE, "the record of versions is locked")
		       : error_os(err, "lock %s", slots->root);
}

static void set_name(char to[SLOT_NAME], const char *from)
{
	char name[SLOT_NAME] = "";

	memcpy(name, from, strnlen(from, SLOT_NAME - 1));
	memcpy(to, name, SLOT_NAME);
}

void ota_switch_current(const struct slots *slots, char out[SLOT_NAME])
{
	struct slot_state state;

	slot_state_read(slots->folder, &state);
	set_name(out, slot_state_wanted(&state));
}

static bool write_links(const struct slots *slots, const char *current, const char *previous,
			struct error *err)
{
	return slots_link(slots, "previous", strcmp(current, previous) == 0 ? "" : previous, err) &&
	       slots_link(slots, "current", current, err);
}

/* The record is written and counts, whatever people see. */
static void try_links(const struct slots *slots, const char *current, const char *previous)
{
	struct error err;

	if (!write_links(slots, current, previous, &err))
		fprintf(stderr, "mote: warning: %s\n", err.text);
}

bool ota_switch_try(const struct slots *slots, const char *name, uint32_t gate_seconds,
		    struct error *err)
{
	struct slot_state state, next = { .phase = SLOT_PHASE_TRIAL, .gate_seconds = gate_seconds };
	auto_fd held = -1;

	if (!lock(slots, &held, err))
		return false;
	slot_state_read(slots->folder, &state);
	if (state.phase == SLOT_PHASE_TRIAL)
		return error_set(err, ERROR_CONFLICT, "version %s is on trial", state.slot);
	set_name(next.slot, name);
	set_name(next.last_good, slot_state_wanted(&state));
	ota_switch_waiting(slots, "");
	if (!slot_state_write(slots->folder, &next, err))
		return false;
	try_links(slots, name, next.last_good);
	return true;
}

bool ota_switch_settle(const struct slots *slots, const char *name, struct error *err)
{
	struct slot_state state, next = { .phase = SLOT_PHASE_GOOD };
	auto_fd held = -1;

	if (!lock(slots, &held, err))
		return false;
	slot_state_read(slots->folder, &state);
	set_name(next.slot, name);
	if (strcmp(slot_state_wanted(&state), name) != 0)
		set_name(next.last_good, slot_state_wanted(&state));
	if (!slot_state_write(slots->folder, &next, err))
		return false;
	try_links(slots, name, next.last_good);
	return true;
}

bool ota_switch_mend(const struct slots *slots, struct error *err)
{
	struct launch_choice choice;
	struct slot_state state;
	struct error none;

	slot_state_read(slots->folder, &state);
	/* Where nothing is whole, nothing can be lost. */
	if (state.phase == SLOT_PHASE_TRIAL || !launch_find(slots->folder, &choice, &none) ||
	    strcmp(choice.slot, slot_state_wanted(&choice.state)) == 0)
		return true;
	fprintf(stderr, "mote: warning: %s; %s is what starts here\n", choice.note, choice.slot);
	return ota_switch_settle(slots, choice.slot, err);
}

static bool write_good(const struct slots *slots, const char *name, struct slot_state *out,
		       struct error *err)
{
	auto_fd held = -1;

	if (!lock(slots, &held, err))
		return false;
	slot_state_read(slots->folder, out);
	if (strcmp(out->slot, name) != 0 ||
	    (out->phase != SLOT_PHASE_TRIAL && out->phase != SLOT_PHASE_GOOD))
		return error_set(err, ERROR_CONFLICT, "version %s is not on trial any more", name);
	if (out->phase == SLOT_PHASE_GOOD)
		return true;
	out->phase = SLOT_PHASE_GOOD;
	slot_state_blame(out, "", "");
	return slot_state_write(slots->folder, out, err);
}

/* --- after a trial --- */

static int only_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static bool put_manifest(const char *from, const char *to, struct error *err)
{
	auto_buf wanted = BUF_INIT;
	auto_buf there = BUF_INIT;
	struct error ignored;

	if (!file_read(from, MANIFEST_MAX, &wanted, err))
		return false;
	if (file_read(to, MANIFEST_MAX, &there, &ignored) &&
	    str_equal(buf_str(&wanted), buf_str(&there)))
		return true;
	return file_replace(to, buf_str(&wanted), 0600, err);
}

/* What the version brings along for the cluster counts from now on. */
static bool put_manifests(const struct slots *slots, const char *data_dir, const char *name,
			  struct error *err)
{
	auto_free char *from = memory_print("%s/slots/%s/manifests", slots->root, name);
	auto_free char *server = memory_print("%s/server", data_dir);
	auto_free char *to = memory_print("%s/server/manifests", data_dir);
	struct dirent **entries = NULL;
	int count = file_exists(server) ? scandir(from, &entries, only_visible, alphasort) : 0;
	bool done = count <= 0 || file_make_dirs(to, 0700, err);

	for (int i = 0; i < count; i++) {
		auto_free char *source = memory_print("%s/%s", from, entries[i]->d_name);
		auto_free char *target = memory_print("%s/%s", to, entries[i]->d_name);

		done = done && put_manifest(source, target, err);
		free(entries[i]);
	}
	free(entries);
	return done;
}

static bool raise_floor(const struct slots *slots, const char *name, struct error *err)
{
	struct slot_facts facts;

	if (!slot_maker_facts(slots, name, &facts, err))
		return err->kind == ERROR_NOT_FOUND;
	return slots_raise_floor(slots, facts.floor, err);
}

/* ota/committing names the slot from just before it is good until all has happened that follows. */
static char *committing_path(const struct slots *slots)
{
	return memory_print("%s/committing", slots->root);
}

bool ota_switch_commit(const struct slots *slots, const char *data_dir, const char *name,
		       struct error *err)
{
	auto_free char *mark = committing_path(slots);
	struct slot_state state;

	if (!file_replace(mark, str_of(name), 0600, err) || !write_good(slots, name, &state, err) ||
	    !raise_floor(slots, name, err) || !put_manifests(slots, data_dir, name, err) ||
	    !write_links(slots, name, state.last_good, err) || !ota_switch_tidy(slots, err))
		return false;
	return unlink(mark) == 0 || errno == ENOENT || error_os(err, "remove %s", mark);
}

bool ota_switch_finish(const struct slots *slots, const char *data_dir, struct error *err)
{
	auto_free char *mark = committing_path(slots);
	struct slot_state state;
	auto_buf name = BUF_INIT;

	if (!file_read(mark, SLOT_NAME, &name, err))
		return err->kind == ERROR_NOT_FOUND;
	slot_state_read(slots->folder, &state);
	if (state.phase == SLOT_PHASE_GOOD && str_is(buf_str(&name), state.slot))
		return ota_switch_commit(slots, data_dir, state.slot, err);
	/* Its gates may pass yet. */
	if (state.phase != SLOT_PHASE_TRIAL)
		unlink(mark);
	return true;
}

bool ota_switch_tidy(const struct slots *slots, struct error *err)
{
	struct slot_state state;
	auto_fd claim = -1;

	/* Who has it is making a slot, or waits for us and tidies then. */
	if (!slots_claim(slots, &claim, err))
		return err->kind == ERROR_UNAVAILABLE;
	slot_state_read(slots->folder, &state);
	return state.phase != SLOT_PHASE_GOOD ||
	       slots_prune(slots, (const char *[]){ state.slot, state.last_good }, 2, err);
}

/* --- daemons --- */

bool ota_switch_restart(const struct slots *slots, size_t *out_count, struct error *err)
{
	static const char *const parts[] = { "server", "agent" };
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
		if (ota_daemon_ask(slots->root, parts[i], err))
			count++;
		else if (err->kind != ERROR_NOT_FOUND)
			return false;
	}
	*out_count = count;
	return true;
}

void ota_switch_waiting(const struct slots *slots, const char *text)
{
	auto_free char *path = memory_print("%s/waiting", slots->root);
	auto_free char *line = memory_print("%s\n", text);
	struct error ignored;

	if (!*text)
		unlink(path);
	else
		(void)!file_put(path, str_of(line), 0600, &ignored);
}

static void tell_waiting(const struct slots *slots, struct buf *last)
{
	auto_free char *path = memory_print("%s/waiting", slots->root);
	auto_buf text = BUF_INIT;
	struct error ignored;

	if (!file_read(path, WAITING_MAX, &text, &ignored) ||
	    str_equal(buf_str(&text), buf_str(last)))
		return;
	fprintf(stderr, "waiting: %s", buf_text(&text));
	buf_reset(last);
	buf_add_str(last, buf_str(&text));
}

bool ota_switch_await(const struct slots *slots, const char *name, struct error *err)
{
	const struct timespec step = { .tv_nsec = LOOK_MS * 1000000L };
	int64_t begun_ms = clock_now_ms();
	struct slot_state state;
	auto_buf last = BUF_INIT;

	for (;;) {
		slot_state_read(slots->folder, &state);
		if (strcmp(state.slot, name) != 0 || state.phase == SLOT_PHASE_GOOD)
			return true;
		if (state.phase == SLOT_PHASE_REVERTED)
			return error_set(err, ERROR_CONFLICT, "version %s was taken back: %s: %s",
					 name, state.reason, state.detail);
		if (clock_now_ms() - begun_ms >
		    (int64_t)(SLOT_TRIES + 1) * (state.gate_seconds * 1000ll + GRACE_MS))
			return error_set(err, ERROR_TIMEOUT,
					 "the trial of %s has no end; see mote ota status", name);
		tell_waiting(slots, &last);
		nanosleep(&step, NULL);
	}
}
