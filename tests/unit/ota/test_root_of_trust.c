/*
 * test_root_of_trust.c - roots: their one form, who has signed enough, and the chain.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/unit/harness.h"
#include "tests/unit/ota/bundle_fixture.h"

static struct error err;

static void check_parse_refused(const char *text, const char *words)
{
	auto_root root = NULL;

	CHECK(!root_parse(str_of(text), &root, &err));
	if (!strstr(err.text, words))
		harness_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.text, words);
}

static void reads_what_it_printed(void)
{
	auto_root root = fixture_root(3, 2, "013", "02");
	auto_root copy = root_copy(root);

	CHECK_INT(root_version(root), 3);
	CHECK_INT(root_threshold(root), 2);
	CHECK_INT(root_key_count(root), 3);
	CHECK_INT(root_signatures(root)->count, 2);
	CHECK(str_equal(root_text(root), root_text(copy)));
	CHECK(str_starts(root_text(root), root_signed_text(root)));
	CHECK(str_ends(root_signed_text(root), STR("\n")));
}

static void one_form_only(void)
{
	static const struct {
		const char *from, *to, *words;
	} rows[] = {
		{ "mote-root 1", "mote-root 2", "not known here" },
		{ "version 1", "version 0", "not a number from 1" },
		{ "version 1", "version 01", "not a number from 1" },
		{ "version 1", "version 4294967296", "not a number from 1" },
		{ "threshold 1", "threshold 0", "not a number from 1" },
		{ "threshold 1", "threshold 3", "there are 2" },
		{ "threshold 1", "threshold 17", "not a number from 1" },
		{ "threshold 1\n", "threshold 1\nmore 1\n", "there are 0" },
		{ "key ", "key 0", "name should be" },
		{ "key ", "keys ", "there are 0" },
		{ "\nsignature ", "\n\nsignature ", "\"signature ...\"" },
		{ "signature ", "root MTIz\nsignature ", "holds no other root" },
	};
	auto_root root = fixture_root(1, 1, "01", "0");

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_buf text = BUF_INIT;

		buf_add_str(&text, root_text(root));
		fixture_edit(&text, rows[i].from, rows[i].to);
		check_parse_refused(buf_text(&text), rows[i].words);
	}
	check_parse_refused("", "missing");
}

/* One key under two names would count twice: twice the same line, or its point compressed. */
static void one_key_is_one_key(void)
{
	auto_root root = fixture_root(1, 1, "0", "");
	auto_buf text = BUF_INIT, der = BUF_INIT, other = BUF_INIT;
	struct str line = root_text(root), id;

	buf_add_str(&text, line);
	for (int i = 0; i < 3; i++)
		str_cut(&line, '\n');
	buf_add_str(&text, line);
	check_parse_refused(buf_text(&text), "twice");

	str_cut(&line, ' ');
	id = str_cut(&line, ' ');
	CHECK(id.len == 64);
	CHECK(buf_add_base64_decoded(&der, str_cut(&line, '\n')));
	der.at[1] = 0x39; /* lengths of a shorter point */
	der.at[24] = 0x22;
	der.at[26] = (char)(2 + (der.at[90] & 1));
	der.len = 59;
	buf_add_text(&other, "mote-root 1\nversion 1\nthreshold 1\nkey ");
	buf_add_str(&other, id);
	buf_add_byte(&other, ' ');
	buf_add_base64(&other, buf_str(&der));
	buf_add_byte(&other, '\n');
	check_parse_refused(buf_text(&other), "59 bytes of DER");
}

static void rotate(const char *signers, uint32_t version, bool fine, const char *words)
{
	auto_root first = fixture_root(1, 2, "01", "");
	auto_root next = fixture_root(version, 2, "23", signers);

	CHECK_INT(root_follows(first, next, &err), fine);
	if (!fine && !strstr(err.text, words))
		harness_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.text, words);
}

static void rotation_by_old_and_new(void)
{
	rotate("0123", 2, true, "");
}

static void rotation_by_new_keys_only(void)
{
	rotate("23", 2, false, "keys of root 1");
	rotate("023", 2, false, "1 good signatures of the keys of root 1");
}

static void rotation_by_old_keys_only(void)
{
	rotate("01", 2, false, "keys of root 2");
	rotate("012", 2, false, "1 good signatures of the keys of root 2");
}

static void rotation_that_skips(void)
{
	rotate("0123", 3, false, "does not come right after");
	rotate("0123", 1, false, "does not come right after");
}

/* A signed root with one byte changed. */
static void rotation_changed_on_the_way(void)
{
	auto_root first = fixture_root(1, 1, "0", "");
	auto_root second = fixture_root(2, 2, "12", "012");
	auto_root changed = NULL;
	auto_buf text = BUF_INIT;

	CHECK_OK(root_follows(first, second, &err), &err);
	buf_add_str(&text, root_text(second));
	fixture_edit(&text, "threshold 2", "threshold 1");
	CHECK_OK(root_parse(buf_str(&text), &changed, &err), &err);
	CHECK(!root_follows(first, changed, &err));
	CHECK_INT(err.kind, ERROR_FORBIDDEN);
}

static void add_root(struct parts *parts, struct root_of_trust *root)
{
	CHECK_OK(signature_list_add_root(&parts->roots, root_text(root), &err), &err);
}

/* A device that slept through two rotations takes a bundle that brings both. */
static void bundle_brings_its_roots(void)
{
	auto_root first = fixture_root(1, 1, "0", "");
	auto_root second = fixture_root(2, 1, "1", "01");
	auto_root third = fixture_root(3, 1, "2", "12");
	auto_buf file = BUF_INIT;
	auto_bundle bundle = NULL;
	auto_parts parts;

	parts_make(&parts, 1);
	add_root(&parts, first);
	add_root(&parts, second);
	add_root(&parts, third);
	parts_print(&parts, "2", &file);
	CHECK_OK(fixture_read(&file, first, &bundle, &err), &err);
	CHECK_INT(root_version(bundle_root(bundle)), 3);
	CHECK_OK(fixture_check(&file, second, &err), &err);
	CHECK_OK(fixture_check(&file, third, &err), &err);
	parts_print(&parts, "0", &file); /* by a key that counts no more */
	CHECK(!fixture_check(&file, first, &err));
	CHECK_INT(err.kind, ERROR_FORBIDDEN);
}

/* Gaps, false links and a wrong order in what a bundle brings. */
static void bundle_brings_a_bad_chain(void)
{
	auto_root first = fixture_root(1, 1, "0", "");
	auto_root second = fixture_root(2, 1, "1", "01");
	auto_root stolen = fixture_root(2, 1, "3", "3");
	auto_root third = fixture_root(3, 1, "2", "12");
	struct root_of_trust *chains[][2] = {
		{ third, NULL }, { third, second }, { second, second }, { stolen, NULL }
	};

	for (size_t i = 0; i < ARRAY_LENGTH(chains); i++) {
		auto_signatures list = SIGNATURE_LIST_INIT;
		auto_root root = root_copy(first);

		for (size_t k = 0; k < 2 && chains[i][k]; k++) {
			list.roots = memory_grow(list.roots, (k + 1) * sizeof(*list.roots));
			list.roots[k] = BUF_INIT;
			buf_add_str(&list.roots[k], root_text(chains[i][k]));
			list.root_count++;
		}
		CHECK(!root_follow_chain(&root, &list, &err));
		CHECK_INT(root_version(root), 1);
	}
}

static void kept_and_found(void)
{
	auto_free char *folder = memory_print("%s/trust", harness_folder());
	auto_free char *wrong = memory_print("%s/11.root", folder);
	auto_root second = fixture_root(2, 1, "0", "");
	auto_root tenth = fixture_root(10, 1, "0", "");
	auto_root found = NULL;
	auto_root none = NULL;

	CHECK(!root_newest(folder, &none, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	CHECK_OK(root_keep(tenth, folder, &err), &err);
	CHECK_OK(root_keep(second, folder, &err), &err);
	CHECK_OK(root_newest(folder, &found, &err), &err);
	CHECK_INT(root_version(found), 10);
	CHECK_OK(file_replace(wrong, root_text(second), 0644, &err), &err);
	CHECK(!root_newest(folder, &none, &err));
}

static const struct test tests[] = {
	{ "reads what it printed", reads_what_it_printed },
	{ "one form only", one_form_only },
	{ "one key is one key", one_key_is_one_key },
	{ "rotation by old and new", rotation_by_old_and_new },
	{ "rotation by new keys only", rotation_by_new_keys_only },
	{ "rotation by old keys only", rotation_by_old_keys_only },
	{ "rotation that skips", rotation_that_skips },
	{ "rotation changed on the way", rotation_changed_on_the_way },
	{ "bundle brings its roots", bundle_brings_its_roots },
	{ "bundle brings a bad chain", bundle_brings_a_bad_chain },
	{ "kept and found", kept_and_found },
};

TEST_MAIN(tests)
