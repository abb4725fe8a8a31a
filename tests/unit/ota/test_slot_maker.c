/*
 * test_slot_maker.c - goal: a slot has exactly the signed bytes, by delta or whole, or is not
 * there; a cut anywhere leaves what can be started.  Method: bundles from a file, bases that fit
 * and that do not, a process that is killed before each change of the disk.
 */
#include "ota/slot_maker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "net/hash.h"
#include "tests/unit/harness.h"
#include "tests/unit/ota/bundle_fixture.h"
#include "tests/unit/ota/slot_fixture.h"

static struct parts parts;
static struct slots slots;
static struct root_of_trust *root;
static char *bundle_path;
static char base[SLOT_NAME];

/* A base with these bytes, which is the version that runs. */
static void begin(struct str old)
{
	struct slot_state state = { .phase = SLOT_PHASE_GOOD };
	struct slot_facts facts = { .version = "0.1.0", .epoch = 1 };
	auto_free char *path = memory_print("%s/old", harness_folder());
	auto_free char *data = memory_print("%s/data", harness_folder());
	auto_buf file = BUF_INIT;
	struct error err;
	bool made;

	parts_print(&parts, "0", &file);
	root = fixture_root(1, 1, "0", "0");
	bundle_path = memory_print("%s/bundle", harness_folder());
	CHECK_OK(file_put(bundle_path, buf_str(&file), 0600, &err), &err);
	CHECK_OK(file_remove_tree(data, &err), &err);
	CHECK_OK(slots_open(data, true, &slots, &err), &err);
	CHECK_OK(file_put(path, old, 0700, &err), &err);
	CHECK_OK(slot_maker_copy(&slots, path, &facts, base, &made, &err), &err);
	CHECK(made);
	CHECK_OK(slot_maker_copy(&slots, path, &facts, base, &made, &err), &err);
	CHECK(!made);
	memcpy(state.slot, base, SLOT_NAME);
	CHECK_OK(slot_state_write(slots.folder, &state, &err), &err);
}

static void finish(void)
{
	root_free(root);
	free(bundle_path);
	slots_close(&slots);
}

static void make_slot(char out[SLOT_NAME], bool *out_made)
{
	auto_intake intake = NULL;
	struct slot_maker_plan plan = { .slots = &slots, .base = base };
	struct error err;

	CHECK_OK(intake_open(&slots, bundle_path, root, &intake, &err), &err);
	plan.intake = intake;
	CHECK_OK(slot_maker_bundle(&plan, out, out_made, &err), &err);
}

static void has_the_binary(const char *name)
{
	auto_free char *path = memory_print("%s/slots/%s/bin", slots.root, name);
	auto_buf bytes = BUF_INIT;
	struct stat facts;
	struct error err;

	CHECK_OK(file_read(path, 64u * 1024 * 1024, &bytes, &err), &err);
	CHECK(str_equal(buf_str(&bytes), buf_str(&parts.binary)));
	CHECK_INT(stat(path, &facts), 0);
	CHECK_INT(facts.st_mode & 0777, 0755);
	CHECK(launch_slot_whole(slots.folder, name));
}

static void check_with(struct str old)
{
	struct slot_facts facts;
	char name[SLOT_NAME];
	struct error err;
	bool made;

	begin(old);
	make_slot(name, &made);
	CHECK(made);
	has_the_binary(name);
	CHECK_OK(slot_maker_facts(&slots, name, &facts, &err), &err);
	CHECK_STR(facts.version, parts.header.version);
	CHECK_INT(facts.epoch, parts.header.epoch);
	CHECK_INT(facts.floor, parts.header.floor);
	make_slot(name, &made);
	CHECK(!made);
	finish();
}

/* Both ways in: a disk that forgets is mended by the same file again. */
static void what_was_damaged_is_made_again(void)
{
	struct slot_facts facts = { .version = "0.1.0", .epoch = 1 };
	auto_free char *path = NULL;
	char name[SLOT_NAME];
	struct error err;
	bool made;

	parts_make(&parts, 1);
	begin(STR("old"));
	make_slot(name, &made);
	fixture_damage(&slots, name);
	make_slot(name, &made);
	CHECK(made);
	has_the_binary(name);
	path = memory_print("%s/old", harness_folder());
	fixture_damage(&slots, base);
	CHECK_OK(slot_maker_copy(&slots, path, &facts, base, &made, &err), &err);
	CHECK(made);
	CHECK(launch_slot_whole(slots.folder, base));
	finish();
	parts_clear(&parts);
}

static void by_a_delta(void)
{
	parts_make(&parts, 1);
	check_with(buf_str(&parts.old));
	parts_clear(&parts);
}

static void whole_without_a_base(void)
{
	parts_make(&parts, 1);
	check_with(STR("something else"));
	parts_clear(&parts);
}

/* The delta is signed and fits no more: its own bytes were made of another file. */
static void whole_when_the_delta_does_not_fit(void)
{
	char hex[HASH_SHA256_HEX], other_hex[HASH_SHA256_HEX];
	auto_buf other = BUF_INIT;

	parts_make(&parts, 1);
	buf_add_str(&other, buf_str(&parts.old));
	other.at[other.len / 2] ^= 1;
	other.at[other.len / 3] ^= 1;
	hash_sha256_hex(buf_str(&parts.old), hex);
	hash_sha256_hex(buf_str(&other), other_hex);
	fixture_edit(&parts.manifest, hex, other_hex);
	check_with(buf_str(&other));
	parts_clear(&parts);
}

static void other_files_are_placed_once(void)
{
	auto_free char *path = memory_print("%s/there/pause.tar", harness_folder());
	auto_intake intake = NULL;
	struct slot_maker_plan plan = { .slots = &slots };
	const struct bundle_entry *image;
	auto_buf bytes = BUF_INIT;
	struct error err;
	bool put;

	parts_make(&parts, 1);
	begin(STR("old"));
	CHECK_OK(intake_open(&slots, bundle_path, root, &intake, &err), &err);
	plan.intake = intake;
	image = bundle_find(intake_bundle(intake), "pause.tar");
	CHECK_OK(slot_maker_place(&plan, image, path, 0600, &put, &err), &err);
	CHECK(put);
	CHECK_OK(slot_maker_place(&plan, image, path, 0600, &put, &err), &err);
	CHECK(!put);
	CHECK_OK(file_read(path, 64u * 1024 * 1024, &bytes, &err), &err);
	CHECK(str_equal(buf_str(&bytes), buf_str(&parts.image)));
	CHECK_OK(file_put(path, STR("changed"), 0600, &err), &err);
	CHECK_OK(slot_maker_place(&plan, image, path, 0600, &put, &err), &err);
	CHECK(put);
	finish();
	parts_clear(&parts);
}

/* Every write beyond this many bytes fails, as on a full disk. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit = { bytes, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_leaves_what_runs(void)
{
	struct slot_maker_plan plan = { .slots = &slots, .base = base };
	struct launch_choice choice;
	auto_intake intake = NULL;
	char name[SLOT_NAME];
	struct error err;
	bool made;

	parts_make(&parts, 1);
	begin(buf_str(&parts.old));
	CHECK_OK(intake_open(&slots, bundle_path, root, &intake, &err), &err);
	plan.intake = intake;
	limit_files(100000);
	CHECK(!slot_maker_bundle(&plan, name, &made, &err));
	limit_files(RLIM_INFINITY);
	CHECK_OK(launch_choose(slots.folder, &choice, &err), &err);
	CHECK_STR(choice.slot, base);
	CHECK_OK(slot_maker_bundle(&plan, name, &made, &err), &err);
	CHECK(made);
	has_the_binary(name);
	finish();
	parts_clear(&parts);
}

/* --- cuts --- */

static void update(void *of)
{
	struct slot_state state = { .phase = SLOT_PHASE_TRIAL, .gate_seconds = 60 };
	struct error err;
	bool made;

	(void)of;
	make_slot(state.slot, &made);
	memcpy(state.last_good, base, SLOT_NAME);
	CHECK_OK(slot_state_write(slots.folder, &state, &err), &err);
}

static void any_cut_leaves_a_version(void)
{
	unsigned n = 0, news = 0;
	bool done;

	parts_make(&parts, 1);
	do {
		struct launch_choice choice;
		struct error err;

		begin(buf_str(&parts.old));
		done = fixture_cut(update, NULL, n++);
		CHECK_OK(launch_choose(slots.folder, &choice, &err), &err);
		CHECK(launch_slot_whole(slots.folder, choice.slot));
		news += choice.trial;
		if (!choice.trial)
			CHECK_STR(choice.slot, base);
		/* And again, whatever is there. */
		update(NULL);
		CHECK_OK(launch_choose(slots.folder, &choice, &err), &err);
		CHECK(choice.trial);
		has_the_binary(choice.slot);
		finish();
	} while (!done && n < 200);
	CHECK(n > 15 && n < 200);
	CHECK(news > 0);
	parts_clear(&parts);
}

static const struct test tests[] = {
	{ "what was damaged is made again", what_was_damaged_is_made_again },
	{ "by a delta", by_a_delta },
	{ "whole without a base", whole_without_a_base },
	{ "whole when the delta does not fit", whole_when_the_delta_does_not_fit },
	{ "other files are placed once", other_files_are_placed_once },
	{ "a full disk leaves what runs", a_full_disk_leaves_what_runs },
	{ "any cut leaves a version", any_cut_leaves_a_version, .time_limit_s = 60 },
};
TEST_MAIN(tests)
