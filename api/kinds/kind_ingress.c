/*
 * kind_ingress.c - Ingress: rules that lead HTTP requests from outside to services.
 */
#include <stdlib.h>

#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate_net.h"

#define HOSTS_SHOWN      3
#define CLASS_ANNOTATION "kubernetes.io/ingress.class"

/* --- rules --- */

static void check_service(const struct kind_work *work, const struct json *service,
			  const char *path)
{
	const struct json *name = json_path(service, "port", "name", NULL),
			  *number = json_path(service, "port", "number", NULL);

	values_required_name(work, field_path(work->errors, "%s.service.name", path),
			     json_get(service, "name"), name_label_1035);
	if (json_str(name).len > 0 && json_int(number) != 0)
		values_invalid_text(work, path, STR(""), "cannot set both port name & port number");
	else if (json_str(name).len > 0)
		values_name(work, field_path(work->errors, "%s.service.port.name", path), name,
			    name_port);
	else if (json_int(number) != 0)
		values_port(work, field_path(work->errors, "%s.service.port.number", path), number);
	else
		validate_required(work, path, "port name or number is required");
}

static void check_backend(const struct kind_work *work, const struct json *backend,
			  const char *path)
{
	const struct json *resource = json_get(backend, "resource"),
			  *service = json_get(backend, "service");

	if (resource && service)
		values_invalid_text(work, path, STR(""),
				    "cannot set both resource and service backends");
	else if (resource)
		net_check_reference(work, resource, field_path(work->errors, "%s.resource", path));
	else if (service)
		check_service(work, service, path);
	else
		values_invalid_text(work, path, STR(""), "resource or service backend is required");
}

static void check_strict_path(const struct kind_work *work, const struct json *value,
			      const char *at)
{
	static const char *const inside[] = { "//", "/./", "/../", "%2f", "%2F" }, *const ends[] = {
		"/..", "/."
	};
	struct str text = json_str(value);

	if (!str_starts(text, STR("/")))
		values_invalid_text(work, at, text, "must be an absolute path");
	for (size_t i = 0; i < ARRAY_LENGTH(inside); i++)
		if (str_search(text, str_of(inside[i])) >= 0)
			values_invalid_text(
				work, at, text,
				field_path(work->errors, "must not contain '%s'", inside[i]));
	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++)
		if (str_ends(text, str_of(ends[i])))
			values_invalid_text(
				work, at, text,
				field_path(work->errors, "cannot end with '%s'", ends[i]));
}

static void check_path(const struct kind_work *work, const struct json *item, const char *path)
{
	static const char *const types[] = { "Exact", "ImplementationSpecific", "Prefix", NULL };
	const struct json *type = json_get(item, "pathType"), *value = json_get(item, "path");
	const char *at = field_path(work->errors, "%s.path", path);
	struct str word = json_str(type), text = json_str(value);

	if (!type) {
		validate_required(work, field_path(work->errors, "%s.pathType", path),
				  "pathType must be specified");
		return;
	}
	if (str_is(word, "Exact") || str_is(word, "Prefix"))
		check_strict_path(work, value, at);
	else if (!str_is(word, "ImplementationSpecific"))
		words_not_supported(work, field_path(work->errors, "%s.pathType", path), type,
				    types);
	else if (text.len > 0 && !str_starts(text, STR("/")))
		values_invalid_text(work, at, text, "must be an absolute path");
	check_backend(work, json_get(item, "backend"),
		      field_path(work->errors, "%s.backend", path));
}

static void check_rule(const struct kind_work *work, const struct json *rule, const char *path)
{
	const struct json *host = json_get(rule, "host"), *http = json_get(rule, "http");
	const char *at = field_path(work->errors, "%s.host", path);

	if (json_str(host).len > 0) {
		if (values_ip_family(json_str(host)) != VALUES_NO_IP)
			validate_invalid(work, at, host, "must be a DNS name, not an IP address");
		net_check_host(work, host, at);
	}
	if (!http)
		return;
	if (json_count(json_get(http, "paths")) == 0)
		validate_required(work, field_path(work->errors, "%s.http.paths", path), "");
	for (struct json_iter it = json_iter(json_get(http, "paths")); json_next(&it);)
		check_path(work, it.value,
			   field_path(work->errors, "%s.http.paths[%zu]", path, it.index));
}

static void check_tls(const struct kind_work *work, const struct json *tls, const char *path)
{
	const struct json *secret = json_get(tls, "secretName");

	for (struct json_iter it = json_iter(json_get(tls, "hosts")); json_next(&it);)
		net_check_host(work, it.value,
			       field_path(work->errors, "%s.hosts[%zu]", path, it.index));
	if (json_str(secret).len > 0)
		values_name(work, field_path(work->errors, "%s.secretName", path), secret,
			    name_subdomain);
}

static void check_spec(const struct kind_work *work, const struct json *spec)
{
	const struct json *rules = json_get(spec, "rules"),
			  *fallback = json_get(spec, "defaultBackend"),
			  *class = json_get(spec, "ingressClassName");

	if (json_count(rules) == 0 && !fallback)
		field_errors_add(work->errors, FIELD_INVALID, "spec",
				 "[]networking.IngressRule(nil)",
				 "either `defaultBackend` or `rules` must be specified");
	if (fallback)
		check_backend(work, fallback, "spec.defaultBackend");
	for (struct json_iter it = json_iter(rules); json_next(&it);)
		check_rule(work, it.value, field_path(work->errors, "spec.rules[%zu]", it.index));
	for (struct json_iter it = json_iter(json_get(spec, "tls")); json_next(&it);)
		check_tls(work, it.value, field_path(work->errors, "spec.tls[%zu]", it.index));
	if (class)
		values_name(work, "spec.ingressClassName", class, name_subdomain);
}

static void check_status(const struct kind_work *work)
{
	for (struct json_iter it =
		     json_iter(json_path(work->object, "status", "loadBalancer", "ingress", NULL));
	     json_next(&it);) {
		const struct json *ip = json_get(it.value, "ip"),
				  *host = json_get(it.value, "hostname");
		const char *path =
			field_path(work->errors, "status.loadBalancer.ingress[%zu]", it.index);

		if (json_str(ip).len > 0)
			values_ip(work, field_path(work->errors, "%s.ip", path), ip);
		if (json_str(host).len == 0)
			continue;
		path = field_path(work->errors, "%s.hostname", path);
		values_name(work, path, host, name_subdomain);
		if (values_ip_family(json_str(host)) != VALUES_NO_IP)
			validate_invalid(work, path, host, "must be a DNS name, not an IP address");
	}
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec"),
			  *class = json_get(spec, "ingressClassName");
	struct str old_way = meta_annotation(work->object, CLASS_ANNOTATION);

	if (strcmp(work->subresource, "status") == 0) {
		check_status(work);
		return;
	}
	check_spec(work, spec);
	if (!work->old && old_way.at && class && !str_equal(old_way, json_str(class)))
		values_invalid_text(work, "annotations." CLASS_ANNOTATION, old_way,
				    "must match `ingressClassName` when both are specified");
}

static void warn(const struct kind_work *work)
{
	if (!work->old && meta_annotation(work->object, CLASS_ANNOTATION).at)
		kind_warn(work, "annotation \"" CLASS_ANNOTATION
				"\" is deprecated, please use 'spec.ingressClassName' instead");
}

static void on_create(const struct kind_work *work)
{
	json_put(work->doc, work->object, "status", json_new_object(work->doc));
	json_sub_object(work->doc, json_get(work->object, "status"), "loadBalancer");
}

/* --- cells --- */

static void print_class(const struct json *object, struct buf *out)
{
	struct str class = json_str(json_path(object, "spec", "ingressClassName", NULL));

	buf_add_str(out, class.at ? class : STR("<none>"));
}

static void print_hosts(const struct json *object, struct buf *out)
{
	const struct json *rules = json_path(object, "spec", "rules", NULL);
	size_t shown = 0, at_full = 0;

	for (struct json_iter it = json_iter(rules); json_next(&it);) {
		struct str host = json_str(json_get(it.value, "host"));

		if (shown == HOSTS_SHOWN)
			at_full++;
		else if (host.len > 0)
			buf_add_print(out, "%s" STR_FMT, shown++ ? "," : "", STR_ARG(host));
	}
	if (shown == 0)
		buf_add_byte(out, '*');
	else if (at_full > 0)
		buf_add_print(out, " + %zu more...", json_count(rules) - HOSTS_SHOWN);
}

static int compare(const void *a, const void *b)
{
	return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* Addresses in order, each once. */
static void print_address(const struct json *object, struct buf *out)
{
	const struct json *list = json_path(object, "status", "loadBalancer", "ingress", NULL);
	struct str *all = memory_zero((json_count(list) + 1) * sizeof(*all));
	size_t count = 0;

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct str ip = json_str(json_get(it.value, "ip"));

		all[count] = ip.len > 0 ? ip : json_str(json_get(it.value, "hostname"));
		count += all[count].len > 0;
	}
	qsort(all, count, sizeof(*all), compare);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || !str_equal(all[i], all[i - 1]))
			buf_add_print(out, "%s" STR_FMT, i ? "," : "", STR_ARG(all[i]));
	free(all);
}

static void print_ports(const struct json *object, struct buf *out)
{
	buf_add_text(out, json_count(json_path(object, "spec", "tls", NULL)) ? "80, 443" : "80");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Class", .print = print_class },
	{ .name = "Hosts", .print = print_hosts },
	{ .name = "Address", .print = print_address },
	{ .name = "Ports", .print = print_ports },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

static const char *const short_names[] = { "ing", NULL };

const struct kind kind_ingress = {
	.group = "networking.k8s.io",
	.version = "v1",
	.name = "Ingress",
	.plural = "ingresses",
	.short_names = short_names,
	.type_name = "io.k8s.api.networking.v1.Ingress",
	.namespaced = true,
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.on_create = on_create,
	.validate = validate,
	.warn = warn,
	.subresources = subresources_status,
	.columns = columns,
};
