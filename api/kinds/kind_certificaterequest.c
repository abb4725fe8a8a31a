/*
 * kind_certificaterequest.c - CertificateSigningRequest: a wish for a certificate.
 */
#include "api/object.h"
#include "api/table.h"
#include "api/validate.h"
#include "api/validate_certificate.h"
#include "base/clock.h"

/* --- the verdict and the certificate --- */

static bool is_verdict(struct str type)
{
	return str_is(type, "Approved") || str_is(type, "Denied");
}

/* Nobody approves his own wish by writing it so; who asks is filled in by admission. */
static void on_create(const struct kind_work *work)
{
	static const char *const own[] = { "username", "uid", "groups", "extra" };
	struct json *spec = json_get(work->object, "spec");

	for (size_t i = 0; spec && i < ARRAY_LENGTH(own); i++)
		json_remove(spec, str_of(own[i]));
	json_put(work->doc, work->object, "status", json_new_object(work->doc));
}

/* A new condition gets its times; one whose status stays keeps the time of its last change. */
static void stamp_conditions(const struct kind_work *work)
{
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	for (struct json_iter it = json_iter(json_path(work->object, "status", "conditions", NULL));
	     json_next(&it);) {
		const struct json *old =
			meta_condition(work->old, json_str(json_get(it.value, "type")));
		const struct json *kept =
			json_equal(json_get(old, "status"), json_get(it.value, "status"))
				? json_get(old, "lastTransitionTime")
				: NULL;

		if (json_type(json_get(it.value, "lastUpdateTime")) != JSON_STRING)
			json_put(work->doc, it.value, "lastUpdateTime",
				 json_new_text(work->doc, now));
		if (json_type(json_get(it.value, "lastTransitionTime")) != JSON_STRING)
			json_put(work->doc, it.value, "lastTransitionTime",
				 kept ? json_clone(work->doc, kept)
				      : json_new_text(work->doc, now));
	}
}

/* Those who sign write the status: the verdict stays what it was. */
static void keep_verdict(const struct kind_work *work)
{
	struct json *status = json_sub_object(work->doc, work->object, "status");

	for (struct json_iter it = json_iter(json_path(work->old, "status", "conditions", NULL));
	     json_next(&it);) {
		struct str type = json_str(json_get(it.value, "type"));

		if (is_verdict(type) && !meta_condition(work->object, type))
			json_append(json_sub_array(work->doc, status, "conditions"),
				    json_clone(work->doc, it.value));
	}
}

static void on_update(const struct kind_work *work)
{
	if (work->subresource[0] == '\0')
		json_put(work->doc, work->object, "spec",
			 json_clone(work->doc, json_get(work->old, "spec")));
	if (strcmp(work->subresource, "status") == 0)
		keep_verdict(work);
	if (work->subresource[0])
		stamp_conditions(work);
}

static void check_verdict(const struct kind_work *work)
{
	static const char *const types[] = { "Approved", "Denied", "Failed" };
	bool deciding = strcmp(work->subresource, "approval") == 0;

	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		bool old = meta_condition(work->old, str_of(types[i])),
		     now = meta_condition(work->object, str_of(types[i]));
		bool may_add = is_verdict(str_of(types[i])) ? deciding : !deciding;

		if (old && !now)
			field_errors_add(
				work->errors, FIELD_FORBIDDEN, "status.conditions", NULL,
				field_path(work->errors,
					   "updates may not remove a condition of type \"%s\"",
					   types[i]));
		else if (!old && now && !may_add)
			field_errors_add(
				work->errors, FIELD_FORBIDDEN, "status.conditions", NULL,
				field_path(work->errors,
					   "updates may not add a condition of type \"%s\"",
					   types[i]));
	}
}

static void validate(const struct kind_work *work)
{
	if (!work->old) {
		certificate_check_wish(work);
		return;
	}
	certificate_check_conditions(work);
	check_verdict(work);
	certificate_check_kept(work);
}

/* --- columns --- */

static void print_signer(const struct json *object, struct buf *out)
{
	struct str signer = json_str(json_path(object, "spec", "signerName", NULL));

	buf_add_str(out, signer.len > 0 ? signer : STR("<none>"));
}

static void print_duration(const struct json *object, struct buf *out)
{
	const struct json *seconds = json_path(object, "spec", "expirationSeconds", NULL);

	if (seconds)
		table_print_age(json_int(seconds), out);
	else
		buf_add_text(out, "<none>");
}

static void print_condition(const struct json *object, struct buf *out)
{
	buf_add_text(out, meta_condition(object, STR("Denied"))     ? "Denied"
			  : meta_condition(object, STR("Approved")) ? "Approved"
								    : "Pending");
	if (meta_condition(object, STR("Failed")))
		buf_add_text(out, ",Failed");
	if (json_str(json_path(object, "status", "certificate", NULL)).len > 0)
		buf_add_text(out, ",Issued");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "SignerName", .print = print_signer },
	{ .name = "Requestor", .path = ".spec.username" },
	{ .name = "RequestedDuration", .print = print_duration },
	{ .name = "Condition", .print = print_condition },
	{ 0 },
};

static const char *const short_names[] = { "csr", NULL };
static const struct subresource subresources[] = {
	{ .name = "approval", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};
static const struct field_label field_labels[] = { { .label = "spec.signerName" }, { 0 } };

const struct kind kind_certificaterequest = {
	.group = "certificates.k8s.io",
	.version = "v1",
	.name = "CertificateSigningRequest",
	.plural = "certificatesigningrequests",
	.short_names = short_names,
	.type_name = "io.k8s.api.certificates.v1.CertificateSigningRequest",
	.name_rule = NAME_PATH_SEGMENT,
	.verbs = VERB_ALL,
	.subresources = subresources,
	.on_create = on_create,
	.on_update = on_update,
	.validate = validate,
	.field_labels = field_labels,
	.columns = columns,
};
