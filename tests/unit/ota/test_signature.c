/*
 * test_signature.c - lists of signatures: one form, each key once, roots before all.
 */
#include "ota/signature.h"

#include "base/limits.h"
#include "net/pki.h"
#include "tests/unit/harness.h"
#include "tests/unit/ota/bundle_fixture.h"

static struct error err;

#define ID "00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff"

static void check_refused(const char *text, const char *words)
{
	auto_signatures list = SIGNATURE_LIST_INIT;

	CHECK(!signature_list_parse(str_of(text), &list, &err));
	CHECK_INT(list.count + list.root_count, 0);
	if (!strstr(err.text, words))
		harness_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.text, words);
}

static void prints_what_it_read(void)
{
	struct str text = STR("root aGk=\nroot aGk=\nsignature " ID " aGk=\n");
	auto_signatures list = SIGNATURE_LIST_INIT;
	auto_buf again = BUF_INIT;

	CHECK_OK(signature_list_parse(text, &list, &err), &err);
	CHECK_INT(list.root_count, 2);
	CHECK_INT(list.count, 1);
	CHECK_STR(list.items[0].key_id, ID);
	CHECK_INT(list.items[0].der_len, 2);
	signature_list_print(&list, &again);
	CHECK(str_equal(text, buf_str(&again)));
}

static void one_form_only(void)
{
	check_refused("signature " ID " aGk=\nroot aGk=\n", "should be the line \"signature");
	check_refused("signature " ID " aGk=\nsignature " ID " aGk=\n", "signs twice");
	check_refused("signature " ID " aGk=", "not ended");
	check_refused("signature " ID "0 aGk=\n", "64 hex digits");
	check_refused("signature " ID " aGk\n", "not base64");
	check_refused("root \n", "needs 1 values");
	check_refused("\n", "should be the line");
	check_refused("# none\n", "should be the line");
}

static void counts_are_bounded(void)
{
	auto_buf many = BUF_INIT, roots = BUF_INIT, big = BUF_INIT, bytes = BUF_INIT;

	for (int i = 0; i <= LIMIT_SIGNATURES; i++)
		buf_add_print(&many, "signature %064x aGk=\n", i);
	check_refused(buf_text(&many), "more than 64 signatures");
	for (int i = 0; i <= LIMIT_ROOTS; i++)
		buf_add_text(&roots, "root aGk=\n");
	check_refused(buf_text(&roots), "more than 16 roots");
	for (size_t i = 0; i <= LIMIT_ROOT; i++)
		buf_add_byte(&bytes, 'x');
	buf_add_text(&big, "root ");
	buf_add_base64(&big, buf_str(&bytes));
	buf_add_byte(&big, '\n');
	check_refused(buf_text(&big), "base64 of at most");
	buf_reset(&big);
	buf_add_text(&big, "signature " ID " ");
	buf_add_base64(&big, str_from(bytes.at, SIGNATURE_DER + 1));
	buf_add_byte(&big, '\n');
	check_refused(buf_text(&big), "at most 72 bytes");
}

static void signs_in_place(void)
{
	auto_signatures list = SIGNATURE_LIST_INIT;
	auto_buf once = BUF_INIT, again = BUF_INIT;

	CHECK_OK(signature_list_sign(&list, STR("a"), fixture_key(0), &err), &err);
	CHECK_OK(signature_list_sign(&list, STR("a"), fixture_key(1), &err), &err);
	signature_list_print(&list, &once);
	CHECK_OK(signature_list_sign(&list, STR("b"), fixture_key(0), &err), &err);
	CHECK_INT(list.count, 2);
	CHECK_OK(signature_list_sign(&list, STR("a"), fixture_key(0), &err), &err);
	signature_list_print(&list, &again);
	CHECK(str_equal(buf_str(&once), buf_str(&again)));
	CHECK(!signature_list_sign(&list, STR("a"), STR("no key"), &err));
	CHECK_OK(signature_list_add_root(&list, STR("text"), &err), &err);
	CHECK_OK(signature_list_add_root(&list, STR("text"), &err), &err);
	CHECK_INT(list.root_count, 1);
}

static const struct test tests[] = {
	{ "prints what it read", prints_what_it_read },
	{ "one form only", one_form_only },
	{ "counts are bounded", counts_are_bounded },
	{ "signs in place", signs_in_place },
};

TEST_MAIN(tests)
