/*
 * validate_iscsi.c - names of iSCSI targets and initiators, and what else such a volume needs.
 */
#include "api/validate_iscsi.h"

#include "api/object.h"
#include "api/validate.h"
#include "api/validate_values.h"

#define AT(...)   field_path(work->errors, __VA_ARGS__)
#define LUN_MAX   255
#define PLACE_MAX 64

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* So many letters and digits after "eui." or "naa." */
static bool is_number(struct str name, size_t length)
{
	if (name.len != 4 + length)
		return false;
	for (size_t i = 4; i < name.len; i++)
		if (!is_alnum(name.at[i]))
			return false;
	return true;
}

static bool are_digits(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
	return text.len > 0;
}

/* iqn.2001-04.com.example:storage.disk1 */
static bool is_qualified(struct str name)
{
	struct str host = name, label;

	if (name.len < 14 || !str_starts(name, STR("iqn.")) ||
	    !are_digits(str_from(name.at + 4, 4)) || name.at[8] != '-' ||
	    !are_digits(str_from(name.at + 9, 2)) || name.at[11] != '.')
		return false;
	host = str_from(name.at + 12, name.len - 12);
	label = host;
	host = str_cut(&label, ':');
	if (host.len == 0 || label.len == 0)
		return false;
	for (size_t i = 0; i < host.len; i++)
		if (!is_alnum(host.at[i]) && host.at[i] != '-' && host.at[i] != '.')
			return false;
	for (size_t i = 0; i < label.len; i++)
		if (label.at[i] == '\0' || strchr(",;*&$| \t\n\r\f\v", label.at[i]))
			return false;
	return true;
}

static bool is_known(struct str name)
{
	return str_starts(name, STR("iqn")) || str_starts(name, STR("eui")) ||
	       str_starts(name, STR("naa"));
}

static bool is_well_formed(struct str name)
{
	if (str_starts(name, STR("iqn")))
		return is_qualified(name);
	return is_number(name, str_starts(name, STR("eui")) ? 16 : 32);
}

static void check_name(const struct kind_work *work, const struct json *name, bool kept,
		       const char *path)
{
	if (!is_known(json_str(name)))
		validate_invalid(work, path, name,
				 kept ? "must be valid format"
				      : "must be valid format starting with iqn, eui, or naa");
	else if (!is_well_formed(json_str(name)))
		validate_invalid(work, path, name, "must be valid format");
}

bool iscsi_is_long(struct str volume_name, const struct json *source)
{
	return json_get(source, "initiatorName") &&
	       volume_name.len + 1 + json_str(json_get(source, "targetPortal")).len > PLACE_MAX;
}

static void check(const struct kind_work *work, const struct json *source, bool kept,
		  const char *path)
{
	const struct json *iqn = json_get(source, "iqn"), *lun = json_get(source, "lun"),
			  *secret = json_get(source, "secretRef"),
			  *initiator = json_get(source, "initiatorName");
	bool asks = json_bool(json_get(source, "chapAuthDiscovery")) ||
		    json_bool(json_get(source, "chapAuthSession"));

	values_required(work, AT("%s.targetPortal", path), json_get(source, "targetPortal"));
	if (kept && iscsi_is_long(meta_str(work->object, "name"), source))
		validate_invalid(work, AT("%s.targetportal", path),
				 json_get(source, "targetPortal"), ISCSI_LONG_WORDS);
	if (values_required(work, AT("%s.iqn", path), iqn))
		check_name(work, iqn, kept, AT("%s.iqn", path));
	values_range(work, AT("%s.lun", path), lun, 0, LUN_MAX);
	if (asks && !secret)
		validate_required(work, AT("%s.secretRef", path), "");
	if (kept && secret)
		values_required(work, AT("%s.secretRef.name", path), json_get(secret, "name"));
	if (initiator)
		check_name(work, initiator, kept, AT("%s.initiatorname", path));
}

void iscsi_pod_source(const struct kind_work *work, const struct json *source, const char *path)
{
	check(work, source, false, path);
}

void iscsi_kept_source(const struct kind_work *work, const struct json *source, const char *path)
{
	check(work, source, true, path);
}
