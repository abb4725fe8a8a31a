/*
 * kind_ingressclass.c - IngressClass: who serves ingresses.
 */
#include "api/validate_net.h"

#define CONTROLLER_MAX 250

static void fill(const struct kind_work *work)
{
	struct json *parameters = json_path(work->object, "spec", "parameters", NULL);

	if (parameters && !json_get(parameters, "scope"))
		json_put(work->doc, parameters, "scope", json_new_text(work->doc, "Cluster"));
}

static void check_scope(const struct kind_work *work, const struct json *parameters)
{
	static const char *const scopes[] = { "Cluster", "Namespace", NULL };
	const struct json *scope = json_get(parameters, "scope"),
			  *namespace = json_get(parameters, "namespace");
	const char *path = "spec.parameters.namespace";

	if (!words_have(scopes, json_str(scope)))
		words_not_supported(work, "spec.parameters.scope", scope, scopes);
	else if (str_is(json_str(scope), "Cluster") && namespace)
		words_forbidden(work, path, "`parameters.scope` is set to 'Cluster'");
	else if (str_is(json_str(scope), "Namespace") && !namespace)
		validate_required(work, path, "`parameters.scope` is set to 'Namespace'");
	else if (namespace)
		values_name(work, path, namespace, name_label);
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec"),
			  *controller = json_get(spec, "controller"),
			  *parameters = json_get(spec, "parameters");

	if (work->old)
		validate_immutable(work, "spec.controller", controller,
				   json_path(work->old, "spec", "controller", NULL));
	if (values_required(work, "spec.controller", controller)) {
		if (json_str(controller).len > CONTROLLER_MAX)
			words_too_long(work, "spec.controller", CONTROLLER_MAX);
		net_check_domain_path(work, json_str(controller), "spec.controller");
	}
	if (!parameters)
		return;
	net_check_reference(work, parameters, "spec.parameters");
	check_scope(work, parameters);
}

/* "IngressParameters.example.com/external" */
static void print_parameters(const struct json *object, struct buf *out)
{
	const struct json *parameters = json_path(object, "spec", "parameters", NULL);
	struct str group = json_str(json_get(parameters, "apiGroup"));

	if (!parameters) {
		buf_add_text(out, "<none>");
		return;
	}
	buf_add_str(out, json_str(json_get(parameters, "kind")));
	if (group.at)
		buf_add_print(out, "." STR_FMT, STR_ARG(group));
	buf_add_print(out, "/" STR_FMT, STR_ARG(json_str(json_get(parameters, "name"))));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Controller", .path = ".spec.controller" },
	{ .name = "Parameters", .print = print_parameters },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

const struct kind kind_ingressclass = {
	.group = "networking.k8s.io",
	.version = "v1",
	.name = "IngressClass",
	.plural = "ingressclasses",
	.type_name = "io.k8s.api.networking.v1.IngressClass",
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.validate = validate,
	.columns = columns,
};
