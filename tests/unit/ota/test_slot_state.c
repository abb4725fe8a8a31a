/*
 * test_slot_state.c - goal: of two records one is always whole, whatever a cut leaves.  Method:
 * write, tear each write at every byte that matters, read again.
 */
#include "ota/slot_state.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/unit/harness.h"

static int folder(void)
{
	int fd = open(harness_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static struct slot_state sample(const char *slot)
{
	struct slot_state state = { .phase = SLOT_PHASE_TRIAL, .tries = 2, .gate_seconds = 7 };

	snprintf(state.slot, sizeof(state.slot), "%s", slot);
	snprintf(state.last_good, sizeof(state.last_good), "0.1.0+abc-0123456789ab");
	slot_state_blame(&state, "gate", "a \n sentence");
	return state;
}

static void comes_back_as_it_was(void)
{
	unsigned char bytes[SLOT_STATE_BYTES];
	struct slot_state state = sample("0.2.0-0123456789ab"), back;

	state.sequence = 0x1122334455667788;
	slot_state_print(&state, bytes);
	CHECK(slot_state_parse(bytes, &back));
	CHECK_INT(back.sequence, 0x1122334455667788);
	CHECK_INT(back.phase, SLOT_PHASE_TRIAL);
	CHECK_INT(back.tries, 2);
	CHECK_INT(back.gate_seconds, 7);
	CHECK_STR(back.slot, "0.2.0-0123456789ab");
	CHECK_STR(back.last_good, "0.1.0+abc-0123456789ab");
	CHECK_STR(back.reason, "gate");
	CHECK_STR(back.detail, "a   sentence");
	CHECK_STR(slot_state_wanted(&back), "0.2.0-0123456789ab");
	back.phase = SLOT_PHASE_REVERTED;
	CHECK_STR(slot_state_wanted(&back), "0.1.0+abc-0123456789ab");
}

static void every_changed_bit_is_seen(void)
{
	unsigned char bytes[SLOT_STATE_BYTES];
	struct slot_state state = sample("0.2.0-0123456789ab"), back;

	slot_state_print(&state, bytes);
	for (size_t bit = 0; bit < SLOT_STATE_BYTES * 8; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
		CHECK(!slot_state_parse(bytes, &back));
		bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
	}
	CHECK(slot_state_parse(bytes, &back));
}

/* The checksum is that of RFC 3720 (iSCSI), which other programs can compute too. */
static void the_checksum_is_crc32c(void)
{
	unsigned char bytes[SLOT_STATE_BYTES];
	struct slot_state state = { 0 };

	slot_state_print(&state, bytes);
	CHECK_BYTES(bytes, "MOTESTA1", 8);
	CHECK_INT(bytes[508] | bytes[509] << 8 | bytes[510] << 16 | (int64_t)bytes[511] << 24,
		  0x89468732);
}

static void bad_names_are_not_a_record(void)
{
	static const char *const names[] = { "../x", "a/b", ".hidden", "a b" };
	unsigned char bytes[SLOT_STATE_BYTES];
	struct slot_state back;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct slot_state state = sample(names[i]);

		slot_state_print(&state, bytes);
		CHECK(!slot_state_parse(bytes, &back));
		CHECK(!slot_name_valid(names[i]));
	}
	CHECK(!slot_name_valid(""));
	CHECK(slot_name_valid("0.3.0-rc.1+x-0123456789ab"));
}

static void the_older_is_overwritten(void)
{
	struct slot_state state, back;
	struct error err;
	char name[SLOT_NAME];
	int at = folder();

	slot_state_read(at, &back);
	CHECK_INT(back.phase, SLOT_PHASE_NONE);
	CHECK_STR(slot_state_wanted(&back), "");
	for (int i = 1; i < 6; i++) {
		snprintf(name, sizeof(name), "0.%d.0-0123456789ab", i);
		state = sample(name);
		CHECK_OK(slot_state_write(at, &state, &err), &err);
		CHECK_INT(state.sequence, i);
		slot_state_read(at, &back);
		CHECK_STR(back.slot, name);
		CHECK_INT(back.sequence, i);
	}
	CHECK_INT(unlinkat(at, "state.a", 0), 0);
	slot_state_read(at, &back);
	CHECK_INT(back.sequence, 4);
	close(at);
}

/* A write that a cut ended after `len` bytes: what was before counts, and can be written over. */
static void a_torn_write_leaves_the_one_before(void)
{
	unsigned char bytes[SLOT_STATE_BYTES];
	struct error err;
	int at = folder();

	for (size_t len = 0; len < SLOT_STATE_BYTES; len += 31) {
		struct slot_state one = sample("1-0123456789ab"), two = sample("2-0123456789ab"),
				  three = sample("3-0123456789ab"), back;
		int fd;

		unlinkat(at, "state.a", 0);
		unlinkat(at, "state.b", 0);
		CHECK_OK(slot_state_write(at, &one, &err), &err);
		CHECK_OK(slot_state_write(at, &two, &err), &err);
		/* Three would go over one, in state.a. */
		three.sequence = 3;
		slot_state_print(&three, bytes);
		fd = openat(at, "state.a", O_WRONLY | O_CLOEXEC);
		CHECK_INT(pwrite(fd, bytes, len, 0), (int)len);
		close(fd);
		slot_state_read(at, &back);
		CHECK_STR(back.slot, "2-0123456789ab");
		CHECK_OK(slot_state_write(at, &three, &err), &err);
		slot_state_read(at, &back);
		CHECK_STR(back.slot, "3-0123456789ab");
	}
	close(at);
}

static void a_write_that_fails_says_so(void)
{
	struct slot_state state = sample("1-0123456789ab"), back;
	struct error err;
	int at = folder();

	CHECK_OK(slot_state_write(at, &state, &err), &err);
	CHECK_INT(symlinkat("/dev/full", at, "state.b"), 0);
	CHECK(!slot_state_write(at, &state, &err));
	slot_state_read(at, &back);
	CHECK_INT(back.sequence, 1);
	close(at);
}

static void one_at_a_time(void)
{
	int at = folder(), lock = slot_state_lock(at, 0);

	CHECK(lock >= 0);
	CHECK_INT(slot_state_lock(at, 40), -1);
	close(lock);
	lock = slot_state_lock(at, 0);
	CHECK(lock >= 0);
	close(lock);
	close(at);
}

static const struct test tests[] = {
	{ "comes back as it was", comes_back_as_it_was },
	{ "every changed bit is seen", every_changed_bit_is_seen },
	{ "the checksum is crc32c", the_checksum_is_crc32c },
	{ "bad names are not a record", bad_names_are_not_a_record },
	{ "the older is overwritten", the_older_is_overwritten },
	{ "a torn write leaves the one before", a_torn_write_leaves_the_one_before },
	{ "a write that fails says so", a_write_that_fails_says_so },
	{ "one at a time", one_at_a_time },
};
TEST_MAIN(tests)
