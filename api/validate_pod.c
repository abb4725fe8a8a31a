/*
 * validate_pod.c - pod specs: containers, ports, environment, volumes and mounts, resources,
 * probes; and the defaults of them that depend on other fields.
 */
#include <inttypes.h>

#include "api/names.h"
#include "api/quantity.h"
#include "api/validate.h"
#include "base/map.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

/* --- defaults --- */

static const char *pull_policy(struct str image)
{
	bool digest = str_find(image, '@') >= 0;
	struct str name = str_cut(&image, '@');
	ptrdiff_t slash;

	while ((slash = str_find(name, '/')) >= 0)
		name = str_from(name.at + slash + 1, name.len - (size_t)slash - 1);
	str_cut(&name, ':');
	if (name.len == 0)
		return digest ? "IfNotPresent" : "Always";
	return str_is(name, "latest") ? "Always" : "IfNotPresent";
}

/* key -> value: objects may be long, so they are looked up in a map and never searched. */
static struct map *entries_of(const struct json *object)
{
	struct map *entries = map_new();

	for (struct json_iter it = json_iter(object); json_next(&it);)
		map_put(entries, it.key, it.value);
	return entries;
}

/* What is limited and not requested is requested as much (pods only). */
static void fill_requests(const struct kind_work *work, struct json *container)
{
	const struct json *limits = json_path(container, "resources", "limits", NULL);
	struct json *requests;
	auto_map said = NULL;

	if (json_count(limits) == 0)
		return;
	requests = json_sub_object(work->doc, json_get(container, "resources"), "requests");
	said = entries_of(requests);
	for (struct json_iter it = json_iter(limits); json_next(&it);)
		if (!map_find(said, it.key))
			json_add_str(work->doc, requests, it.key, json_clone(work->doc, it.value));
}

static void fill_probe(const struct kind_work *work, struct json *container, const char *name)
{
	struct json *get = json_path(container, name, "httpGet", NULL);

	if (!get)
		return;
	if (!json_get(get, "path"))
		json_put(work->doc, get, "path", json_new_text(work->doc, "/"));
	if (!json_get(get, "scheme"))
		json_put(work->doc, get, "scheme", json_new_text(work->doc, "HTTP"));
}

/* Pods only: a template keeps what its writer said. */
static void fill_ports(const struct kind_work *work, struct json *container)
{
	for (struct json_iter it = json_iter(json_get(container, "ports")); json_next(&it);)
		if (json_int(json_get(it.value, "hostPort")) == 0)
			json_put(work->doc, it.value, "hostPort",
				 json_clone(work->doc, json_get(it.value, "containerPort")));
}

static void fill_containers(const struct kind_work *work, struct json *spec, const char *list,
			    bool is_pod)
{
	bool host_network = json_bool(json_get(spec, "hostNetwork"));

	for (struct json_iter it = json_iter(json_get(spec, list)); json_next(&it);) {
		struct json *container = it.value;

		if (!json_get(container, "imagePullPolicy"))
			json_put(work->doc, container, "imagePullPolicy",
				 json_new_text(work->doc, pull_policy(json_str(
								  json_get(container, "image")))));
		if (!json_get(container, "resources"))
			json_put(work->doc, container, "resources", json_new_object(work->doc));
		fill_probe(work, container, "livenessProbe");
		fill_probe(work, container, "readinessProbe");
		fill_probe(work, container, "startupProbe");
		if (is_pod && host_network)
			fill_ports(work, container);
		if (is_pod)
			fill_requests(work, container);
	}
}

static void fill_volumes(const struct kind_work *work, struct json *spec)
{
	for (struct json_iter it = json_iter(json_get(spec, "volumes")); json_next(&it);)
		if (json_count(it.value) == 1 && json_get(it.value, "name"))
			json_put(work->doc, it.value, "emptyDir", json_new_object(work->doc));
}

void fill_pod_spec(const struct kind_work *work, struct json *spec, bool is_pod)
{
	if (!spec)
		return;
	if (!json_get(spec, "securityContext"))
		json_put(work->doc, spec, "securityContext", json_new_object(work->doc));
	if (json_str(json_get(spec, "serviceAccount")).len > 0 &&
	    !json_get(spec, "serviceAccountName"))
		json_put(work->doc, spec, "serviceAccountName",
			 json_clone(work->doc, json_get(spec, "serviceAccount")));
	if (json_str(json_get(spec, "serviceAccountName")).len > 0)
		json_put(work->doc, spec, "serviceAccount",
			 json_clone(work->doc, json_get(spec, "serviceAccountName")));
	fill_volumes(work, spec);
	fill_containers(work, spec, "initContainers", is_pod);
	fill_containers(work, spec, "containers", is_pod);
}

/* --- checks --- */

static void check_port(const struct kind_work *work, const struct json *value, const char *path)
{
	if (json_int(value) < 1 || json_int(value) > 65535)
		validate_invalid(work, path, value, "must be between 1 and 65535, inclusive");
}

static void check_ports(const struct kind_work *work, const struct json *ports, const char *path)
{
	auto_map names = map_new();

	for (struct json_iter it = json_iter(ports); json_next(&it);) {
		const struct json *name = json_get(it.value, "name"),
				  *port = json_get(it.value, "containerPort");
		const char *why = json_str(name).len ? name_check_port(json_str(name)) : NULL;

		if (why)
			validate_invalid(work, AT("%s[%zu].name", path, it.index), name, why);
		if (json_str(name).len > 0 && map_put(names, json_str(name), it.value))
			validate_duplicate(work, AT("%s[%zu].name", path, it.index), name);
		if (!port || json_int(port) == 0)
			validate_required(work, AT("%s[%zu].containerPort", path, it.index), "");
		else
			check_port(work, port, AT("%s[%zu].containerPort", path, it.index));
		if (json_int(json_get(it.value, "hostPort")) != 0)
			check_port(work, json_get(it.value, "hostPort"),
				   AT("%s[%zu].hostPort", path, it.index));
	}
}

static void check_env(const struct kind_work *work, const struct json *env, const char *path)
{
	for (struct json_iter it = json_iter(env); json_next(&it);) {
		const struct json *name = json_get(it.value, "name"),
				  *from = json_get(it.value, "valueFrom");
		const char *why = name_check_env(json_str(name));

		if (json_str(name).len == 0)
			validate_required(work, AT("%s[%zu].name", path, it.index), "");
		else if (why)
			validate_invalid(work, AT("%s[%zu].name", path, it.index), name, why);
		if (!from)
			continue;
		if (json_str(json_get(it.value, "value")).len > 0)
			field_errors_add(work->errors, FIELD_INVALID,
					 AT("%s[%zu].valueFrom", path, it.index), "\"\"",
					 "may not be specified when `value` is not empty");
		else if (json_count(from) != 1)
			field_errors_add(
				work->errors, FIELD_INVALID,
				AT("%s[%zu].valueFrom", path, it.index), "\"\"",
				json_count(from) == 0
					? "must specify one of: `fieldRef`, `resourceFieldRef`, "
					  "`configMapKeyRef` or `secretKeyRef`"
					: "may not have more than one field specified at a time");
	}
}

static void check_sub_path(const struct kind_work *work, const struct json *mount,
			   const char *field, const char *path)
{
	const struct json *value = json_get(mount, field);

	if (json_str(value).len > 0)
		validate_inside_path(work, value, AT("%s.%s", path, field));
}

static void check_mounts(const struct kind_work *work, const struct map *volumes,
			 const struct json *mounts, const char *path)
{
	auto_map places = map_new();

	for (struct json_iter it = json_iter(mounts); json_next(&it);) {
		const struct json *name = json_get(it.value, "name"),
				  *where = json_get(it.value, "mountPath");
		const char *here = AT("%s[%zu]", path, it.index);

		if (json_str(name).len == 0)
			validate_required(work, AT("%s.name", here), "");
		else if (!map_find(volumes, json_str(name)))
			field_errors_add(work->errors, FIELD_NOT_FOUND, AT("%s.name", here),
					 field_value(work->errors, name), "");
		if (json_str(where).len == 0)
			validate_required(work, AT("%s.mountPath", here), "");
		else if (validate_climbs(json_str(where)))
			validate_invalid(work, AT("%s.mountPath", here), where,
					 "must not contain '..'");
		if (where && map_put(places, json_str(where), it.value))
			validate_invalid(work, AT("%s.mountPath", here), where, "must be unique");
		check_sub_path(work, it.value, "subPath", here);
		check_sub_path(work, it.value, "subPathExpr", here);
		if (json_str(json_get(it.value, "subPath")).len > 0 &&
		    json_str(json_get(it.value, "subPathExpr")).len > 0)
			validate_invalid(work, AT("%s.subPathExpr", here),
					 json_get(it.value, "subPathExpr"),
					 "subPathExpr and subPath are mutually exclusive");
	}
}

static void check_resources(const struct kind_work *work, const struct json *resources,
			    const char *path)
{
	const struct json *limits = json_get(resources, "limits");
	auto_map most_of = entries_of(limits);

	for (struct json_iter it = json_iter(limits); json_next(&it);)
		if (quantity_sign(json_str(it.value)) < 0)
			validate_invalid(work, AT("%s.limits[" STR_FMT "]", path, STR_ARG(it.key)),
					 it.value, "must be greater than or equal to 0");
	for (struct json_iter it = json_iter(json_get(resources, "requests")); json_next(&it);) {
		const struct json *limit = map_find(most_of, it.key);
		int64_t wanted, most;
		struct error unused;

		if (quantity_sign(json_str(it.value)) < 0)
			validate_invalid(work,
					 AT("%s.requests[" STR_FMT "]", path, STR_ARG(it.key)),
					 it.value, "must be greater than or equal to 0");
		if (limit && quantity_milli(json_str(it.value), &wanted, &unused) &&
		    quantity_milli(json_str(limit), &most, &unused) && wanted > most)
			validate_invalid(work, AT("%s.requests", path), it.value,
					 AT("must be less than or equal to " STR_FMT
					    " limit of " STR_FMT,
					    STR_ARG(it.key), STR_ARG(json_str(limit))));
	}
}

static void check_probe(const struct kind_work *work, const struct json *probe, const char *path)
{
	static const char *const handlers[] = { "exec", "httpGet", "tcpSocket", "grpc" };
	static const char *const numbers[] = { "initialDelaySeconds", "timeoutSeconds",
					       "periodSeconds", "successThreshold",
					       "failureThreshold" };
	size_t count = 0;

	if (!probe)
		return;
	for (size_t i = 0; i < ARRAY_LENGTH(handlers); i++)
		count += json_get(probe, handlers[i]) != NULL;
	if (count == 0)
		validate_required(work, path, "must specify a handler type");
	if (count > 1)
		field_errors_add(work->errors, FIELD_FORBIDDEN, path, NULL,
				 "may not specify more than 1 handler type");
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
		validate_not_negative(work, json_get(probe, numbers[i]),
				      AT("%s.%s", path, numbers[i]));
}

static void check_container(const struct kind_work *work, const struct map *volumes,
			    const struct json *container, const char *path)
{
	const struct json *name = json_get(container, "name"),
			  *image = json_get(container, "image");
	const char *why = name_check(NAME_LABEL, json_str(name));

	if (json_str(name).len == 0)
		validate_required(work, AT("%s.name", path), "");
	else if (why)
		validate_invalid(work, AT("%s.name", path), name, why);
	if (json_str(image).len == 0)
		validate_required(work, AT("%s.image", path), "");
	else if (str_trim(json_str(image)).len != json_str(image).len)
		validate_invalid(work, AT("%s.image", path), image,
				 "must not have leading or trailing whitespace");
	check_ports(work, json_get(container, "ports"), AT("%s.ports", path));
	check_env(work, json_get(container, "env"), AT("%s.env", path));
	check_mounts(work, volumes, json_get(container, "volumeMounts"),
		     AT("%s.volumeMounts", path));
	check_resources(work, json_get(container, "resources"), AT("%s.resources", path));
	validate_security(work, json_get(container, "securityContext"),
			  AT("%s.securityContext", path));
	check_probe(work, json_get(container, "livenessProbe"), AT("%s.livenessProbe", path));
	check_probe(work, json_get(container, "readinessProbe"), AT("%s.readinessProbe", path));
	check_probe(work, json_get(container, "startupProbe"), AT("%s.startupProbe", path));
}

/* The containers of a list; names are unique over all lists of a pod. */
static void check_containers(const struct kind_work *work, const struct json *list,
			     const struct map *volumes, struct map *names, const char *path)
{
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		const char *here = AT("%s[%zu]", path, it.index);
		const struct json *name = json_get(it.value, "name");

		check_container(work, volumes, it.value, here);
		if (json_str(name).len > 0 && map_put(names, json_str(name), it.value))
			validate_duplicate(work, AT("%s.name", here), name);
	}
}

void validate_pod_spec(const struct kind_work *work, const struct json *spec, const char *path)
{
	const struct json *grace = json_get(spec, "terminationGracePeriodSeconds");
	const struct json *deadline = json_get(spec, "activeDeadlineSeconds");
	auto_map volumes = map_new();
	auto_map names = map_new();

	if (json_count(json_get(spec, "containers")) == 0)
		validate_required(work, AT("%s.containers", path), "");
	validate_volumes(work, json_get(spec, "volumes"), volumes, AT("%s.volumes", path));
	check_containers(work, json_get(spec, "initContainers"), volumes, names,
			 AT("%s.initContainers", path));
	check_containers(work, json_get(spec, "containers"), volumes, names,
			 AT("%s.containers", path));
	validate_security(work, json_get(spec, "securityContext"), AT("%s.securityContext", path));
	validate_tolerations(work, json_get(spec, "tolerations"), AT("%s.tolerations", path));
	validate_labels(work, json_get(spec, "nodeSelector"), AT("%s.nodeSelector", path));
	validate_not_negative(work, grace, AT("%s.terminationGracePeriodSeconds", path));
	if (deadline && (json_int(deadline) < 1 || json_int(deadline) > INT32_MAX))
		validate_invalid(work, AT("%s.activeDeadlineSeconds", path), deadline,
				 "must be between 1 and 2147483647, inclusive");
}
