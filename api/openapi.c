/*
 * openapi.c - documents from the kinds and the field tables: the frame around paths and schemas.
 */
#include "api/openapi.h"

#include <assert.h>

#include "api/openapi_inside.h"
#include "base/version.h"

void openapi_put(struct openapi *api, struct json *to, const char *key, const char *text)
{
	json_put(api->doc, to, key, json_new_text(api->doc, text));
}

static void put_info(struct openapi *api, struct json *root)
{
	struct json *info = json_sub_object(api->doc, root, "info");

	openapi_put(api, info, "title", "Kubernetes");
	openapi_put(api, info, "version", VERSION_KUBERNETES);
}

/* All calls say who they are, by a certificate or a token. */
static void put_security(struct openapi *api, struct json *to)
{
	struct json *token = json_sub_object(api->doc, to, "BearerToken");

	openapi_put(api, token, "description", "Bearer Token authentication");
	openapi_put(api, token, "in", "header");
	openapi_put(api, token, "name", "authorization");
	openapi_put(api, token, "type", "apiKey");
}

static bool is_first_of_group(size_t i)
{
	return i == 0 || strcmp(discovery_group(i - 1)->group, discovery_group(i)->group) != 0;
}

/* What discovery answers above the resources; all = of every group, else only this path. */
static void add_discovery(struct openapi *api, struct json *paths, struct str wanted)
{
	bool all = wanted.at == NULL;

	if (all || str_is(wanted, "api"))
		openapi_add_discovery(api, paths, "/api/", "core", "APIVersions");
	if (all || str_is(wanted, "apis"))
		openapi_add_discovery(api, paths, "/apis/", "apis", "APIGroupList");
	for (size_t i = 0; discovery_group(i); i++) {
		const struct discovery_group *group = discovery_group(i);
		auto_free char *one = memory_print("/apis/%s/", group->group);
		auto_free char *many = memory_print("/%s%s/%s/", group->group[0] ? "apis/" : "api",
						    group->group, group->version);

		if (group->group[0] && is_first_of_group(i) &&
		    (all || str_equal(wanted, str_from(one + 1, strlen(one) - 2))))
			openapi_add_discovery(api, paths, one, group->group, "APIGroup");
		if (all || str_equal(wanted, str_from(many + 1, strlen(many) - 2)))
			openapi_add_discovery(api, paths, many, group->group, "APIResourceList");
	}
}

/* "api/v1" of a group-version. */
static char *path_of(const struct discovery_group *group)
{
	return memory_print("%s%s/%s", group->group[0] ? "apis/" : "api", group->group,
			    group->version);
}

bool openapi_path(size_t i, struct buf *out)
{
	size_t at = 0;

	if (i < 2) {
		buf_add_text(out, i == 0 ? "api" : "apis");
		return true;
	}
	for (size_t k = 0; discovery_group(k); k++) {
		const struct discovery_group *group = discovery_group(k);
		auto_free char *path = path_of(group);

		if (group->group[0] && is_first_of_group(k) && at++ == i - 2) {
			buf_add_print(out, "apis/%s", group->group);
			return true;
		}
		if (at++ == i - 2) {
			buf_add_text(out, path);
			return true;
		}
	}
	return false;
}

bool openapi_make_v3(struct json_doc *doc, struct str path)
{
	auto_map wanted = map_new();
	struct openapi api = { .doc = doc, .v3 = true, .wanted = wanted };
	struct json *root = json_new_object(doc), *paths, *parts;

	openapi_put(&api, root, "openapi", "3.0.0");
	put_info(&api, root);
	paths = json_sub_object(doc, root, "paths");
	add_discovery(&api, paths, path);
	if (json_count(paths) == 0)
		return false;
	for (size_t i = 0; discovery_group(i); i++) {
		auto_free char *of_group = path_of(discovery_group(i));

		if (str_is(path, of_group))
			openapi_add_paths(&api, discovery_group(i), paths);
	}
	json_sort_keys(paths);
	parts = json_sub_object(doc, root, "components");
	openapi_add_schemas(&api, json_sub_object(doc, parts, "schemas"));
	put_security(&api, json_sub_object(doc, parts, "securitySchemes"));
	json_set_root(doc, root);
	return true;
}

void openapi_make_v2(struct json_doc *doc)
{
	auto_map wanted = map_new();
	struct openapi api = { .doc = doc, .wanted = wanted };
	struct json *root = json_new_object(doc), *paths = json_new_object(doc), *security;

	openapi_put(&api, root, "swagger", "2.0");
	put_info(&api, root);
	add_discovery(&api, paths, STR_NONE);
	for (size_t i = 0; discovery_group(i); i++)
		openapi_add_paths(&api, discovery_group(i), paths);
	json_sort_keys(paths);
	assert(json_count(paths) > 1);
	json_put(doc, root, "paths", paths);
	openapi_add_schemas(&api, json_sub_object(doc, root, "definitions"));
	put_security(&api, json_sub_object(doc, root, "securityDefinitions"));
	security = json_new_object(doc);
	json_sub_array(doc, security, "BearerToken");
	json_append(json_sub_array(doc, root, "security"), security);
	json_set_root(doc, root);
}
