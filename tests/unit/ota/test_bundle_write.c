/*
 * test_bundle_write.c - from files to a signed bundle and back, as the commands do it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "net/hash.h"
#include "ota/bundle_check.h"
#include "ota/bundle_write.h"
#include "ota/unpacker.h"
#include "tests/unit/harness.h"
#include "tests/unit/ota/bundle_fixture.h"

static struct error err;

static const char *path_of(const char *name)
{
	static char paths[16][256];
	static size_t next;
	char *path = paths[next++ % 16];

	snprintf(path, sizeof(paths[0]), "%s/%s", harness_folder(), name);
	return path;
}

static void write_file(const char *name, struct str bytes)
{
	CHECK_OK(file_replace(path_of(name), bytes, 0644, &err), &err);
}

/* Two programs that differ a little, a gzip file, an image, a manifest. */
static void write_inputs(void)
{
	auto_parts parts;
	auto_buf gzip = BUF_INIT;

	parts_make(&parts, 1);
	write_file("mote.new", buf_str(&parts.binary));
	write_file("mote.old", buf_str(&parts.old));
	write_file("noise.tar", buf_str(&parts.image));
	buf_add_text(&gzip, "\x1f\x8b");
	buf_add_str(&gzip, buf_str(&parts.binary));
	write_file("layer.tar.gz", buf_str(&gzip));
	write_file("app.yaml", STR("kind: Namespace\n"));
}

static void make_plan(struct bundle_plan *plan, struct bundle_input inputs[4], const char **from)
{
	from[0] = path_of("mote.old");
	from[1] = path_of("mote.new"); /* itself: says nothing */
	from[2] = from[0];
	inputs[0] = (struct bundle_input){ .path = path_of("mote.new"),
					   .name = "mote",
					   .role = BUNDLE_BINARY,
					   .from = from,
					   .from_count = 3 };
	inputs[1] = (struct bundle_input){ path_of("layer.tar.gz"), "layer.tar.gz", BUNDLE_IMAGE };
	inputs[2] = (struct bundle_input){ path_of("noise.tar"), "noise.tar", BUNDLE_IMAGE };
	inputs[3] = (struct bundle_input){ path_of("app.yaml"), "app.yaml", BUNDLE_MANIFEST };
	*plan = (struct bundle_plan){ .header = { .arch = "armv7",
						  .version = "0.3.0",
						  .min_from = "0.0.0",
						  .epoch = 3,
						  .created_s = FIXTURE_CREATED_S,
						  .expires_s = FIXTURE_EXPIRES_S },
				      .inputs = inputs,
				      .input_count = 4 };
}

static void write_bundle(const char *name)
{
	struct bundle_input inputs[4];
	struct bundle_plan plan;
	const char *from[3];

	make_plan(&plan, inputs, from);
	CHECK_OK(bundle_write(&plan, path_of(name), &err), &err);
}

static struct bundle *open_bundle(const char *name, const struct root_of_trust *root, int *out_fd)
{
	struct bundle *bundle = root ? bundle_new(root) : bundle_new_unsigned();

	*out_fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	CHECK(*out_fd >= 0);
	CHECK_OK(bundle_read_fd(bundle, *out_fd, &err), &err);
	CHECK_OK(bundle_check_pieces(bundle, *out_fd, &err), &err);
	return bundle;
}

static void writes_what_it_reads(void)
{
	auto_bundle bundle = NULL;
	auto_fd fd = -1;

	write_inputs();
	write_bundle("b");
	bundle = open_bundle("b", NULL, &fd);
	CHECK_STR(bundle_header(bundle)->arch, "armv7");
	CHECK_INT(bundle_header(bundle)->epoch, 3);
	CHECK_INT(bundle_entry_count(bundle), 4);
	CHECK_INT(bundle_delta_count(bundle), 1);
	CHECK_INT(bundle_binary(bundle)->codec, BUNDLE_ZSTD);
	CHECK(bundle_binary(bundle)->piece.packed.size < 300000);
	CHECK_INT(bundle_find(bundle, "layer.tar.gz")->codec, BUNDLE_RAW); /* by its head */
	CHECK_INT(bundle_find(bundle, "noise.tar")->codec, BUNDLE_RAW);    /* nothing to gain */
	CHECK(!bundle_find(bundle, "other"));
	CHECK(!file_exists(path_of("b.tmp")));
}

static void the_same_again(void)
{
	auto_buf first = BUF_INIT, second = BUF_INIT;

	write_inputs();
	write_bundle("a");
	write_bundle("b");
	CHECK_OK(file_read(path_of("a"), 4u << 20, &first, &err), &err);
	CHECK_OK(file_read(path_of("b"), 4u << 20, &second, &err), &err);
	CHECK(str_equal(buf_str(&first), buf_str(&second)));
}

static void signs(const char *name, const char *signers, const struct root_of_trust *along)
{
	struct str keys[FIXTURE_KEYS], root = along ? root_text(along) : STR_NONE;
	struct bundle_signing signing = { keys, 0, &root, along ? 1 : 0 };

	for (; *signers; signers++)
		keys[signing.key_count++] = fixture_key((size_t)(*signers - '0'));
	CHECK_OK(bundle_sign(path_of(name), &signing, &err), &err);
}

static void signatures_gather(void)
{
	auto_root root = fixture_root(1, 2, "01", "");
	auto_root next = fixture_root(2, 1, "2", "012");
	auto_buf once = BUF_INIT, again = BUF_INIT;
	auto_bundle bundle = NULL;
	auto_fd fd = -1;

	write_inputs();
	write_bundle("b");
	signs("b", "0", NULL);
	signs("b", "1", NULL);
	bundle = open_bundle("b", root, &fd);
	CHECK_INT(bundle_signatures(bundle)->count, 2);
	CHECK_OK(file_read(path_of("b"), 4u << 20, &once, &err), &err);
	signs("b", "1", NULL); /* the same bytes: signatures are deterministic */
	CHECK_OK(file_read(path_of("b"), 4u << 20, &again, &err), &err);
	CHECK(str_equal(buf_str(&once), buf_str(&again)));
	close(take_fd(&fd));
	bundle_free(bundle);
	signs("b", "2", next); /* now only key 2 counts, for all who follow */
	bundle = open_bundle("b", root, &fd);
	CHECK_INT(root_version(bundle_root(bundle)), 2);
	CHECK_INT(bundle_signatures(bundle)->count, 3);
}

static void damaged_ones_are_not_signed(void)
{
	struct str key = fixture_key(0);
	struct bundle_signing signing = { &key, 1, NULL, 0 };
	auto_buf bytes = BUF_INIT, after = BUF_INIT;

	write_inputs();
	write_bundle("b");
	CHECK_OK(file_read(path_of("b"), 4u << 20, &bytes, &err), &err);
	bytes.at[bytes.len - 1] ^= 1;
	write_file("b", buf_str(&bytes));
	CHECK(!bundle_sign(path_of("b"), &signing, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
	CHECK_OK(file_read(path_of("b"), 4u << 20, &after, &err), &err);
	CHECK(str_equal(buf_str(&bytes), buf_str(&after)));
	CHECK(!file_exists(path_of("b.tmp")));
}

static bool put(void *of, struct str bytes, struct error *unused)
{
	(void)unused;
	buf_add_str(of, bytes);
	return true;
}

static void delta_gives_the_new_file(void)
{
	auto_buf old = BUF_INIT, new = BUF_INIT, want = BUF_INIT;
	unsigned char sha256[HASH_SHA256];
	const struct bundle_delta *delta;
	auto_unpacker unpacker = NULL;
	auto_bundle bundle = NULL;
	auto_fd fd = -1;

	write_inputs();
	write_bundle("b");
	bundle = open_bundle("b", NULL, &fd);
	CHECK_OK(file_read(path_of("mote.old"), 4u << 20, &old, &err), &err);
	CHECK_OK(file_read(path_of("mote.new"), 4u << 20, &want, &err), &err);
	hash_sha256(buf_str(&want), sha256);
	CHECK(!bundle_delta_from(bundle, bundle_binary(bundle), sha256));
	hash_sha256(buf_str(&old), sha256);
	delta = bundle_delta_from(bundle, bundle_binary(bundle), sha256);
	CHECK(delta);
	CHECK(delta->piece.packed.size < bundle_binary(bundle)->piece.packed.size / 10);
	CHECK_OK(unpacker_new(bundle_binary(bundle), buf_str(&old), put, &new, &unpacker, &err),
		 &err);
	CHECK_OK(unpacker_run(bundle, &delta->piece, fd, unpacker, &err), &err);
	CHECK(str_equal(buf_str(&new), buf_str(&want)));
}

/* Against another old file: found out before the end, by the hash at the latest. */
static void delta_against_the_wrong_file(void)
{
	auto_buf old = BUF_INIT, new = BUF_INIT;
	auto_unpacker unpacker = NULL;
	auto_bundle bundle = NULL;
	auto_fd fd = -1;

	write_inputs();
	write_bundle("b");
	bundle = open_bundle("b", NULL, &fd);
	CHECK_OK(file_read(path_of("mote.old"), 4u << 20, &old, &err), &err);
	old.at[300000] ^= 1;
	CHECK_OK(unpacker_new(bundle_binary(bundle), buf_str(&old), put, &new, &unpacker, &err),
		 &err);
	CHECK(!unpacker_run(bundle, &bundle_delta(bundle, 0)->piece, fd, unpacker, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
}

static void check_not_written(struct bundle_plan *plan, const char *words)
{
	CHECK(!bundle_write(plan, path_of("bad"), &err));
	if (!strstr(err.text, words))
		harness_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.text, words);
	CHECK(!file_exists(path_of("bad")));
	CHECK(!file_exists(path_of("bad.tmp")));
}

static void what_cannot_be_is_not_written(void)
{
	struct bundle_input inputs[4];
	struct bundle_plan plan;
	const char *from[3];

	write_inputs();
	make_plan(&plan, inputs, from);
	inputs[3].name = "../app.yaml";
	check_not_written(&plan, "cannot be a name");
	inputs[3].name = "mote";
	check_not_written(&plan, "given twice");
	make_plan(&plan, inputs, from);
	inputs[0].role = BUNDLE_CONFIG;
	check_not_written(&plan, "no binary");
	make_plan(&plan, inputs, from);
	inputs[1].path = path_of("missing");
	check_not_written(&plan, "missing");
	make_plan(&plan, inputs, from);
	inputs[1].path = harness_folder();
	check_not_written(&plan, "no file");
	make_plan(&plan, inputs, from);
	plan.header.floor = 4;
	check_not_written(&plan, "floor is above");
}

/* A shell with the header's offset and size has the program. */
static void raw_binary_can_be_cut_out(void)
{
	auto_buf file = BUF_INIT, want = BUF_INIT;
	const struct bundle_entry *binary;
	struct bundle_input inputs[4];
	struct bundle_plan plan;
	auto_bundle bundle = NULL;
	const char *from[3];
	auto_fd fd = -1;

	write_inputs();
	make_plan(&plan, inputs, from);
	inputs[0].raw = true;
	CHECK_OK(bundle_write(&plan, path_of("b"), &err), &err);
	bundle = open_bundle("b", NULL, &fd);
	binary = bundle_binary(bundle);
	CHECK_OK(file_read(path_of("b"), 4u << 20, &file, &err), &err);
	CHECK_OK(file_read(path_of("mote.new"), 4u << 20, &want, &err), &err);
	CHECK_INT(binary->piece.packed.size, want.len);
	CHECK_BYTES(file.at + binary->piece.packed.offset, want.at, want.len);
}

static const struct test tests[] = {
	{ "writes what it reads", writes_what_it_reads },
	{ "the same again", the_same_again },
	{ "signatures gather", signatures_gather, .time_limit_s = 30 },
	{ "damaged ones are not signed", damaged_ones_are_not_signed },
	{ "delta gives the new file", delta_gives_the_new_file },
	{ "delta against the wrong file", delta_against_the_wrong_file },
	{ "what cannot be is not written", what_cannot_be_is_not_written, .time_limit_s = 60 },
	{ "raw binary can be cut out", raw_binary_can_be_cut_out },
};

TEST_MAIN(tests)
