/*
 * pki_issue.c - certificates and certificate requests: made here, signed here.
 *
 * mbedTLS's own way to set names ("O=a,O=b") keeps only the last of several organizations, so the
 * name lists are built by hand: head first means last in the encoding.
 */
#include "net/pki_inside.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>
#include <time.h>

#include <mbedtls/asn1.h>
#include <mbedtls/oid.h>
#include <mbedtls/platform.h>
#include <mbedtls/x509_csr.h>

#include "base/clock.h"
#include "base/random.h"
#include "net/hash.h"
#include "net/mbed.h"

#define NAME_MAX_LEN      255 /* of one CN or O: MBEDTLS_X509_MAX_DN_NAME_SIZE less one */
#define NAMES_MAX         256 /* of subject alternative names in one certificate */
#define ORGANIZATIONS_MAX 64
#define DAYS_MAX          36500
#define SERIAL_SIZE       16
#define LAST_TIME         253402300799 /* 9999-12-31T23:59:59Z, the end of X.509 time */

struct name_list {
	mbedtls_asn1_named_data *head;
};

static void name_list_slot(struct name_list *list)
{
	mbedtls_asn1_free_named_data_list(&list->head);
}
#define auto_names __attribute__((cleanup(name_list_slot))) struct name_list

static unsigned char *library_copy(const void *from, size_t len)
{
	unsigned char *copy = mbedtls_calloc(1, len ? len : 1);

	if (!copy)
		abort();
	if (len > 0)
		memcpy(copy, from, len);
	return copy;
}

static void name_put(struct name_list *list, const mbedtls_asn1_buf *oid,
		     const mbedtls_asn1_buf *val)
{
	mbedtls_asn1_named_data *name = mbedtls_calloc(1, sizeof(*name));

	if (!name)
		abort();
	name->oid.tag = MBEDTLS_ASN1_OID;
	name->oid.len = oid->len;
	name->oid.p = library_copy(oid->p, oid->len);
	name->val.tag = val->tag;
	name->val.len = val->len;
	name->val.p = library_copy(val->p, val->len);
	name->next = list->head;
	list->head = name;
}

static bool name_put_text(struct name_list *list, const char *oid, size_t oid_len, const char *text,
			  struct error *err)
{
	size_t len = strlen(text);

	if (len == 0 || len > NAME_MAX_LEN)
		return error_set(err, ERROR_INVALID,
				 "a certificate name must have 1 to %d bytes, not %zu",
				 NAME_MAX_LEN, len);
	if (!str_is_utf8(str_of(text)))
		return error_set(err, ERROR_INVALID, "a certificate name is not UTF-8");

	mbedtls_asn1_buf key = { MBEDTLS_ASN1_OID, oid_len, (unsigned char *)oid };
	mbedtls_asn1_buf val = { MBEDTLS_ASN1_UTF8_STRING, len, (unsigned char *)text };

	name_put(list, &key, &val);
	return true;
}

static bool names_of(const struct pki_subject *subject, struct name_list *out, struct error *err)
{
	const char *const *o = subject->organizations;

	assert(subject->name);
	for (size_t i = 0; o && o[i]; i++) {
		if (i == ORGANIZATIONS_MAX)
			return error_set(err, ERROR_TOO_LARGE,
					 "a certificate may name %d organizations",
					 ORGANIZATIONS_MAX);
		if (!name_put_text(out, MBEDTLS_OID_AT_ORGANIZATION,
				   MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_ORGANIZATION), o[i], err))
			return false;
	}
	return name_put_text(out, MBEDTLS_OID_AT_CN, MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_CN),
			     subject->name, err);
}

/* The issuer field must equal the issuer's subject byte by byte, or Go's verifier finds no
 * chain. */
static bool names_copy(const mbedtls_x509_name *from, struct name_list *out, struct error *err)
{
	for (const mbedtls_x509_name *name = from; name; name = name->next) {
		if (name->next_merged)
			return error_set(err, ERROR_INVALID,
					 "the issuer's name has parts with several values");
		name_put(out, &name->oid, &name->val);
	}
	return true;
}

static bool put_san(struct arena *arena, const char *text, mbedtls_x509_san_list **list,
		    struct error *err)
{
	mbedtls_x509_san_list *san = arena_zero(arena, sizeof(*san));
	unsigned char address[16];
	size_t len = 0;

	if (inet_pton(AF_INET, text, address) == 1)
		len = 4;
	else if (inet_pton(AF_INET6, text, address) == 1)
		len = 16;
	if (len > 0) {
		san->node.type = MBEDTLS_X509_SAN_IP_ADDRESS;
		san->node.san.unstructured_name.p =
			(unsigned char *)arena_string(arena, (const char *)address, len);
		san->node.san.unstructured_name.len = len;
	} else {
		len = strlen(text);
		if (len == 0 || len > 253 ||
		    strspn(text,
			   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*") !=
			    len)
			return error_set(err, ERROR_INVALID,
					 "\"%.253s\" is neither a DNS name nor an address", text);
		san->node.type = MBEDTLS_X509_SAN_DNS_NAME;
		san->node.san.unstructured_name.p = (unsigned char *)arena_string(arena, text, len);
		san->node.san.unstructured_name.len = len;
	}
	san->next = *list;
	*list = san;
	return true;
}

static bool set_sans(mbedtls_x509write_cert *cert, const char *const *names, struct error *err)
{
	auto_arena arena = arena_new();
	mbedtls_x509_san_list *list = NULL;
	size_t count = 0;

	while (names && names[count])
		count++;
	if (count > NAMES_MAX)
		return error_set(err, ERROR_TOO_LARGE, "a certificate may have %d names, not %zu",
				 NAMES_MAX, count);
	for (size_t i = 0; i < count;
	     i++) { /* written from the end: the list is the wrong way round */
		if (!put_san(arena, names[i], &list, err))
			return false;
	}
	if (!list)
		return true;

	int result = mbedtls_x509write_crt_set_subject_alternative_name(cert, list);

	if (result != 0)
		return mbed_error(err, ERROR_BROKEN, result, "write the names of a certificate");
	return true;
}

static int set_extended_use(mbedtls_x509write_cert *cert, unsigned uses)
{
	mbedtls_asn1_sequence client = { .buf = { MBEDTLS_ASN1_OID,
						  MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH),
						  (unsigned char *)MBEDTLS_OID_CLIENT_AUTH } };
	mbedtls_asn1_sequence server = { .buf = { MBEDTLS_ASN1_OID,
						  MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH),
						  (unsigned char *)MBEDTLS_OID_SERVER_AUTH } };

	if ((uses & PKI_SERVER) && (uses & PKI_CLIENT))
		server.next = &client;
	return mbedtls_x509write_crt_set_ext_key_usage(cert, uses & PKI_SERVER ? &server : &client);
}

static int set_uses(mbedtls_x509write_cert *cert, unsigned uses)
{
	bool is_ca = uses == PKI_CA;
	unsigned use = MBEDTLS_X509_KU_DIGITAL_SIGNATURE;
	int result;

	if (is_ca)
		use |= MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN;
	result = mbedtls_x509write_crt_set_basic_constraints(cert, is_ca, -1);
	if (result == 0)
		result = mbedtls_x509write_crt_set_key_usage(cert, use);
	if (result == 0 && !is_ca)
		result = set_extended_use(cert, uses);
	if (result == 0)
		result = mbedtls_x509write_crt_set_subject_key_identifier(cert);
	if (result == 0)
		result = mbedtls_x509write_crt_set_authority_key_identifier(cert);
	return result;
}

/* "YYYYMMDDhhmmss" */
static void print_time(int64_t wall_s, char out[16])
{
	time_t at = (time_t)wall_s;
	struct tm tm;

	if (!gmtime_r(&at, &tm) || strftime(out, 16, "%Y%m%d%H%M%S", &tm) != 14)
		abort();
}

/* Unless it is said otherwise a certificate is valid since ever: whose clock is at 1970 believes it
 * too, and it lives on when our own clock turns out to have been ahead. */
static bool set_times(mbedtls_x509write_cert *cert, const struct pki_plan *plan, struct error *err)
{
	int64_t from = plan->not_before_s;
	int64_t since = from ? from : clock_wall_s();
	char before[16], after[16];

	if (plan->days < 1 || plan->days > DAYS_MAX)
		return error_set(err, ERROR_INVALID, "a certificate lives 1 to %d days", DAYS_MAX);
	if (since < 0 || since > LAST_TIME - plan->days * 86400)
		return error_set(err, ERROR_INVALID, "a certificate's time is out of range");
	print_time(from, before);
	print_time(since + plan->days * 86400, after);

	int result = mbedtls_x509write_crt_set_validity(cert, before, after);

	if (result != 0)
		return mbed_error(err, ERROR_BROKEN, result, "set the times of a certificate");
	return true;
}

static int set_serial(mbedtls_x509write_cert *cert)
{
	unsigned char serial[SERIAL_SIZE];

	random_bytes(serial, sizeof(serial));
	serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40); /* positive, never short */
	return mbedtls_x509write_crt_set_serial_raw(cert, serial, sizeof(serial));
}

static void write_cert_slot(mbedtls_x509write_cert *cert)
{
	mbedtls_x509write_crt_free(cert);
}

/* Names, times, uses and signature; both keys are parsed. */
static bool issue(const struct pki_plan *plan, mbedtls_pk_context *subject_key,
		  const mbedtls_x509_crt *issuer, mbedtls_pk_context *issuer_key,
		  struct buf *out_pem, struct error *err)
{
	auto_free unsigned char *pem = memory_get(PKI_PEM_ROOM);
	__attribute__((cleanup(write_cert_slot))) mbedtls_x509write_cert cert;
	auto_names subject_names = { NULL };
	auto_names issuer_names = { NULL };

	mbedtls_x509write_crt_init(&cert);
	if (!names_of(&plan->subject, &subject_names, err))
		return false;
	if (issuer ? !names_copy(&issuer->subject, &issuer_names, err)
		   : !names_of(&plan->subject, &issuer_names, err))
		return false;
	cert.subject = take_ptr(&subject_names.head);
	cert.issuer = take_ptr(&issuer_names.head);
	mbedtls_x509write_crt_set_version(&cert, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(&cert, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_subject_key(&cert, subject_key);
	mbedtls_x509write_crt_set_issuer_key(&cert, issuer_key);
	if (!set_times(&cert, plan, err) || !set_sans(&cert, plan->names, err))
		return false;

	int result = set_serial(&cert);

	if (result == 0)
		result = set_uses(&cert, plan->uses);
	if (result == 0)
		result = mbedtls_x509write_crt_pem(&cert, pem, PKI_PEM_ROOM, mbed_random, NULL);
	if (result != 0)
		return mbed_error(err, ERROR_BROKEN, result, "sign a certificate");
	buf_add_text(out_pem, (const char *)pem);
	return true;
}

static bool read_issuer(struct str cert_pem, struct str key_pem, mbedtls_x509_crt *cert,
			mbedtls_pk_context *key, struct error *err)
{
	if (!pki_parse_cert(cert_pem, cert, err) || !pki_parse_key(key_pem, key, err))
		return error_context(err, "the issuer");
	if (!cert->ca_istrue)
		return error_set(err, ERROR_INVALID,
				 "the issuer's certificate is not that of a CA");
	if (mbedtls_pk_check_pair(&cert->pk, key, mbed_random, NULL) != 0)
		return error_set(err, ERROR_INVALID,
				 "the issuer's key does not belong to its certificate");
	return true;
}

static void assert_plan(const struct pki_plan *plan)
{
	assert(plan);
	assert(plan->uses != 0);
	assert(plan->uses == PKI_CA || !(plan->uses & PKI_CA));
}

bool pki_issue(const struct pki_plan *plan, struct str subject_key_pem, struct str issuer_cert_pem,
	       struct str issuer_key_pem, struct buf *out_cert_pem, struct error *err)
{
	auto_pki_key subject_key;
	auto_pki_key issuer_key;
	auto_pki_cert issuer_cert;

	assert_plan(plan);
	mbedtls_pk_init(&subject_key);
	mbedtls_pk_init(&issuer_key);
	mbedtls_x509_crt_init(&issuer_cert);
	if (!pki_parse_key(subject_key_pem, &subject_key, err))
		return false;
	if (issuer_cert_pem.len == 0)
		return issue(plan, &subject_key, NULL, &subject_key, out_cert_pem, err);
	if (!read_issuer(issuer_cert_pem, issuer_key_pem, &issuer_cert, &issuer_key, err))
		return false;
	return issue(plan, &subject_key, &issuer_cert, &issuer_key, out_cert_pem, err);
}

static void write_request_slot(mbedtls_x509write_csr *request)
{
	mbedtls_x509write_csr_free(request);
}

bool pki_new_request(const struct pki_subject *subject, struct str key_pem, struct buf *out_csr_pem,
		     struct error *err)
{
	auto_free unsigned char *pem = memory_get(PKI_PEM_ROOM);
	__attribute__((cleanup(write_request_slot))) mbedtls_x509write_csr request;
	auto_names names = { NULL };
	auto_pki_key key;

	assert(subject);
	mbedtls_x509write_csr_init(&request);
	mbedtls_pk_init(&key);
	if (!pki_parse_key(key_pem, &key, err) || !names_of(subject, &names, err))
		return false;
	request.subject = take_ptr(&names.head);
	mbedtls_x509write_csr_set_md_alg(&request, MBEDTLS_MD_SHA256);
	mbedtls_x509write_csr_set_key(&request, &key);

	int result = mbedtls_x509write_csr_pem(&request, pem, PKI_PEM_ROOM, mbed_random, NULL);

	if (result != 0)
		return mbed_error(err, ERROR_BROKEN, result, "sign a certificate request");
	buf_add_text(out_csr_pem, (const char *)pem);
	return true;
}

static void request_slot(mbedtls_x509_csr *request)
{
	mbedtls_x509_csr_free(request);
}

/* The request must be signed by the key it names: else anybody could get a certificate for it. */
static bool check_request(mbedtls_x509_csr *request, struct error *err)
{
	unsigned char digest[HASH_SHA256];

	if (request->sig_md != MBEDTLS_MD_SHA256 ||
	    !mbedtls_pk_can_do(&request->pk, MBEDTLS_PK_ECDSA))
		return error_set(err, ERROR_INVALID,
				 "the certificate request is not signed by ECDSA with SHA-256");
	hash_sha256(str_from(request->cri.p, request->cri.len), digest);
	if (mbedtls_pk_verify(&request->pk, MBEDTLS_MD_SHA256, digest, sizeof(digest),
			      request->sig.p, request->sig.len) != 0)
		return error_set(err, ERROR_INVALID,
				 "the certificate request's signature is wrong");
	return true;
}

bool pki_sign_request(const struct pki_plan *plan, struct str csr_pem, struct str issuer_cert_pem,
		      struct str issuer_key_pem, struct buf *out_cert_pem, struct error *err)
{
	__attribute__((cleanup(request_slot))) mbedtls_x509_csr request;
	auto_pki_key issuer_key;
	auto_pki_cert issuer_cert;

	assert_plan(plan);
	mbedtls_x509_csr_init(&request);
	mbedtls_pk_init(&issuer_key);
	mbedtls_x509_crt_init(&issuer_cert);
	if (csr_pem.len == 0 || csr_pem.len > PKI_PEM_ROOM)
		return error_set(err, ERROR_BAD_REQUEST, "a certificate request has 1 to %u bytes",
				 PKI_PEM_ROOM);

	auto_free char *text = str_copy(csr_pem);
	int result = mbedtls_x509_csr_parse(&request, (unsigned char *)text, csr_pem.len + 1);

	if (result != 0)
		return mbed_error(err, ERROR_BAD_REQUEST, result, "read the certificate request");
	if (!check_request(&request, err))
		return false;
	if (!read_issuer(issuer_cert_pem, issuer_key_pem, &issuer_cert, &issuer_key, err))
		return false;
	return issue(plan, &request.pk, &issuer_cert, &issuer_key, out_cert_pem, err);
}
