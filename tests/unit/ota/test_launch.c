/*
 * test_launch.c - goal: the launcher starts the slot that the record says, counts tries, and finds
 * another when bytes are damaged.  Method: slots with small files, records of every phase.
 */
#include "ota/launch.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/harness.h"
#include "tests/unit/ota/slot_fixture.h"

static struct slots slots;
static char one[SLOT_NAME], two[SLOT_NAME], three[SLOT_NAME];

static void record(enum slot_phase phase, const char *slot, const char *last_good)
{
	struct slot_state state = { .phase = phase, .gate_seconds = 5 };
	struct error err;

	snprintf(state.slot, sizeof(state.slot), "%s", slot);
	snprintf(state.last_good, sizeof(state.last_good), "%s", last_good);
	CHECK_OK(slot_state_write(slots.folder, &state, &err), &err);
}

static void begin(void)
{
	struct error err;

	CHECK_OK(slots_open(harness_folder(), true, &slots, &err), &err);
	fixture_slot(&slots, "0.1.0", "one", 1, one);
	fixture_slot(&slots, "0.2.0", "two", 2, two);
	fixture_slot(&slots, "0.0.9", "three", 3, three);
}

static void chosen(const char *want)
{
	struct launch_choice choice;
	struct error err;

	CHECK_OK(launch_choose(slots.folder, &choice, &err), &err);
	CHECK_STR(choice.slot, want);
}

static void a_good_one_starts(void)
{
	begin();
	record(SLOT_PHASE_GOOD, one, "");
	chosen(one);
	chosen(one);
	record(SLOT_PHASE_REVERTED, two, one);
	chosen(one);
	slots_close(&slots);
}

static void without_a_record_the_newest(void)
{
	begin();
	chosen(three);
	fixture_damage(&slots, three);
	chosen(two);
	slots_close(&slots);
}

static void the_fourth_start_goes_back(void)
{
	struct launch_choice choice;
	struct slot_state state;
	struct error err;

	begin();
	record(SLOT_PHASE_TRIAL, two, one);
	for (unsigned i = 1; i <= SLOT_TRIES; i++) {
		CHECK_OK(launch_choose(slots.folder, &choice, &err), &err);
		CHECK_STR(choice.slot, two);
		CHECK(choice.trial);
		CHECK_INT(choice.state.gate_seconds, 5);
		slot_state_read(slots.folder, &state);
		CHECK_INT(state.tries, i);
	}
	CHECK_OK(launch_choose(slots.folder, &choice, &err), &err);
	CHECK_STR(choice.slot, one);
	CHECK(!choice.trial);
	slot_state_read(slots.folder, &state);
	CHECK_INT(state.phase, SLOT_PHASE_REVERTED);
	CHECK_STR(state.reason, "exited");
	CHECK_STR(state.detail, "ended 3 times before its gates passed");
	chosen(one);
	slots_close(&slots);
}

static void other_commands_do_not_count(void)
{
	struct launch_choice choice;
	struct slot_state state;
	struct error err;

	begin();
	record(SLOT_PHASE_TRIAL, two, one);
	for (int i = 0; i < 5; i++) {
		CHECK_OK(launch_pick(slots.folder, &choice, &err), &err);
		CHECK_STR(choice.slot, two);
		CHECK(!choice.trial);
	}
	slot_state_read(slots.folder, &state);
	CHECK_INT(state.tries, 0);
	record(SLOT_PHASE_GOOD, "0.9.0-0123456789ab", two);
	CHECK_OK(launch_pick(slots.folder, &choice, &err), &err);
	CHECK_STR(choice.slot, two);
	slots_close(&slots);
}

static void damage_is_seen(void)
{
	struct launch_choice choice;
	struct slot_state state;
	struct error err;

	begin();
	record(SLOT_PHASE_TRIAL, two, one);
	fixture_damage(&slots, two);
	chosen(one);
	slot_state_read(slots.folder, &state);
	CHECK_INT(state.phase, SLOT_PHASE_REVERTED);
	CHECK_STR(state.reason, "damaged");
	/* A good one that rots: the one before; that too: any. */
	record(SLOT_PHASE_GOOD, two, one);
	chosen(one);
	fixture_damage(&slots, one);
	chosen(three);
	fixture_damage(&slots, three);
	CHECK(!launch_choose(slots.folder, &choice, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	slots_close(&slots);
}

static void what_cannot_be_counted_is_not_tried(void)
{
	struct slot_state state;

	begin();
	record(SLOT_PHASE_TRIAL, two, one);
	/* The other record's place cannot be written. */
	slot_state_read(slots.folder, &state);
	CHECK_INT(symlinkat("/dev/full", slots.folder, state.sequence % 2 ? "state.b" : "state.a"),
		  0);
	chosen(one);
	slots_close(&slots);
}

static void a_slot_without_ok_is_none(void)
{
	auto_free char *path = NULL;

	begin();
	record(SLOT_PHASE_GOOD, two, one);
	path = memory_print("%s/slots/%s/OK", slots.root, two);
	CHECK_INT(unlink(path), 0);
	CHECK(!launch_slot_whole(slots.folder, two));
	CHECK(!launch_slot_whole(slots.folder, "../x"));
	chosen(one);
	slots_close(&slots);
}

static void only_a_trial_is_taken_back(void)
{
	struct slot_state state;

	begin();
	record(SLOT_PHASE_TRIAL, two, one);
	CHECK(!launch_revert(slots.folder, one, "timeout", "x"));
	CHECK(launch_revert(slots.folder, two, "timeout", "too slow"));
	CHECK(!launch_revert(slots.folder, two, "gate", "later"));
	slot_state_read(slots.folder, &state);
	CHECK_INT(state.phase, SLOT_PHASE_REVERTED);
	CHECK_STR(state.reason, "timeout");
	CHECK_STR(state.detail, "too slow");
	chosen(one);
	slots_close(&slots);
}

static const struct test tests[] = {
	{ "a good one starts", a_good_one_starts },
	{ "without a record the newest", without_a_record_the_newest },
	{ "the fourth start goes back", the_fourth_start_goes_back },
	{ "other commands do not count", other_commands_do_not_count },
	{ "damage is seen", damage_is_seen },
	{ "what cannot be counted is not tried", what_cannot_be_counted_is_not_tried },
	{ "a slot without ok is none", a_slot_without_ok_is_none },
	{ "only a trial is taken back", only_a_trial_is_taken_back },
};
TEST_MAIN(tests)
