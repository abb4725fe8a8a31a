/*
 * certs.h - for tests that need TLS: a CA, a server's and a client's certificate, made once a
 * process.
 */
#ifndef TESTS_UNIT_NET_CERTS_H
#define TESTS_UNIT_NET_CERTS_H

#include "net/tls.h"

struct certs {
	struct buf ca_key, ca;
	struct buf server_key, server; /* localhost, 127.0.0.1, ::1 */
	struct buf client_key, client; /* CN admin, O system:masters and devs */
};

void certs_make(struct certs *certs);
void certs_clear(struct certs *certs);

#endif
