/*
 * test_bundle.c - the order in which a bundle asks, what it says when it is whole, and that a
 * failed one stays failed.
 */
#include <stdio.h>

#include "tests/unit/harness.h"
#include "tests/unit/ota/bundle_fixture.h"

static struct error err;

static struct str cut(const struct buf *file, struct bundle_range range)
{
	CHECK(range.offset + range.size <= file->len);
	return str_from(file->at + range.offset, (size_t)range.size);
}

static void asks_in_order(void)
{
	auto_root root = fixture_root(1, 1, "0", "");
	auto_bundle bundle = bundle_new(root);
	struct bundle_range asked[4], more;
	auto_buf file = BUF_INIT;
	auto_parts parts;

	parts_make(&parts, 1);
	parts_print(&parts, "0", &file);
	for (size_t i = 0; i < 4; i++) {
		CHECK(bundle_needs(bundle, &asked[i]));
		CHECK_OK(bundle_feed(bundle, cut(&file, asked[i]), &err), &err);
	}
	CHECK(!bundle_needs(bundle, &more));
	CHECK_INT(asked[0].offset, 0);
	CHECK_INT(asked[0].size, BUNDLE_HEADER);
	CHECK_INT(asked[1].offset, bundle_header(bundle)->signatures.offset);
	CHECK_INT(asked[2].offset, bundle_header(bundle)->manifest.range.offset);
	CHECK_INT(asked[3].offset, bundle_header(bundle)->frames.range.offset);
	CHECK(str_equal(bundle_manifest_text(bundle), buf_str(&parts.manifest)));
}

/* After a refused signature nothing more is asked for, so nothing more is read. */
static void failed_stays_failed(void)
{
	auto_root root = fixture_root(1, 1, "0", "");
	auto_bundle bundle = bundle_new(root);
	struct bundle_range range;
	auto_buf file = BUF_INIT;
	auto_parts parts;

	parts_make(&parts, 1);
	parts_print(&parts, "1", &file);
	CHECK(bundle_needs(bundle, &range));
	CHECK_OK(bundle_feed(bundle, cut(&file, range), &err), &err);
	CHECK(bundle_needs(bundle, &range));
	CHECK(!bundle_feed(bundle, cut(&file, range), &err));
	CHECK_INT(err.kind, ERROR_FORBIDDEN);
	CHECK(!bundle_needs(bundle, &range));
}

static void says_what_is_in_it(void)
{
	auto_root root = fixture_root(1, 1, "0", "");
	const struct bundle_entry *binary, *image;
	auto_bundle bundle = NULL;
	auto_buf file = BUF_INIT;
	auto_parts parts;

	parts_make(&parts, 1);
	parts_print(&parts, "0", &file);
	CHECK_OK(fixture_read(&file, root, &bundle, &err), &err);
	CHECK_STR(bundle_header(bundle)->version, "0.3.0");
	CHECK_INT(bundle_header(bundle)->epoch, 17);
	CHECK_INT(bundle_header(bundle)->floor, 12);
	CHECK_INT(bundle_header(bundle)->expires_s, FIXTURE_EXPIRES_S);
	CHECK_INT(bundle_entry_count(bundle), 2);
	CHECK_INT(bundle_delta_count(bundle), 1);
	binary = bundle_binary(bundle);
	image = bundle_find(bundle, "pause.tar");
	CHECK_STR(binary->name, "mote");
	CHECK_INT(binary->size, 600000);
	CHECK(image);
	CHECK_INT(image->role, BUNDLE_IMAGE);
	CHECK_INT(bundle_delta(bundle, 0)->entry, 0);
	CHECK(bundle_delta_from(bundle, binary, bundle_delta(bundle, 0)->from_sha256) ==
	      bundle_delta(bundle, 0));
	CHECK(!bundle_delta_from(bundle, image, bundle_delta(bundle, 0)->from_sha256));
	CHECK(!bundle_delta_from(bundle, binary, binary->sha256));
}

/* Each frame of each piece is right in its place, and in no other. */
static void frames_are_checked(void)
{
	auto_root root = fixture_root(1, 1, "0", "");
	const struct bundle_piece *piece;
	auto_bundle bundle = NULL;
	auto_buf file = BUF_INIT;
	auto_parts parts;

	parts_make(&parts, 1);
	parts_print(&parts, "0", &file);
	CHECK_OK(fixture_read(&file, root, &bundle, &err), &err);
	piece = &bundle_find(bundle, "pause.tar")->piece;
	CHECK_INT(piece->frame_count, 2);
	CHECK_INT(bundle_frame_range(piece, 0).size, BUNDLE_FRAME);
	CHECK_INT(bundle_frame_range(piece, 1).size, 70000 - BUNDLE_FRAME);
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 2; k++)
			CHECK_INT(bundle_check_frame(bundle, piece, i,
						     cut(&file, bundle_frame_range(piece, k))),
				  i == k);
	CHECK(!bundle_check_frame(bundle, piece, 0, STR("")));
	CHECK(!bundle_check_frame(bundle, &bundle_binary(bundle)->piece, 0,
				  cut(&file, bundle_frame_range(piece, 0))));
}

static void looks_without_belief(void)
{
	auto_bundle bundle = bundle_new_unsigned();
	struct bundle_range range;
	auto_buf file = BUF_INIT;
	auto_parts parts;

	parts_make(&parts, 1);
	parts_print(&parts, "", &file);
	while (bundle_needs(bundle, &range))
		CHECK_OK(bundle_feed(bundle, cut(&file, range), &err), &err);
	CHECK(!bundle_root(bundle));
	CHECK_INT(bundle_signatures(bundle)->count, 0);
}

static const struct test tests[] = {
	{ "asks in order", asks_in_order },
	{ "failed stays failed", failed_stays_failed },
	{ "says what is in it", says_what_is_in_it },
	{ "frames are checked", frames_are_checked },
	{ "looks without belief", looks_without_belief },
};

TEST_MAIN(tests)
