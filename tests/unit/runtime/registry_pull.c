/*
 * registry_pull.c - a client's half of registry tests.
 */
#include "tests/unit/runtime/registry_pull.h"

#include <stdio.h>

#include "net/hash.h"
#include "tests/unit/harness.h"

char pull_blob_bytes[PULL_BLOB];
char pull_blob_digest[72], pull_manifest_digest[72];

static void digest_of(struct str bytes, char out[72])
{
	memcpy(out, "sha256:", 8);
	hash_sha256_hex(bytes, out + 7);
}

void pull_content(void)
{
	for (size_t i = 0; i < sizeof(pull_blob_bytes); i++)
		pull_blob_bytes[i] = (char)(i * 7 + i / 251);
	digest_of(str_from(pull_blob_bytes, sizeof(pull_blob_bytes)), pull_blob_digest);
	digest_of(STR(PULL_MANIFEST), pull_manifest_digest);
}

struct registry_session *pull_open(const char *host, const struct registry_session_plan *more)
{
	struct registry_session_plan made = more ? *more : (struct registry_session_plan){ 0 };
	struct registry_session *session;
	struct error err;
	char text[100];

	snprintf(text, sizeof(text), "%s/team/web:v1", host);
	CHECK_OK(image_name_parse(str_of(text), &made.name, &err), &err);
	made.timeout_ms = made.timeout_ms ? made.timeout_ms : 5000;
	CHECK_OK(registry_session_open(&made, &session, &err), &err);
	return session;
}

static bool take_to_buf(void *of, struct str bytes, struct error *err)
{
	(void)err;
	buf_add_str(of, bytes);
	return true;
}

bool pull_try_blob(struct registry_session *session, struct buf *out, struct error *err)
{
	struct registry_blob wanted = { .digest = pull_blob_digest,
					.size_max = sizeof(pull_blob_bytes),
					.take = take_to_buf,
					.of = out };

	return registry_session_blob(session, &wanted, err);
}

void pull_check_blob(struct registry_session *session)
{
	auto_buf got = BUF_INIT;
	struct error err;

	CHECK_OK(pull_try_blob(session, &got, &err), &err);
	CHECK_INT(got.len, sizeof(pull_blob_bytes));
	CHECK_BYTES(got.at, pull_blob_bytes, sizeof(pull_blob_bytes));
}

void pull_check_says(const struct error *err, enum error_kind kind, const char *text)
{
	if (!strstr(err->text, text))
		harness_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err->text, text);
	CHECK_INT(err->kind, kind);
}

void pull_check_blob_fails(struct registry_session *session, enum error_kind kind, const char *text)
{
	auto_buf got = BUF_INIT;
	struct error err;

	CHECK(!pull_try_blob(session, &got, &err));
	pull_check_says(&err, kind, text);
}

void pull_check_manifest_fails(struct registry_session *session, const char *reference,
			       enum error_kind kind, const char *text)
{
	auto_registry_manifest got = { 0 };
	struct error err;

	CHECK(!registry_session_manifest(session, reference, NULL, &got, &err));
	CHECK_INT(got.body.len, 0);
	pull_check_says(&err, kind, text);
}
