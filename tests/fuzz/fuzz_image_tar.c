/*
 * fuzz_image_tar.c - any bytes as an image layer: decompressed, read as tar, unpacked.
 *
 * The layer's folder has a file and a folder beside it; whatever the layer says, these stay as
 * they are, and what was unpacked can be removed again.  The first byte chooses how the others are
 * taken: as an archive whose checksums are made right, as a script of entries, as compressed data.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/inflate.h"
#include "runtime/unpack.h"

#define BLOCK 512

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static char home[48], layer[64], canary[64], outside[64];

static void must(bool fine)
{
	if (!fine)
		abort();
}

static void remove_home(void)
{
	struct error ignored;

	(void)!file_remove_tree(home, &ignored);
}

static void begin(void)
{
	struct error err;

	snprintf(home, sizeof(home), "/tmp/mote-fuzz-%d", (int)getpid());
	remove_home(); /* of a crashed run that had this number */
	must(mkdir(home, 0700) == 0);
	atexit(remove_home);
	snprintf(layer, sizeof(layer), "%s/layer", home);
	snprintf(canary, sizeof(canary), "%s/canary", home);
	snprintf(outside, sizeof(outside), "%s/outside", home);
	must(file_replace(canary, STR("alive"), 0640, &err));
	must(mkdir(outside, 0750) == 0);
}

static void check_canaries(void)
{
	auto_buf text = BUF_INIT;
	struct stat st;
	struct error err;
	size_t count = 0;
	DIR *folder;

	must(lstat(canary, &st) == 0 && st.st_mode == (S_IFREG | 0640) && st.st_nlink == 1);
	must(file_read(canary, 64, &text, &err) && str_is(buf_str(&text), "alive"));
	must(lstat(outside, &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink == 2);
	folder = opendir(home);
	while (folder && readdir(folder))
		count++;
	must(folder && count == 5); /* ".", "..", layer, canary, outside */
	closedir(folder);
}

/* Make checksums right, so that changes get behind them. */
static void sign(char *bytes, size_t len)
{
	for (size_t at = 0; at + BLOCK <= len; at += BLOCK) {
		unsigned sum = 0;

		if (memcmp(bytes + at + 257, "ustar", 5) != 0)
			continue;
		memset(bytes + at + 148, ' ', 8);
		for (size_t i = 0; i < BLOCK; i++)
			sum += (unsigned char)bytes[at + i];
		snprintf(bytes + at + 148, 7, "%06o", sum);
	}
}

static void unpack(struct str bytes)
{
	struct unpack_plan plan = { .bytes_max = 1 << 20, .entries_max = 300 };
	struct tar_source_text text;
	struct tar_source_tap tap;
	struct inflate *inflate = NULL;
	struct error err = { 0 };
	uint64_t unpacked = 0;

	must(mkdir(layer, 0755) == 0);
	plan.folder = open(layer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(plan.folder >= 0);
	tar_source_text_init(&text, bytes);
	if (inflate_open(&text.source, &inflate, &err)) {
		tar_source_tap_init(&tap, inflate_source(inflate), 4 << 20);
		if (unpack_layer(&plan, &tap.source, &unpacked, &err))
			must(unpacked <= plan.bytes_max);
		else
			must(err.kind != ERROR_NONE && err.text[0]);
		tar_source_tap_clear(&tap);
		inflate_close(inflate);
	}
	close(plan.folder);
	check_canaries();
	must(file_remove_tree(layer, &err));
}

/* --- a script of entries --- */

struct script {
	const uint8_t *at;
	size_t left;
};

static unsigned take(struct script *script)
{
	if (script->left == 0)
		return 0;
	script->left--;
	return *script->at++;
}

/* A few parts that like to meet each other. */
static void add_path(struct script *script, struct buf *out)
{
	static const char *const parts[] = { "a",         "b",      "c",       "d",
					     ".",         "..",     "",        ".wh.a",
					     ".wh.b",     ".wh.",   ".wh..",   ".wh..wh..opq",
					     ".wh..wh.x", "canary", "outside", home };
	unsigned count = 1 + take(script) % 4;

	for (unsigned i = 0; i < count; i++) {
		unsigned choice = take(script);

		if (i > 0)
			buf_add_byte(out, '/');
		if (choice % 32 < ARRAY_LENGTH(parts))
			buf_add_text(out, parts[choice % 32]);
		else
			buf_add_byte(out, (char)('a' + choice % 4));
	}
}

static void add_header(struct buf *out, char type, const char *path, const char *link,
		       unsigned size)
{
	char header[BLOCK] = { 0 };

	snprintf(header, 100, "%s", path);
	snprintf(header + 157, 100, "%s", link);
	snprintf(header + 100, 8, "%07o", 0755u);
	snprintf(header + 124, 12, "%011o", size);
	snprintf(header + 136, 12, "%011o", 7u);
	header[156] = type;
	memcpy(header + 257, "ustar\00000", 8);
	buf_add(out, header, BLOCK);
}

static void add_content(struct buf *out, struct str content)
{
	buf_add_str(out, content);
	while (out->len % BLOCK > 0)
		buf_add_byte(out, '\0');
}

/* Attributes and names by PAX, as much of the script as a byte says. */
static void add_pax(struct script *script, struct buf *out)
{
	static const char *const keys[] = { "path",
					    "linkpath",
					    "size",
					    "uid",
					    "mtime",
					    "SCHILY.xattr.user.x",
					    "SCHILY.xattr.trusted.overlay.opaque",
					    "SCHILY.xattr.security.capability" };
	const char *key = keys[take(script) % ARRAY_LENGTH(keys)];
	auto_buf value = BUF_INIT, record = BUF_INIT;
	size_t len;

	if (*key == 'p' || *key == 'l')
		add_path(script, &value);
	else
		for (unsigned left = take(script) % 24; left > 0; left--)
			buf_add_byte(&value, (char)take(script));
	len = 3 + 1 + strlen(key) + 1 + value.len + 1;
	buf_add_print(&record, "%03zu %s=", len, key);
	buf_add_str(&record, buf_str(&value));
	buf_add_byte(&record, '\n');
	add_header(out, 'x', "pax", "", (unsigned)record.len);
	add_content(out, buf_str(&record));
}

static void add_entry(struct script *script, struct buf *out)
{
	static const char types[] = "0012255556013";
	auto_buf path = BUF_INIT, link = BUF_INIT;
	unsigned choice = take(script);
	char type = types[choice % (sizeof(types) - 1)];
	struct str content = STR_NONE;

	if (choice >= 224)
		add_pax(script, out);
	add_path(script, &path);
	if (type == '1' || type == '2')
		add_path(script, &link);
	if (type == '0')
		content = str_from("content of a file", choice % 18);
	add_header(out, type, buf_text(&path), buf_text(&link), (unsigned)content.len);
	add_content(out, content);
}

/* --- compressed data: how it is cut does not matter --- */

struct slow {
	struct tar_source source;
	struct str left;
	size_t step;
};

static bool slow_read(struct tar_source *source, void *to, size_t room, size_t *out_len,
		      struct error *err)
{
	struct slow *slow = CONTAINER_OF(source, struct slow, source);

	(void)err;
	if (room > slow->step)
		room = slow->step;
	if (room > slow->left.len)
		room = slow->left.len;
	if (room > 0)
		memcpy(to, slow->left.at, room);
	slow->left = str_from(slow->left.at + room, slow->left.len - room);
	*out_len = room;
	return true;
}

static bool inflate_all(struct str bytes, size_t step, struct buf *out)
{
	struct slow slow = { .source = { .read = slow_read }, .left = bytes, .step = step };
	AUTO(inflate_close) struct inflate *inflate = NULL;
	struct error err;

	return inflate_open(&slow.source, &inflate, &err) &&
	       tar_source_take(inflate_source(inflate), 1 << 20, out, &err);
}

static void try_inflate(struct str rest)
{
	static const char *const heads[] = { "", "\x1f\x8b\x08", "\x28\xb5\x2f\xfd" };

	for (size_t i = 0; i < ARRAY_LENGTH(heads); i++) {
		auto_buf bytes = BUF_INIT, whole = BUF_INIT, pieces = BUF_INIT;
		bool fine;

		buf_add_text(&bytes, heads[i]);
		buf_add_str(&bytes, rest);
		fine = inflate_all(buf_str(&bytes), SIZE_MAX, &whole);
		must(fine == inflate_all(buf_str(&bytes), 1, &pieces));
		must(!fine || str_equal(buf_str(&whole), buf_str(&pieces)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static bool begun;
	struct script script = { at, len };
	auto_buf tar = BUF_INIT;
	unsigned how = take(&script) % 8;

	if (!begun)
		begin();
	begun = true;
	if (how == 0) {
		try_inflate(str_from(script.at, script.left));
		return 0;
	}
	if (how == 1)
		buf_add(&tar, script.at, script.left);
	while (how > 1 && script.left > 0)
		add_entry(&script, &tar);
	if (tar.len > 0)
		sign(tar.at, tar.len);
	unpack(buf_str(&tar));
	return 0;
}
