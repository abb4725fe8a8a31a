/*
 * version_order.c - precedence as https://semver.org says in its section 11.
 */
#include "ota/version_order.h"

#include <assert.h>

#include "ota/lines.h"

struct parts {
	uint64_t number[3];
	struct str before; /* what follows the dash: such a version is older than without */
};

static bool take_apart(struct str version, struct parts *out)
{
	struct str core, rest = version;

	rest = str_cut(&rest, '+');
	core = str_cut(&rest, '-');
	out->before = rest;
	for (size_t i = 0; i < 3; i++)
		if (!lines_number(i < 2 ? str_cut(&core, '.') : core, UINT32_MAX, &out->number[i]))
			return false;
	return true;
}

bool version_is_valid(struct str version)
{
	struct parts parts;

	return lines_is_word(version, ".+-", VERSION_LONGEST) && take_apart(version, &parts);
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* Numbers are older than words, and compared as numbers. */
static int compare_identifiers(struct str a, struct str b)
{
	uint64_t left, right;
	bool left_is = str_to_u64(a, UINT64_MAX, &left),
	     right_is = str_to_u64(b, UINT64_MAX, &right);

	if (left_is && right_is)
		return compare_numbers(left, right);
	return left_is == right_is ? str_compare(a, b) : left_is ? -1 : 1;
}

static int compare_before(struct str a, struct str b)
{
	if (a.len == 0 || b.len == 0)
		return compare_numbers(a.len == 0, b.len == 0);
	while (a.len > 0 && b.len > 0) {
		int order = compare_identifiers(str_cut(&a, '.'), str_cut(&b, '.'));

		if (order != 0)
			return order;
	}
	return compare_numbers(a.len > 0, b.len > 0);
}

int version_compare(struct str a, struct str b)
{
	struct parts left = { 0 }, right = { 0 };
	bool fine = take_apart(a, &left) && take_apart(b, &right);

	assert(fine);
	for (size_t i = 0; i < 3; i++)
		if (left.number[i] != right.number[i])
			return compare_numbers(left.number[i], right.number[i]);
	return compare_before(left.before, right.before);
}
