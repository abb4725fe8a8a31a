/*
 * test_pki_bytes.c - signatures over bytes: RFC 6979's own example, lies, and openssl's opinion
 * where it is installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "net/pki.h"
#include "tests/unit/harness.h"

static struct error err;

static void make_key(struct buf *key, unsigned char der[PKI_PUBLIC_DER])
{
	auto_buf public = BUF_INIT;

	CHECK_OK(pki_new_key(key, &err), &err);
	CHECK_OK(pki_public_pem(buf_str(key), &public, &err), &err);
	CHECK_OK(pki_public_der(buf_str(&public), der, &err), &err);
	CHECK_OK(pki_check_public_der(str_from(der, PKI_PUBLIC_DER), &err), &err);
}

/* RFC 6979, A.2.5: P-256, SHA-256, "sample". */
static void signs_as_the_rfc_says(void)
{
	static const char key[] =
		"-----BEGIN EC PRIVATE KEY-----\n"
		"MDECAQEEIMmvqdhFunUWa1whV2ex1pNOUMPbNuibEnuKYisSD2choAoGCCqGSM49\n"
		"AwEH\n"
		"-----END EC PRIVATE KEY-----\n";
	static const char want[] =
		"3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
		"022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
	auto_buf der = BUF_INIT, hex = BUF_INIT;

	CHECK_OK(pki_sign_bytes(str_of(key), STR("sample"), &der, &err), &err);
	buf_add_hex(&hex, buf_str(&der));
	CHECK_STR(buf_text(&hex), want);
}

static void takes_only_what_was_signed(void)
{
	unsigned char mine[PKI_PUBLIC_DER], other[PKI_PUBLIC_DER];
	auto_buf key = BUF_INIT, other_key = BUF_INIT, der = BUF_INIT;
	struct str public = str_from(mine, sizeof(mine));

	make_key(&key, mine);
	make_key(&other_key, other);
	CHECK_OK(pki_sign_bytes(buf_str(&key), STR("text"), &der, &err), &err);
	CHECK_OK(pki_verify_bytes(public, STR("text"), buf_str(&der), &err), &err);
	CHECK(!pki_verify_bytes(public, STR("texT"), buf_str(&der), &err));
	CHECK_INT(err.kind, ERROR_FORBIDDEN);
	CHECK(!pki_verify_bytes(str_from(other, sizeof(other)), STR("text"), buf_str(&der), &err));
	CHECK(!pki_verify_bytes(public, STR("text"), STR_NONE, &err));
	for (size_t i = 0; i < der.len; i++) {
		der.at[i] ^= 1;
		CHECK(!pki_verify_bytes(public, STR("text"), buf_str(&der), &err));
		der.at[i] ^= 1;
	}
	buf_add_byte(&der, 0);
	CHECK(!pki_verify_bytes(public, STR("text"), buf_str(&der), &err));
}

static void one_form_of_a_key(void)
{
	unsigned char der[PKI_PUBLIC_DER + 1] = { 0 };
	auto_buf key = BUF_INIT;

	make_key(&key, der);
	CHECK(!pki_check_public_der(str_from(der, PKI_PUBLIC_DER + 1), &err));
	CHECK(!pki_check_public_der(str_from(der, PKI_PUBLIC_DER - 1), &err));
	for (size_t i = 0; i < PKI_PUBLIC_DER; i++) {
		der[i] ^= 1; /* no point of the curve, or no key at all */
		CHECK(!pki_check_public_der(str_from(der, PKI_PUBLIC_DER), &err));
		der[i] ^= 1;
	}
	CHECK(!pki_public_der(STR("no key"), der, &err));
	CHECK(!pki_public_der(STR_NONE, der, &err));
}

static const char *in_folder(const char *name)
{
	static char paths[4][256];
	static size_t next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", harness_folder(), name);
	return path;
}

static void openssl_agrees(void)
{
	auto_buf key = BUF_INIT, public = BUF_INIT, der = BUF_INIT;
	auto_free char *command = NULL;

	if (access("/usr/bin/openssl", X_OK) != 0)
		harness_skip("there is no openssl");
	CHECK_OK(pki_new_key(&key, &err), &err);
	CHECK_OK(pki_public_pem(buf_str(&key), &public, &err), &err);
	CHECK_OK(pki_sign_bytes(buf_str(&key), STR("text"), &der, &err), &err);
	CHECK_OK(file_replace(in_folder("pub"), buf_str(&public), 0644, &err), &err);
	CHECK_OK(file_replace(in_folder("sig"), buf_str(&der), 0644, &err), &err);
	CHECK_OK(file_replace(in_folder("text"), STR("text"), 0644, &err), &err);
	command = memory_print(
		"cd %s && /usr/bin/openssl dgst -sha256 -verify pub -signature sig text",
		harness_folder());
	CHECK_INT(system(command), 0); /* NOLINT: a fixed command */
	CHECK_OK(file_replace(in_folder("text"), STR("texT"), 0644, &err), &err);
	CHECK(system(command) != 0); /* NOLINT: a fixed command */
}

static const struct test tests[] = {
	{ "signs as the RFC says", signs_as_the_rfc_says },
	{ "takes only what was signed", takes_only_what_was_signed },
	{ "one form of a key", one_form_of_a_key },
	{ "openssl agrees", openssl_agrees },
};

TEST_MAIN(tests)
