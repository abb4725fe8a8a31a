/*
 * validate_net.c - hosts, references and ranges.
 */
#include "api/validate_net.h"

#include <arpa/inet.h>

static const char wildcard_words[] =
	"a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, "
	"which must consist of lower case alphanumeric characters, '-' or '.' and end with an "
	"alphanumeric character (e.g. '*.example.com', regex used for validation is "
	"'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
static const char path_words[] = "Invalid path (regex used for validation is "
				 "'[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";

void net_check_host(const struct kind_work *work, const struct json *host, const char *path)
{
	struct str text = json_str(host);

	if (str_find(text, '*') < 0)
		values_name(work, path, host, name_subdomain);
	else if (!str_starts(text, STR("*.")) ||
		 name_check(NAME_SUBDOMAIN, str_from(text.at + 2, text.len - 2)))
		validate_invalid(work, path, host, wildcard_words);
}

void net_check_reference(const struct kind_work *work, const struct json *reference,
			 const char *path)
{
	const struct json *group = json_get(reference, "apiGroup");

	if (group)
		values_name(work, field_path(work->errors, "%s.apiGroup", path), group,
			    name_subdomain);
	values_required_name(work, field_path(work->errors, "%s.kind", path),
			     json_get(reference, "kind"), name_segment);
	values_required_name(work, field_path(work->errors, "%s.name", path),
			     json_get(reference, "name"), name_segment);
}

static bool is_path(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c != '\0' && strchr("/-._~%!$&'()*+,;=:", c))))
			return false;
	}
	return text.len > 0;
}

void net_check_domain_path(const struct kind_work *work, struct str text, const char *path)
{
	struct str rest = text, host = str_cut(&rest, '/');

	if (host.len == 0 || rest.len == 0) {
		values_invalid_text(work, path, text,
				    "must be a domain-prefixed path (such as \"acme.io/foo\")");
		return;
	}
	values_key(work, path, host, name_subdomain);
	if (!is_path(rest))
		values_invalid_text(work, path, rest, path_words);
}

/* --- ranges --- */

struct range {
	unsigned char bytes[16];
	int family;
	int64_t bits;
};

static bool parse_range(struct str text, struct range *out)
{
	struct str rest = text, host = str_cut(&rest, '/');
	auto_free char *address = str_copy(host);

	out->family = str_find(host, ':') >= 0 ? AF_INET6 : AF_INET;
	return inet_pton(out->family, address, out->bytes) == 1 &&
	       str_to_i64(rest, 0, out->family == AF_INET ? 32 : 128, &out->bits);
}

bool net_is_inside(struct str inner, struct str outer)
{
	struct range a = { .family = 0 }, b = { .family = 0 };

	if (!parse_range(inner, &a) || !parse_range(outer, &b) || a.family != b.family ||
	    a.bits <= b.bits)
		return false;
	for (int64_t bit = 0; bit < b.bits; bit++) {
		unsigned mask = 0x80u >> (bit % 8);

		if ((a.bytes[bit / 8] & mask) != (b.bytes[bit / 8] & mask))
			return false;
	}
	return true;
}
