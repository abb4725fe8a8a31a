/*
 * admit_certificate.c - a wish for a certificate says who wishes: the caller, whatever the body
 * says.
 */
#include "server/registry/admit.h"

static void put_text(const struct admit_work *work, struct json *spec, const char *field,
		     const char *text)
{
	json_put(work->doc, spec, field, text && *text ? json_new_text(work->doc, text) : NULL);
}

static bool admit(const struct admit_work *work, struct error *err)
{
	struct json *spec, *groups;

	(void)err;
	if (work->old || strcmp(work->kind->name, "CertificateSigningRequest") != 0)
		return true;
	spec = json_sub_object(work->doc, work->object, "spec");
	put_text(work, spec, "username", work->user->name);
	put_text(work, spec, "uid", work->user->uid);
	json_remove(spec, STR("extra"));
	groups = json_new_array(work->doc);
	for (const char *const *group = (const char *const *)work->user->groups; group && *group;
	     group++)
		json_append(groups, json_new_text(work->doc, *group));
	json_put(work->doc, spec, "groups", groups);
	return true;
}

const struct admit_row admit_certificate = { .name = "CertificateRequester", .admit = admit };
