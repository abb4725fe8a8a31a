/*
 * names.c - name rules.
 */
#include "api/names.h"

#define LABEL_MAX     63
#define SUBDOMAIN_MAX 253
#define PORT_NAME_MAX 15

static const char subdomain_words[] =
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
	"'.', and must "
	"start and end with an alphanumeric character (e.g. 'example.com', regex used for "
	"validation is "
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
static const char label_words[] = "a lowercase RFC 1123 label must consist of lower case "
				  "alphanumeric characters or '-', and must start and "
				  "end with an alphanumeric character (e.g. 'my-name',  or "
				  "'123-abc', regex used for validation is "
				  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
static const char label_1035_words[] = "a DNS-1035 label must consist of lower case alphanumeric "
				       "characters or '-', start with an alphabetic "
				       "character, and end with an alphanumeric character (e.g. "
				       "'my-name',  or 'abc-123', regex used for "
				       "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
static const char qualified_words[] = "name part must consist of alphanumeric characters, '-', '_' "
				      "or '.', and must start and end with an "
				      "alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
				      "'123-abc', regex used for validation is "
				      "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
static const char value_words[] = "a valid label must be an empty string or consist of "
				  "alphanumeric characters, '-', '_' or '.', and must "
				  "start and end with an alphanumeric character (e.g. 'MyValue',  "
				  "or 'my_value',  or '12345', regex used for "
				  "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

static const char underscore_words[] =
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', "
	"'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "
	"regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*"
	"[a-z0-9])?)*')";
static const char prefix_words[] =
	"prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
	"characters, '-' or '.', and must start and end with an alphanumeric character (e.g. "
	"'example.com', regex used for validation is "
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
static const char slashes_words[] =
	"a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start "
	"and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', "
	"regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional "
	"DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
static const char env_words[] = "a valid environment variable name must consist only of printable "
				"ASCII characters other than '='";
static const char key_words[] =
	"a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
	"'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
	"'[-._a-zA-Z0-9]+')";

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

/* Alphanumeric at both ends, `inner` characters also allowed between. */
static bool is_word(struct str s, bool (*is_end)(char), const char *inner)
{
	if (s.len == 0 || !is_end(s.at[0]) || !is_end(s.at[s.len - 1]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_end(s.at[i]) && (s.at[i] == '\0' || !strchr(inner, s.at[i])))
			return false;
	return true;
}

static void add_fault(struct name_faults *faults, const char *why)
{
	if (why && faults->count < NAME_FAULTS_MAX)
		faults->why[faults->count++] = why;
}

static bool is_subdomain(struct str name)
{
	struct str rest = name;

	if (name.len == 0 || name.at[name.len - 1] == '.')
		return false;
	while (rest.len > 0)
		if (!is_word(str_cut(&rest, '.'), is_lower, "-"))
			return false;
	return true;
}

void name_subdomain(struct str name, struct name_faults *out)
{
	if (name.len > SUBDOMAIN_MAX)
		add_fault(out, "must be no more than 253 characters");
	if (!is_subdomain(name))
		add_fault(out, subdomain_words);
}

/* Labels of a host name may have underscores here, also at their front. */
void name_subdomain_underscore(struct str name, struct name_faults *out)
{
	struct str rest = name;
	bool fine = name.len > 0 && name.at[name.len - 1] != '.';

	if (name.len > SUBDOMAIN_MAX)
		add_fault(out, "must be no more than 253 characters");
	while (fine && rest.len > 0) {
		struct str part = str_cut(&rest, '.');

		if (part.len > 1 && part.at[0] == '_')
			part = str_from(part.at + 1, part.len - 1);
		fine = is_word(part, is_lower, "-_");
	}
	if (!fine)
		add_fault(out, underscore_words);
}

void name_label(struct str name, struct name_faults *out)
{
	if (name.len > LABEL_MAX)
		add_fault(out, "must be no more than 63 characters");
	if (!is_word(name, is_lower, "-"))
		add_fault(out, is_subdomain(name) ? "must not contain dots" : label_words);
}

void name_label_1035(struct str name, struct name_faults *out)
{
	if (name.len > LABEL_MAX)
		add_fault(out, "must be no more than 63 characters");
	if (!is_word(name, is_lower, "-") || (name.at[0] >= '0' && name.at[0] <= '9'))
		add_fault(out, label_1035_words);
}

void name_segment(struct str name, struct name_faults *out)
{
	if (str_is(name, "."))
		add_fault(out, "may not be '.'");
	else if (str_is(name, ".."))
		add_fault(out, "may not be '..'");
	if (str_find(name, '/') >= 0)
		add_fault(out, "may not contain '/'");
	if (str_find(name, '%') >= 0)
		add_fault(out, "may not contain '%'");
}

static void check_prefix(struct str prefix, struct name_faults *out)
{
	if (prefix.len == 0) {
		add_fault(out, "prefix part must be non-empty");
		return;
	}
	if (prefix.len > SUBDOMAIN_MAX)
		add_fault(out, "prefix part must be no more than 253 characters");
	if (!is_subdomain(prefix))
		add_fault(out, prefix_words);
}

void name_qualified(struct str name, struct name_faults *out)
{
	struct str rest = name;

	if (str_find(name, '/') >= 0) {
		struct str prefix = str_cut(&rest, '/');

		if (str_find(rest, '/') >= 0) {
			add_fault(out, slashes_words);
			return;
		}
		check_prefix(prefix, out);
	}
	if (rest.len == 0)
		add_fault(out, "name part must be non-empty");
	if (rest.len > LABEL_MAX)
		add_fault(out, "name part must be no more than 63 characters");
	if (!is_word(rest, is_alnum, "-_."))
		add_fault(out, qualified_words);
}

void name_label_value(struct str value, struct name_faults *out)
{
	if (value.len > LABEL_MAX)
		add_fault(out, "must be no more than 63 characters");
	if (value.len > 0 && !is_word(value, is_alnum, "-_."))
		add_fault(out, value_words);
}

void name_env(struct str name, struct name_faults *out)
{
	if (name.len == 0)
		add_fault(out, "environment variable name must be non-empty");
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] == '=' || (unsigned char)name.at[i] < 0x20 ||
		    (unsigned char)name.at[i] > 0x7e) {
			add_fault(out, env_words);
			return;
		}
}

static bool has_only(struct str text, bool (*is)(char), const char *more)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is(text.at[i]) && (text.at[i] == '\0' || !strchr(more, text.at[i])))
			return false;
	return text.len > 0;
}

void name_port(struct str name, struct name_faults *out)
{
	bool letter = false;

	for (size_t i = 0; i < name.len; i++)
		letter = letter || (name.at[i] >= 'a' && name.at[i] <= 'z');
	if (name.len > PORT_NAME_MAX)
		add_fault(out, "must be no more than 15 characters");
	if (!has_only(name, is_lower, "-"))
		add_fault(out, "must contain only alpha-numeric characters (a-z, 0-9), and "
			       "hyphens (-)");
	if (!letter)
		add_fault(out, "must contain at least one letter (a-z)");
	if (str_search(name, STR("--")) >= 0)
		add_fault(out, "must not contain consecutive hyphens");
	if (name.len > 0 && (name.at[0] == '-' || name.at[name.len - 1] == '-'))
		add_fault(out, "must not begin or end with a hyphen");
}

void name_config_key(struct str key, struct name_faults *out)
{
	if (key.len > SUBDOMAIN_MAX)
		add_fault(out, "must be no more than 253 characters");
	if (!has_only(key, is_alnum, "-_."))
		add_fault(out, key_words);
	if (str_is(key, "."))
		add_fault(out, "must not be '.'");
	else if (str_is(key, ".."))
		add_fault(out, "must not be '..'");
	else if (str_starts(key, STR("..")))
		add_fault(out, "must not start with '..'");
}

void name_header(struct str name, struct name_faults *out)
{
	if (!has_only(name, is_alnum, "-"))
		add_fault(out, "a valid HTTP header must consist of alphanumeric characters or '-' "
			       "(e.g. 'X-Header-Name', regex used for validation is "
			       "'[-A-Za-z0-9]+')");
}

static const char *first_of(name_faults_fn *check, struct str name)
{
	struct name_faults faults = { .count = 0 };

	check(name, &faults);
	return faults.count > 0 ? faults.why[0] : NULL;
}

name_faults_fn *name_rule_of(enum name_rule rule)
{
	switch (rule) {
	case NAME_SUBDOMAIN: return name_subdomain;
	case NAME_LABEL: return name_label;
	case NAME_LABEL_1035: return name_label_1035;
	case NAME_PATH_SEGMENT: return name_segment;
	}
	return name_subdomain;
}

const char *name_check(enum name_rule rule, struct str name)
{
	return first_of(name_rule_of(rule), name);
}

const char *name_check_qualified(struct str name)
{
	return first_of(name_qualified, name);
}

const char *name_check_label_key(struct str key)
{
	return first_of(name_qualified, key);
}

const char *name_check_label_value(struct str value)
{
	return first_of(name_label_value, value);
}

const char *name_check_env(struct str name)
{
	return first_of(name_env, name);
}

const char *name_check_port(struct str name)
{
	return first_of(name_port, name);
}

const char *name_check_config_key(struct str key)
{
	return first_of(name_config_key, key);
}
