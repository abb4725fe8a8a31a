/*
 * test_seal_file.c - files of keys: made once, refused when others may know them, keys added and
 * dropped.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "net/seal_file.h"
#include "tests/unit/harness.h"

static void make_add_prune(void)
{
	const char *at = harness_folder();
	auto_free char *path = memory_print("%s/cred/key", at);
	AUTO(seal_keys_free) struct seal_keys *one = NULL;
	AUTO(seal_keys_free) struct seal_keys *two = NULL;
	AUTO(seal_keys_free) struct seal_keys *again = NULL;
	AUTO(seal_keys_free) struct seal_keys *pruned = NULL;
	struct stat st;
	struct error err;

	CHECK(!seal_file_read(path, &one, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	CHECK(seal_file_make(path, &one, &err));
	CHECK(stat(path, &st) == 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	CHECK(seal_file_add(path, &two, &err));
	CHECK_INT(seal_keys_count(two), 2);
	CHECK_STR(seal_keys_id(two, 1), seal_keys_id(one, 0));
	CHECK(seal_file_read(path, &again, &err));
	CHECK_STR(seal_keys_id(again, 0), seal_keys_id(two, 0));
	CHECK(!seal_file_prune(path, seal_keys_id(one, 0), &pruned, &err));
	CHECK_INT(err.kind, ERROR_CONFLICT);
	CHECK(seal_file_prune(path, seal_keys_id(two, 0), &pruned, &err));
	CHECK_INT(seal_keys_count(pruned), 1);
	CHECK_STR(seal_keys_id(pruned, 0), seal_keys_id(two, 0));
}

static void full_of_keys(void)
{
	const char *at = harness_folder();
	auto_free char *path = memory_print("%s/key", at);
	struct seal_keys *keys = NULL;
	struct error err;

	CHECK(seal_file_make(path, &keys, &err));
	for (size_t i = 1; i < SEAL_KEYS_MAX; i++) {
		seal_keys_free(keys);
		CHECK(seal_file_add(path, &keys, &err));
	}
	seal_keys_free(keys);
	keys = NULL;
	CHECK(!seal_file_add(path, &keys, &err));
	CHECK(seal_file_read(path, &keys, &err)); /* as it was */
	CHECK_INT(seal_keys_count(keys), SEAL_KEYS_MAX);
	seal_keys_free(keys);
}

static void refused(void)
{
	const char *at = harness_folder();
	auto_free char *path = memory_print("%s/key", at);
	struct seal_keys *keys = NULL;
	struct error err;

	CHECK(seal_file_make(path, &keys, &err));
	seal_keys_free(keys);
	keys = NULL;
	CHECK(chmod(path, 0640) == 0);
	CHECK(!seal_file_read(path, &keys, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
	CHECK(strstr(err.text, "chmod 600") != NULL);
	CHECK(chmod(path, 0600) == 0);
	CHECK(file_replace(path, STR(""), 0600, &err));
	CHECK(!seal_file_read(path, &keys, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
	CHECK(file_replace(path, STR("aesgcm 00112233\n"), 0600, &err));
	CHECK(!seal_file_read(path, &keys, &err));
	CHECK(!seal_file_read(at, &keys, &err)); /* a folder */
	CHECK_INT(err.kind, ERROR_INVALID);
	CHECK(keys == NULL);
}

static const struct test tests[] = {
	{ "make, add, prune", make_add_prune },
	{ "full of keys", full_of_keys },
	{ "refused", refused },
};
TEST_MAIN(tests)
