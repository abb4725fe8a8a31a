/*
 * test_ota_switch.c - goal: the record, its links and what belongs to them move together, and a
 * trial ends in one of two ways.  Method: slots with small files.
 */
#include "cli/ota_switch.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "ota/slot_maker.h"
#include "tests/unit/harness.h"

static struct slots slots;
static char one[SLOT_NAME], two[SLOT_NAME], three[SLOT_NAME];

static void make(const char *version, uint32_t epoch, uint32_t floor, char out[SLOT_NAME])
{
	auto_free char *path = memory_print("%s/program", harness_folder());
	struct slot_facts facts = { .epoch = epoch, .floor = floor };
	struct error err;
	bool made;

	snprintf(facts.version, sizeof(facts.version), "%s", version);
	CHECK_OK(file_put(path, str_of(version), 0700, &err), &err);
	CHECK_OK(slot_maker_copy(&slots, path, &facts, out, &made, &err), &err);
}

static void begin(void)
{
	struct error err;

	CHECK_OK(slots_open(harness_folder(), true, &slots, &err), &err);
	make("0.1.0", 1, 0, one);
	make("0.2.0", 2, 2, two);
	make("0.3.0", 3, 0, three);
	CHECK_OK(ota_switch_settle(&slots, one, &err), &err);
}

static void is(enum slot_phase phase, const char *slot, const char *last_good)
{
	struct slot_state state;

	slot_state_read(slots.folder, &state);
	CHECK_INT(state.phase, phase);
	CHECK_STR(state.slot, slot);
	CHECK_STR(state.last_good, last_good);
}

static void links_to(const char *link, const char *name)
{
	char target[SLOT_NAME + 16] = "", want[SLOT_NAME + 16];

	snprintf(want, sizeof(want), "slots/%s", name);
	CHECK(readlinkat(slots.folder, link, target, sizeof(target) - 1) > 0);
	CHECK_STR(target, want);
}

static void a_trial_that_passes(void)
{
	auto_free char *manifests = NULL;
	auto_free char *file = NULL;
	auto_free char *server = memory_print("%s/server", harness_folder());
	auto_free char *put = memory_print("%s/server/manifests/a.yaml", harness_folder());
	struct slots_entry entries[SLOTS_MAX];
	char current[SLOT_NAME];
	struct error err;
	uint32_t floor;

	begin();
	manifests = memory_print("%s/slots/%s/manifests", slots.root, two);
	file = memory_print("%s/a.yaml", manifests);
	CHECK_OK(file_make_dirs(manifests, 0700, &err), &err);
	CHECK_OK(file_put(file, STR("kind: List\n"), 0600, &err), &err);
	CHECK_OK(file_make_dirs(server, 0700, &err), &err);
	is(SLOT_PHASE_GOOD, one, "");
	CHECK_OK(ota_switch_try(&slots, two, 60, &err), &err);
	is(SLOT_PHASE_TRIAL, two, one);
	links_to("current", two);
	links_to("previous", one);
	CHECK(!file_exists(put));
	CHECK(!ota_switch_try(&slots, three, 60, &err));
	CHECK_INT(err.kind, ERROR_CONFLICT);
	/* Twice, as after a cut. */
	for (int i = 0; i < 2; i++)
		CHECK_OK(ota_switch_commit(&slots, harness_folder(), two, &err), &err);
	is(SLOT_PHASE_GOOD, two, one);
	CHECK_OK(slots_floor(&slots, &floor, &err), &err);
	CHECK_INT(floor, 2);
	CHECK(file_exists(put));
	CHECK_INT(slots_list(&slots, entries), 2);
	ota_switch_current(&slots, current);
	CHECK_STR(current, two);
	CHECK_OK(ota_switch_await(&slots, two, &err), &err);
	slots_close(&slots);
}

/* A cut, or a full disk, after the record says good: the next start does the rest, once. */
static void a_commit_that_is_cut(void)
{
	auto_free char *manifests = NULL;
	auto_free char *file = NULL;
	auto_free char *server = memory_print("%s/server", harness_folder());
	auto_free char *place = memory_print("%s/server/manifests", harness_folder());
	auto_free char *put = memory_print("%s/server/manifests/a.yaml", harness_folder());
	struct error err;

	begin();
	manifests = memory_print("%s/slots/%s/manifests", slots.root, two);
	file = memory_print("%s/a.yaml", manifests);
	CHECK_OK(file_make_dirs(manifests, 0700, &err), &err);
	CHECK_OK(file_put(file, STR("kind: List\n"), 0600, &err), &err);
	CHECK_OK(file_make_dirs(server, 0700, &err), &err);
	CHECK_OK(file_put(place, STR("in the way"), 0600, &err), &err);
	CHECK_OK(ota_switch_finish(&slots, harness_folder(), &err), &err);
	CHECK_OK(ota_switch_try(&slots, two, 60, &err), &err);
	CHECK(!ota_switch_commit(&slots, harness_folder(), two, &err));
	is(SLOT_PHASE_GOOD, two, one);
	CHECK(!ota_switch_finish(&slots, harness_folder(), &err));
	CHECK_INT(unlink(place), 0);
	CHECK_OK(ota_switch_finish(&slots, harness_folder(), &err), &err);
	CHECK(file_exists(put));
	/* What somebody removes stays away. */
	CHECK_INT(unlink(put), 0);
	CHECK_OK(ota_switch_finish(&slots, harness_folder(), &err), &err);
	CHECK(!file_exists(put));
	slots_close(&slots);
}

static void a_trial_that_does_not(void)
{
	char current[SLOT_NAME];
	struct error err;

	begin();
	CHECK_OK(ota_switch_try(&slots, two, 60, &err), &err);
	CHECK(launch_revert(slots.folder, two, "gate", "no"));
	CHECK(!ota_switch_commit(&slots, harness_folder(), two, &err));
	CHECK_INT(err.kind, ERROR_CONFLICT);
	CHECK(!ota_switch_await(&slots, two, &err));
	CHECK(strstr(err.text, "gate: no"));
	ota_switch_current(&slots, current);
	CHECK_STR(current, one);
	/* Again, and another one. */
	CHECK_OK(ota_switch_try(&slots, two, 60, &err), &err);
	is(SLOT_PHASE_TRIAL, two, one);
	CHECK(launch_revert(slots.folder, two, "gate", "no"));
	CHECK_OK(ota_switch_try(&slots, three, 60, &err), &err);
	is(SLOT_PHASE_TRIAL, three, one);
	slots_close(&slots);
}

static void slots_stay_while_somebody_makes_one(void)
{
	struct slots_entry entries[SLOTS_MAX];
	struct error err;
	int claim;

	begin();
	CHECK_OK(slots_claim(&slots, &claim, &err), &err);
	CHECK_OK(ota_switch_tidy(&slots, &err), &err);
	CHECK_INT(slots_list(&slots, entries), 3);
	close(claim);
	CHECK_OK(ota_switch_tidy(&slots, &err), &err);
	CHECK_INT(slots_list(&slots, entries), 1);
	slots_close(&slots);
}

static void damage(const char *name)
{
	auto_free char *path = memory_print("%s/slots/%s/bin", slots.root, name);
	struct error err;

	CHECK_OK(file_put(path, STR("other bytes"), 0700, &err), &err);
}

/* Else an update would drop what runs, and have no way back. */
static void the_record_is_mended(void)
{
	struct error err;

	begin();
	CHECK_OK(ota_switch_mend(&slots, &err), &err);
	is(SLOT_PHASE_GOOD, one, "");
	CHECK_INT(unlinkat(slots.folder, "state.a", 0), 0);
	CHECK_OK(ota_switch_mend(&slots, &err), &err);
	is(SLOT_PHASE_GOOD, three, "");
	CHECK_OK(ota_switch_settle(&slots, two, &err), &err);
	damage(two);
	CHECK_OK(ota_switch_mend(&slots, &err), &err);
	is(SLOT_PHASE_GOOD, three, two);
	/* A trial is the launcher's; and where all is lost, so is the record. */
	damage(three);
	CHECK_OK(ota_switch_try(&slots, one, 60, &err), &err);
	CHECK_OK(ota_switch_mend(&slots, &err), &err);
	is(SLOT_PHASE_TRIAL, one, three);
	CHECK(launch_revert(slots.folder, one, "gate", "no"));
	damage(one);
	CHECK_OK(ota_switch_mend(&slots, &err), &err);
	is(SLOT_PHASE_REVERTED, one, three);
	slots_close(&slots);
}

/* Links are for people: what the record says happens, and so it is not an error. */
static void without_links(void)
{
	auto_free char *part = NULL;
	struct error err;

	begin();
	part = memory_print("%s/current.tmp/in-the-way", slots.root);
	CHECK_OK(file_make_dirs(part, 0700, &err), &err);
	CHECK_OK(ota_switch_try(&slots, two, 60, &err), &err);
	is(SLOT_PHASE_TRIAL, two, one);
	CHECK_OK(ota_switch_settle(&slots, three, &err), &err);
	is(SLOT_PHASE_GOOD, three, two);
	slots_close(&slots);
}

/* Of a disk without locks nobody says that somebody has the lock. */
static void a_disk_without_locks(void)
{
	struct slots broken;
	struct error err;
	int lock;

	begin();
	broken = slots;
	broken.folder = -1;
	CHECK(!ota_switch_try(&broken, two, 60, &err));
	CHECK(strstr(err.text, "Bad file descriptor"));
	lock = slot_state_lock(slots.folder, 0);
	CHECK(lock >= 0);
	CHECK_INT(slot_state_lock(slots.folder, 0), -1);
	CHECK_INT(errno, EWOULDBLOCK);
	close(lock);
	slots_close(&slots);
}

static void without_daemons(void)
{
	struct error err;
	size_t count = 9;

	begin();
	CHECK_OK(ota_switch_restart(&slots, &count, &err), &err);
	CHECK_INT(count, 0);
	slots_close(&slots);
}

static const struct test tests[] = {
	{ "a trial that passes", a_trial_that_passes },
	{ "a commit that is cut", a_commit_that_is_cut },
	{ "a trial that does not", a_trial_that_does_not },
	{ "slots stay while somebody makes one", slots_stay_while_somebody_makes_one },
	{ "the record is mended", the_record_is_mended },
	{ "without links", without_links },
	{ "a disk without locks", a_disk_without_locks },
	{ "without daemons", without_daemons },
};
TEST_MAIN(tests)
