/*
 * certs.c - test certificates.
 */
#include "tests/unit/net/certs.h"

#include "net/pki.h"
#include "tests/unit/harness.h"

static const char *const groups[] = { "system:masters", "devs", NULL };
static const char *const names[] = { "localhost", "127.0.0.1", "::1", NULL };

void certs_make(struct certs *certs)
{
	struct error err;
	struct pki_plan ca = { .subject = { "test-ca", NULL }, .uses = PKI_CA, .days = 10 };
	struct pki_plan server = {
		.subject = { "server", NULL }, .uses = PKI_SERVER, .names = names, .days = 10
	};
	struct pki_plan client = { .subject = { "admin", groups }, .uses = PKI_CLIENT, .days = 10 };

	*certs = (struct certs){ 0 };
	CHECK_OK(pki_new_key(&certs->ca_key, &err), &err);
	CHECK_OK(pki_issue(&ca, buf_str(&certs->ca_key), STR_NONE, STR_NONE, &certs->ca, &err),
		 &err);
	CHECK_OK(pki_new_key(&certs->server_key, &err), &err);
	CHECK_OK(pki_issue(&server, buf_str(&certs->server_key), buf_str(&certs->ca),
			   buf_str(&certs->ca_key), &certs->server, &err),
		 &err);
	CHECK_OK(pki_new_key(&certs->client_key, &err), &err);
	CHECK_OK(pki_issue(&client, buf_str(&certs->client_key), buf_str(&certs->ca),
			   buf_str(&certs->ca_key), &certs->client, &err),
		 &err);
}

void certs_clear(struct certs *certs)
{
	buf_clear(&certs->ca_key);
	buf_clear(&certs->ca);
	buf_clear(&certs->server_key);
	buf_clear(&certs->server);
	buf_clear(&certs->client_key);
	buf_clear(&certs->client);
}
