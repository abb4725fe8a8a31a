/*
 * test_slots.c - goal: a cut at any instant leaves a version that starts, complete and verified.
 * Method: the steps of an update in a child that is killed before its n-th change of the disk, for
 * every n; then what the launcher would start, and the same update again.
 */
#include "ota/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/harness.h"
#include "tests/unit/ota/slot_fixture.h"

static void is_made_once(void)
{
	struct slots_entry entries[SLOTS_MAX];
	char name[SLOT_NAME];
	struct slots slots;
	struct error err;
	int bin;

	CHECK(!slots_open(harness_folder(), false, &slots, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	CHECK_OK(slots_open(harness_folder(), true, &slots, &err), &err);
	CHECK_INT(slots_list(&slots, entries), 0);
	fixture_slot(&slots, "0.1.0+abc", "one", 7, name);
	CHECK_STR(name, "0.1.0+abc-7692c3ad3540");
	CHECK_INT(slots_list(&slots, entries), 1);
	CHECK_STR(entries[0].name, name);
	CHECK(entries[0].complete);
	CHECK_INT(entries[0].mark.epoch, 7);
	CHECK(launch_slot_whole(slots.folder, name));
	CHECK(!slots_begin(&slots, name, &bin, &err));
	CHECK_INT(err.kind, ERROR_EXISTS);
	CHECK_OK(slots_drop(&slots, name, &err), &err);
	CHECK_OK(slots_drop(&slots, name, &err), &err);
	CHECK_INT(slots_list(&slots, entries), 0);
	slots_close(&slots);
}

static void other_bytes_are_refused(void)
{
	struct launch_mark mark = { .epoch = 1 };
	struct slots slots;
	struct error err;
	int bin;

	memset(mark.sha256, 'a', DIGEST_HEX - 1);
	CHECK_OK(slots_open(harness_folder(), true, &slots, &err), &err);
	CHECK_OK(slots_begin(&slots, "1-aaaaaaaaaaaa", &bin, &err), &err);
	close(bin);
	CHECK(!slots_finish(&slots, "1-aaaaaaaaaaaa", STR("x\n"), &mark, &err));
	CHECK_INT(err.kind, ERROR_BROKEN);
	CHECK(!launch_slot_whole(slots.folder, "1-aaaaaaaaaaaa"));
	/* What was left is taken over. */
	CHECK_OK(slots_begin(&slots, "1-aaaaaaaaaaaa", &bin, &err), &err);
	close(bin);
	CHECK(!slots_name("0.1/2", mark.sha256, (char[SLOT_NAME]){ "" }, &err));
	slots_close(&slots);
}

static void pruning_keeps_what_is_named(void)
{
	char one[SLOT_NAME], two[SLOT_NAME], three[SLOT_NAME];
	struct slots_entry entries[SLOTS_MAX];
	struct slots slots;
	struct error err;

	CHECK_OK(slots_open(harness_folder(), true, &slots, &err), &err);
	fixture_slot(&slots, "1", "one", 1, one);
	fixture_slot(&slots, "2", "two", 2, two);
	fixture_slot(&slots, "3", "three", 3, three);
	CHECK_OK(slots_prune(&slots, (const char *[]){ one, NULL, three }, 3, &err), &err);
	CHECK_INT(slots_list(&slots, entries), 2);
	CHECK_STR(entries[0].name, one);
	CHECK_STR(entries[1].name, three);
	slots_close(&slots);
}

static void links_and_the_floor(void)
{
	auto_free char *path = NULL;
	char target[256] = "";
	struct slots slots;
	struct error err;
	uint32_t floor;

	CHECK_OK(slots_open(harness_folder(), true, &slots, &err), &err);
	CHECK_OK(slots_link(&slots, "current", "", &err), &err);
	CHECK_OK(slots_link(&slots, "current", "1-a", &err), &err);
	CHECK_OK(slots_link(&slots, "current", "2-b", &err), &err);
	CHECK(readlinkat(slots.folder, "current", target, sizeof(target) - 1) > 0);
	CHECK_STR(target, "slots/2-b");
	CHECK_OK(slots_link(&slots, "current", "", &err), &err);
	CHECK_INT(readlinkat(slots.folder, "current", target, sizeof(target)), -1);
	CHECK_OK(slots_floor(&slots, &floor, &err), &err);
	CHECK_INT(floor, 0);
	CHECK_OK(slots_raise_floor(&slots, 12, &err), &err);
	CHECK_OK(slots_raise_floor(&slots, 3, &err), &err);
	CHECK_OK(slots_floor(&slots, &floor, &err), &err);
	CHECK_INT(floor, 12);
	path = memory_print("%s/floor", slots.root);
	CHECK_OK(file_put(path, STR("34"), 0600, &err), &err);
	CHECK_OK(slots_floor(&slots, &floor, &err), &err);
	CHECK_INT(floor, 34);
	CHECK_OK(file_put(path, STR(""), 0600, &err), &err);
	CHECK(!slots_floor(&slots, &floor, &err));
	CHECK(!slots_need_space(&slots, UINT64_MAX / 2, &err));
	CHECK_INT(err.kind, ERROR_FULL);
	CHECK_OK(slots_need_space(&slots, 1, &err), &err);
	slots_close(&slots);
}

static void one_at_a_time(void)
{
	struct slots slots;
	struct error err;
	int claim, second;

	CHECK_OK(slots_open(harness_folder(), true, &slots, &err), &err);
	CHECK_OK(slots_claim(&slots, &claim, &err), &err);
	CHECK(!slots_claim(&slots, &second, &err));
	CHECK_INT(err.kind, ERROR_UNAVAILABLE);
	close(claim);
	CHECK_OK(slots_claim(&slots, &claim, &err), &err);
	close(claim);
	slots_close(&slots);
}

/* --- cuts --- */

static struct slots cut_slots;
static char before[SLOT_NAME], after[SLOT_NAME];

static void put_state(enum slot_phase phase, const char *slot, const char *last_good)
{
	struct slot_state state = { .phase = phase, .gate_seconds = 60 };
	struct error err;

	memcpy(state.slot, slot, strlen(slot) + 1);
	memcpy(state.last_good, last_good, strlen(last_good) + 1);
	CHECK_OK(slot_state_write(cut_slots.folder, &state, &err), &err);
}

/* Everything that an update does to the folder, from the slot to the pruning; can be repeated. */
static void update(void *of)
{
	struct slots_entry entries[SLOTS_MAX];
	struct error err;
	bool have = false;

	(void)of;
	for (size_t i = 0, count = slots_list(&cut_slots, entries); i < count; i++)
		have = have || (entries[i].complete && strcmp(entries[i].name, after) == 0);
	if (!have)
		fixture_slot(&cut_slots, "0.2.0", "the new one", 2, after);
	put_state(SLOT_PHASE_TRIAL, after, before);
	CHECK_OK(slots_link(&cut_slots, "previous", before, &err), &err);
	CHECK_OK(slots_link(&cut_slots, "current", after, &err), &err);
	put_state(SLOT_PHASE_GOOD, after, before);
	CHECK_OK(slots_raise_floor(&cut_slots, 2, &err), &err);
	CHECK_OK(slots_prune(&cut_slots, (const char *[]){ before, after }, 2, &err), &err);
}

static void begin_cut(unsigned n)
{
	auto_free char *data = memory_print("%s/%u", harness_folder(), n);
	char old[SLOT_NAME];
	struct error err;

	CHECK_OK(slots_open(data, true, &cut_slots, &err), &err);
	fixture_slot(&cut_slots, "0.0.1", "the one before the old one", 0, old);
	fixture_slot(&cut_slots, "0.1.0", "the old one", 1, before);
	memcpy(after, "0.2.0-c7e6a0d4dba8", 19);
	put_state(SLOT_PHASE_GOOD, before, old);
}

static void any_cut_leaves_a_version(void)
{
	unsigned n = 0, news = 0, olds = 0;
	bool whole;

	do {
		struct launch_choice choice;
		struct error err;

		begin_cut(n);
		whole = fixture_cut(update, NULL, n);
		CHECK_OK(launch_choose(cut_slots.folder, &choice, &err), &err);
		CHECK(launch_slot_whole(cut_slots.folder, choice.slot));
		news += strncmp(choice.slot, "0.2.0-", 6) == 0;
		olds += strcmp(choice.slot, before) == 0;
		/* Never a third, also not by chance. */
		CHECK_INT(news + olds, n + 1);
		update(NULL);
		CHECK_OK(launch_choose(cut_slots.folder, &choice, &err), &err);
		CHECK(strncmp(choice.slot, "0.2.0-", 6) == 0);
		CHECK_STR(choice.note, "");
		slots_close(&cut_slots);
		n++;
	} while (!whole);
	CHECK(n > 30);
	CHECK(olds > 10 && news > 10);
}

static void drop(void *of)
{
	struct error err;

	CHECK_OK(slots_drop(&cut_slots, of, &err), &err);
}

/* What says that it is complete is, also while it goes. */
static void a_slot_goes_from_its_mark_on(void)
{
	unsigned n = 0;
	bool done;

	do {
		struct launch_mark mark;
		char name[SLOT_NAME];
		struct error err;

		begin_cut(n);
		fixture_slot(&cut_slots, "0.3.0", "to be dropped", 3, name);
		done = fixture_cut(drop, name, n++);
		CHECK(!launch_mark_read(cut_slots.folder, name, &mark) ||
		      launch_slot_whole(cut_slots.folder, name));
		CHECK_OK(slots_drop(&cut_slots, name, &err), &err);
		fixture_slot(&cut_slots, "0.3.0", "to be dropped", 3, name);
		CHECK(launch_slot_whole(cut_slots.folder, name));
		slots_close(&cut_slots);
	} while (!done);
	CHECK(n > 4);
}

static const struct test tests[] = {
	{ "a slot goes from its mark on", a_slot_goes_from_its_mark_on, .time_limit_s = 60 },
	{ "is made once", is_made_once },
	{ "other bytes are refused", other_bytes_are_refused },
	{ "pruning keeps what is named", pruning_keeps_what_is_named },
	{ "links and the floor", links_and_the_floor },
	{ "one at a time", one_at_a_time },
	{ "any cut leaves a version", any_cut_leaves_a_version, .time_limit_s = 60 },
};
TEST_MAIN(tests)
