/*
 * names.c - name rules.
 */
#include "api/names.h"

#define LABEL_MAX     63
#define SUBDOMAIN_MAX 253

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

static const char *check_subdomain(struct str name)
{
	struct str rest = name;

	if (name.len > SUBDOMAIN_MAX)
		return "must be no more than 253 characters";
	if (name.len == 0 || name.at[name.len - 1] == '.')
		return subdomain_words;
	while (rest.len > 0)
		if (!is_word(str_cut(&rest, '.'), is_lower, "-"))
			return subdomain_words;
	return NULL;
}

static const char *check_label(struct str name)
{
	if (name.len > LABEL_MAX)
		return "must be no more than 63 characters";
	return is_word(name, is_lower, "-") ? NULL : label_words;
}

static const char *check_label_1035(struct str name)
{
	if (name.len > LABEL_MAX)
		return "must be no more than 63 characters";
	if (!is_word(name, is_lower, "-") || (name.at[0] >= '0' && name.at[0] <= '9'))
		return label_1035_words;
	return NULL;
}

static const char *check_segment(struct str name)
{
	if (str_is(name, "."))
		return "may not be '.'";
	if (str_is(name, ".."))
		return "may not be '..'";
	if (str_find(name, '/') >= 0)
		return "may not contain '/'";
	return str_find(name, '%') >= 0 ? "may not contain '%'" : NULL;
}

const char *name_check(enum name_rule rule, struct str name)
{
	switch (rule) {
	case NAME_SUBDOMAIN: return check_subdomain(name);
	case NAME_LABEL: return check_label(name);
	case NAME_LABEL_1035: return check_label_1035(name);
	case NAME_PATH_SEGMENT: return check_segment(name);
	}
	return NULL;
}

const char *name_check_qualified(struct str name)
{
	struct str rest = name, prefix = STR_NONE;

	if (str_find(name, '/') >= 0) {
		prefix = str_cut(&rest, '/');
		if (prefix.len == 0)
			return "prefix part must be non-empty";
		if (check_subdomain(prefix))
			return "prefix part a lowercase RFC 1123 subdomain must consist of lower "
			       "case alphanumeric "
			       "characters, '-' or '.', and must start and end with an "
			       "alphanumeric character (e.g. "
			       "'example.com', regex used for validation is "
			       "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'"
			       ")";
		if (str_find(rest, '/') >= 0)
			return "a qualified name must consist of alphanumeric characters, '-', '_' "
			       "or '.', and must "
			       "start and end with an alphanumeric character (e.g. 'MyName',  or "
			       "'my.name',  or "
			       "'123-abc', regex used for validation is "
			       "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') "
			       "with an optional DNS subdomain prefix and '/' (e.g. "
			       "'example.com/MyName')";
	}
	if (rest.len == 0)
		return "name part must be non-empty";
	if (rest.len > LABEL_MAX)
		return "name part must be no more than 63 characters";
	return is_word(rest, is_alnum, "-_.") ? NULL : qualified_words;
}

const char *name_check_label_key(struct str key)
{
	return name_check_qualified(key);
}

const char *name_check_label_value(struct str value)
{
	if (value.len > LABEL_MAX)
		return "must be no more than 63 characters";
	return value.len == 0 || is_word(value, is_alnum, "-_.") ? NULL : value_words;
}

const char *name_check_env(struct str name)
{
	if (name.len == 0)
		return "environment variable name must not be empty";
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] == '=' || (unsigned char)name.at[i] < 0x20 ||
		    (unsigned char)name.at[i] > 0x7e)
			return "a valid environment variable name must consist only of printable "
			       "ASCII characters "
			       "other than '='";
	return NULL;
}

const char *name_check_port(struct str name)
{
	bool letter = false;

	if (name.len > 15)
		return "must be no more than 15 characters";
	if (!is_word(name, is_lower, "-"))
		return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
	for (size_t i = 0; i < name.len; i++) {
		letter = letter || (name.at[i] >= 'a' && name.at[i] <= 'z');
		if (i > 0 && name.at[i] == '-' && name.at[i - 1] == '-')
			return "must not contain consecutive hyphens";
	}
	return letter ? NULL : "must contain at least one letter (a-z)";
}

const char *name_check_config_key(struct str key)
{
	static const char words[] =
		"a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
		"'key.name',  or "
		"'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

	if (key.len == 0)
		return words;
	if (key.len > SUBDOMAIN_MAX)
		return "must be no more than 253 characters";
	for (size_t i = 0; i < key.len; i++)
		if (!is_alnum(key.at[i]) && (key.at[i] == '\0' || !strchr("-_.", key.at[i])))
			return words;
	if (str_is(key, "."))
		return "must not be '.'";
	return str_is(key, "..") || str_starts(key, STR("..")) ? "must not start with '..'" : NULL;
}
