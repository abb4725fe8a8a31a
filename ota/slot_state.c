/*
 * slot_state.c - the records of state.a and state.b.
 *
 *   at   bytes  what (numbers are little-endian)
 *     0      8  "MOTESTA1"
 *     8      8  sequence
 *    16      4  phase
 *    20      4  tries
 *    24      4  gate_seconds
 *    28      4  zero
 *    32     96  slot, zero-padded
 *   128     96  last_good
 *   224     32  reason
 *   256    252  detail
 *   508      4  CRC-32C of all before
 */
#include "ota/slot_state.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define MAGIC     "MOTESTA1"
#define AT_CRC    508
#define WAIT_STEP 20

static_assert(224 + sizeof(((struct slot_state *)0)->reason) == 256, "reason ends at 256");
static_assert(256 + sizeof(((struct slot_state *)0)->detail) == AT_CRC, "detail ends at 508");

static const char *const files[] = { "state.a", "state.b" };

const char *const slot_phase_names[SLOT_PHASES] = {
	[SLOT_PHASE_NONE] = "none",
	[SLOT_PHASE_TRIAL] = "trial",
	[SLOT_PHASE_GOOD] = "good",
	[SLOT_PHASE_REVERTED] = "reverted",
};

static uint32_t crc32c(const unsigned char *at, size_t count)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < count; i++) {
		crc ^= at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
	}
	return ~crc;
}

static void put(unsigned char *at, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t number(const unsigned char *at, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

static void put_text(unsigned char *at, const char *text, size_t room)
{
	memcpy(at, text, strnlen(text, room - 1));
}

static bool text(const unsigned char *at, size_t room, char *out)
{
	if (!memchr(at, 0, room))
		return false;
	memcpy(out, at, room);
	return true;
}

bool slot_name_valid(const char *name)
{
	size_t len = strnlen(name, SLOT_NAME);

	return len > 0 && len < SLOT_NAME && name[0] != '.' &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-") ==
		       len;
}

const char *slot_state_wanted(const struct slot_state *state)
{
	return state->phase == SLOT_PHASE_REVERTED ? state->last_good
	       : state->phase == SLOT_PHASE_NONE   ? ""
						   : state->slot;
}

void slot_state_print(const struct slot_state *state, unsigned char out[SLOT_STATE_BYTES])
{
	assert(state->phase < SLOT_PHASES);
	memset(out, 0, SLOT_STATE_BYTES);
	memcpy(out, MAGIC, 8);
	put(out + 8, state->sequence, 8);
	put(out + 16, (uint64_t)state->phase, 4);
	put(out + 20, state->tries, 4);
	put(out + 24, state->gate_seconds, 4);
	put_text(out + 32, state->slot, SLOT_NAME);
	put_text(out + 128, state->last_good, SLOT_NAME);
	put_text(out + 224, state->reason, sizeof(state->reason));
	put_text(out + 256, state->detail, sizeof(state->detail));
	put(out + AT_CRC, crc32c(out, AT_CRC), 4);
}

bool slot_state_parse(const unsigned char bytes[SLOT_STATE_BYTES], struct slot_state *out)
{
	struct slot_state state = { 0 };

	if (memcmp(bytes, MAGIC, 8) != 0 || number(bytes + AT_CRC, 4) != crc32c(bytes, AT_CRC) ||
	    number(bytes + 16, 4) >= SLOT_PHASES)
		return false;
	state.sequence = number(bytes + 8, 8);
	state.phase = (enum slot_phase)number(bytes + 16, 4);
	state.tries = (uint32_t)number(bytes + 20, 4);
	state.gate_seconds = (uint32_t)number(bytes + 24, 4);
	if (!text(bytes + 32, SLOT_NAME, state.slot) ||
	    !text(bytes + 128, SLOT_NAME, state.last_good) ||
	    !text(bytes + 224, sizeof(state.reason), state.reason) ||
	    !text(bytes + 256, sizeof(state.detail), state.detail))
		return false;
	if ((*state.slot && !slot_name_valid(state.slot)) ||
	    (*state.last_good && !slot_name_valid(state.last_good)))
		return false;
	*out = state;
	return true;
}

static bool read_one(int folder, const char *name, struct slot_state *out)
{
	unsigned char bytes[SLOT_STATE_BYTES];
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = fd < 0 ? -1 : pread(fd, bytes, sizeof(bytes), 0);

	if (fd >= 0)
		close(fd);
	return got == SLOT_STATE_BYTES && slot_state_parse(bytes, out);
}

/* The place of the record that counts, or -1. */
static int find_newest(int folder, struct slot_state *out)
{
	struct slot_state states[2] = { 0 };
	bool have[2];
	int newest;

	for (int i = 0; i < 2; i++)
		have[i] = read_one(folder, files[i], &states[i]);
	newest = !have[0] && !have[1]                      ? -1
		 : !have[0]                                ? 1
		 : !have[1]                                ? 0
		 : states[1].sequence > states[0].sequence ? 1
							   : 0;
	*out = newest < 0 ? (struct slot_state){ 0 } : states[newest];
	return newest;
}

void slot_state_read(int folder, struct slot_state *out)
{
	find_newest(folder, out);
}

bool slot_state_write(int folder, struct slot_state *state, struct error *err)
{
	unsigned char bytes[SLOT_STATE_BYTES];
	struct slot_state before;
	const char *name = files[find_newest(folder, &before) == 0 ? 1 : 0];
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool done;

	if (fd < 0)
		return error_os(err, "open %s", name);
	state->sequence = before.sequence + 1;
	slot_state_print(state, bytes);
	/* The folder too: the file may be new. */
	done = pwrite(fd, bytes, sizeof(bytes), 0) == SLOT_STATE_BYTES && fsync(fd) == 0 &&
	       fsync(folder) == 0;
	if (!done)
		error_os(err, "write %s", name);
	close(fd);
	return done;
}

static void put_words(char *out, size_t room, const char *words)
{
	size_t at = 0;

	for (; words[at] && at < room - 1; at++)
		out[at] = (unsigned char)words[at] < ' ' || words[at] == 0x7f ? ' ' : words[at];
	memset(out + at, 0, room - at);
}

void slot_state_blame(struct slot_state *state, const char *reason, const char *detail)
{
	put_words(state->reason, sizeof(state->reason), reason);
	put_words(state->detail, sizeof(state->detail), detail);
}

int slot_state_lock(int folder, int wait_ms)
{
	static const struct timespec step = { .tv_nsec = WAIT_STEP * 1000000L };
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int waited = 0; fd >= 0; waited += WAIT_STEP) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		if (errno != EWOULDBLOCK || waited >= wait_ms)
			break;
		nanosleep(&step, NULL);
	}
	if (fd >= 0) {
		int code = errno;

		close(fd);
		errno = code;
	}
	return -1;
}
