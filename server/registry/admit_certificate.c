/*
 * admit_certificate.c - certificate requests: who asks is written into them, and only who may do
 * that for their signer approves or signs them.
 */
#include "server/gate/authorize.h"
#include "server/registry/admit.h"
#include "server/registry/registry_inside.h"

#define GROUP "certificates.k8s.io"

static void put_extra(const struct admit_work *work, struct json *spec)
{
	for (const struct user_extra *extra = work->user->extra; extra && extra->key; extra++)
		json_append(json_sub_array(work->doc, json_sub_object(work->doc, spec, "extra"),
					   extra->key),
			    json_new_text(work->doc, extra->value));
}

static void fill_asker(const struct admit_work *work)
{
	struct json *spec = json_sub_object(work->doc, work->object, "spec");

	json_put(work->doc, spec, "username", json_new_text(work->doc, work->user->name));
	if (work->user->uid)
		json_put(work->doc, spec, "uid", json_new_text(work->doc, work->user->uid));
	for (const char **group = work->user->groups; group && *group; group++)
		json_append(json_sub_array(work->doc, spec, "groups"),
			    json_new_text(work->doc, *group));
	put_extra(work, spec);
}

/* The signer itself, or all of its domain: "example.com/" and a star. */
static bool may(const struct admit_work *work, const char *verb, struct str signer)
{
	struct attributes asked = { .user = work->user,
				    .verb = str_of(verb),
				    .group = STR(GROUP),
				    .resource = STR("signers"),
				    .name = signer };
	struct str rest = signer, domain = str_cut(&rest, '/');

	if (authorize_check(work->registry->server, &asked))
		return true;
	asked.name = str_of(arena_print(work->arena, STR_FMT "/*", STR_ARG(domain)));
	return authorize_check(work->registry->server, &asked);
}

/* --- what no certificate of the API's clients may say --- */

#define PEM_BEGIN "-----BEGIN CERTIFICATE REQUEST-----"
#define PEM_END   "-----END CERTIFICATE REQUEST-----"
#define MASTERS   "system:masters"

/* The DER of the one block of `pem`. */
static bool read_block(struct str pem, struct buf *out)
{
	ptrdiff_t begin = str_search(pem, STR(PEM_BEGIN)), end;
	auto_buf plain = BUF_INIT;

	if (begin < 0 || begin != str_search(pem, STR("-----BEGIN")))
		return false;
	pem = str_from(pem.at + begin + sizeof(PEM_BEGIN) - 1,
		       pem.len - (size_t)begin - sizeof(PEM_BEGIN) + 1);
	end = str_search(pem, STR(PEM_END));
	if (end < 0 || str_search(pem, STR("-----BEGIN")) >= 0)
		return false;
	for (ptrdiff_t i = 0; i < end; i++)
		if (pem.at[i] == '\0' || !strchr(" \t\r\n", pem.at[i]))
			buf_add_byte(&plain, pem.at[i]);
	return plain.len > 0 && buf_add_base64_decoded(out, buf_str(&plain));
}

/* Its group in any form that a name has: bytes, or two bytes a character.  What cannot be read
 * might hold it. */
static bool may_be_master(const struct json *spec)
{
	auto_buf pem = BUF_INIT;
	auto_buf der = BUF_INIT;
	auto_buf wide = BUF_INIT;

	for (size_t i = 0; i < sizeof(MASTERS) - 1; i++) {
		if (i > 0)
			buf_add_byte(&wide, '\0');
		buf_add_byte(&wide, MASTERS[i]);
	}
	return !buf_add_base64_decoded(&pem, json_str(json_get(spec, "request"))) ||
	       !read_block(buf_str(&pem), &der) || str_search(buf_str(&der), STR(MASTERS)) >= 0 ||
	       str_search(buf_str(&der), buf_str(&wide)) >= 0;
}

static bool check_subject(const struct admit_work *work, struct error *err)
{
	const struct json *spec = json_get(work->object, "spec");

	return !str_is(json_str(json_get(spec, "signerName")),
		       "kubernetes.io/kube-apiserver-client") ||
	       !may_be_master(spec) ||
	       error_set(err, ERROR_FORBIDDEN,
			 "certificatesigningrequests." GROUP " \"" STR_FMT
			 "\" is forbidden: use of kubernetes.io/kube-apiserver-client signer "
			 "with " MASTERS " group is not allowed",
			 STR_ARG(meta_str(work->object, "name")));
}

static bool admit(const struct admit_work *work, struct error *err)
{
	bool approves = strcmp(work->subresource, "approval") == 0,
	     signs = strcmp(work->subresource, "status") == 0;
	struct str signer = json_str(json_path(work->old, "spec", "signerName", NULL));

	if (strcmp(work->kind->group, GROUP) != 0 || !work->user || !work->registry->server)
		return true;
	if (!work->old) {
		fill_asker(work);
		return check_subject(work, err);
	}
	if (signs && json_equal(json_get(work->object, "status"), json_get(work->old, "status")))
		return true;
	if (!(approves || signs) || may(work, approves ? "approve" : "sign", signer))
		return true;
	return error_set(
		err, ERROR_FORBIDDEN,
		"certificatesigningrequests." GROUP " \"" STR_FMT
		"\" is forbidden: user not permitted to %s requests with signerName \"" STR_FMT
		"\"",
		STR_ARG(meta_str(work->object, "name")), approves ? "approve" : "sign",
		STR_ARG(signer));
}

const struct admit_row admit_certificate = { .name = "CertificateApproval", .admit = admit };
