/*
 * seal_file.c - reads, makes and replaces files of keys.
 */
#include "net/seal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"

#define FILE_BYTES_MAX (64 * 1024)

static const char head[] = "# Keys of what is kept sealed here: the first one writes, all read.\n"
			   "# Without this file that is lost; who reads it can read that.\n";

static bool check_mode(const char *path, const struct stat *st, struct error *err)
{
	if (!S_ISREG(st->st_mode))
		return error_set(err, ERROR_INVALID, "%s is no file", path);
	if (st->st_mode & 077)
		return error_set(err, ERROR_INVALID,
				 "%s can be read or written by others (mode %04o), so its keys may "
				 "be known: say chmod 600 and rotate the keys",
				 path, (unsigned)(st->st_mode & 07777));
	if (st->st_uid != geteuid())
		return error_set(err, ERROR_INVALID, "%s belongs to user %u, not to us (%u)", path,
				 (unsigned)st->st_uid, (unsigned)geteuid());
	return true;
}

/* Room for all of it first: a buffer that grows would leave copies behind. */
static bool read_text(const char *path, struct buf *out, struct error *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return errno == ENOENT ? error_set(err, ERROR_NOT_FOUND, "%s does not exist", path)
				       : error_os(err, "read %s", path);
	if (!check_mode(path, &st, err))
		return false;
	buf_reserve(out, FILE_BYTES_MAX);
	return file_read(path, FILE_BYTES_MAX - 1, out, err);
}

static bool parse(const char *path, const struct buf *text, struct seal_keys **out,
		  struct error *err)
{
	return seal_keys_parse(buf_str(text), out, err) ||
	       error_context(err, "the file of keys %s is refused", path);
}

bool seal_file_read(const char *path, struct seal_keys **out, struct error *err)
{
	auto_wiped text = BUF_INIT;

	return read_text(path, &text, err) && parse(path, &text, out, err);
}

/* What is not accepted is not written. */
static bool replace(const char *path, const struct buf *text, struct seal_keys **out,
		    struct error *err)
{
	AUTO(seal_keys_free) struct seal_keys *keys = NULL;

	if (!parse(path, text, &keys, err) || !file_replace(path, buf_str(text), 0600, err))
		return false;
	*out = take_ptr(&keys);
	return true;
}

bool seal_file_make(const char *path, struct seal_keys **out, struct error *err)
{
	auto_free char *folder = memory_string(path);
	char *slash = strrchr(folder, '/');
	auto_wiped text = BUF_INIT;

	if (slash && slash != folder) {
		*slash = '\0';
		if (!file_make_dirs(folder, 0700, err))
			return false;
	}
	buf_reserve(&text, FILE_BYTES_MAX);
	buf_add_text(&text, head);
	seal_keys_print_new(&text);
	return replace(path, &text, out, err);
}

static bool is_key(struct str line)
{
	line = str_trim(line);
	return line.len > 0 && line.at[0] != '#' && line.at[0] != '\r';
}

/* The file's text with a fresh key before its first one. */
bool seal_file_add(const char *path, struct seal_keys **out, struct error *err)
{
	auto_wiped known = BUF_INIT;
	auto_wiped text = BUF_INIT;
	bool added = false;
	struct str rest;

	if (!read_text(path, &known, err))
		return false;
	buf_reserve(&text, FILE_BYTES_MAX + 256);
	rest = buf_str(&known);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');

		if (!added && is_key(line)) {
			seal_keys_print_new(&text);
			added = true;
		}
		buf_add_str(&text, line);
		buf_add_byte(&text, '\n');
	}
	return replace(path, &text, out, err);
}

static bool check_first(const char *path, const struct buf *text, const char *id, struct error *err)
{
	AUTO(seal_keys_free) struct seal_keys *keys = NULL;

	if (!parse(path, text, &keys, err))
		return false;
	return strcmp(seal_keys_id(keys, 0), id) == 0 ||
	       error_set(err, ERROR_CONFLICT, "the first key of %s has changed", path);
}

bool seal_file_prune(const char *path, const char *id, struct seal_keys **out, struct error *err)
{
	auto_wiped known = BUF_INIT;
	auto_wiped text = BUF_INIT;
	bool kept = false;
	struct str rest;

	if (!read_text(path, &known, err) || !check_first(path, &known, id, err))
		return false;
	buf_reserve(&text, FILE_BYTES_MAX + 256);
	rest = buf_str(&known);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');

		if (is_key(line) && kept)
			continue;
		kept = kept || is_key(line);
		buf_add_str(&text, line);
		buf_add_byte(&text, '\n');
	}
	return replace(path, &text, out, err);
}
