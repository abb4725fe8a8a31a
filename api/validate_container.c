/*
 * validate_container.c - what all containers have: name, image, resources; and the three lists.
 */
#include "api/validate_container.h"

#include <inttypes.h>

#include "api/quantity.h"
#include "api/validate.h"
#include "api/validate_amounts.h"
#include "api/validate_mounts.h"
#include "api/validate_probe.h"
#include "api/validate_security.h"
#include "api/validate_values.h"
#include "api/validate_variables.h"
#include "api/validate_words.h"
#include "base/map.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

static const char *const protocols[] = { "SCTP", "TCP", "UDP", NULL };

/* --- ports --- */

static void check_ports(const struct kind_work *work, const struct json *ports, const char *path)
{
	auto_map names = map_new();

	for (struct json_iter it = json_iter(ports); json_next(&it);) {
		const char *here = AT("%s[%zu]", path, it.index);
		const struct json *name = json_get(it.value, "name"),
				  *port = json_get(it.value, "containerPort"),
				  *host = json_get(it.value, "hostPort");

		if (json_str(name).len > 0 && name_check_port(json_str(name)))
			values_name(work, AT("%s.name", here), name, name_port);
		else if (json_str(name).len > 0 && map_put(names, json_str(name), it.value))
			validate_duplicate(work, AT("%s.name", here), name);
		if (json_int(port) == 0)
			validate_required(work, AT("%s.containerPort", here), "");
		else
			values_port(work, AT("%s.containerPort", here), port);
		if (json_int(host) != 0)
			values_port(work, AT("%s.hostPort", here), host);
		values_choice(work, AT("%s.protocol", here), json_get(it.value, "protocol"),
			      protocols);
	}
}

/* Ports of the node are taken once; `taken` may be that of other containers, too. */
static void take_host_ports(const struct kind_work *work, const struct json *container,
			    struct map *taken, const char *path)
{
	for (struct json_iter it = json_iter(json_get(container, "ports")); json_next(&it);) {
		int64_t port = json_int(json_get(it.value, "hostPort"));
		const char *place;

		if (port == 0)
			continue;
		place = AT(STR_FMT "/" STR_FMT "/%" PRId64,
			   STR_ARG(json_str(json_get(it.value, "protocol"))),
			   STR_ARG(json_str(json_get(it.value, "hostIP"))), port);
		if (map_put(taken, str_of(place), it.value))
			validate_duplicate(work, AT("%s.ports[%zu].hostPort", path, it.index),
					   json_new_text(work->doc, place));
	}
}

/* --- resources --- */

static bool is_huge_multiple(struct str name, struct str amount)
{
	struct str size = str_from(name.at + strlen("hugepages-"), name.len - strlen("hugepages-"));
	int64_t page, bytes;
	struct error unused;

	if (!quantity_value(size, &page, &unused) || !quantity_value(amount, &bytes, &unused))
		return false;
	return page > 0 && bytes > 0 && bytes % page == 0;
}

static void check_amount(const struct kind_work *work, struct str name, const struct json *amount,
			 const char *path)
{
	amounts_container_name(work, path, name);
	amounts_check(work, path, name, amount);
}

static void check_huge(const struct kind_work *work, struct str name, const struct json *amount,
		       const char *path)
{
	if (amounts_is_huge_page(name) && !is_huge_multiple(name, json_str(amount)))
		validate_invalid(work, path, amount,
				 AT(STR_FMT " is not positive integer multiple of " STR_FMT,
				    STR_ARG(json_str(amount)), STR_ARG(name)));
}

/* What is asked for, against what is allowed at most. */
static void check_limit(const struct kind_work *work, struct str name, const struct json *wanted,
			const struct json *limit, const char *path)
{
	int order = limit ? amounts_compare(json_str(wanted), json_str(limit)) : 0;
	bool shared = amounts_is_shared(name);

	if (!limit && !shared)
		validate_required(work, AT("%s.limits", path),
				  "Limit must be set for non overcommitable resources");
	else if (order != 0 && !shared)
		validate_invalid(work, AT("%s.requests", path), wanted,
				 AT("must be equal to " STR_FMT " limit of " STR_FMT, STR_ARG(name),
				    STR_ARG(json_str(limit))));
	else if (order > 0)
		validate_invalid(work, AT("%s.requests", path), wanted,
				 AT("must be less than or equal to " STR_FMT " limit of " STR_FMT,
				    STR_ARG(name), STR_ARG(json_str(limit))));
}

static bool has_huge_alone(const struct json *limits, const struct json *requests)
{
	static const char *const usual[] = { "cpu", "memory" };
	const struct json *const lists[] = { limits, requests };
	bool huge = false;

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
		for (size_t j = 0; j < ARRAY_LENGTH(usual); j++)
			if (json_get(lists[i], usual[j]))
				return false;
		for (struct json_iter it = json_iter(lists[i]); json_next(&it);)
			huge = huge || amounts_is_huge_page(it.key);
	}
	return huge;
}

void container_amounts(const struct kind_work *work, const struct json *resources, const char *path)
{
	const struct json *limits = json_get(resources, "limits"),
			  *requests = json_get(resources, "requests");
	auto_map most = values_entries(limits);

	for (struct json_iter it = json_iter(limits); json_next(&it);) {
		const char *here = AT("%s.limits[" STR_FMT "]", path, STR_ARG(it.key));

		check_amount(work, it.key, it.value, here);
		check_huge(work, it.key, it.value, here);
	}
	for (struct json_iter it = json_iter(requests); json_next(&it);) {
		const char *here = AT("%s.requests[" STR_FMT "]", path, STR_ARG(it.key));

		check_amount(work, it.key, it.value, here);
		check_limit(work, it.key, it.value, map_find(most, it.key), path);
		check_huge(work, it.key, it.value, here);
	}
	if (has_huge_alone(limits, requests))
		words_forbidden(work, path, "HugePages require cpu or memory");
}

/* "must be one of the names in pod.spec.resourceClaims..." */
static const char *claim_words(const struct kind_work *work, const struct map *claims)
{
	auto_buf text = BUF_INIT;
	struct str name;
	void *value;
	size_t count = 0;

	buf_add_text(&text, "must be one of the names in pod.spec.resourceClaims");
	if (map_count(claims) == 0)
		buf_add_text(&text, " which is empty");
	for (size_t i = 0; count < FIELD_ERRORS_MAX && map_next(claims, &i, &name, &value);)
		buf_add_print(&text, "%s" STR_FMT, count++ ? ", " : ": ", STR_ARG(name));
	return arena_string(work->errors->arena, text.at, text.len);
}

static void check_claims(const struct kind_work *work, const struct json *list,
			 const struct map *claims, const char *path)
{
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		const struct json *name = json_get(it.value, "name");
		const char *here = AT("%s[%zu]", path, it.index);

		if (!values_required(work, here, name))
			continue;
		if (map_put(seen, json_str(name), it.value))
			validate_duplicate(work, here, name);
		else if (json_str(json_get(it.value, "request")).len > 0)
			values_name(work, AT("%s.request", here), json_get(it.value, "request"),
				    name_label);
		if (!map_find(claims, json_str(name)))
			field_errors_add(work->errors, FIELD_NOT_FOUND, here,
					 field_value(work->errors, name),
					 claim_words(work, claims));
	}
}

static void check_resize(const struct kind_work *work, const struct json *list, struct str restart,
			 const char *path)
{
	static const char *const resources[] = { "cpu", "memory", NULL };
	static const char *const policies[] = { "NotRequired", "RestartContainer", NULL };
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		const struct json *name = json_get(it.value, "resourceName"),
				  *policy = json_get(it.value, "restartPolicy");

		if (map_put(seen, json_str(name), it.value))
			validate_duplicate(work, AT("%s[%zu]", path, it.index), name);
		values_choice(work, path, name, resources);
		values_choice(work, path, policy, policies);
		if (str_is(restart, "Never") && !str_is(json_str(policy), "NotRequired"))
			validate_invalid(work, path, words_text(work, policy),
					 "must be 'NotRequired' when `restartPolicy` is 'Never'");
	}
}

/* --- one container --- */

static void check_common(const struct kind_work *work, const struct pod_scene *scene,
			 const struct json *container, const char *path)
{
	static const char *const messages[] = { "File", "FallbackToLogsOnError", NULL };
	static const char *const pulls[] = { "Always", "IfNotPresent", "Never", NULL };
	const struct json *resources = json_get(container, "resources");

	values_required_name(work, AT("%s.name", path), json_get(container, "name"), name_label);
	values_required(work, AT("%s.image", path), json_get(container, "image"));
	values_choice(work, AT("%s.terminationMessagePolicy", path),
		      json_get(container, "terminationMessagePolicy"), messages);
	check_ports(work, json_get(container, "ports"), AT("%s.ports", path));
	variables_list(work, json_get(container, "env"), AT("%s.env", path));
	variables_sources(work, json_get(container, "envFrom"), AT("%s.envFrom", path));
	mounts_check(work, scene->volumes, container, path);
	values_choice(work, AT("%s.imagePullPolicy", path), json_get(container, "imagePullPolicy"),
		      pulls);
	container_amounts(work, resources, AT("%s.resources", path));
	check_claims(work, json_get(resources, "claims"), scene->claims,
		     AT("%s.resources.claims", path));
	check_resize(work, json_get(container, "resizePolicy"),
		     json_str(json_get(scene->spec, "restartPolicy")), AT("%s.resizePolicy", path));
	security_container(work, json_get(container, "securityContext"), scene->host_users,
			   AT("%s.securityContext", path));
}

static void check_image_spaces(const struct kind_work *work, const struct json *container,
			       const char *path)
{
	const struct json *image = json_get(container, "image");

	if (str_trim(json_str(image)).len != json_str(image).len)
		validate_invalid(work, AT("%s.image", path), image,
				 "must not have leading or trailing whitespace");
}

void container_image_spaces(const struct kind_work *work, const struct json *list, const char *path)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		check_image_spaces(work, it.value, AT("%s[%zu]", path, it.index));
}

static void check_name(const struct kind_work *work, const struct json *container,
		       struct map *names, const char *path)
{
	const struct json *name = json_get(container, "name");

	if (json_str(name).len > 0 && map_put(names, json_str(name), (void *)container))
		validate_duplicate(work, AT("%s.name", path), name);
}

static void check_life(const struct kind_work *work, const struct pod_scene *scene,
		       const struct json *container, const char *path)
{
	const struct json *grace = json_get(scene->spec, "terminationGracePeriodSeconds");

	probe_lifecycle(work, json_get(container, "lifecycle"), grace, AT("%s.lifecycle", path));
	probe_check(work, container, "livenessProbe", path);
	probe_check(work, container, "readinessProbe", path);
	probe_check(work, container, "startupProbe", path);
}

/* --- the lists --- */

static void check_regular(const struct kind_work *work, const struct pod_scene *scene,
			  struct map *names, const char *path)
{
	const struct json *list = json_get(scene->spec, "containers");
	auto_map taken = map_new();

	if (json_count(list) == 0)
		validate_required(work, path, "");
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		const char *here = AT("%s[%zu]", path, it.index);

		check_common(work, scene, it.value, here);
		check_name(work, it.value, names, here);
		check_life(work, scene, it.value, here);
		if (json_get(it.value, "restartPolicy"))
			words_forbidden(work, AT("%s.restartPolicy", here),
					"may not be set for non-init containers");
	}
	for (struct json_iter it = json_iter(list); json_next(&it);)
		take_host_ports(work, it.value, taken, AT("%s[%zu]", path, it.index));
}

/* Only those that stay beside the others have a life of their own. */
static void check_init_life(const struct kind_work *work, const struct pod_scene *scene,
			    const struct json *container, const char *path)
{
	static const char *const fields[] = { "lifecycle", "livenessProbe", "readinessProbe",
					      "startupProbe" };

	if (str_is(json_str(json_get(container, "restartPolicy")), "Always")) {
		check_life(work, scene, container, path);
		return;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		if (json_get(container, fields[i]))
			words_forbidden(work, AT("%s.%s", path, fields[i]),
					"may not be set for init containers without "
					"restartPolicy=Always");
}

static void check_init(const struct kind_work *work, const struct pod_scene *scene,
		       struct map *names, const char *path)
{
	static const char *const always[] = { "Always", NULL };

	for (struct json_iter it = json_iter(json_get(scene->spec, "initContainers"));
	     json_next(&it);) {
		const char *here = AT("%s[%zu]", path, it.index);
		const struct json *policy = json_get(it.value, "restartPolicy"),
				  *resize = json_get(it.value, "resizePolicy");
		auto_map taken = map_new();

		check_common(work, scene, it.value, here);
		if (policy)
			words_check(work, AT("%s.restartPolicy", here), policy, always);
		check_name(work, it.value, names, here);
		take_host_ports(work, it.value, taken, AT("%s[0]", path));
		check_init_life(work, scene, it.value, here);
		if (json_count(resize) > 0)
			validate_invalid(work, AT("%s.resizePolicy", here), resize,
					 "must not be set for init containers");
	}
}

static void forbid_ephemeral(const struct kind_work *work, const struct json *container,
			     const char *path)
{
	static const char words[] = "cannot be set for an Ephemeral Container";
	static const char *const fields[] = { "ports",         "resources",      "restartPolicy",
					      "livenessProbe", "readinessProbe", "startupProbe",
					      "lifecycle",     "resizePolicy" };
	static const char *const places[] = { "subPath", "subPathExpr" };

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		if (json_count(json_get(container, fields[i])) > 0 ||
		    json_str(json_get(container, fields[i])).len > 0)
			words_forbidden(work, AT("%s.%s", path, fields[i]), words);
	for (struct json_iter it = json_iter(json_get(container, "volumeMounts")); json_next(&it);)
		for (size_t i = 0; i < ARRAY_LENGTH(places); i++)
			if (json_str(json_get(it.value, places[i])).len > 0)
				words_forbidden(
					work,
					AT("%s.volumeMounts[%zu].%s", path, it.index, places[i]),
					words);
}

static void check_ephemeral(const struct kind_work *work, const struct pod_scene *scene,
			    struct map *names, const char *path)
{
	const struct json *list = json_get(scene->spec, "ephemeralContainers");
	auto_map others = map_new();

	for (struct json_iter it = json_iter(json_get(scene->spec, "containers")); json_next(&it);)
		map_put(others, json_str(json_get(it.value, "name")), it.value);
	for (struct json_iter it = json_iter(json_get(scene->spec, "initContainers"));
	     json_next(&it);)
		map_put(others, json_str(json_get(it.value, "name")), it.value);
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		const char *here = AT("%s[%zu]", path, it.index);
		const struct json *target = json_get(it.value, "targetContainerName");

		check_common(work, scene, it.value, here);
		check_image_spaces(work, it.value, here);
		check_name(work, it.value, names, here);
		if (json_str(target).len > 0 && !map_find(others, json_str(target)))
			field_errors_add(work->errors, FIELD_NOT_FOUND,
					 AT("%s.targetContainerName", here),
					 field_value(work->errors, target), "");
		forbid_ephemeral(work, it.value, here);
	}
}

void container_lists(const struct kind_work *work, const struct pod_scene *scene, const char *path)
{
	auto_map names = map_new();

	check_regular(work, scene, names, AT("%s.containers", path));
	check_init(work, scene, names, AT("%s.initContainers", path));
	check_ephemeral(work, scene, names, AT("%s.ephemeralContainers", path));
}
