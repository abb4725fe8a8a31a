/*
 * validate_windows.c - credentials and users of containers on Windows: pods for such nodes may be
 * kept here, too.
 */
#include "api/validate_windows.h"

#include "api/validate.h"
#include "api/validate_values.h"

#define AT(...)         field_path(work->errors, __VA_ARGS__)
#define CREDENTIAL_MAX  (64u * 1024)
#define DOMAIN_MAX      255
#define USER_MAX        104
#define NETBIOS_MAX     15
#define DOMAIN_PART_MAX 63

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool has_one_of(struct str text, const char *set)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] != '\0' && strchr(set, text.at[i]))
			return true;
	return false;
}

static bool is_netbios(struct str domain)
{
	return domain.len > 0 && domain.len <= NETBIOS_MAX && domain.at[0] != '.' &&
	       !has_one_of(domain, "\\/:*?\"<>|");
}

static bool is_dns(struct str domain)
{
	if (domain.len == 0 || domain.at[domain.len - 1] == '.')
		return false;
	while (domain.len > 0) {
		struct str part = str_cut(&domain, '.');

		if (part.len == 0 || part.len > DOMAIN_PART_MAX || !is_alnum(part.at[0]) ||
		    !is_alnum(part.at[part.len - 1]))
			return false;
		for (size_t i = 0; i < part.len; i++)
			if (!is_alnum(part.at[i]) && part.at[i] != '-')
				return false;
	}
	return true;
}

static bool has_control(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
			return true;
	return false;
}

static bool is_only(struct str text, const char *set)
{
	for (size_t i = 0; i < text.len; i++)
		if (!strchr(set, text.at[i]))
			return false;
	return text.len > 0;
}

/* "DOMAIN\user" or "user" */
static void check_parts(const struct kind_work *work, const struct json *name, const char *path)
{
	struct str user = json_str(name), domain = STR_NONE;
	bool has_domain = str_find(user, '\\') >= 0;

	if (has_domain)
		domain = str_cut(&user, '\\');
	if (domain.len > DOMAIN_MAX)
		validate_invalid(work, path, name,
				 "runAsUserName's Domain length must be under 256 characters");
	if (has_domain && !is_netbios(domain) && !is_dns(domain))
		validate_invalid(work, path, name,
				 "runAsUserName's Domain doesn't match the NetBios nor the DNS "
				 "format");
	if (user.len == 0)
		validate_invalid(work, path, name, "runAsUserName's User cannot be empty");
	else if (user.len > USER_MAX)
		validate_invalid(work, path, name,
				 "runAsUserName's User length must not be longer than 104 "
				 "characters");
	if (is_only(user, ". "))
		validate_invalid(work, path, name,
				 "runAsUserName's User cannot contain only periods or spaces");
	if (has_one_of(user, "\"/\\:;|=,+*?<>@[]"))
		validate_invalid(work, path, name,
				 "runAsUserName's User cannot contain the following characters: "
				 "\"/\\:;|=,+*?<>@[]");
}

static void check_user(const struct kind_work *work, const struct json *name, const char *path)
{
	struct str rest = json_str(name);

	if (rest.len == 0) {
		validate_invalid(work, path, name, "runAsUserName cannot be an empty string");
		return;
	}
	if (has_control(rest)) {
		validate_invalid(work, path, name,
				 "runAsUserName cannot contain control characters");
		return;
	}
	str_cut(&rest, '\\');
	if (str_find(rest, '\\') >= 0)
		validate_invalid(work, path, name,
				 "runAsUserName cannot contain more than one backslash");
	else
		check_parts(work, name, path);
}

void windows_options(const struct kind_work *work, const struct json *options, const char *path)
{
	const struct json *name = json_get(options, "gmsaCredentialSpecName"),
			  *content = json_get(options, "gmsaCredentialSpec"),
			  *user = json_get(options, "runAsUserName");
	const char *here = AT("%s.gmsaCredentialSpec", path);

	if (name)
		values_name(work, AT("%s.gmsaCredentialSpecName", path), name, name_subdomain);
	if (content && json_str(content).len == 0)
		validate_invalid(work, here, content,
				 "gmsaCredentialSpec cannot be an empty string");
	else if (json_str(content).len > CREDENTIAL_MAX)
		validate_invalid(work, here, content,
				 "gmsaCredentialSpec size must be under 64 KiB");
	if (user)
		check_user(work, user, AT("%s.runAsUserName", path));
}
