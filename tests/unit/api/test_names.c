/*
 * test_names.c - which texts are names, label keys and values, ports, keys.
 */
#include "api/names.h"

#include "tests/unit/harness.h"

#define X16 "xxxxxxxxxxxxxxxx"
#define X63 X16 X16 X16 "xxxxxxxxxxxxxxx"

struct row {
	struct str text;
	const char *why; /* its beginning; NULL = fine */
};

static void check_rows(const char *(*check)(struct str), const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *why = check(rows[i].text);

		if (!rows[i].why || !why)
			CHECK_STR(why, rows[i].why);
		else if (!str_starts(str_of(why), str_of(rows[i].why)))
			harness_fail(__FILE__, __LINE__, "row %zu: %s", i, why);
	}
}

static const char *subdomain(struct str name)
{
	return name_check(NAME_SUBDOMAIN, name);
}

static const char *label(struct str name)
{
	return name_check(NAME_LABEL, name);
}

static const char *label_1035(struct str name)
{
	return name_check(NAME_LABEL_1035, name);
}

static const char *segment(struct str name)
{
	return name_check(NAME_PATH_SEGMENT, name);
}

/* Goal: names of objects, by the rule of their kind. */
static void object_names(void)
{
	static const struct row subdomains[] = {
		{ STR("a"), NULL },
		{ STR("a-b.c.9"), NULL },
		{ STR(X63 X63 X63 X63), NULL },
		{ STR(X63 X63 X63 X63 "xx"), "must be no more than 253 characters" },
		{ STR(""), "a lowercase RFC 1123 subdomain" },
		{ STR("a."), "a lowercase RFC 1123 subdomain" },
		{ STR(".a"), "a lowercase RFC 1123 subdomain" },
		{ STR("a..b"), "a lowercase RFC 1123 subdomain" },
		{ STR("a-.b"), "a lowercase RFC 1123 subdomain" },
		{ STR("A"), "a lowercase RFC 1123 subdomain" },
		{ STR("a/b"), "a lowercase RFC 1123 subdomain" },
		{ STR("a\0b"), "a lowercase RFC 1123 subdomain" },
		{ STR("\xc3\xa4"), "a lowercase RFC 1123 subdomain" },
	};
	static const struct row labels[] = {
		{ STR("a-1"), NULL },
		{ STR("1a"), NULL },
		{ STR(X63), NULL },
		{ STR(X63 "x"), "must be no more than 63 characters" },
		{ STR("a.b"), "must not contain dots" },
		{ STR("a..b"), "a lowercase RFC 1123 label" },
		{ STR("-a"), "a lowercase RFC 1123 label" },
	};
	static const struct row strict[] = {
		{ STR("a-1"), NULL },
		{ STR("1a"), "a DNS-1035 label" },
		{ STR("a-"), "a DNS-1035 label" },
		{ STR(""), "a DNS-1035 label" },
	};
	static const struct row segments[] = {
		{ STR("a:B c"), NULL },
		{ STR("."), "may not be '.'" },
		{ STR(".."), "may not be '..'" },
		{ STR("a/b"), "may not contain '/'" },
		{ STR("a%b"), "may not contain '%'" },
	};

	check_rows(subdomain, subdomains, ARRAY_LENGTH(subdomains));
	check_rows(label, labels, ARRAY_LENGTH(labels));
	check_rows(label_1035, strict, ARRAY_LENGTH(strict));
	check_rows(segment, segments, ARRAY_LENGTH(segments));
}

/* Goal: keys have an optional prefix, values may be empty. */
static void label_keys(void)
{
	static const struct row keys[] = {
		{ STR("a"), NULL },
		{ STR("a.b/C_d.e-f"), NULL },
		{ STR(""), "name part must be non-empty" },
		{ STR("/a"), "prefix part must be non-empty" },
		{ STR("a/"), "name part must be non-empty" },
		{ STR("A/b"), "prefix part a lowercase RFC 1123 subdomain" },
		{ STR("a/b/c"), "a qualified name must consist of" },
		{ STR("-a"), "name part must consist of" },
		{ STR("a/" X63 "x"), "name part must be no more than 63 characters" },
	};
	static const struct row values[] = {
		{ STR(""), NULL },
		{ STR("A_b.9"), NULL },
		{ STR("a b"), "a valid label must be an empty string or consist of" },
		{ STR("_"), "a valid label must be an empty string or consist of" },
		{ STR(X63 "x"), "must be no more than 63 characters" },
	};

	check_rows(name_check_label_key, keys, ARRAY_LENGTH(keys));
	check_rows(name_check_label_value, values, ARRAY_LENGTH(values));
}

/* Goal: environment, ports and keys of config maps. */
static void small_names(void)
{
	static const struct row variables[] = {
		{ STR("A B.c-d"), NULL },
		{ STR(""), "environment variable name must be non-empty" },
		{ STR("A=B"), "a valid environment variable name must consist only of" },
		{ STR("A\nB"), "a valid environment variable name must consist only of" },
		{ STR("A\0B"), "a valid environment variable name must consist only of" },
	};
	static const struct row ports[] = {
		{ STR("http-2"), NULL },
		{ STR("1234567890123456"), "must be no more than 15 characters" },
		{ STR("12"), "must contain at least one letter (a-z)" },
		{ STR("a--b"), "must not contain consecutive hyphens" },
		{ STR("-a"), "must not begin or end with a hyphen" },
		{ STR("A"), "must contain only alpha-numeric characters" },
	};
	static const struct row keys[] = {
		{ STR(".a_B-1"), NULL },
		{ STR(""), "a valid config key must consist of" },
		{ STR("a/b"), "a valid config key must consist of" },
		{ STR("a\0"), "a valid config key must consist of" },
		{ STR("."), "must not be '.'" },
		{ STR(".."), "must not be '..'" },
		{ STR("..a"), "must not start with '..'" },
		{ STR(X63 X63 X63 X63 "xx"), "must be no more than 253 characters" },
	};

	check_rows(name_check_env, variables, ARRAY_LENGTH(variables));
	check_rows(name_check_port, ports, ARRAY_LENGTH(ports));
	check_rows(name_check_config_key, keys, ARRAY_LENGTH(keys));
}

static const struct test tests[] = {
	{ "object names", object_names },
	{ "label keys", label_keys },
	{ "small names", small_names },
};
TEST_MAIN(tests)
