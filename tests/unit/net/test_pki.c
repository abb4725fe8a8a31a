/*
 * test_pki.c - keys, certificates, requests and tokens; cross-checked with openssl where it is
 * installed.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/pki.h"
#include "tests/unit/harness.h"

static struct error err;

static const char *const groups[] = { "system:masters", "devs, and ops", NULL };
static const char *const names[] = { "localhost", "mote.example", "127.0.0.1", "fd00::1", NULL };

static void make_ca(struct buf *key, struct buf *cert)
{
	struct pki_plan plan = { .subject = { "test-ca", NULL }, .uses = PKI_CA, .days = 3650 };

	CHECK_OK(pki_new_key(key, &err), &err);
	CHECK_OK(pki_issue(&plan, buf_str(key), STR_NONE, STR_NONE, cert, &err), &err);
}

static void reads_what_it_issued(void)
{
	auto_buf ca_key = BUF_INIT, ca = BUF_INIT, key = BUF_INIT, cert = BUF_INIT;
	struct pki_plan plan = { .subject = { "admin", groups },
				 .uses = PKI_CLIENT | PKI_SERVER,
				 .names = names,
				 .not_before_s = 1700000000,
				 .days = 30 };
	struct pki_info info;

	make_ca(&ca_key, &ca);
	CHECK_OK(pki_new_key(&key, &err), &err);
	CHECK_OK(pki_issue(&plan, buf_str(&key), buf_str(&ca), buf_str(&ca_key), &cert, &err),
		 &err);
	CHECK_OK(pki_read(buf_str(&cert), &info, &err), &err);
	CHECK_STR(info.name, "admin");
	CHECK(!info.is_ca);
	CHECK_INT(info.not_before_s, 1700000000);
	CHECK_INT(info.not_after_s, 1700000000 + 30 * 86400);
	CHECK_OK(pki_read(buf_str(&ca), &info, &err), &err);
	CHECK(info.is_ca);
	CHECK_INT(info.not_before_s, 0); /* 1970: for clocks that are wrong */
}

static bool shell_says(const char *command, const char *word)
{
	char out[8192];
	FILE *pipe = popen(command, "r");
	size_t got = fread(out, 1, sizeof(out) - 1, pipe);

	out[got] = '\0';
	pclose(pipe);
	if (!strstr(out, word))
		printf("%s\n-> %s\n", command, out);
	return strstr(out, word) != NULL;
}

static const char *save(const char *name, const struct buf *text)
{
	static char path[8][256];
	static int at;
	char *to = path[at++ % 8];
	FILE *file;

	snprintf(to, 256, "%s/%s", harness_folder(), name);
	file = fopen(to, "w");
	fwrite(text->at, 1, text->len, file);
	fclose(file);
	return to;
}

/* The same certificate as another implementation sees it. */
static void openssl_agrees(void)
{
	auto_buf ca_key = BUF_INIT, ca = BUF_INIT, key = BUF_INIT, cert = BUF_INIT;
	struct pki_plan plan = {
		.subject = { "admin", groups }, .uses = PKI_SERVER, .names = names, .days = 30
	};
	char command[1024];
	const char *ca_path, *cert_path;

	if (access("/usr/bin/openssl", X_OK) != 0)
		harness_skip("openssl is not installed");
	make_ca(&ca_key, &ca);
	CHECK_OK(pki_new_key(&key, &err), &err);
	CHECK_OK(pki_issue(&plan, buf_str(&key), buf_str(&ca), buf_str(&ca_key), &cert, &err),
		 &err);
	ca_path = save("ca.pem", &ca);
	cert_path = save("cert.pem", &cert);
	snprintf(command, sizeof(command), "openssl verify -purpose sslserver -CAfile %s %s 2>&1",
		 ca_path, cert_path);
	CHECK(shell_says(command, ": OK"));
	snprintf(command, sizeof(command), "openssl x509 -in %s -noout -text 2>&1", cert_path);
	CHECK(shell_says(command, "DNS:localhost, DNS:mote.example, IP Address:127.0.0.1, "
				  "IP Address:FD00"));
	CHECK(shell_says(command, "TLS Web Server Authentication"));
	CHECK(shell_says(command, "prime256v1"));
	snprintf(command, sizeof(command),
		 "openssl x509 -in %s -noout -subject -nameopt RFC2253 2>&1", cert_path);
	CHECK(shell_says(command, "CN=admin,O=devs\\, and ops,O=system:masters"));
	snprintf(command, sizeof(command), "openssl x509 -in %s -noout -fingerprint -sha256 2>&1",
		 cert_path);
	CHECK(shell_says(command, "="));
}

static void signs_requests(void)
{
	auto_buf ca_key = BUF_INIT, ca = BUF_INIT, key = BUF_INIT, csr = BUF_INIT, cert = BUF_INIT;
	struct pki_subject asked = { "liar", groups };
	struct pki_plan plan = { .subject = { "system:node:a", NULL },
				 .uses = PKI_CLIENT,
				 .days = 1 };
	struct pki_info info;
	char *body;

	make_ca(&ca_key, &ca);
	CHECK_OK(pki_new_key(&key, &err), &err);
	CHECK_OK(pki_new_request(&asked, buf_str(&key), &csr, &err), &err);
	CHECK_OK(
		pki_sign_request(&plan, buf_str(&csr), buf_str(&ca), buf_str(&ca_key), &cert, &err),
		&err);
	CHECK_OK(pki_read(buf_str(&cert), &info, &err), &err);
	CHECK_STR(info.name, "system:node:a"); /* ours, not what was asked for */

	/* One changed letter in the middle breaks the encoding or the signature. */
	body = csr.at + csr.len / 2;
	*body = *body == 'A' ? 'B' : 'A';
	CHECK(!pki_sign_request(&plan, buf_str(&csr), buf_str(&ca), buf_str(&ca_key), &cert, &err));
	CHECK(err.kind == ERROR_BAD_REQUEST || err.kind == ERROR_INVALID);
	CHECK(!pki_sign_request(&plan, STR("hello"), buf_str(&ca), buf_str(&ca_key), &cert, &err));
	CHECK_INT(err.kind, ERROR_BAD_REQUEST);
}

static void refuses_bad_plans(void)
{
	auto_buf ca_key = BUF_INIT, ca = BUF_INIT, key = BUF_INIT, leaf = BUF_INIT, out = BUF_INIT;
	const char *const bad_names[] = { "no spaces here", NULL };
	struct pki_plan plan = { .subject = { "x", NULL }, .uses = PKI_CLIENT, .days = 1 };

	make_ca(&ca_key, &ca);
	CHECK_OK(pki_new_key(&key, &err), &err);
	CHECK_OK(pki_issue(&plan, buf_str(&key), buf_str(&ca), buf_str(&ca_key), &leaf, &err),
		 &err);
	/* A leaf cannot issue, a foreign key neither. */
	CHECK(!pki_issue(&plan, buf_str(&key), buf_str(&leaf), buf_str(&key), &out, &err));
	CHECK(!pki_issue(&plan, buf_str(&key), buf_str(&ca), buf_str(&key), &out, &err));
	plan.names = bad_names;
	CHECK(!pki_issue(&plan, buf_str(&key), buf_str(&ca), buf_str(&ca_key), &out, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
	plan.names = NULL;
	plan.days = 0;
	CHECK(!pki_issue(&plan, buf_str(&key), buf_str(&ca), buf_str(&ca_key), &out, &err));
	plan.days = 1;
	plan.subject.name = "";
	CHECK(!pki_issue(&plan, buf_str(&key), buf_str(&ca), buf_str(&ca_key), &out, &err));
	CHECK(!pki_issue(&plan, STR("junk"), STR_NONE, STR_NONE, &out, &err));
	CHECK(!pki_issue(&plan, STR_NONE, STR_NONE, STR_NONE, &out, &err));
	CHECK_INT(out.len, 0);
}

/* The id is the digest of the public half as openssl writes it, the point its last 64 bytes. */
static void key_id_and_point(void)
{
	auto_buf key = BUF_INIT, hex = BUF_INIT;
	unsigned char point[64];
	char id[65], again[65], command[512];
	const char *path;

	CHECK_OK(pki_new_key(&key, &err), &err);
	CHECK_OK(pki_key_id(buf_str(&key), id, &err), &err);
	CHECK_OK(pki_key_id(buf_str(&key), again, &err), &err);
	CHECK_STR(id, again);
	CHECK_OK(pki_key_point(buf_str(&key), point, &err), &err);
	if (access("/usr/bin/openssl", X_OK) != 0)
		return;
	path = save("key.pem", &key);
	snprintf(command, sizeof(command), "openssl pkey -in %s -pubout -outform DER | sha256sum",
		 path);
	CHECK(shell_says(command, id));
	buf_add_hex(&hex, str_from(point, sizeof(point)));
	snprintf(command, sizeof(command),
		 "openssl pkey -in %s -pubout -outform DER | od -An -v -tx1 | tr -d ' \\n'", path);
	CHECK(shell_says(command, buf_text(&hex)));
}

static void tokens(void)
{
	auto_buf key = BUF_INIT, other_key = BUF_INIT, token = BUF_INIT, claims = BUF_INIT;
	struct pki_signer *signer, *other;

	CHECK_OK(pki_new_key(&key, &err), &err);
	CHECK_OK(pki_new_key(&other_key, &err), &err);
	CHECK_OK(pki_signer_new(buf_str(&key), &signer, &err), &err);
	CHECK_OK(pki_signer_new(buf_str(&other_key), &other, &err), &err);
	CHECK_OK(pki_sign_jwt(signer, STR("{\"sub\":\"me\"}"), &token, &err), &err);
	CHECK_OK(pki_verify_jwt(signer, buf_str(&token), &claims, &err), &err);
	CHECK_STR(buf_text(&claims), "{\"sub\":\"me\"}");
	CHECK(!pki_verify_jwt(other, buf_str(&token), &claims, &err));
	CHECK_INT(err.kind, ERROR_UNAUTHORIZED);
	CHECK_STR(buf_text(&claims), "{\"sub\":\"me\"}");
	pki_signer_free(signer);
	pki_signer_free(other);
	pki_signer_free(NULL);
}

/* Every single changed character, cut or addition must be refused. */
static void tokens_changed(void)
{
	auto_buf key = BUF_INIT, token = BUF_INIT, claims = BUF_INIT;
	struct pki_signer *signer;

	CHECK_OK(pki_new_key(&key, &err), &err);
	CHECK_OK(pki_signer_new(buf_str(&key), &signer, &err), &err);
	CHECK_OK(pki_sign_jwt(signer, STR("{\"a\":1}"), &token, &err), &err);
	for (size_t i = 0; i < token.len; i++) {
		char was = token.at[i];

		token.at[i] = was == 'A' ? 'B' : 'A';
		CHECK(!pki_verify_jwt(signer, buf_str(&token), &claims, &err));
		CHECK(!pki_verify_jwt(signer, str_from(token.at, i), &claims, &err));
		token.at[i] = was;
	}
	CHECK_OK(pki_verify_jwt(signer, buf_str(&token), &claims, &err), &err);
	buf_add_text(&token, ".");
	CHECK(!pki_verify_jwt(signer, buf_str(&token), &claims, &err));
	token.at[token.len - 1] = '=';
	CHECK(!pki_verify_jwt(signer, buf_str(&token), &claims, &err));
	token.at[token.len - 1] = '\n';
	CHECK(!pki_verify_jwt(signer, buf_str(&token), &claims, &err));
	pki_signer_free(signer);
}

/* The well-known forgeries: no algorithm, another algorithm, another key id, a critical
 * extension. */
static void tokens_forged(void)
{
	static const char *const heads[] = {
		"{\"alg\":\"none\",\"kid\":\"%s\"}",
		"{\"alg\":\"HS256\",\"kid\":\"%s\"}",
		"{\"alg\":\"es256\",\"kid\":\"%s\"}",
		"{\"alg\":\"ES256\"}%.0s",
		"{\"alg\":\"ES256\",\"kid\":\"../%s\"}",
		"{\"alg\":\"ES256\",\"kid\":\"%s\",\"crit\":[\"b64\"]}",
		"{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"%s\"}",
		"[\"ES256\",\"%s\"]",
	};
	auto_buf key = BUF_INIT, token = BUF_INIT, claims = BUF_INIT;
	struct pki_signer *signer;
	char id[65];

	CHECK_OK(pki_new_key(&key, &err), &err);
	CHECK_OK(pki_key_id(buf_str(&key), id, &err), &err);
	CHECK_OK(pki_signer_new(buf_str(&key), &signer, &err), &err);
	CHECK_OK(pki_sign_jwt(signer, STR("{}"), &token, &err), &err);
	for (size_t i = 0; i < ARRAY_LENGTH(heads); i++) {
		auto_buf forged = BUF_INIT, head = BUF_INIT;
		char *text = memory_string(heads[i]);
		char *at = strstr(text, "%s");

		if (at) {
			buf_add(&head, text, (size_t)(at - text));
			buf_add_text(&head, id);
			buf_add_text(&head, at + 2);
		} else {
			buf_add_text(&head, "{\"alg\":\"ES256\"}");
		}
		free(text);
		buf_add_base64url(&forged, buf_str(&head));
		buf_add_text(&forged, strchr(token.at, '.'));
		CHECK(!pki_verify_jwt(signer, buf_str(&forged), &claims, &err));
		CHECK_INT(err.kind, ERROR_UNAUTHORIZED);
	}
	CHECK_INT(claims.len, 0);
	pki_signer_free(signer);
}

static const struct test tests[] = {
	{ "reads what it issued", reads_what_it_issued },
	{ "openssl agrees", openssl_agrees },
	{ "signs requests", signs_requests },
	{ "refuses bad plans", refuses_bad_plans },
	{ "key id and point", key_id_and_point },
	{ "tokens", tokens },
	{ "tokens changed", tokens_changed, .time_limit_s = 60 },
	{ "tokens forged", tokens_forged },
};
TEST_MAIN(tests)
