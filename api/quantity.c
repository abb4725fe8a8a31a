/*
 * quantity.c - quantities as decimal numbers with a scale: value = digits * 10^-9 (nano), exact while it fits 128 bits.
 *
 * k8s.io/apimachinery resource.Quantity: suffixes n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent.
 */
#include "api/quantity.h"

#include <inttypes.h>

typedef __int128 wide;

enum form { FORM_DECIMAL, FORM_BINARY, FORM_EXPONENT };

struct parsed {
	wide nano;
	enum form form;
	bool over; /* larger than any number we keep: told as the largest */
};

#define NANO 1000000000

static const struct {
	const char *name;
	enum form form;
	int power; /* of 10 or of 1024 */
} suffixes[] = {
	{ "Ki", FORM_BINARY, 1 }, { "Mi", FORM_BINARY, 2 }, { "Gi", FORM_BINARY, 3 }, { "Ti", FORM_BINARY, 4 },
	{ "Pi", FORM_BINARY, 5 }, { "Ei", FORM_BINARY, 6 }, { "n", FORM_DECIMAL, -9 }, { "u", FORM_DECIMAL, -6 },
	{ "m", FORM_DECIMAL, -3 }, { "", FORM_DECIMAL, 0 }, { "k", FORM_DECIMAL, 3 }, { "M", FORM_DECIMAL, 6 },
	{ "G", FORM_DECIMAL, 9 }, { "T", FORM_DECIMAL, 12 }, { "P", FORM_DECIMAL, 15 }, { "E", FORM_DECIMAL, 18 },
};

static bool bad(struct error *err)
{
	return error_set(err, ERROR_BAD_REQUEST,
			 "quantities must match the regular expression "
			 "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

static const wide wide_max = ((wide)1 << 100);

static void scale_up(struct parsed *out, int factor)
{
	if (out->nano > wide_max / factor || out->nano < -wide_max / factor)
		out->over = true;
	else
		out->nano *= factor;
}

/* Rounds away from zero: the real one rounds up to the finest unit it keeps. */
static void scale_down(struct parsed *out, int factor)
{
	wide rest = out->nano % factor;

	out->nano = out->nano / factor + (rest > 0) - (rest < 0);
}

static void scale_ten(struct parsed *out, int power)
{
	for (; power > 0 && !out->over; power--)
		scale_up(out, 10);
	for (; power < 0 && out->nano != 0; power++)
		scale_down(out, 10);
}

static bool take_digits(struct str *text, struct parsed *out, int *out_power)
{
	bool point = false, any = false;
	int behind = 0;

	while (text->len > 0) {
		char c = text->at[0];

		if (c == '.' && !point) {
			point = true;
		} else if (c >= '0' && c <= '9') {
			any = true;
			if (out->nano < wide_max / 10) {
				out->nano = out->nano * 10 + (c - '0');
				behind += point;
			} else if (!point) {
				out->over = true;
			}
		} else {
			break;
		}
		*text = str_from(text->at + 1, text->len - 1);
	}
	*out_power = 9 - behind;
	return any;
}

static bool take_suffix(struct str text, struct parsed *out, int power)
{
	int64_t exponent;

	for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
		if (!str_is(text, suffixes[i].name))
			continue;
		out->form = suffixes[i].form;
		if (out->form == FORM_DECIMAL) {
			scale_ten(out, power + suffixes[i].power);
			return true;
		}
		for (int k = 0; k < suffixes[i].power && !out->over; k++)
			scale_up(out, 1024);
		scale_ten(out, power);
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
	scale_ten(out, power + (int)exponent);
	return true;
}

static bool parse(struct str text, struct parsed *out, struct error *err)
{
	bool negative = text.len > 0 && text.at[0] == '-';
	int power;

	*out = (struct parsed){ 0 };
	if (text.len > 0 && (text.at[0] == '-' || text.at[0] == '+'))
		text = str_from(text.at + 1, text.len - 1);
	if (text.len == 0 || text.len > 64 || !take_digits(&text, out, &power) || !take_suffix(text, out, power))
		return bad(err);
	if (negative)
		out->nano = -out->nano;
	return true;
}

static void print_wide(wide value, struct buf *out)
{
	char digits[48];
	size_t at = sizeof(digits);
	bool negative = value < 0;

	do {
		int digit = (int)(value % 10);

		digits[--at] = (char)('0' + (digit < 0 ? -digit : digit));
		value /= 10;
	} while (value != 0);
	if (negative)
		digits[--at] = '-';
	buf_add(out, digits + at, sizeof(digits) - at);
}

/* The largest binary suffix that leaves a whole number. */
static void print_binary(wide value, struct buf *out)
{
	int power = 0;

	while (power < 6 && value != 0 && value % 1024 == 0) {
		value /= 1024;
		power++;
	}
	print_wide(value, out);
	if (power > 0)
		buf_add_text(out, suffixes[power - 1].name);
}

static void print_decimal(wide nano, enum form form, struct buf *out)
{
	static const char *const names[] = { "n", "u", "m", "", "k", "M", "G", "T", "P", "E" };
	int step = 0;

	while (step < 9 && nano != 0 && nano % 1000 == 0) {
		nano /= 1000;
		step++;
	}
	if (nano == 0)
		step = 3;
	print_wide(nano, out);
	if (form == FORM_EXPONENT && step != 3)
		buf_add_print(out, "e%d", step * 3 - 9);
	else if (form == FORM_DECIMAL)
		buf_add_text(out, names[step]);
}

bool quantity_canonical(struct str text, struct buf *out, struct error *err)
{
	struct parsed parsed;

	if (!parse(text, &parsed, err))
		return false;
	if (parsed.over) { /* the real one caps at 2^63-1 */
		buf_add_text(out, parsed.nano < 0 ? "-9223372036854775807" : "9223372036854775807");
		return true;
	}
	/* Binary forms with a fraction, and small ones, are printed decimally. */
	if (parsed.form == FORM_BINARY && parsed.nano % NANO == 0 &&
	    (parsed.nano >= (wide)1024 * NANO || parsed.nano <= (wide)-1024 * NANO || parsed.nano == 0))
		print_binary(parsed.nano / NANO, out);
	else
		print_decimal(parsed.nano, parsed.form == FORM_BINARY ? FORM_DECIMAL : parsed.form, out);
	return true;
}

static bool read_scaled(struct str text, int64_t unit_nano, int64_t *out, struct error *err)
{
	struct parsed parsed;
	wide value;

	if (!parse(text, &parsed, err))
		return false;
	value = parsed.nano / unit_nano + (parsed.nano % unit_nano > 0);
	if (parsed.over || value > INT64_MAX)
		value = INT64_MAX;
	if (value < INT64_MIN)
		value = INT64_MIN;
	*out = (int64_t)value;
	return true;
}

bool quantity_milli(struct str text, int64_t *out, struct error *err)
{
	return read_scaled(text, NANO / 1000, out, err);
}

bool quantity_value(struct str text, int64_t *out, struct error *err)
{
	return read_scaled(text, NANO, out, err);
}

int quantity_sign(struct str text)
{
	struct parsed parsed;
	struct error unused;

	if (!parse(text, &parsed, &unused))
		return 0;
	return (parsed.nano > 0) - (parsed.nano < 0);
}
