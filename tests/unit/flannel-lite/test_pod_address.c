/*
 * test_pod_address.c - the book of pod addresses: who gets which, what outlives a restart, and that
 * a damaged file is refused.
 */
#include "flannel-lite/pod_address.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/harness.h"

#define FIRST 0x0a2a0102u /* 10.42.1.2 */

static struct error err;

static const char *path(void)
{
	static char text[200];

	snprintf(text, sizeof(text), "%s/addresses.json", harness_folder());
	return text;
}

static struct pod_address *open_book(uint32_t size)
{
	struct pod_address *book;

	CHECK_OK(pod_address_open(path(), FIRST, FIRST + size - 1, &book, &err), &err);
	return book;
}

static void check_address(struct pod_address *book, const char *id, uint32_t place)
{
	uint32_t address;

	CHECK_OK(pod_address_assign(book, id, &address, &err), &err);
	CHECK_INT(address - FIRST, place);
}

static void release(struct pod_address *book, const char *id)
{
	CHECK_OK(pod_address_release(book, id, &err), &err);
}

static void gives_in_order(void)
{
	AUTO(pod_address_close) struct pod_address *book = open_book(253);
	uint32_t address;

	check_address(book, "a", 0);
	check_address(book, "b", 1);
	check_address(book, "a", 0);
	CHECK(pod_address_find(book, "b", &address));
	CHECK_INT(address, FIRST + 1);
	CHECK(!pod_address_find(book, "c", &address));
}

static void freed_rests_longest(void)
{
	AUTO(pod_address_close) struct pod_address *book = open_book(4);

	check_address(book, "a", 0);
	release(book, "a");
	check_address(book, "b", 1);
	check_address(book, "c", 2);
	check_address(book, "d", 3);
	release(book, "c");
	release(book, "unknown");
	check_address(book, "e", 0);
	check_address(book, "f", 2);
}

static void full_is_an_error(void)
{
	AUTO(pod_address_close) struct pod_address *book = open_book(2);
	uint32_t address = 7;

	check_address(book, "a", 0);
	check_address(book, "b", 1);
	CHECK(!pod_address_assign(book, "c", &address, &err));
	CHECK_INT(err.kind, ERROR_FULL);
	CHECK_INT(address, 7);
	check_address(book, "a", 0);
	release(book, "b");
	check_address(book, "c", 1);
}

static void outlives_a_restart(void)
{
	struct pod_address *book = open_book(4);

	check_address(book, "a", 0);
	check_address(book, "b\"\\\x01", 1);
	check_address(book, "c", 2);
	release(book, "c");
	release(book, "a");
	pod_address_close(book);
	book = open_book(4);
	check_address(book, "b\"\\\x01", 1);
	check_address(book, "d", 3);
	check_address(book, "e", 2);
	check_address(book, "f", 0);
	pod_address_close(book);
	/* Another range is another book. */
	book = open_book(5);
	check_address(book, "f", 0);
	pod_address_close(book);
}

static void walks_and_releases(void)
{
	AUTO(pod_address_close) struct pod_address *book = open_book(10);
	struct str id;
	int count = 0;

	check_address(book, "a", 0);
	check_address(book, "b", 1);
	check_address(book, "c", 2);
	for (size_t i = 0; pod_address_next(book, &i, &id); count++) {
		auto_free char *text = str_copy(id);

		release(book, text);
	}
	CHECK_INT(count, 3);
	check_address(book, "d", 3);
}

static void bad_ids_are_refused(void)
{
	AUTO(pod_address_close) struct pod_address *book = open_book(10);
	char longest[POD_ADDRESS_ID_MAX + 2];
	const char *bad[] = { "", "a/b", "\xff", longest };
	uint32_t address;

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		CHECK(!pod_address_assign(book, bad[i], &address, &err));
		CHECK_INT(err.kind, ERROR_INVALID);
	}
	longest[POD_ADDRESS_ID_MAX] = '\0';
	check_address(book, longest, 0);
}

static void damage_is_refused(void)
{
#define RANGE "{\"range\":\"10.42.1.2-10.42.1.5\","
	static const char *const bad[] = {
		"",
		"{",
		"{\"range\":",
		RANGE "\"pods\":{}}",
		RANGE "\"next\":5}",
		RANGE "\"next\":-1}",
		RANGE "\"next\":2,\"pods\":{\"a\":\"10.42.1.4\"}}",
		RANGE "\"next\":2,\"pods\":{\"a\":\"10.42.1.1\"}}",
		RANGE "\"next\":2,\"pods\":{\"a\":\"10.42.1.2x\"}}",
		RANGE "\"next\":2,\"pods\":{\"a\":7}}",
		RANGE "\"next\":2,\"pods\":{\"a\":\"10.42.1.2\",\"b\":\"10.42.1.2\"}}",
		RANGE "\"next\":2,\"pods\":{\"a\":\"10.42.1.2\"},\"resting\":[0]}",
		RANGE "\"next\":2,\"resting\":[1,1]}",
		RANGE "\"next\":2,\"resting\":[2]}",
	};
	struct pod_address *book;

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		CHECK_OK(file_replace(path(), str_of(bad[i]), 0600, &err), &err);
		if (pod_address_open(path(), FIRST, FIRST + 3, &book, &err))
			harness_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
		CHECK_INT(err.kind, ERROR_BROKEN);
	}
	/* What is in neither list rests. */
	CHECK_OK(file_replace(path(), STR(RANGE "\"next\":4,\"resting\":[2]}"), 0600, &err), &err);
	book = open_book(4);
	check_address(book, "a", 2);
	check_address(book, "b", 0);
	pod_address_close(book);
#undef RANGE
}

/* The folder is gone for a while: no call may claim success, and nothing is lost after. */
static void a_full_disk_is_no_lie(void)
{
	AUTO(pod_address_close) struct pod_address *book = open_book(4);
	char away[220];
	char folder[200];
	uint32_t address;

	snprintf(folder, sizeof(folder), "%s", harness_folder());
	snprintf(away, sizeof(away), "%s.away", folder);
	CHECK_INT(rename(folder, away), 0);
	CHECK(!pod_address_assign(book, "a", &address, &err));
	CHECK(!pod_address_assign(book, "a", &address, &err));
	CHECK_INT(rename(away, folder), 0);
	check_address(book, "a", 0);

	AUTO(pod_address_close) struct pod_address *again = open_book(4);

	CHECK(pod_address_find(again, "a", &address));
}

static const struct test tests[] = {
	{ "gives in order", gives_in_order },
	{ "a freed address rests longest", freed_rests_longest },
	{ "full is an error", full_is_an_error },
	{ "outlives a restart", outlives_a_restart },
	{ "walks and releases", walks_and_releases },
	{ "bad ids are refused", bad_ids_are_refused },
	{ "damage is refused", damage_is_refused },
	{ "a full disk is no lie", a_full_disk_is_no_lie },
};

TEST_MAIN(tests)
