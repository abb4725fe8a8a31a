/*
 * quantity.c - quantities as decimal numbers with a scale: a mantissa and powers of 10 and 1024.
 *
 * k8s.io/apimachinery resource.Quantity: suffixes n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an
 * exponent.
 */
#include "api/quantity.h"

#include <inttypes.h>

enum form { FORM_DECIMAL, FORM_BINARY, FORM_EXPONENT };

/* mantissa * 10^ten * 1024^kibi */
struct parsed {
	int64_t mantissa;
	int ten, kibi;
	enum form form;
};

static const struct {
	const char *name;
	enum form form;
	int power; /* of 10 or of 1024 */
} suffixes[] = {
	{ "Ki", FORM_BINARY, 1 },  { "Mi", FORM_BINARY, 2 },  { "Gi", FORM_BINARY, 3 },
	{ "Ti", FORM_BINARY, 4 },  { "Pi", FORM_BINARY, 5 },  { "Ei", FORM_BINARY, 6 },
	{ "n", FORM_DECIMAL, -9 }, { "u", FORM_DECIMAL, -6 }, { "m", FORM_DECIMAL, -3 },
	{ "", FORM_DECIMAL, 0 },   { "k", FORM_DECIMAL, 3 },  { "M", FORM_DECIMAL, 6 },
	{ "G", FORM_DECIMAL, 9 },  { "T", FORM_DECIMAL, 12 }, { "P", FORM_DECIMAL, 15 },
	{ "E", FORM_DECIMAL, 18 },
};

static bool bad(struct error *err)
{
	return error_set(err, ERROR_BAD_REQUEST,
			 "quantities must match the regular expression "
			 "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

/* Made of a suffix's letters and digits, but not one that there is. */
static bool bad_suffix(struct str text, struct error *err)
{
	size_t at = 0;

	while (at < text.len && text.at[at] != '\0' && strchr("eEinumkKMGTP", text.at[at]))
		at++;
	if (at < text.len && (text.at[at] == '-' || text.at[at] == '+'))
		at++;
	while (at < text.len && text.at[at] >= '0' && text.at[at] <= '9')
		at++;
	if (at < text.len)
		return bad(err);
	return error_set(err, ERROR_BAD_REQUEST, "unable to parse quantity's suffix");
}

static bool take_digits(struct str *text, struct parsed *out)
{
	bool point = false, any = false, rest = false;

	for (; text->len > 0; *text = str_from(text->at + 1, text->len - 1)) {
		char c = text->at[0];

		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9')
			break;
		any = true;
		if (out->mantissa < INT64_MAX / 10 - 1) {
			out->mantissa = out->mantissa * 10 + (c - '0');
			out->ten -= point;
		} else {
			out->ten += !point;
			rest = rest || c != '0';
		}
	}
	out->mantissa += rest; /* what is not kept is rounded up */
	return any;
}

static bool take_suffix(struct str text, struct parsed *out)
{
	int64_t exponent;

	for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
		if (!str_is(text, suffixes[i].name))
			continue;
		out->form = suffixes[i].form;
		if (out->form == FORM_DECIMAL)
			out->ten += suffixes[i].power;
		else
			out->kibi = suffixes[i].power;
		return true;
	}
	if (text.len < 2 || (text.at[0] != 'e' && text.at[0] != 'E'))
		return false;
	text = str_from(text.at + 1, text.len - 1);
	if (text.at[0] == '+')
		text = str_from(text.at + 1, text.len - 1);
	if (!str_to_i64(text, -99, 99, &exponent))
		return false;
	out->form = FORM_EXPONENT;
	out->ten += (int)exponent;
	return true;
}

static bool parse(struct str text, struct parsed *out, struct error *err)
{
	bool negative = text.len > 0 && text.at[0] == '-';

	*out = (struct parsed){ 0 };
	if (text.len > 0 && (text.at[0] == '-' || text.at[0] == '+'))
		text = str_from(text.at + 1, text.len - 1);
	if (text.len == 0 || text.len > 64 || !take_digits(&text, out))
		return bad(err);
	if (!take_suffix(text, out))
		return bad_suffix(text, err);
	if (negative)
		out->mantissa = -out->mantissa;
	return true;
}

static bool times(int64_t *value, int64_t factor)
{
	return !__builtin_mul_overflow(*value, factor, value);
}

/* Away from zero: the real one rounds up to the finest unit it keeps. */
static bool divide_by_ten(int64_t *value)
{
	int64_t rest = *value % 10;

	*value = *value / 10 + (rest > 0) - (rest < 0);
	return rest == 0;
}

/* The number in units of 10^unit; *out_exact tells whether it was rounded.  False = it does not
 * fit. */
static bool scaled(const struct parsed *parsed, int unit, int64_t *out, bool *out_exact)
{
	int64_t value = parsed->mantissa;
	int ten = parsed->ten - unit;

	*out_exact = true;
	for (int i = 0; i < parsed->kibi; i++) {
		/* make room first where the number is about to be divided anyway and loses nothing
		 * by it */
		while (ten < 0 && value % 10 == 0 && value != 0) {
			value /= 10;
			ten++;
		}
		if (!times(&value, 1024))
			return false;
	}
	for (; ten > 0 && value != 0; ten--)
		if (!times(&value, 10))
			return false;
	for (; ten < 0 && value != 0; ten++)
		*out_exact = divide_by_ten(&value) && *out_exact;
	*out = value;
	return true;
}

/* The largest binary suffix that leaves a whole number. */
static void print_binary(int64_t value, struct buf *out)
{
	int power = 0;

	while (power < 6 && value != 0 && value % 1024 == 0) {
		value /= 1024;
		power++;
	}
	buf_add_print(out, "%" PRId64 "%s", value, power > 0 ? suffixes[power - 1].name : "");
}

/* Whether mantissa * 10^ten is within int64. */
static bool is_within(int64_t mantissa, int ten)
{
	for (; ten > 0 && mantissa != 0; ten--)
		if (!times(&mantissa, 10))
			return false;
	return true;
}

/* mantissa * 10^ten with the largest suffix that leaves a whole number. */
static bool print_decimal(int64_t mantissa, int ten, enum form form, struct buf *out)
{
	static const char *const names[] = { "n", "u", "m", "", "k", "M", "G", "T", "P", "E" };
	int zeros = 0;

	if (!is_within(mantissa, ten))
		return false;
	for (; ten < -9; ten++)
		divide_by_ten(&mantissa);
	if (mantissa == 0)
		ten = 0;
	for (; mantissa != 0 && mantissa % 10 == 0; ten++)
		mantissa /= 10;
	for (; (ten + 9) % 3 != 0 || ten > 18; ten--)
		zeros++;
	buf_add_print(out, "%" PRId64, mantissa);
	for (; zeros > 0; zeros--)
		buf_add_byte(out, '0');
	if (form == FORM_EXPONENT && ten != 0)
		buf_add_print(out, "e%d", ten);
	else if (form == FORM_DECIMAL)
		buf_add_text(out, names[(ten + 9) / 3]);
	return true;
}

bool quantity_canonical(struct str text, struct buf *out, struct error *err)
{
	struct parsed parsed;
	int64_t value;
	bool exact, done = false;

	if (!parse(text, &parsed, err))
		return false;
	if (parsed.form != FORM_BINARY) {
		done = print_decimal(parsed.mantissa, parsed.ten, parsed.form, out);
	} else if (scaled(&parsed, 0, &value, &exact) && exact) {
		/* below one Ki the binary form says nothing */
		print_binary(value, out);
		done = true;
	} else if (scaled(&parsed, -3, &value, &exact)) {
		done = print_decimal(value, -3, FORM_DECIMAL, out);
	}
	if (!done) /* the real one caps at 2^63-1 */
		buf_add_text(out,
			     parsed.mantissa < 0 ? "-9223372036854775807" : "9223372036854775807");
	return true;
}

static bool read_scaled(struct str text, int unit, int64_t *out, struct error *err)
{
	struct parsed parsed;
	bool exact;

	if (!parse(text, &parsed, err))
		return false;
	if (!scaled(&parsed, unit, out, &exact))
		*out = parsed.mantissa < 0 ? INT64_MIN : INT64_MAX;
	return true;
}

bool quantity_milli(struct str text, int64_t *out, struct error *err)
{
	return read_scaled(text, -3, out, err);
}

bool quantity_value(struct str text, int64_t *out, struct error *err)
{
	return read_scaled(text, 0, out, err);
}

int quantity_sign(struct str text)
{
	struct parsed parsed;
	struct error unused;

	if (!parse(text, &parsed, &unused))
		return 0;
	return (parsed.mantissa > 0) - (parsed.mantissa < 0);
}
