/*
 * validate_amounts.c - names of resources and amounts of them, with the real server's words.
 */
#include "api/validate_amounts.h"

#include <inttypes.h>

#include "api/names.h"
#include "api/quantity.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

#define HUGE_PAGES "hugepages-"

/* --- names --- */

static const char *const quota_names[] = { "cpu",
					   "memory",
					   "ephemeral-storage",
					   "requests.cpu",
					   "requests.memory",
					   "requests.storage",
					   "requests.ephemeral-storage",
					   "limits.cpu",
					   "limits.memory",
					   "limits.ephemeral-storage",
					   "pods",
					   "resourcequotas",
					   "services",
					   "replicationcontrollers",
					   "secrets",
					   "persistentvolumeclaims",
					   "configmaps",
					   "services.nodeports",
					   "services.loadbalancers",
					   NULL };
static const char *const whole_names[] = { "pods",
					   "resourcequotas",
					   "services",
					   "replicationcontrollers",
					   "secrets",
					   "configmaps",
					   "persistentvolumeclaims",
					   "services.nodeports",
					   "services.loadbalancers",
					   NULL };
static const char *const container_names[] = { "cpu", "memory", "ephemeral-storage", NULL };

bool amounts_is_huge_page(struct str name)
{
	return str_starts(name, STR(HUGE_PAGES));
}

bool amounts_is_native(struct str name)
{
	return str_find(name, '/') < 0 || str_search(name, STR("kubernetes.io/")) >= 0;
}

bool amounts_is_extended(struct str name)
{
	auto_buf quota = BUF_INIT;

	if (amounts_is_native(name) || str_starts(name, STR("requests.")))
		return false;
	buf_add_text(&quota, "requests.");
	buf_add_str(&quota, name);
	return !name_check_qualified(buf_str(&quota));
}

bool amounts_is_whole(struct str name)
{
	return words_have(whole_names, name) || amounts_is_extended(name);
}

bool amounts_is_shared(struct str name)
{
	return amounts_is_native(name) && !amounts_is_huge_page(name);
}

static bool is_quota_huge_page(struct str name)
{
	return amounts_is_huge_page(name) || str_starts(name, STR("requests." HUGE_PAGES));
}

bool amounts_is_quota(struct str name)
{
	return words_have(quota_names, name) || is_quota_huge_page(name);
}

/* True when the name is well formed. */
static bool check_name(const struct kind_work *work, const char *path, struct str name)
{
	bool fine = !name_check_qualified(name);

	values_key(work, path, name, name_qualified);
	if (fine && str_find(name, '/') < 0 && !amounts_is_quota(name) && !str_is(name, "storage"))
		values_invalid_text(work, path, name,
				    "must be a standard resource type or fully qualified");
	return fine;
}

void amounts_name(const struct kind_work *work, const char *path, struct str name)
{
	check_name(work, path, name);
}

void amounts_container_name(const struct kind_work *work, const char *path, struct str name)
{
	check_name(work, path, name);
	if (str_find(name, '/') < 0) {
		if (!words_have(container_names, name) && !amounts_is_huge_page(name))
			values_invalid_text(work, path, name,
					    "must be a standard resource for containers");
	} else if (!amounts_is_native(name) && !amounts_is_extended(name)) {
		values_invalid_text(work, path, name,
				    "doesn't follow extended resource name standard");
	}
}

void amounts_quota_name(const struct kind_work *work, const char *path, struct str name)
{
	check_name(work, path, name);
	if (str_find(name, '/') < 0 && !amounts_is_quota(name))
		values_invalid_text(work, path, name, "must be a standard resource for quota");
}

/* --- amounts --- */

int amounts_compare(struct str a, struct str b)
{
	int64_t left = 0, right = 0;
	struct error unused;

	if (!quantity_milli(a, &left, &unused) || !quantity_milli(b, &right, &unused))
		return 0;
	if (left == INT64_MAX && right == INT64_MAX &&
	    (!quantity_value(a, &left, &unused) || !quantity_value(b, &right, &unused)))
		return 0;
	return left < right ? -1 : left > right;
}

void amounts_not_negative(const struct kind_work *work, const char *path, const struct json *value)
{
	if (quantity_sign(json_str(value)) < 0)
		validate_invalid(work, path, value, "must be greater than or equal to 0");
}

void amounts_positive(const struct kind_work *work, const char *path, const struct json *value)
{
	if (quantity_sign(json_str(value)) <= 0)
		validate_invalid(work, path, value, "must be greater than zero");
}

void amounts_check(const struct kind_work *work, const char *path, struct str resource,
		   const struct json *value)
{
	int64_t milli;
	struct error unused;

	amounts_not_negative(work, path, value);
	if (amounts_is_whole(resource) && quantity_milli(json_str(value), &milli, &unused) &&
	    milli % 1000 != 0)
		field_errors_add(work->errors, FIELD_INVALID, path,
				 amounts_go_quantity(work, json_str(value)), "must be an integer");
}

/* --- as Go shows them --- */

static const struct {
	const char *name;
	int ten;  /* power of 10 */
	int kibi; /* power of 1024 */
} suffixes[] = {
	{ "Ki", 0, 1 }, { "Mi", 0, 2 }, { "Gi", 0, 3 }, { "Ti", 0, 4 }, { "Pi", 0, 5 },
	{ "Ei", 0, 6 }, { "n", -9, 0 }, { "u", -6, 0 }, { "m", -3, 0 }, { "k", 3, 0 },
	{ "M", 6, 0 },  { "G", 9, 0 },  { "T", 12, 0 }, { "P", 15, 0 }, { "E", 18, 0 },
};

/* A canonical quantity has no point: digits and a suffix. */
const char *amounts_go_quantity(const struct kind_work *work, struct str text)
{
	struct str digits = text;
	const char *format = "DecimalSI";
	int ten = 0, kibi = 0;
	int64_t value = 0, exponent = 0;
	ptrdiff_t e = str_find(text, 'e');

	for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++)
		if (str_ends(text, str_of(suffixes[i].name)) && kibi == 0 && ten == 0) {
			ten = suffixes[i].ten;
			kibi = suffixes[i].kibi;
			digits.len -= strlen(suffixes[i].name);
		}
	if (kibi > 0)
		format = "BinarySI";
	if (e >= 0 &&
	    str_to_i64(str_from(text.at + e + 1, text.len - (size_t)e - 1), -99, 99, &exponent)) {
		format = "DecimalExponent";
		ten = (int)exponent;
		digits.len = (size_t)e;
	}
	if (!str_to_i64(digits, INT64_MIN, INT64_MAX, &value) ||
	    (kibi > 0 && (value > INT64_MAX >> 10 * kibi || value < INT64_MIN >> 10 * kibi)))
		return field_path(work->errors, "\"" STR_FMT "\"", STR_ARG(text));
	return field_path(work->errors,
			  "resource.Quantity{i:resource.int64Amount{value:%" PRId64 ", scale:%d}, "
			  "d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:\"" STR_FMT
			  "\", Format:\"%s\"}",
			  value * (INT64_C(1) << 10 * kibi), ten, STR_ARG(text), format);
}

const char *amounts_go_list(const struct kind_work *work, const struct json *amounts)
{
	auto_buf text = BUF_INIT;

	if (!amounts)
		return "core.ResourceList(nil)";
	buf_add_text(&text, "core.ResourceList{");
	for (struct json_iter it = json_iter(amounts); json_next(&it);)
		buf_add_print(&text, "%s\"" STR_FMT "\":%s", it.index ? ", " : "", STR_ARG(it.key),
			      amounts_go_quantity(work, json_str(it.value)));
	buf_add_byte(&text, '}');
	return arena_string(work->errors->arena, text.at, text.len);
}
