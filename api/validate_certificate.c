/*
 * validate_certificate.c - what a certificate request must say, and what may be said of it.
 */
#include "api/validate_certificate.h"

#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "base/map.h"

#define SECONDS_MIN 600
#define DOMAIN_MAX  253
#define SIGNER_MAX  (253 + 253 + 63 + 1 + 1)
#define LEGACY      "kubernetes.io/legacy-unknown"

/* The bytes as Go shows them: []byte{0x2d, 0x2d} */
static const char *print_bytes(const struct kind_work *work, struct str bytes)
{
	auto_buf text = BUF_INIT;

	buf_add_text(&text, "[]byte{");
	for (size_t i = 0; i < bytes.len; i++)
		buf_add_print(&text, "%s0x%x", i ? ", " : "", (unsigned char)bytes.at[i]);
	buf_add_byte(&text, '}');
	return arena_string(work->errors->arena, text.at, text.len);
}

static void check_request(const struct kind_work *work, const struct json *request)
{
	auto_buf pem = BUF_INIT;

	if (buf_add_base64_decoded(&pem, json_str(request)) &&
	    str_search(buf_str(&pem), STR("-----BEGIN CERTIFICATE REQUEST-----\n")) >= 0 &&
	    str_search(buf_str(&pem), STR("-----END CERTIFICATE REQUEST-----")) >= 0)
		return;
	field_errors_add(work->errors, FIELD_INVALID, "spec.request",
			 print_bytes(work, buf_str(&pem)),
			 "PEM block type must be CERTIFICATE REQUEST");
}

static void check_usages(const struct kind_work *work, const struct json *usages)
{
	static const char *const known[] = { "any",
					     "cert sign",
					     "client auth",
					     "code signing",
					     "content commitment",
					     "crl sign",
					     "data encipherment",
					     "decipher only",
					     "digital signature",
					     "email protection",
					     "encipher only",
					     "ipsec end system",
					     "ipsec tunnel",
					     "ipsec user",
					     "key agreement",
					     "key encipherment",
					     "microsoft sgc",
					     "netscape sgc",
					     "ocsp signing",
					     "s/mime",
					     "server auth",
					     "signing",
					     "timestamping",
					     NULL };
	auto_map seen = map_new();

	if (json_count(usages) == 0)
		validate_required(work, "spec.usages", "usages must be provided");
	for (struct json_iter it = json_iter(usages); json_next(&it);)
		words_check(work, field_path(work->errors, "spec.usages[%zu]", it.index), it.value,
			    known);
	for (struct json_iter it = json_iter(usages); json_next(&it);)
		if (map_put(seen, json_str(it.value), it.value))
			validate_duplicate(work,
					   field_path(work->errors, "spec.usages[%zu]", it.index),
					   it.value);
}

/* Labels of a part, parted by dots: the first that is none is told. */
static size_t check_labels(const struct kind_work *work, struct str part, name_faults_fn *rule)
{
	struct str rest = part;
	size_t count = 0;
	bool good = true;

	for (bool more = true; more; count++) {
		struct name_faults faults = { .count = 0 };
		struct str label;

		more = str_find(rest, '.') >= 0;
		label = str_cut(&rest, '.');
		rule(label, &faults);
		for (size_t i = 0; good && i < faults.count; i++)
			values_invalid_text(work, "spec.signerName", part,
					    field_path(work->errors,
						       "validating label \"" STR_FMT "\": %s",
						       STR_ARG(label), faults.why[i]));
		good = good && faults.count == 0;
	}
	return count;
}

static void check_signer(const struct kind_work *work, const struct json *signer)
{
	struct str text = json_str(signer), path = text, domain = str_cut(&path, '/');

	if (text.len == 0) {
		validate_required(work, "spec.signerName", "signerName must be provided");
		return;
	}
	if (str_find(text, '/') < 0 || str_find(path, '/') >= 0) {
		validate_invalid(work, "spec.signerName", signer,
				 "must be a fully qualified domain and path of the form "
				 "'example.com/signer-name'");
		return;
	}
	if (domain.len > DOMAIN_MAX)
		words_too_long(work, "spec.signerName", DOMAIN_MAX);
	if (check_labels(work, domain, name_label) < 2)
		values_invalid_text(work, "spec.signerName", domain,
				    "should be a domain with at least two segments separated by "
				    "dots");
	check_labels(work, path, name_subdomain);
	if (text.len > SIGNER_MAX)
		words_too_long(work, "spec.signerName", SIGNER_MAX);
}

static void check_condition(const struct kind_work *work, const struct json *condition,
			    struct map *seen, const char *path)
{
	static const char *const decided[] = { "Approved", "Denied", "Failed", NULL },
				 *const values[] = { "False", "True", "Unknown", NULL },
				 *const yes[] = { "True", NULL };
	struct str type = json_str(json_get(condition, "type"));
	const char *at = field_path(work->errors, "%s.type", path);
	const char *other = str_is(type, "Approved") ? "Denied"
			    : str_is(type, "Denied") ? "Approved"
						     : NULL;

	values_required(work, at, json_get(condition, "type"));
	values_choice(work, field_path(work->errors, "%s.status", path),
		      json_get(condition, "status"), words_have(decided, type) ? yes : values);
	if (other && map_find(seen, str_of(other)))
		validate_invalid(work, at, json_get(condition, "type"),
				 "Approved and Denied conditions are mutually exclusive");
	if (map_put(seen, type, seen))
		validate_duplicate(work, at, json_get(condition, "type"));
}

void certificate_check_wish(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec"),
			  *signer = json_get(spec, "signerName"),
			  *seconds = json_get(spec, "expirationSeconds");

	check_request(work, json_get(spec, "request"));
	check_usages(work, json_get(spec, "usages"));
	if (str_is(json_str(signer), LEGACY))
		validate_invalid(work, "spec.signerName", signer,
				 "the legacy signerName is not allowed via this API version");
	else
		check_signer(work, signer);
	if (seconds && json_int(seconds) < SECONDS_MIN)
		validate_invalid(work, "spec.expirationSeconds", seconds,
				 "may not specify a duration less than 600 seconds (10 minutes)");
}

void certificate_check_conditions(const struct kind_work *work)
{
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(json_path(work->object, "status", "conditions", NULL));
	     json_next(&it);)
		check_condition(work, it.value, seen,
				field_path(work->errors, "status.conditions[%zu]", it.index));
}

void certificate_check_kept(const struct kind_work *work)
{
	const struct json *old = json_path(work->old, "status", "certificate", NULL);

	if (json_str(old).len > 0 &&
	    !json_equal(old, json_path(work->object, "status", "certificate", NULL)))
		words_forbidden(work, "status.certificate",
				"updates may not modify existing certificate content");
}
