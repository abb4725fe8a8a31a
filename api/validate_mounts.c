/*
 * validate_mounts.c - mounts and devices, with the paths and words of the real server.
 */
#include "api/validate_mounts.h"

#include "api/validate.h"
#include "api/validate_files.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "base/map.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

struct taken { /* by the other list: names and paths */
	struct map *names, *paths;
};

static void take_all(struct taken *taken, const struct json *list, const char *path_field)
{
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		map_put(taken->names, json_str(json_get(it.value, "name")), it.value);
		map_put(taken->paths, json_str(json_get(it.value, path_field)), it.value);
	}
}

static void not_found(const struct kind_work *work, const char *path, const struct json *name)
{
	field_errors_add(work->errors, FIELD_NOT_FOUND, path,
			 field_value(work->errors, words_text(work, name)), "");
}

static void check_propagation(const struct kind_work *work, const struct json *mount,
			      const struct json *container, const char *path)
{
	static const char *const known[] = { "Bidirectional", "HostToContainer", "None", NULL };
	const struct json *value = json_get(mount, "mountPropagation");

	if (!value)
		return;
	words_check(work, path, value, known);
	if (str_is(json_str(value), "Bidirectional") &&
	    !json_bool(json_path(container, "securityContext", "privileged", NULL)))
		words_forbidden(work, path,
				"Bidirectional mount propagation is available only to privileged "
				"containers");
}

static void check_read_only(const struct kind_work *work, const struct json *mount,
			    const char *path)
{
	static const char *const known[] = { "Disabled", "Enabled", "IfPossible", NULL };
	const struct json *value = json_get(mount, "recursiveReadOnly");
	struct str propagation = json_str(json_get(mount, "mountPropagation"));

	if (!value || str_is(json_str(value), "Disabled"))
		return;
	if (!words_have(known, json_str(value))) {
		words_not_supported(work, path, value, known);
		return;
	}
	if (!json_bool(json_get(mount, "readOnly")))
		words_forbidden(work, path, "may only be specified when readOnly is true");
	if (propagation.len > 0 && !str_is(propagation, "None"))
		words_forbidden(work, path,
				"may only be specified when mountPropagation is None or not "
				"specified");
}

/* Paths in the errors of parts below the volume name no number, as those of the real server. */
static void check_sub_paths(const struct kind_work *work, const struct json *mount,
			    const struct json *volume, const char *path, const char *list_path)
{
	const struct json *part = json_get(mount, "subPath"),
			  *formula = json_get(mount, "subPathExpr");
	bool image = json_get(volume, "image") != NULL;

	if (image && json_str(part).len > 0)
		validate_invalid(work, AT("%s.subPath", path), part,
				 "not allowed in image volume sources");
	if (image && json_str(formula).len > 0)
		validate_invalid(work, AT("%s.subPathExpr", path), formula,
				 "not allowed in image volume sources");
	if (json_str(part).len > 0)
		files_inside(work, part, AT("%s.subPath", list_path));
	if (json_str(formula).len > 0 && json_str(part).len > 0)
		validate_invalid(work, AT("%s.subPathExpr", path), formula,
				 "subPathExpr and subPath are mutually exclusive");
	if (json_str(formula).len > 0)
		files_inside(work, formula, AT("%s.subPathExpr", list_path));
}

static void check_mounts(const struct kind_work *work, const struct map *volumes,
			 const struct json *container, const struct taken *devices,
			 const char *path)
{
	auto_map places = map_new();

	for (struct json_iter it = json_iter(json_get(container, "volumeMounts"));
	     json_next(&it);) {
		const struct json *name = json_get(it.value, "name"),
				  *where = json_get(it.value, "mountPath"),
				  *volume = map_find(volumes, json_str(name));
		const char *here = AT("%s[%zu]", path, it.index);

		values_required(work, AT("%s.name", here), name);
		if (!volume)
			not_found(work, AT("%s.name", here), name);
		values_required(work, AT("%s.mountPath", here), where);
		if (map_put(places, json_str(where), it.value))
			validate_invalid(work, AT("%s.mountPath", here), words_text(work, where),
					 "must be unique");
		if (map_find(devices->names, json_str(name)))
			validate_invalid(work, AT("%s.name", here), name,
					 "must not already exist in volumeDevices");
		if (map_find(devices->paths, json_str(where)))
			validate_invalid(work, AT("%s.mountPath", here), where,
					 "must not already exist as a path in volumeDevices");
		check_sub_paths(work, it.value, volume, here, path);
		check_propagation(work, it.value, container, AT("%s.mountPropagation", path));
		check_read_only(work, it.value, AT("%s.recursiveReadOnly", path));
	}
}

/* A block device comes from a claim. */
static void check_device_volume(const struct kind_work *work, const struct json *volume,
				const struct json *name, const char *path)
{
	if (!volume)
		not_found(work, path, name);
	else if (!json_get(volume, "persistentVolumeClaim") && !json_get(volume, "ephemeral"))
		validate_invalid(work, path, name,
				 "can only use volume source type of PersistentVolumeClaim or "
				 "Ephemeral for block mode");
}

static void check_device_path(const struct kind_work *work, const struct json *where,
			      struct map *places, const char *path)
{
	values_required(work, path, where);
	if (map_find(places, json_str(where)))
		validate_invalid(work, path, words_text(work, where), "must be unique");
	if (files_climbs(json_str(where)))
		validate_invalid(work, path, where, "can not contain backsteps ('..')");
	else
		map_put(places, json_str(where), places);
}

static void check_devices(const struct kind_work *work, const struct map *volumes,
			  const struct json *devices, const struct taken *mounts, const char *path)
{
	auto_map names = map_new();
	auto_map places = map_new();

	for (struct json_iter it = json_iter(devices); json_next(&it);) {
		const struct json *name = json_get(it.value, "name"),
				  *where = json_get(it.value, "devicePath");
		const char *here = AT("%s[%zu].name", path, it.index),
			   *place = AT("%s[%zu].devicePath", path, it.index);

		values_required(work, here, name);
		if (json_str(name).len > 0 && map_put(names, json_str(name), it.value))
			validate_invalid(work, here, name, "must be unique");
		check_device_volume(work, map_find(volumes, json_str(name)), name, here);
		check_device_path(work, where, places, place);
		if (map_find(mounts->names, json_str(name)))
			validate_invalid(work, here, name,
					 "must not already exist in volumeMounts");
		if (map_find(mounts->paths, json_str(where)))
			validate_invalid(work, place, where,
					 "must not already exist as a path in volumeMounts");
	}
}

void mounts_check(const struct kind_work *work, const struct map *volumes,
		  const struct json *container, const char *path)
{
	const struct json *mounts = json_get(container, "volumeMounts"),
			  *devices = json_get(container, "volumeDevices");
	auto_map mount_names = map_new();
	auto_map mount_paths = map_new();
	auto_map device_names = map_new();
	auto_map device_paths = map_new();
	struct taken by_mounts = { mount_names, mount_paths };
	struct taken by_devices = { device_names, device_paths };

	take_all(&by_mounts, mounts, "mountPath");
	take_all(&by_devices, devices, "devicePath");
	check_mounts(work, volumes, container, &by_devices, AT("%s.volumeMounts", path));
	check_devices(work, volumes, devices, &by_mounts, AT("%s.volumeDevices", path));
}
