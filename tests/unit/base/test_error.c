/*
 * test_error.c - the error value: what is filled in, how texts grow, what errno becomes.
 */
#include "base/error.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "tests/unit/harness.h"

static bool raise_one(struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "no %s of %d", "pod", 3);
}

/* Goal: raising fills everything and gives false; clearing empties it. */
static void raises(void)
{
	struct error err;

	memset(&err, 0xff, sizeof(err));
	CHECK(!raise_one(&err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	CHECK_INT(err.os_code, 0);
	CHECK_STR(err.text, "no pod of 3");
	CHECK(strstr(err.from, "test_error.c:") != NULL);
	error_clear(&err);
	CHECK_INT(err.kind, ERROR_NONE);
	CHECK_STR(err.text, "");
}

/* Goal: contexts come in front, the outermost first; the first failure's place and kind stay. */
static void adds_context(void)
{
	struct error err;
	const char *from;

	raise_one(&err);
	from = err.from;
	CHECK(!error_context(&err, "start %s", "web"));
	CHECK(!error_context(&err, "node"));
	CHECK_STR(err.text, "node: start web: no pod of 3");
	CHECK(err.from == from);
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	CHECK(!error_set(&err, ERROR_BROKEN, "again: %s", err.text)); /* out of itself */
	CHECK_STR(err.text, "again: node: start web: no pod of 3");
}

/* Goal: texts too long are cut and stay terminated. */
static void cuts_long_texts(void)
{
	auto_free char *text = memory_get(2000);
	struct error err;

	memset(text, 'x', 1999);
	text[1999] = '\0';
	CHECK(!error_set(&err, ERROR_INVALID, "%s", text));
	CHECK_INT(strlen(err.text), sizeof(err.text) - 1);
	CHECK(!error_context(&err, "%s", text));
	CHECK_INT(strlen(err.text), sizeof(err.text) - 1);
	errno = ENOENT;
	CHECK(!error_os(&err, "%s", text));
	CHECK_INT(strlen(err.text), sizeof(err.text) - 1);
}

/* Goal: errno becomes a kind that says whose fault it is, never one of the client's. */
static void maps_errno(void)
{
	static const struct {
		int code;
		enum error_kind kind;
	} rows[] = {
		{ ENOSPC, ERROR_FULL },
		{ EDQUOT, ERROR_FULL },
		{ EAGAIN, ERROR_UNAVAILABLE },
		{ ETIMEDOUT, ERROR_UNAVAILABLE },
		{ ECONNREFUSED, ERROR_UNAVAILABLE },
		{ EPIPE, ERROR_UNAVAILABLE },
		{ ENOENT, ERROR_BROKEN },
		{ EACCES, ERROR_BROKEN },
		{ EEXIST, ERROR_BROKEN },
	};
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		errno = rows[i].code;
		CHECK(!error_os(&err, "open %s", "x"));
		CHECK_INT(err.kind, rows[i].kind);
		CHECK_INT(err.os_code, rows[i].code);
		CHECK(strncmp(err.text, "open x: ", 8) == 0 && err.text[8] != '\0');
	}
	for (int code = 1; code < 134; code++) {
		errno = code;
		CHECK(!error_os(&err, "x"));
		CHECK(error_rows[err.kind].status >= 500);
	}
}

/* Goal: every kind has a row, and only those that a client may try again are marked so. */
static void has_a_row_each(void)
{
	for (int i = ERROR_NONE + 1; i < ERROR_KINDS; i++) {
		const struct error_row *row = &error_rows[i];

		CHECK(row->reason && (row->reason[0] || i == ERROR_PLAIN));
		CHECK(row->status >= 400 && row->status < 600);
	}
	CHECK_INT(error_rows[ERROR_NONE].status, 200);
	CHECK_INT(error_rows[ERROR_INVALID].status, 422);
	CHECK_STR(error_rows[ERROR_EXISTS].reason, "AlreadyExists");
	CHECK(error_rows[ERROR_CONFLICT].retry && !error_rows[ERROR_EXISTS].retry);
	CHECK(error_rows[ERROR_UNAVAILABLE].retry && !error_rows[ERROR_BROKEN].retry);
}

static const struct test tests[] = {
	{ "raises", raises },
	{ "adds context", adds_context },
	{ "cuts long texts", cuts_long_texts },
	{ "maps errno", maps_errno },
	{ "has a row each", has_a_row_each },
};
TEST_MAIN(tests)
