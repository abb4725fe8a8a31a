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

static bool admit(const struct admit_work *work, struct error *err)
{
	bool approves = strcmp(work->subresource, "approval") == 0,
	     signs = strcmp(work->subresource, "status") == 0;
	struct str signer = json_str(json_path(work->old, "spec", "signerName", NULL));

	if (strcmp(work->kind->group, GROUP) != 0 || !work->user || !work->registry->server)
		return true;
	if (!work->old)
		fill_asker(work);
	if (signs && json_equal(json_path(work->object, "status", "certificate", NULL),
				json_path(work->old, "status", "certificate", NULL)))
		return true;
	if (!work->old || !(approves || signs) || may(work, approves ? "approve" : "sign", signer))
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
