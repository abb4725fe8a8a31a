/*
 * launch.c - the launcher's decisions, apart from its processes (ota/stage0/stage0.c).
 */
#include "ota/launch.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCK_WAIT_MS 5000

static bool parse_hex(const char *at, char out[DIGEST_HEX])
{
	if (strspn(at, "0123456789abcdef") != DIGEST_HEX - 1)
		return false;
	memcpy(out, at, DIGEST_HEX - 1);
	out[DIGEST_HEX - 1] = '\0';
	return true;
}

bool launch_mark_parse(const char *text, struct launch_mark *out)
{
	struct launch_mark mark = { .epoch = 0 };
	const char *epoch = strstr(text, "\nepoch ");

	if (strncmp(text, "sha256 ", 7) != 0 || !parse_hex(text + 7, mark.sha256))
		return false;
	if (epoch)
		mark.epoch = (uint32_t)strtoul(epoch + 7, NULL, 10);
	*out = mark;
	return true;
}

bool launch_mark_read(int folder, const char *slot, struct launch_mark *out)
{
	char path[SLOT_NAME + 16], text[LAUNCH_OK_MAX];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "slots/%s/OK", slot);
	fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	return launch_mark_parse(text, out);
}

bool launch_slot_whole(int folder, const char *slot)
{
	char path[SLOT_NAME + 16], have[DIGEST_HEX];
	struct launch_mark mark;
	bool whole;
	int fd;

	if (!slot_name_valid(slot) || !launch_mark_read(folder, slot, &mark))
		return false;
	snprintf(path, sizeof(path), "slots/%s/bin", slot);
	fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	whole = digest_fd(fd, have) && strcmp(have, mark.sha256) == 0;
	close(fd);
	return whole;
}

/* Of two slots with the same epoch the one with the greater name, so that it is always the same. */
static bool is_newer(const struct launch_mark *mark, const char *name,
		     const struct launch_mark *than, const char *than_name)
{
	return mark->epoch > than->epoch ||
	       (mark->epoch == than->epoch && strcmp(name, than_name) > 0);
}

static bool is_before(const struct launch_mark *mark, const char *name,
		      const struct launch_mark *limit, const char *limit_name)
{
	return !*limit_name || is_newer(limit, limit_name, mark, name);
}

/* The newest slot older than the one in `name` ("" = of all); false: no further one. */
static bool next_older(int folder, char name[SLOT_NAME], struct launch_mark *limit)
{
	int fd = openat(folder, "slots", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char best[SLOT_NAME] = "";
	struct launch_mark mark, best_mark = { .epoch = 0 };

	if (!dir && fd >= 0)
		close(fd);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (!slot_name_valid(entry->d_name) ||
		    !launch_mark_read(folder, entry->d_name, &mark) ||
		    !is_before(&mark, entry->d_name, limit, name) ||
		    (*best && !is_newer(&mark, entry->d_name, &best_mark, best)))
			continue;
		snprintf(best, sizeof(best), "%s", entry->d_name);
		best_mark = mark;
	}
	if (dir)
		closedir(dir);
	memcpy(name, best, SLOT_NAME);
	*limit = best_mark;
	return *best;
}

static bool choose_any(int folder, struct launch_choice *out, struct error *err)
{
	struct launch_mark limit = { .epoch = 0 };
	char name[SLOT_NAME] = "";

	while (next_older(folder, name, &limit))
		if (launch_slot_whole(folder, name)) {
			memcpy(out->slot, name, SLOT_NAME);
			return true;
		}
	return error_set(err, ERROR_NOT_FOUND,
			 "no version here is complete and unharmed: install mote again");
}

static void note_broken(struct launch_choice *out, const char *slot)
{
	if (*slot)
		snprintf(out->note, sizeof(out->note), "slot %s is damaged", slot);
	else
		snprintf(out->note, sizeof(out->note), "the record of versions is lost");
}

/* The recorded slots in their order, then any. */
static bool choose_whole(int folder, struct launch_choice *out, struct error *err)
{
	const char *wanted = slot_state_wanted(&out->state);
	const char *order[] = { wanted, out->state.last_good };

	for (size_t i = 0; i < 2; i++) {
		if (i == 1 && strcmp(order[0], order[1]) == 0)
			break;
		if (launch_slot_whole(folder, order[i])) {
			memcpy(out->slot, order[i], strlen(order[i]) + 1);
			return true;
		}
		if (i == 0)
			note_broken(out, wanted);
	}
	return choose_any(folder, out, err);
}

/* Counts a start of the slot on trial, or takes it back after too many.  False: it may not start.
 */
static bool count_try(int folder, struct launch_choice *out)
{
	struct slot_state *state = &out->state;
	char detail[sizeof(state->detail)];
	struct error err;

	assert(state->phase == SLOT_PHASE_TRIAL);
	if (state->tries >= SLOT_TRIES) {
		snprintf(detail, sizeof(detail), "ended %u times before its gates passed",
			 (unsigned)state->tries);
		state->phase = SLOT_PHASE_REVERTED;
		slot_state_blame(state, "exited", detail);
	} else if (!launch_slot_whole(folder, state->slot)) {
		state->phase = SLOT_PHASE_REVERTED;
		slot_state_blame(state, "damaged",
				 "its bytes on the disk are not those that were signed");
	} else {
		state->tries++;
	}
	if (slot_state_write(folder, state, &err)) {
		snprintf(out->note, sizeof(out->note), "%s",
			 state->phase == SLOT_PHASE_TRIAL ? "" : state->detail);
		return state->phase == SLOT_PHASE_TRIAL;
	}
	/* What is not counted is not tried: it could go on for ever. */
	snprintf(out->note, sizeof(out->note), "a try cannot be recorded: %.150s", err.text);
	state->phase = SLOT_PHASE_REVERTED;
	return false;
}

bool launch_choose(int folder, struct launch_choice *out, struct error *err)
{
	/* Whoever sits on the lock must not keep the machine from starting. */
	int lock = slot_state_lock(folder, LOCK_WAIT_MS);
	bool done = true;

	*out = (struct launch_choice){ 0 };
	slot_state_read(folder, &out->state);
	if (out->state.phase == SLOT_PHASE_TRIAL && count_try(folder, out)) {
		memcpy(out->slot, out->state.slot, SLOT_NAME);
		out->trial = true;
	} else {
		done = choose_whole(folder, out, err);
	}
	if (lock >= 0)
		close(lock);
	return done;
}

bool launch_find(int folder, struct launch_choice *out, struct error *err)
{
	*out = (struct launch_choice){ 0 };
	slot_state_read(folder, &out->state);
	return choose_whole(folder, out, err);
}

bool launch_pick(int folder, struct launch_choice *out, struct error *err)
{
	char path[SLOT_NAME + 16];
	const char *wanted;

	*out = (struct launch_choice){ 0 };
	slot_state_read(folder, &out->state);
	wanted = slot_state_wanted(&out->state);
	snprintf(path, sizeof(path), "slots/%s/bin", wanted);
	if (!*wanted || faccessat(folder, path, X_OK, 0) != 0)
		return choose_whole(folder, out, err);
	memcpy(out->slot, wanted, strlen(wanted) + 1);
	return true;
}

bool launch_revert(int folder, const char *slot, const char *reason, const char *detail)
{
	int lock = slot_state_lock(folder, LOCK_WAIT_MS);
	struct slot_state state;
	struct error err;
	bool done = false;

	slot_state_read(folder, &state);
	if (state.phase == SLOT_PHASE_TRIAL && strcmp(state.slot, slot) == 0) {
		state.phase = SLOT_PHASE_REVERTED;
		slot_state_blame(&state, reason, detail);
		done = slot_state_write(folder, &state, &err);
	}
	if (lock >= 0)
		close(lock);
	return done;
}
