/*
 * pki.h - keys, certificates, requests and signed tokens: ECDSA P-256 (mbedTLS).
 *
 * All texts are PEM. Blocking and CPU-heavy (milliseconds): few calls, at start or on a servant
 * thread.
 */
#ifndef NET_PKI_H
#define NET_PKI_H

#include "base/text.h"

MUST_CHECK bool pki_new_key(struct buf *out_key_pem, struct error *err);

struct pki_subject {
	const char *name;                 /* CN */
	const char *const *organizations; /* NULL-terminated, or NULL */
};
enum pki_use { PKI_CA = 1, PKI_SERVER = 2, PKI_CLIENT = 4 };
struct pki_plan {
	struct pki_subject subject;
	unsigned uses;            /* PKI_CA alone, or SERVER and/or CLIENT          */
	const char *const *names; /* DNS names and IP addresses for SAN, NULL-ended */
	int64_t not_before_s;     /* wall seconds; 0 = 1970, for clocks that are wrong */
	int64_t days;             /* since not_before_s, or since now when that is 0   */
};
/* issuer texts STR_NONE: self-signed with subject_key. */
MUST_CHECK bool pki_issue(const struct pki_plan *plan, struct str subject_key_pem,
			  struct str issuer_cert_pem, struct str issuer_key_pem,
			  struct buf *out_cert_pem, struct error *err);
/* A certificate request for our key, with subject; and signing one: the plan's subject, names and
 * uses are used, only the public key is taken from the request (its self-signature is checked). */
MUST_CHECK bool pki_new_request(const struct pki_subject *subject, struct str key_pem,
				struct buf *out_csr_pem, struct error *err);
MUST_CHECK bool pki_sign_request(const struct pki_plan *plan, struct str csr_pem,
				 struct str issuer_cert_pem, struct str issuer_key_pem,
				 struct buf *out_cert_pem, struct error *err);

struct pki_info {
	int64_t not_before_s, not_after_s;
	char name[256];
	bool is_ca;
};
MUST_CHECK bool pki_read(struct str cert_pem, struct pki_info *out, struct error *err);
#define PKI_LEAF_DAYS 365 /* what certificates of servers, nodes and people live */
/* More than a third of its life, at most of PKI_LEAF_DAYS, is left: no renewal is due. */
bool pki_is_fresh(const struct pki_info *info);
/* hex SHA-256 of the first certificate's DER */
MUST_CHECK bool pki_fingerprint(struct str cert_pem, char out[65], struct error *err);
/* hex SHA-256 of a key's public half in DER SPKI; the JWT kid */
MUST_CHECK bool pki_key_id(struct str key_pem, char out[65], struct error *err);
/* x and y of the public point, 32 bytes each: for the JWKS document */
MUST_CHECK bool pki_key_point(struct str key_pem, unsigned char out[64], struct error *err);

/* Signatures over bytes: ECDSA P-256 with SHA-256 in DER, deterministic (RFC 6979).  Public keys
 * are DER SPKI in the one form that pki_public_der writes; any other form is refused. */
#define PKI_PUBLIC_DER 91
MUST_CHECK bool pki_public_pem(struct str key_pem, struct buf *out_pem, struct error *err);
MUST_CHECK bool pki_public_der(struct str public_pem, unsigned char out[PKI_PUBLIC_DER],
			       struct error *err);
MUST_CHECK bool pki_check_public_der(struct str der, struct error *err);
MUST_CHECK bool pki_sign_bytes(struct str key_pem, struct str bytes, struct buf *out_der,
			       struct error *err);
/* ERROR_FORBIDDEN: not the signature of these bytes by this key. */
MUST_CHECK bool pki_verify_bytes(struct str public_der, struct str bytes, struct str signature_der,
				 struct error *err);

/* JWT ES256: header {alg,kid,typ} is made here. Verify checks form, alg, kid and signature only;
 * claims are the caller's. A pki_signer holds the parsed key: signing costs about 0.4 ms,
 * verifying 1 ms. */
struct pki_signer;
MUST_CHECK bool pki_signer_new(struct str key_pem, struct pki_signer **out, struct error *err);
void pki_signer_free(struct pki_signer *signer);
MUST_CHECK bool pki_sign_jwt(struct pki_signer *signer, struct str claims_json, struct buf *out,
			     struct error *err);
MUST_CHECK bool pki_verify_jwt(struct pki_signer *signer, struct str jwt,
			       struct buf *out_claims_json, struct error *err);

#endif
