/*
 * openapi_paths.c - operations: what can be done at which path, from the kinds' rows.
 */
#include "api/openapi_paths.h"

#include <assert.h>
#include <ctype.h>

/* One operation in words. */
struct act {
	const char *method; /* "get" */
	const char *action; /* x-kubernetes-action */
	const char *verb;   /* first word of the operation's id */
	unsigned use;
	const struct type *body, *answer;   /* answer NULL: a text */
	const char *group, *version, *kind; /* of what is acted on */
};

/* Where the operations of a path belong. */
struct place {
	struct openapi *api;
	const struct discovery_group *group;
	const struct kind *kind;
	const char *plural, *name; /* "pods", "Pod" */
	bool namespaced;
};

/* "rbacAuthorization" of "rbac.authorization.k8s.io"; "core" of "" */
static void print_group(const char *group, bool upper, struct buf *out)
{
	const char *end = strstr(group, ".k8s.io");
	size_t len = end ? (size_t)(end - group) : strlen(group);

	if (len == 0) {
		group = "core";
		len = 4;
	}
	for (size_t i = 0; i < len; i++) {
		if (group[i] == '.') {
			upper = true;
			continue;
		}
		buf_add_byte(out, upper ? (char)toupper(group[i]) : group[i]);
		upper = false;
	}
}

static const char *const media[] = { "application/json", "application/yaml",
				     "application/vnd.kubernetes.protobuf" };
static const char *const streamed[] = { "application/json;stream=watch",
					"application/vnd.kubernetes.protobuf;stream=watch" };
static const char *const patches[] = { "application/json-patch+json",
				       "application/merge-patch+json",
				       "application/strategic-merge-patch+json",
				       "application/apply-patch+yaml" };

static struct json *schema_of(struct openapi *api, const struct type *type)
{
	struct json *text;

	if (type)
		return openapi_ref(api, type);
	text = json_new_object(api->doc);
	openapi_put(api, text, "type", "string");
	return text;
}

static void put_content(struct openapi *api, struct json *to, const struct type *type,
			const char *const *types, size_t count)
{
	struct json *content = json_sub_object(api->doc, to, "content");

	for (size_t i = 0; i < count; i++)
		json_put(api->doc, json_sub_object(api->doc, content, types[i]), "schema",
			 schema_of(api, type));
}

static void put_types(struct openapi *api, struct json *operation, const char *key,
		      const char *const *types, size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_append(json_sub_array(api->doc, operation, key),
			    json_new_text(api->doc, types[i]));
}

/* --- answers and bodies --- */

static void put_response(struct place *place, struct json *responses, const char *code,
			 const char *words, const struct act *act)
{
	static const char *const text[] = { "text/plain" }, *const any[] = { "*/*" };
	struct openapi *api = place->api;
	struct json *response = json_sub_object(api->doc, responses, code);

	openapi_put(api, response, "description", words);
	if (!act)
		return;
	if (!api->v3) {
		json_put(api->doc, response, "schema", schema_of(api, act->answer));
	} else if (act->use == OPENAPI_LOG) {
		put_content(api, response, NULL, text, 1);
	} else if (!act->answer) {
		put_content(api, response, NULL, any, 1);
	} else {
		put_content(api, response, act->answer, media, ARRAY_LENGTH(media));
		if (act->use & (OPENAPI_LIST | OPENAPI_WATCH))
			put_content(api, response, act->answer, streamed, ARRAY_LENGTH(streamed));
	}
}

static void put_responses(struct place *place, struct json *operation, const struct act *act)
{
	struct json *responses = json_sub_object(place->api->doc, operation, "responses");

	put_response(place, responses, "200", "OK", act);
	if (act->use & (OPENAPI_CREATE | OPENAPI_UPDATE | OPENAPI_PATCH))
		put_response(place, responses, "201", "Created", act);
	if (act->use & (OPENAPI_CREATE | OPENAPI_DELETE))
		put_response(place, responses, "202", "Accepted", act);
	put_response(place, responses, "401", "Unauthorized", NULL);
}

static void put_produces(struct place *place, struct json *operation, const struct act *act)
{
	static const char *const any[] = { "*/*" };
	struct openapi *api = place->api;

	if (act->use & OPENAPI_PATCH)
		put_types(api, operation, "consumes", patches, ARRAY_LENGTH(patches));
	else
		put_types(api, operation, "consumes", any, 1);
	if (act->use & OPENAPI_LOG)
		put_types(api, operation, "produces", (const char *const[]){ "text/plain" }, 1);
	if (!act->answer && !(act->use & OPENAPI_LOG))
		put_types(api, operation, "produces", any, 1);
	if (act->answer || (act->use & OPENAPI_LOG))
		put_types(api, operation, "produces", media, ARRAY_LENGTH(media));
	if (act->use & (OPENAPI_LIST | OPENAPI_WATCH))
		put_types(api, operation, "produces", streamed, ARRAY_LENGTH(streamed));
	put_types(api, operation, "schemes", (const char *const[]){ "https" }, 1);
}

static void put_body(struct place *place, struct json *operation, const struct act *act)
{
	static const char *const any[] = { "*/*" };
	struct openapi *api = place->api;
	bool required = !(act->use & (OPENAPI_DELETE | OPENAPI_DELETE_MANY));
	struct json *body = json_new_object(api->doc);

	if (required)
		json_put(api->doc, body, "required", json_new_bool(api->doc, true));
	if (api->v3) {
		if (act->use & OPENAPI_PATCH)
			put_content(api, body, act->body, patches, ARRAY_LENGTH(patches));
		else
			put_content(api, body, act->body, any, 1);
		json_put(api->doc, operation, "requestBody", body);
		return;
	}
	openapi_put(api, body, "in", "body");
	openapi_put(api, body, "name", "body");
	json_put(api->doc, body, "schema", schema_of(api, act->body));
	json_append(json_sub_array(api->doc, operation, "parameters"), body);
}

/* "listCoreV1NamespacedPod": `part` is what comes behind the kind's name. */
static void put_words(struct place *place, struct json *operation, const struct act *act,
		      const char *part)
{
	struct openapi *api = place->api;
	auto_buf id = BUF_INIT;
	auto_buf tag = BUF_INIT;
	bool everywhere = strstr(part, "ForAllNamespaces") != NULL;

	buf_add_text(&id, act->verb);
	print_group(place->group->group, true, &id);
	buf_add_print(&id, "%c%s", toupper(place->group->version[0]), place->group->version + 1);
	if (strcmp(act->action, "connect") == 0)
		buf_add_print(&id, "%c%s", toupper(act->method[0]), act->method + 1);
	if (act->use & OPENAPI_DELETE_MANY)
		buf_add_text(&id, "Collection");
	buf_add_print(&id, "%s%s%s", place->namespaced && !everywhere ? "Namespaced" : "",
		      place->name, part);
	print_group(place->group->group, false, &tag);
	buf_add_print(&tag, "_%s", place->group->version);
	json_put(api->doc, operation, "description",
		 json_new_print(api->doc, "%s %s%s%s", act->action, place->plural,
				part[0] ? ": " : "", part));
	openapi_put(api, operation, "operationId", buf_text(&id));
	put_types(api, operation, "tags", (const char *const[]){ buf_text(&tag) }, 1);
	openapi_put(api, operation, "x-kubernetes-action", act->action);
	json_put(api->doc, operation, "x-kubernetes-group-version-kind",
		 openapi_gvk(api, act->group, act->version, act->kind));
}

static void add_act(struct place *place, struct json *item, const struct act *act, const char *part)
{
	struct json *operation = json_new_object(place->api->doc);

	put_words(place, operation, act, part);
	openapi_add_parameters(place->api, operation, act->use);
	if (act->body)
		put_body(place, operation, act);
	if (!place->api->v3)
		put_produces(place, operation, act);
	put_responses(place, operation, act);
	json_put(place->api->doc, item, act->method, operation);
}

/* --- paths --- */

/* A new path with what all its operations share. */
static struct json *add_item(struct place *place, struct json *paths, const char *watch,
			     const char *below, bool one)
{
	struct openapi *api = place->api;
	struct json *item = json_new_object(api->doc), *list;
	auto_buf path = BUF_INIT;
	bool within = place->namespaced && strcmp(below, "*") != 0;

	buf_add_print(&path, "/%s%s/%s%s", place->group->group[0] ? "apis/" : "api",
		      place->group->group, place->group->version, watch);
	buf_add_print(&path, "%s/%s%s%s", within ? "/namespaces/{namespace}" : "", place->plural,
		      one ? "/{name}" : "", within || !place->namespaced ? below : "");
	json_add_str(api->doc, paths, buf_str(&path), item);
	list = json_sub_array(api->doc, item, "parameters");
	if (one)
		openapi_add_parameter(api, list, "path", "name", "string", "Name of the object.");
	if (within)
		openapi_add_parameter(api, list, "path", "namespace", "string",
				      "Namespace of the object.");
	if (strstr(below, "{path}"))
		openapi_add_parameter(api, list, "path", "path", "string",
				      "Path behind the proxy.");
	openapi_add_parameter(api, list, "query", "pretty", "string",
			      "true: with line ends and blanks.");
	return item;
}

static struct act act_of(const struct place *place, const char *method, const char *action,
			 const char *verb, unsigned use)
{
	return (struct act){ .method = method,
			     .action = action,
			     .verb = verb,
			     .use = use,
			     .group = place->group->group,
			     .version = place->group->version,
			     .kind = place->name };
}

static const struct type *meta_type(const char *name)
{
	auto_free char *full = memory_print("%s%s", META, name);

	return type_find(str_of(full));
}

static const struct type *list_type_of(const struct kind *kind)
{
	auto_free char *full = memory_print("%sList", kind->type_name);

	return type_find(str_of(full));
}

static void add_watches(struct place *place, struct json *paths)
{
	struct act act = act_of(place, "get", "watchlist", "watch", OPENAPI_WATCH);

	act.answer = meta_type("WatchEvent");
	if (!(place->kind->verbs & VERB_WATCH))
		return;
	if (place->namespaced)
		add_act(place, add_item(place, paths, "/watch", "*", false), &act,
			"ListForAllNamespaces");
	add_act(place, add_item(place, paths, "/watch", "", false), &act, "List");
	act.action = "watch";
	add_act(place, add_item(place, paths, "/watch", "", true), &act, "");
}

static void add_collection(struct place *place, struct json *paths, const struct type *type)
{
	const struct kind *kind = place->kind;
	struct act list = act_of(place, "get", "list", "list", OPENAPI_LIST),
		   post = act_of(place, "post", "post", "create", OPENAPI_CREATE),
		   clear = act_of(place, "delete", "deletecollection", "delete",
				  OPENAPI_DELETE_MANY);
	struct json *item = add_item(place, paths, "", "", false);

	list.answer = list_type_of(kind);
	post.answer = post.body = type;
	clear.answer = meta_type("Status");
	clear.body = meta_type("DeleteOptions");
	if (kind->verbs & VERB_LIST)
		add_act(place, item, &list, "");
	if (kind->verbs & VERB_CREATE)
		add_act(place, item, &post, "");
	if (kind->verbs & VERB_DELETE_COLLECTION)
		add_act(place, item, &clear, "");
	if (place->namespaced && (kind->verbs & VERB_LIST))
		add_act(place, add_item(place, paths, "", "*", false), &list, "ForAllNamespaces");
}

static void add_object(struct place *place, struct json *paths, const struct type *type)
{
	const struct kind *kind = place->kind;
	struct act get = act_of(place, "get", "get", "read", OPENAPI_GET),
		   put = act_of(place, "put", "put", "replace", OPENAPI_UPDATE),
		   patch = act_of(place, "patch", "patch", "patch", OPENAPI_PATCH),
		   drop = act_of(place, "delete", "delete", "delete", OPENAPI_DELETE);
	struct json *item;

	if (!(kind->verbs & (VERB_GET | VERB_UPDATE | VERB_PATCH | VERB_DELETE)))
		return;
	item = add_item(place, paths, "", "", true);
	get.answer = put.answer = put.body = patch.answer = type;
	patch.body = openapi_patch_type();
	drop.answer = kind->returns_object ? type : meta_type("Status");
	drop.body = meta_type("DeleteOptions");
	if (kind->verbs & VERB_GET)
		add_act(place, item, &get, "");
	if (kind->verbs & VERB_UPDATE)
		add_act(place, item, &put, "");
	if (kind->verbs & VERB_PATCH)
		add_act(place, item, &patch, "");
	if (kind->verbs & VERB_DELETE)
		add_act(place, item, &drop, "");
}

/* --- subresources --- */

static const struct {
	const char *name;
	unsigned use;
	bool connect;
} streams[] = {
	{ "log", OPENAPI_LOG, false },      { "exec", OPENAPI_EXEC, true },
	{ "attach", OPENAPI_ATTACH, true }, { "portforward", OPENAPI_FORWARD, true },
	{ "proxy", OPENAPI_PROXY, true },
};

/* Operations by verb: those of an object; `connect` says that all are one action. */
static void add_sub_acts(struct place *place, struct json *item, const struct subresource *sub,
			 const char *part, size_t stream)
{
	static const struct {
		unsigned verb;
		const char *method, *action, *word;
		unsigned use;
	} rows[] = {
		{ VERB_GET, "get", "get", "read", OPENAPI_GET },
		{ VERB_CREATE, "post", "post", "create", OPENAPI_CREATE },
		{ VERB_UPDATE, "put", "put", "replace", OPENAPI_UPDATE },
		{ VERB_PATCH, "patch", "patch", "patch", OPENAPI_PATCH },
		{ VERB_DELETE, "delete", "delete", "delete", OPENAPI_DELETE },
	};
	bool is_stream = stream < ARRAY_LENGTH(streams);

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		bool connect = is_stream && streams[stream].connect;
		struct act act = act_of(place, rows[i].method, connect ? "connect" : rows[i].action,
					connect ? "connect" : rows[i].word,
					is_stream ? streams[stream].use : rows[i].use);

		if (!(sub->verbs & rows[i].verb))
			continue;
		if (sub->kind)
			act.kind = sub->kind;
		if (sub->kind && sub->group)
			act.group = sub->group;
		if (sub->kind && sub->version)
			act.version = sub->version;
		if (!is_stream)
			act.answer = openapi_type_of(act.group, act.version, act.kind);
		if (!is_stream && rows[i].use == OPENAPI_PATCH)
			act.body = openapi_patch_type();
		else if (!is_stream && rows[i].use != OPENAPI_GET)
			act.body = act.answer;
		add_act(place, item, &act, part);
	}
}

static void add_subresource(struct place *place, struct json *paths, const struct subresource *sub)
{
	auto_free char *below = memory_print("/%s", sub->name);
	auto_free char *deeper = memory_print("/%s/{path}", sub->name);
	auto_free char *part = memory_print("%c%s", toupper(sub->name[0]), sub->name + 1);
	auto_free char *rest = memory_print("%sWithPath", part);
	size_t stream = 0;

	while (stream < ARRAY_LENGTH(streams) && strcmp(streams[stream].name, sub->name) != 0)
		stream++;
	add_sub_acts(place, add_item(place, paths, "", below, true), sub, part, stream);
	if (strcmp(sub->name, "proxy") == 0)
		add_sub_acts(place, add_item(place, paths, "", deeper, true), sub, rest, stream);
}

/* --- group-versions --- */

const struct type *openapi_type_of(const char *group, const char *version, const char *kind)
{
	size_t label = strcspn(group, ".");
	auto_free char *full = memory_print("io.k8s.api.%.*s.%s.%s", label ? (int)label : 4,
					    label ? group : "core", version, kind);

	for (const struct kind *const *at = kind_list; *at; at++)
		if (strcmp((*at)->group, group) == 0 && strcmp((*at)->version, version) == 0 &&
		    strcmp((*at)->name, kind) == 0)
			return kind_type(*at);
	return type_find(str_of(full));
}

static void add_posted(struct openapi *api, const struct discovery_group *group, struct json *paths)
{
	const struct discovery_posted *posted = group->posted;

	for (; posted && posted->plural; posted++) {
		struct place place = { .api = api,
				       .group = group,
				       .plural = posted->plural,
				       .name = posted->kind,
				       .namespaced = posted->namespaced };
		struct act act = act_of(&place, "post", "post", "create", OPENAPI_CREATE);

		act.body = act.answer = openapi_type_of(group->group, group->version, posted->kind);
		add_act(&place, add_item(&place, paths, "", "", false), &act, "");
	}
}

void openapi_add_paths(struct openapi *api, const struct discovery_group *group, struct json *paths)
{
	for (const struct kind *const *at = kind_list; *at; at++) {
		const struct kind *kind = *at;
		const struct type *type = kind_type(kind);
		struct place place = { .api = api,
				       .group = group,
				       .kind = kind,
				       .plural = kind->plural,
				       .name = kind->name,
				       .namespaced = kind->namespaced };

		if (strcmp(kind->group, group->group) != 0 ||
		    strcmp(kind->version, group->version) != 0)
			continue;
		assert(type);
		openapi_ref(api, type); /* even if no operation shows it */
		add_collection(&place, paths, type);
		add_object(&place, paths, type);
		for (const struct subresource *sub = kind->subresources; sub && sub->name; sub++)
			add_subresource(&place, paths, sub);
		add_watches(&place, paths);
	}
	add_posted(api, group, paths);
}

void openapi_add_discovery(struct openapi *api, struct json *paths, const char *path,
			   const char *tag, const char *answer)
{
	struct json *item = json_new_object(api->doc), *get, *response;

	get = json_sub_object(api->doc, item, "get");
	openapi_put(api, get, "description", "what there is");
	put_types(api, get, "tags", (const char *const[]){ tag }, 1);
	if (!api->v3)
		put_types(api, get, "produces", media, ARRAY_LENGTH(media));
	response = json_sub_object(api->doc, json_sub_object(api->doc, get, "responses"), "200");
	openapi_put(api, response, "description", "OK");
	if (api->v3)
		put_content(api, response, meta_type(answer), media, ARRAY_LENGTH(media));
	else
		json_put(api->doc, response, "schema", schema_of(api, meta_type(answer)));
	json_add_str(api->doc, paths, str_of(path), item);
}
