/*
 * test_intake.c - goal: what came and was proven is never fetched again, and nothing else is
 * believed. Method: a signed bundle behind a web server that cuts, lies or knows no ranges; a
 * process that is killed in the middle; staged bytes that changed.
 */
#include "ota/intake.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/harness.h"
#include "tests/unit/ota/bundle_fixture.h"
#include "tests/unit/ota/slot_fixture.h"
#include "tests/unit/ota/web_fixture.h"

struct stage {
	struct parts parts;
	struct buf file;
	struct root_of_trust *root;
	struct slots slots;
	char *url;
};
static struct stage stage;

static void begin(struct web_plan plan)
{
	struct error err;

	parts_make(&stage.parts, 1);
	parts_print(&stage.parts, "0", &stage.file);
	stage.root = fixture_root(1, 1, "0", "0");
	CHECK_OK(slots_open(harness_folder(), true, &stage.slots, &err), &err);
	plan.file = buf_str(&stage.file);
	stage.url = memory_print("%s/file", web_start(&plan));
}

static void finish(void)
{
	parts_clear(&stage.parts);
	buf_clear(&stage.file);
	root_free(stage.root);
	slots_close(&stage.slots);
	free(stage.url);
}

static struct intake *open_it(const char *from)
{
	struct intake *intake;
	struct error err;

	CHECK_OK(intake_open(&stage.slots, from, stage.root, &intake, &err), &err);
	return intake;
}

static bool gather(void *of, struct str bytes, struct error *err)
{
	(void)err;
	buf_add_str(of, bytes);
	return true;
}

/* The binary, fetched and unpacked, is what was packed. */
static void takes_binary(struct intake *intake)
{
	const struct bundle_entry *entry = bundle_binary(intake_bundle(intake));
	const struct bundle_piece *piece = &entry->piece;
	auto_buf out = BUF_INIT;
	struct error err;

	CHECK_OK(intake_fetch(intake, &piece, 1, NULL, NULL, &err), &err);
	CHECK_INT(intake_missing(intake, &piece, 1), 0);
	CHECK_OK(intake_unpack(intake, entry, piece, STR_NONE, gather, &out, &err), &err);
	CHECK(str_equal(buf_str(&out), buf_str(&stage.parts.binary)));
}

static void from_a_file(void)
{
	auto_free char *path = memory_print("%s/bundle", harness_folder());
	auto_intake intake = NULL;
	struct error err;

	begin((struct web_plan){ 0 });
	CHECK_OK(file_put(path, buf_str(&stage.file), 0600, &err), &err);
	intake = open_it(path);
	takes_binary(intake);
	CHECK(access(stage.slots.root, F_OK) == 0);
	finish();
}

static void over_cuts(void)
{
	auto_intake intake = NULL;

	begin((struct web_plan){ .cut = 50000 });
	intake = open_it(stage.url);
	takes_binary(intake);
	CHECK(web_sent() < stage.file.len);
	finish();
}

static void without_ranges(void)
{
	auto_intake intake = NULL;

	begin((struct web_plan){ .whole = true });
	intake = open_it(stage.url);
	takes_binary(intake);
	finish();
}

/* The second one asks for the header alone. */
static void goes_on_where_it_was(void)
{
	auto_intake first = NULL;
	auto_intake second = NULL;
	size_t sent;
	struct error err;
	auto_free char *staging = NULL;

	begin((struct web_plan){ 0 });
	first = open_it(stage.url);
	takes_binary(first);
	sent = web_sent();
	second = open_it(stage.url);
	takes_binary(second);
	CHECK_INT(web_sent() - sent, BUNDLE_HEADER);
	staging = memory_print("%s/staging", stage.slots.root);
	CHECK(file_exists(staging));
	CHECK_OK(intake_discard(&stage.slots, &err), &err);
	CHECK(!file_exists(staging));
	finish();
}

static void what_others_left_goes(void)
{
	auto_free char *other = NULL;
	auto_free char *data = NULL;
	auto_intake intake = NULL;
	struct error err;

	begin((struct web_plan){ .cut = 0 });
	other = memory_print("%s/staging/0123", stage.slots.root);
	data = memory_print("%s/data", other);
	CHECK_OK(file_make_dirs(other, 0700, &err), &err);
	CHECK_OK(file_put(data, STR("much"), 0600, &err), &err);
	intake = open_it(stage.url);
	takes_binary(intake);
	CHECK_OK(intake_discard_others(intake, &err), &err);
	CHECK(!file_exists(other));
	takes_binary(intake);
	finish();
}

static void fetch_all(void *of)
{
	auto_intake intake = open_it(stage.url);

	(void)of;
	takes_binary(intake);
}

/* Killed before any change of the disk: the next one needs no more than what was not there yet. */
static void killed_anywhere(void)
{
	uint64_t before, whole = 0, size = 0;
	unsigned n = 0;
	bool done;

	begin((struct web_plan){ 0 });
	do {
		const struct bundle_piece *piece;
		auto_intake intake = NULL;
		struct error err;

		CHECK_OK(intake_discard(&stage.slots, &err), &err);
		done = fixture_cut(fetch_all, NULL, n++);
		intake = open_it(stage.url);
		piece = &bundle_binary(intake_bundle(intake))->piece;
		size = piece->packed.size;
		before = intake_missing(intake, &piece, 1);
		whole = before > whole ? before : whole;
		takes_binary(intake);
	} while (!done && n < 100);
	CHECK(n > 8 && n < 100);
	CHECK_INT(before, 0);
	CHECK_INT(whole, size);
	finish();
}

/* In the second frame of the binary. */
static size_t byte_of_the_binary(void)
{
	struct bundle *bundle;
	struct error err;
	size_t at;

	begin((struct web_plan){ 0 });
	CHECK_OK(fixture_read(&stage.file, stage.root, &bundle, &err), &err);
	at = (size_t)bundle_binary(bundle)->piece.packed.offset + 70000;
	bundle_free(bundle);
	finish();
	return at;
}

static void a_wrong_byte_is_fetched_again(void)
{
	struct web_plan plan = { .flips = 1, .flip_at = byte_of_the_binary() };
	auto_intake intake = NULL;

	begin(plan);
	intake = open_it(stage.url);
	takes_binary(intake);
	finish();
}

static void a_liar_is_left(void)
{
	struct web_plan plan = { .flips = 100, .flip_at = byte_of_the_binary() };
	const struct bundle_piece *piece;
	auto_intake intake = NULL;
	struct error err;

	begin(plan);
	intake = open_it(stage.url);
	piece = &bundle_binary(intake_bundle(intake))->piece;
	CHECK(!intake_fetch(intake, &piece, 1, NULL, NULL, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
	finish();
}

/* A map that says more than the disk kept: a power cut between the two. */
static void staged_bytes_are_doubted(void)
{
	auto_intake intake = NULL;
	auto_buf name = BUF_INIT;
	const struct bundle_piece *piece;
	char path[512], line[256] = "";
	FILE *list;
	int fd;

	begin((struct web_plan){ 0 });
	intake = open_it(stage.url);
	takes_binary(intake);
	piece = &bundle_binary(intake_bundle(intake))->piece;
	snprintf(path, sizeof(path), "ls %s/staging", stage.slots.root);
	list = popen(path, "r");
	CHECK(list && fgets(line, sizeof(line), list));
	pclose(list);
	line[strcspn(line, "\n")] = '\0';
	snprintf(path, sizeof(path), "%s/staging/%s/data", stage.slots.root, line);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_INT(pwrite(fd, "?", 1, (off_t)piece->packed.offset + 1), 1);
	close(fd);
	intake_close(take_ptr(&intake));
	intake = open_it(stage.url);
	piece = &bundle_binary(intake_bundle(intake))->piece;
	CHECK(intake_missing(intake, &piece, 1) > 0);
	CHECK(intake_missing(intake, &piece, 1) <= BUNDLE_FRAME);
	takes_binary(intake);
	finish();
}

static void strangers_are_not_believed(void)
{
	struct root_of_trust *stranger;
	auto_intake intake = NULL;
	struct error err;

	begin((struct web_plan){ 0 });
	stranger = fixture_root(1, 1, "1", "1");
	CHECK(!intake_open(&stage.slots, stage.url, stranger, &intake, &err));
	CHECK_INT(err.kind, ERROR_FORBIDDEN);
	/* No more than a header and what signs it was asked for. */
	CHECK(web_sent() <= BUNDLE_HEADER + FIXTURE_ROOM);
	root_free(stranger);
	finish();
}

static const struct test tests[] = {
	{ "from a file", from_a_file },
	{ "over cuts", over_cuts },
	{ "without ranges", without_ranges },
	{ "goes on where it was", goes_on_where_it_was },
	{ "what others left goes", what_others_left_goes },
	{ "killed anywhere", killed_anywhere, .time_limit_s = 60 },
	{ "a wrong byte is fetched again", a_wrong_byte_is_fetched_again },
	{ "a liar is left", a_liar_is_left },
	{ "staged bytes are doubted", staged_bytes_are_doubted },
	{ "strangers are not believed", strangers_are_not_believed },
};
TEST_MAIN(tests)
