/*
 * remote_api.c - an APIService is found by its name, which is that of its version and group.
 */
#include "server/aggregate/remote_api.h"

#include "api/discovery.h"
#include "server/registry/registry.h"
#include "server/server.h"

const struct json *remote_api_service(const struct json *spec)
{
	const struct json *service = json_get(spec, "service");
	struct str group = json_str(json_get(spec, "group"));

	if (group.len == 0 || discovery_serves(group, json_str(json_get(spec, "version"))))
		return NULL;
	return json_type(service) == JSON_OBJECT ? service : NULL;
}

const struct object *remote_api_find(struct server *server, struct str group, struct str version)
{
	auto_free char *name = NULL;
	const struct object *object;

	if (group.len == 0 || version.len == 0 || discovery_serves(group, version))
		return NULL;
	name = memory_print(STR_FMT "." STR_FMT, STR_ARG(version), STR_ARG(group));
	object = registry_find(server_registry(server),
			       kind_find_name(STR("apiregistration.k8s.io/v1"), STR("APIService")),
			       STR_NONE, str_of(name));
	return object && remote_api_service(json_get(object_json(object), "spec")) ? object : NULL;
}
