/*
 * validate_pod.c - pod specs: defaults that depend on other fields, and the checks of the whole;
 * those of its parts are in files of their own.
 */
#include "api/decode.h"
#include "api/object.h"
#include "api/quantity.h"
#include "api/validate.h"
#include "api/validate_container.h"
#include "api/validate_iscsi.h"
#include "api/validate_security.h"
#include "api/validate_selection.h"
#include "api/validate_values.h"
#include "api/validate_volume.h"
#include "api/validate_words.h"
#include "base/map.h"

#define DNS_SERVERS_MAX  3
#define DNS_SEARCHES_MAX 32
#define DNS_SEARCH_CHARS 2048

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

/* What is limited and not requested is requested as much (pods only). */
static void fill_requests(const struct kind_work *work, struct json *container)
{
	const struct json *limits = json_path(container, "resources", "limits", NULL);
	struct json *requests;
	auto_map said = NULL;

	if (json_count(limits) == 0)
		return;
	requests = json_sub_object(work->doc, json_get(container, "resources"), "requests");
	said = values_entries(requests);
	for (struct json_iter it = json_iter(limits); json_next(&it);)
		if (!map_find(said, it.key))
			json_add_str(work->doc, requests, it.key, json_clone(work->doc, it.value));
}

static void fill_http_get(const struct kind_work *work, struct json *get)
{
	if (!get)
		return;
	if (!json_get(get, "path"))
		json_put(work->doc, get, "path", json_new_text(work->doc, "/"));
	if (!json_get(get, "scheme"))
		json_put(work->doc, get, "scheme", json_new_text(work->doc, "HTTP"));
}

/* Wherever a container's fields let somebody ask for a page. */
static void fill_actions(const struct kind_work *work, struct json *container)
{
	static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe" };
	static const char *const hooks[] = { "postStart", "preStop" };

	for (size_t i = 0; i < ARRAY_LENGTH(probes); i++)
		fill_http_get(work, json_path(container, probes[i], "httpGet", NULL));
	for (size_t i = 0; i < ARRAY_LENGTH(hooks); i++)
		fill_http_get(work, json_path(container, "lifecycle", hooks[i], "httpGet", NULL));
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
		fill_actions(work, container);
		if (is_pod && host_network)
			fill_ports(work, container);
		if (is_pod)
			fill_requests(work, container);
	}
}

static void fill_volumes(const struct kind_work *work, struct json *spec)
{
	for (struct json_iter it = json_iter(json_get(spec, "volumes")); json_next(&it);) {
		struct json *image = json_get(it.value, "image");
		struct str reference = json_str(json_get(image, "reference"));

		if (json_count(it.value) == 1 && json_get(it.value, "name"))
			json_put(work->doc, it.value, "emptyDir", json_new_object(work->doc));
		if (image && !json_get(image, "pullPolicy"))
			json_put(work->doc, image, "pullPolicy",
				 json_new_text(work->doc, pull_policy(reference)));
	}
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
	fill_containers(work, spec, "ephemeralContainers", false);
}

/* --- volumes --- */

static bool is_pod(const struct kind_work *work)
{
	return strcmp(work->kind->name, "Pod") == 0;
}

/* Claims that are made for the pod are named after both. */
static const char *made_claim(const struct kind_work *work, struct str volume)
{
	return AT(STR_FMT "-" STR_FMT, STR_ARG(meta_str(work->object, "name")), STR_ARG(volume));
}

static bool names_claims(const struct kind_work *work)
{
	return is_pod(work) && meta_str(work->object, "name").len > 0;
}

static void check_volume_name(const struct kind_work *work, const struct json *volume,
			      const struct map *names, const char *path)
{
	const struct json *name = json_get(volume, "name");
	const char *claim = made_claim(work, json_str(name));
	struct name_faults faults = { .count = 0 };

	if (json_get(volume, "iscsi") && iscsi_is_long(json_str(name), json_get(volume, "iscsi")))
		validate_invalid(work, path, name, ISCSI_LONG_WORDS);
	if (json_get(volume, "ephemeral") && names_claims(work) && json_str(name).len > 0)
		name_subdomain(str_of(claim), &faults);
	for (size_t i = 0; i < faults.count; i++)
		validate_invalid(work, path, name, AT("PVC name \"%s\": %s", claim, faults.why[i]));
	values_required_name(work, path, name, name_label);
	if (map_find(names, json_str(name)))
		validate_duplicate(work, path, name);
}

/* The good ones go into `names`. */
static void check_volumes(const struct kind_work *work, const struct json *volumes,
			  struct map *names, const char *path)
{
	auto_map made = map_new();

	for (struct json_iter it = json_iter(volumes); json_next(&it);)
		if (json_get(it.value, "ephemeral") && names_claims(work))
			map_put(made,
				str_of(made_claim(work, json_str(json_get(it.value, "name")))),
				it.value);
	for (struct json_iter it = json_iter(volumes); json_next(&it);) {
		const struct json *claim =
			json_path(it.value, "persistentVolumeClaim", "claimName", NULL);
		const char *here = AT("%s[%zu]", path, it.index);
		size_t before = work->errors->count + work->errors->dropped;

		volume_pod_source(work, it.value, here);
		check_volume_name(work, it.value, names, AT("%s.name", here));
		if (work->errors->count + work->errors->dropped == before)
			map_put(names, json_str(json_get(it.value, "name")), it.value);
		if (claim && map_find(made, json_str(claim)))
			validate_invalid(work, AT("%s.persistentVolumeClaim.claimName", here),
					 claim,
					 "must not reference a PVC that gets created for an "
					 "ephemeral volume");
	}
}

/* --- claims of devices --- */

static void check_claims(const struct kind_work *work, const struct json *claims, struct map *names,
			 const char *path)
{
	static const char *const fields[] = { "resourceClaimName", "resourceClaimTemplateName" };

	for (struct json_iter it = json_iter(claims); json_next(&it);) {
		const struct json *name = json_get(it.value, "name");
		const char *here = AT("%s[%zu]", path, it.index);
		int count = 0;

		if (values_required(work, AT("%s.name", here), name)) {
			if (map_put(names, json_str(name), it.value))
				validate_duplicate(work, AT("%s.name", here), name);
			else
				values_name(work, AT("%s.name", here), name, name_label);
		}
		for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
			count += json_get(it.value, fields[i]) != NULL;
		if (count != 1)
			validate_invalid(work, here, it.value,
					 count ? "at most one of `resourceClaimName` or "
						 "`resourceClaimTemplateName` may be specified"
					       : "must specify one of: `resourceClaimName`, "
						 "`resourceClaimTemplateName`");
		for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
			if (json_get(it.value, fields[i]))
				values_name(work, AT("%s.%s", here, fields[i]),
					    json_get(it.value, fields[i]), name_subdomain);
	}
}

/* --- names and addresses --- */

static void check_searches(const struct kind_work *work, const struct json *searches,
			   const char *path)
{
	size_t length = 0;

	for (struct json_iter it = json_iter(searches); json_next(&it);)
		length += json_str(it.value).len + (it.index > 0);
	if (json_count(searches) > DNS_SEARCHES_MAX)
		words_invalid_list(work, path, searches, "must not have more than 32 search paths");
	if (length > DNS_SEARCH_CHARS)
		words_invalid_list(work, path, searches,
				   "must not have more than 2048 characters (including spaces) in "
				   "the search list");
	for (struct json_iter it = json_iter(searches); json_next(&it);) {
		struct str search = json_str(it.value);

		if (str_ends(search, STR(".")))
			search.len--;
		values_key(work, AT("%s[%zu]", path, it.index), search, name_subdomain);
	}
}

static void check_dns(const struct kind_work *work, const struct json *spec, const char *path)
{
	const struct json *config = json_get(spec, "dnsConfig"),
			  *servers = json_get(config, "nameservers");
	bool none = str_is(json_str(json_get(spec, "dnsPolicy")), "None");

	if (none && !config) {
		validate_required(work, path, "must provide `dnsConfig` when `dnsPolicy` is None");
		return;
	}
	if (none && json_count(servers) == 0) {
		validate_required(work, AT("%s.nameservers", path),
				  "must provide at least one DNS nameserver when `dnsPolicy` is "
				  "None");
		return;
	}
	if (json_count(servers) > DNS_SERVERS_MAX)
		words_invalid_list(work, AT("%s.nameservers", path), servers,
				   "must not have more than 3 nameservers");
	for (struct json_iter it = json_iter(servers); json_next(&it);)
		values_ip(work, AT("%s.nameservers[%zu]", path, it.index), it.value);
	check_searches(work, json_get(config, "searches"), AT("%s.searches", path));
	for (struct json_iter it = json_iter(json_get(config, "options")); json_next(&it);)
		if (json_str(json_get(it.value, "name")).len == 0)
			validate_required(work, AT("%s.options[%zu]", path, it.index),
					  "must not be empty");
}

static void check_aliases(const struct kind_work *work, const struct json *aliases,
			  const char *path)
{
	for (struct json_iter it = json_iter(aliases); json_next(&it);) {
		values_ip(work, AT("%s[%zu].ip", path, it.index), json_get(it.value, "ip"));
		for (struct json_iter name = json_iter(json_get(it.value, "hostnames"));
		     json_next(&name);)
			values_name(work, AT("%s[%zu].hostnames[%zu]", path, it.index, name.index),
				    name.value, name_subdomain);
	}
}

static void check_host_ports(const struct kind_work *work, const struct json *spec,
			     const char *path)
{
	if (!json_bool(json_get(spec, "hostNetwork")))
		return;
	for (struct json_iter it = json_iter(json_get(spec, "containers")); json_next(&it);)
		for (struct json_iter port = json_iter(json_get(it.value, "ports"));
		     json_next(&port);) {
			const struct json *host = json_get(port.value, "hostPort");
			int64_t inside = json_int(json_get(port.value, "containerPort"));

			if ((is_pod(work) || json_int(host) != 0) && json_int(host) != inside)
				validate_invalid(work,
						 AT("%s.containers[%zu].ports[%zu].hostPort", path,
						    it.index, port.index),
						 host ? host : json_new_int(work->doc, 0),
						 "must match `containerPort` when `hostNetwork` is "
						 "true");
		}
}

static void check_gates(const struct kind_work *work, const struct json *spec, const char *path)
{
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(json_get(spec, "readinessGates")); json_next(&it);)
		values_name(work, AT("%s.readinessGates[%zu].conditionType", path, it.index),
			    json_get(it.value, "conditionType"), name_qualified);
	for (struct json_iter it = json_iter(json_get(spec, "schedulingGates")); json_next(&it);) {
		const struct json *name = json_get(it.value, "name");
		const char *here = AT("%s.schedulingGates[%zu]", path, it.index);

		values_name(work, here, name, name_qualified);
		if (map_put(seen, json_str(name), it.value))
			validate_duplicate(work, here, name);
	}
}

static void check_host_users(const struct kind_work *work, const struct json *spec,
			     const char *path)
{
	static const struct {
		const char *field, *shown;
	} rows[] = { { "hostNetwork", "hostNetwork" },
		     { "hostPID", "HostPID" },
		     { "hostIPC", "HostIPC" } };
	const struct json *users = json_get(spec, "hostUsers");

	if (!users || json_bool(users))
		return;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (json_bool(json_get(spec, rows[i].field)))
			words_forbidden(work, AT("%s.%s", path, rows[i].shown),
					"when `pod.Spec.HostUsers` is false");
}

/* A name that may be left out. */
static void check_name(const struct kind_work *work, const struct json *spec, const char *field,
		       name_faults_fn *rule, const char *path)
{
	if (json_str(json_get(spec, field)).len > 0)
		values_name(work, AT("%s.%s", path, field), json_get(spec, field), rule);
}

static void check_names(const struct kind_work *work, const struct json *spec, const char *path)
{
	static const char *const policies[] = { "PreemptLowerPriority", "Never", NULL };
	const struct json *deadline = json_get(spec, "activeDeadlineSeconds"),
			  *preemption = json_get(spec, "preemptionPolicy");

	check_name(work, spec, "serviceAccountName", name_subdomain, path);
	check_name(work, spec, "nodeName", name_subdomain, path);
	if (deadline)
		values_range(work, AT("%s.activeDeadlineSeconds", path), deadline, 1, INT32_MAX);
	check_name(work, spec, "hostname", name_label, path);
	check_name(work, spec, "subdomain", name_label, path);
	selection_tolerations(work, json_get(spec, "tolerations"), AT("%s.tolerations", path));
	check_aliases(work, json_get(spec, "hostAliases"), AT("%s.hostAliases", path));
	check_name(work, spec, "priorityClassName", name_subdomain, path);
	if (json_get(spec, "runtimeClassName"))
		values_name(work, AT("%s.runtimeClassName", path),
			    json_get(spec, "runtimeClassName"), name_subdomain);
	if (preemption)
		values_choice(work, AT("%s.preemptionPolicy", path), preemption, policies);
}

static void check_overhead(const struct kind_work *work, const struct json *spec, const char *path)
{
	struct json *resources;

	if (!json_get(spec, "overhead"))
		return;
	resources = json_new_object(work->doc);
	json_put(work->doc, resources, "limits", json_clone(work->doc, json_get(spec, "overhead")));
	container_amounts(work, resources, path);
}

static void check_choices(const struct kind_work *work, const struct json *spec, const char *path)
{
	static const char *const restarts[] = { "Always", "OnFailure", "Never", NULL };
	static const char *const dns[] = { "ClusterFirstWithHostNet", "ClusterFirst", "Default",
					   "None", NULL };

	check_host_ports(work, spec, path);
	values_choice(work, AT("%s.restartPolicy", path), json_get(spec, "restartPolicy"),
		      restarts);
	values_choice(work, AT("%s.dnsPolicy", path), json_get(spec, "dnsPolicy"), dns);
	validate_labels(work, json_get(spec, "nodeSelector"), AT("%s.nodeSelector", path));
	security_pod(work, spec, path);
	selection_affinity(work, json_get(spec, "affinity"), AT("%s.affinity", path));
	check_dns(work, spec, AT("%s.dnsConfig", path));
	check_gates(work, spec, path);
	selection_spread(work, json_get(spec, "topologySpreadConstraints"),
			 AT("%s.topologySpreadConstraints", path));
	security_host_processes(work, spec, path);
	check_host_users(work, spec, path);
}

static void check_spec(const struct kind_work *work, const struct json *spec, const char *path)
{
	const struct json *users = json_get(spec, "hostUsers");
	auto_map volumes = map_new();
	auto_map claims = map_new();
	const struct pod_scene scene = {
		.spec = spec,
		.volumes = volumes,
		.claims = claims,
		.is_pod = is_pod(work),
		.host_users = !users || json_bool(users),
	};

	if (!json_get(spec, "terminationGracePeriodSeconds"))
		validate_required(work, AT("%s.terminationGracePeriodSeconds", path), "");
	check_volumes(work, json_get(spec, "volumes"), volumes, AT("%s.volumes", path));
	check_claims(work, json_get(spec, "resourceClaims"), claims, AT("%s.resourceClaims", path));
	container_lists(work, &scene, path);
	check_choices(work, spec, path);
	check_names(work, spec, path);
	check_overhead(work, spec, AT("%s.overhead", path));
	security_os(work, spec, path);
}

/* One that is not there is told what an empty one is. */
void validate_pod_spec(const struct kind_work *work, const struct json *spec, const char *path)
{
	struct json *empty;

	if (spec) {
		check_spec(work, spec, path);
		return;
	}
	empty = json_new_object(work->doc);
	decode_default(type_find(STR("io.k8s.api.core.v1.PodSpec")), work->doc, empty);
	check_spec(work, empty, path);
}
