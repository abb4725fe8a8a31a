/*
 * validate_values.c - texts, numbers and addresses with the real server's words.
 */
#include "api/validate_values.h"

#include <arpa/inet.h>
#include <inttypes.h>

#include "api/validate.h"
#include "api/validate_words.h"
#include "base/map.h"

#define ID_MAX INT32_MAX

/* --- texts --- */

void values_invalid_text(const struct kind_work *work, const char *path, struct str text,
			 const char *detail)
{
	validate_invalid(work, path, json_new_str(work->doc, text), detail);
}

void values_key(const struct kind_work *work, const char *path, struct str key,
		name_faults_fn *rule)
{
	struct name_faults faults = { .count = 0 };

	rule(key, &faults);
	for (size_t i = 0; i < faults.count; i++)
		values_invalid_text(work, path, key, faults.why[i]);
}

void values_map_key(const struct kind_work *work, const char *map, struct str key,
		    name_faults_fn *rule)
{
	struct name_faults faults = { .count = 0 };

	rule(key, &faults);
	if (faults.count > 0)
		values_key(work, field_path(work->errors, "%s[" STR_FMT "]", map, STR_ARG(key)),
			   key, rule);
}

void values_name(const struct kind_work *work, const char *path, const struct json *value,
		 name_faults_fn *rule)
{
	values_key(work, path, json_str(value), rule);
}

bool values_required(const struct kind_work *work, const char *path, const struct json *value)
{
	if (json_str(value).len > 0)
		return true;
	validate_required(work, path, "");
	return false;
}

void values_required_name(const struct kind_work *work, const char *path, const struct json *value,
			  name_faults_fn *rule)
{
	if (values_required(work, path, value))
		values_name(work, path, value, rule);
}

void values_supported(const struct kind_work *work, const char *path, const struct json *value,
		      const char *const *list)
{
	words_check(work, path, value, list);
}

void values_choice(const struct kind_work *work, const char *path, const struct json *value,
		   const char *const *list)
{
	if (values_required(work, path, value))
		words_check(work, path, value, list);
}

struct map *values_entries(const struct json *object)
{
	struct map *entries = map_new();

	for (struct json_iter it = json_iter(object); json_next(&it);)
		map_put(entries, it.key, it.value);
	return entries;
}

/* --- numbers --- */

void values_range(const struct kind_work *work, const char *path, const struct json *value,
		  int64_t min, int64_t max)
{
	if (json_int(value) >= min && json_int(value) <= max)
		return;
	validate_invalid(work, path, value ? value : json_new_int(work->doc, 0),
			 field_path(work->errors,
				    "must be between %" PRId64 " and %" PRId64 ", inclusive", min,
				    max));
}

void values_port(const struct kind_work *work, const char *path, const struct json *value)
{
	values_range(work, path, value, 1, UINT16_MAX);
}

void values_port_or_name(const struct kind_work *work, const char *path, const struct json *value)
{
	if (json_type(value) == JSON_STRING)
		values_name(work, path, value, name_port);
	else
		values_port(work, path, value);
}

void values_id(const struct kind_work *work, const char *path, const struct json *value)
{
	if (value)
		values_range(work, path, value, 0, ID_MAX);
}

/* --- addresses --- */

/* Four decimal numbers; zeros in front are fine. */
static bool parse_v4(struct str text, unsigned char out[4])
{
	int64_t number;

	for (size_t i = 0; i < 4; i++) {
		bool last = i == 3;

		if ((str_find(text, '.') < 0) != last)
			return false;
		if (!str_to_i64(str_cut(&text, '.'), 0, UINT8_MAX, &number))
			return false;
		out[i] = (unsigned char)number;
	}
	return true;
}

/* Both families as 16 bytes; IPv4 is ::ffff:a.b.c.d. */
static enum values_family parse_ip(struct str text, unsigned char out[16])
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	char copy[INET6_ADDRSTRLEN + 1];

	if (str_find(text, ':') < 0) {
		memcpy(out, mapped, sizeof(mapped));
		return parse_v4(text, out + sizeof(mapped)) ? VALUES_IPV4 : VALUES_NO_IP;
	}
	if (text.len >= sizeof(copy))
		return VALUES_NO_IP;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	if (strlen(copy) != text.len || inet_pton(AF_INET6, copy, out) != 1)
		return VALUES_NO_IP;
	return memcmp(out, mapped, sizeof(mapped)) == 0 ? VALUES_IPV4 : VALUES_IPV6;
}

enum values_family values_ip_family(struct str text)
{
	unsigned char bytes[16];

	return parse_ip(text, bytes);
}

bool values_ip(const struct kind_work *work, const char *path, const struct json *value)
{
	if (values_ip_family(json_str(value)) != VALUES_NO_IP)
		return true;
	validate_invalid(work, path, words_text(work, value),
			 "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
	return false;
}

enum values_family values_cidr_family(struct str text)
{
	bool has_length = str_find(text, '/') >= 0;
	struct str address = str_cut(&text, '/');
	enum values_family family = values_ip_family(address);
	int64_t most = str_find(address, ':') >= 0 ? 128 : 32, bits;

	if (!has_length || family == VALUES_NO_IP || !str_to_i64(text, 0, most, &bits))
		return VALUES_NO_IP;
	return family;
}

void values_cidr(const struct kind_work *work, const char *path, struct str text)
{
	if (values_cidr_family(text) == VALUES_NO_IP)
		values_invalid_text(work, path, text,
				    "must be a valid CIDR value, (e.g. 10.9.8.0/24 or "
				    "2001:db8::/64)");
}

static bool is_unspecified(enum values_family family, const unsigned char *ip)
{
	static const unsigned char none[16];

	return family == VALUES_IPV4 ? memcmp(ip + 12, none, 4) == 0 : memcmp(ip, none, 16) == 0;
}

static bool is_loopback(enum values_family family, const unsigned char *ip)
{
	static const unsigned char one[16] = { [15] = 1 };

	return family == VALUES_IPV4 ? ip[12] == 127 : memcmp(ip, one, 16) == 0;
}

static bool is_link_local(enum values_family family, const unsigned char *ip)
{
	return family == VALUES_IPV4 ? ip[12] == 169 && ip[13] == 254
				     : ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

static bool is_link_local_group(enum values_family family, const unsigned char *ip)
{
	return family == VALUES_IPV4 ? ip[12] == 224 && ip[13] == 0 && ip[14] == 0
				     : ip[0] == 0xff && (ip[1] & 0x0f) == 0x02;
}

void values_no_special_ip(const struct kind_work *work, const char *path, const struct json *value)
{
	const struct json *shown = words_text(work, value);
	unsigned char ip[16];
	enum values_family family = parse_ip(json_str(value), ip);

	if (family == VALUES_NO_IP) {
		validate_invalid(work, path, shown, "must be a valid IP address");
		return;
	}
	if (is_unspecified(family, ip))
		validate_invalid(work, path, shown,
				 field_path(work->errors, "may not be unspecified (" STR_FMT ")",
					    STR_ARG(json_str(value))));
	if (is_loopback(family, ip))
		validate_invalid(work, path, shown,
				 "may not be in the loopback range (127.0.0.0/8, ::1/128)");
	if (is_link_local(family, ip))
		validate_invalid(work, path, shown,
				 "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
	if (is_link_local_group(family, ip))
		validate_invalid(work, path, shown,
				 "may not be in the link-local multicast range (224.0.0.0/24, "
				 "ff02::/10)");
}
