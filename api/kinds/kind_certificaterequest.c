/*
 * kind_certificaterequest.c - CertificateSigningRequest: a wish for a certificate.
 */
#include "api/object.h"
#include "api/table.h"
#include "api/validate.h"

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
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.subresources = subresources,
	.field_labels = field_labels,
	.columns = columns,
};
