/*
 * registry_pull.h - the image that registry tests are about, and short ways to pull it.
 */
#ifndef TESTS_UNIT_RUNTIME_REGISTRY_PULL_H
#define TESTS_UNIT_RUNTIME_REGISTRY_PULL_H

#include "runtime/registry_session.h"

#define PULL_MANIFEST "{\"schemaVersion\":2}"
#define PULL_BLOB     300000

extern char pull_blob_bytes[PULL_BLOB];
extern char pull_blob_digest[72], pull_manifest_digest[72];
void pull_content(void); /* fill them */

/* A session for HOST/team/web:v1, of a plan that says the rest; NULL: 5 s for an answer. */
struct registry_session *pull_open(const char *host, const struct registry_session_plan *more);

MUST_CHECK bool pull_try_blob(struct registry_session *session, struct buf *out, struct error *err);
void pull_check_blob(struct registry_session *session);
/* These must fail with an error of that kind whose text holds `text`. */
void pull_check_says(const struct error *err, enum error_kind kind, const char *text);
void pull_check_blob_fails(struct registry_session *session, enum error_kind kind,
			   const char *text);
void pull_check_manifest_fails(struct registry_session *session, const char *reference,
			       enum error_kind kind, const char *text);

#endif
