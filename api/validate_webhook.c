/*
 * validate_webhook.c - webhooks and what they share with admission policies.
 */
#include "api/validate_webhook.h"

#include "api/kinds/cells.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "base/map.h"

#define CONDITIONS_MAX 64

const char *const webhook_categories[] = { "api-extensions", NULL };

static void fill_selectors(const struct kind_work *work, struct json *object)
{
	static const char *const selectors[] = { "namespaceSelector", "objectSelector" };

	for (size_t i = 0; i < ARRAY_LENGTH(selectors); i++)
		if (!json_get(object, selectors[i]))
			json_put(work->doc, object, selectors[i], json_new_object(work->doc));
}

void webhook_fill(const struct kind_work *work)
{
	for (struct json_iter it = json_iter(json_get(work->object, "webhooks")); json_next(&it);)
		fill_selectors(work, it.value);
}

void webhook_fill_match(const struct kind_work *work, struct json *match)
{
	if (match)
		fill_selectors(work, match);
}

void webhook_warn(const struct kind_work *work)
{
	if (json_count(json_get(work->object, "webhooks")) > 0)
		kind_warn(work, "admission webhooks are kept, but not called by this server yet");
}

void webhook_print_count(const struct json *object, struct buf *out)
{
	cells_count(json_count(json_get(object, "webhooks")), out);
}

/* --- clients --- */

struct url {
	struct str scheme, user, host, query, fragment;
};

static struct url split_url(struct str text)
{
	struct url url = { .scheme = STR(""), .user = STR_NONE, .host = STR("") };
	struct str rest = text;
	ptrdiff_t at = str_search(rest, STR("://"));

	if (at > 0) {
		url.scheme = str_from(rest.at, (size_t)at);
		rest = str_from(rest.at + at + 3, rest.len - (size_t)at - 3);
	}
	url.fragment = rest;
	rest = str_cut(&url.fragment, '#');
	url.query = rest;
	rest = str_cut(&url.query, '?');
	if (at > 0)
		url.host = str_cut(&rest, '/');
	if (str_find(url.host, '@') >= 0)
		url.user = str_cut(&url.host, '@');
	return url;
}

#define FORM "; desired format: https://host[/path]"

static void check_url(const struct kind_work *work, struct str text, const char *path)
{
	struct url url = split_url(text);

	if (!str_is(url.scheme, "https"))
		values_invalid_text(work, path, url.scheme,
				    "'https' is the only allowed URL scheme" FORM);
	if (url.host.len == 0)
		values_invalid_text(work, path, STR(""), "host must be specified" FORM);
	if (url.user.at)
		values_invalid_text(work, path, url.user,
				    "user information is not permitted in the URL");
	if (url.fragment.len > 0)
		values_invalid_text(work, path, url.fragment,
				    "fragments are not permitted in the URL");
	if (url.query.len > 0)
		values_invalid_text(work, path, url.query,
				    "query parameters are not permitted in the URL");
}

static void check_service_path(const struct kind_work *work, struct str text, const char *path)
{
	struct str rest = text;

	if (text.len == 0 || str_is(text, "/"))
		return;
	if (!str_starts(text, STR("/")))
		values_invalid_text(work, path, text, "must start with a '/'");
	rest = str_from(rest.at + 1, rest.len - 1);
	if (rest.len > 1 && str_ends(rest, STR("/")))
		rest.len--;
	for (size_t i = 0; i == 0 || rest.at; i++) {
		bool last = str_find(rest, '/') < 0;
		struct str step = str_cut(&rest, '/');
		const char *why = name_check(NAME_SUBDOMAIN, step);

		if (step.len == 0)
			why = field_path(work->errors, "segment[%zu] may not be empty", i);
		else if (why)
			why = field_path(work->errors, "segment[%zu]: %s", i, why);
		if (why)
			values_invalid_text(work, path, text, why);
		if (last)
			break;
	}
}

static void check_service(const struct kind_work *work, const struct json *service,
			  const char *path)
{
	const struct json *port = json_get(service, "port");

	if (json_str(json_get(service, "name")).len == 0)
		validate_required(work, field_path(work->errors, "%s.name", path),
				  "service name is required");
	if (json_str(json_get(service, "namespace")).len == 0)
		validate_required(work, field_path(work->errors, "%s.namespace", path),
				  "service namespace is required");
	if (json_int(port) < 1 || json_int(port) > 65535)
		validate_invalid(work, field_path(work->errors, "%s.port", path), port,
				 "port is not valid: must be between 1 and 65535, inclusive");
	if (json_get(service, "path"))
		check_service_path(work, json_str(json_get(service, "path")),
				   field_path(work->errors, "%s.path", path));
}

void webhook_check_client(const struct kind_work *work, const struct json *client, const char *path)
{
	const struct json *url = json_get(client, "url"), *service = json_get(client, "service");

	if (!url == !service)
		validate_required(work, path, "exactly one of url or service is required");
	else if (url)
		check_url(work, json_str(url), field_path(work->errors, "%s.url", path));
	else
		check_service(work, service, field_path(work->errors, "%s.service", path));
}

void webhook_check_versions(const struct kind_work *work, const struct json *versions,
			    const char *path, const char *missing)
{
	auto_map seen = map_new();
	bool known = false;

	if (json_count(versions) == 0) {
		validate_required(work, path, missing);
		return;
	}
	for (struct json_iter it = json_iter(versions); json_next(&it);) {
		const char *at = field_path(work->errors, "%s[%zu]", path, it.index);

		if (map_put(seen, json_str(it.value), it.value)) {
			validate_invalid(work, at, it.value, "duplicate version");
			continue;
		}
		values_name(work, at, it.value, name_label_1035);
		known = known || str_is(json_str(it.value), "v1") ||
			str_is(json_str(it.value), "v1beta1");
	}
	if (!known)
		words_invalid_list(work, path, versions,
				   "must include at least one of v1, v1beta1");
}

/* --- rules --- */

static void check_star(const struct kind_work *work, const struct json *list, const char *path,
		       const char *words)
{
	if (json_count(list) == 0)
		validate_required(work, path, "");
	else if (json_count(list) > 1 && words_list_has(list, "*"))
		words_invalid_list(work, path, list, words);
}

struct resources {
	struct map *all_subs,
		*all_resources; /* "x" of an earlier x slash star; "y" of star slash y */
	bool both, star, plain;
};

static void check_resource(const struct kind_work *work, struct resources *resources,
			   struct str text, const char *path)
{
	struct str sub = text, resource = str_cut(&sub, '/');

	resources->both = resources->both || str_is(text, "*/*");
	resources->star = resources->star || str_is(text, "*");
	if (str_find(text, '/') < 0) {
		resources->plain = !str_is(text, "*");
		return;
	}
	if (map_find(resources->all_subs, resource))
		values_invalid_text(work, path, text,
				    field_path(work->errors,
					       "if '" STR_FMT
					       "/*' is present, must not specify " STR_FMT,
					       STR_ARG(resource), STR_ARG(text)));
	if (map_find(resources->all_resources, sub))
		values_invalid_text(work, path, text,
				    field_path(work->errors,
					       "if '*/" STR_FMT
					       "' is present, must not specify " STR_FMT,
					       STR_ARG(sub), STR_ARG(text)));
	if (str_is(sub, "*"))
		map_put(resources->all_subs, resource, resources);
	if (str_is(resource, "*"))
		map_put(resources->all_resources, sub, resources);
}

static void check_resources(const struct kind_work *work, const struct json *list, const char *path)
{
	struct resources resources = { .all_subs = map_new(), .all_resources = map_new() };

	if (json_count(list) == 0)
		validate_required(work, path, "");
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		const char *at = field_path(work->errors, "%s[%zu]", path, it.index);

		if (json_str(it.value).len == 0)
			validate_required(work, at, "");
		else
			check_resource(work, &resources, json_str(it.value), at);
	}
	if (json_count(list) > 1 && resources.both)
		words_invalid_list(work, path, list,
				   "if '*/*' is present, must not specify other resources");
	if (resources.star && resources.plain)
		words_invalid_list(work, path, list,
				   "if '*' is present, must not specify other resources without "
				   "subresources");
	map_free(resources.all_subs);
	map_free(resources.all_resources);
}

static void check_names(const struct kind_work *work, const struct json *names, const char *path)
{
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(names); json_next(&it);) {
		const char *at = field_path(work->errors, "%s[%zu]", path, it.index);

		values_name(work, at, it.value, name_segment);
		if (map_put(seen, json_str(it.value), it.value))
			validate_duplicate(work, at, it.value);
	}
}

static void check_rule(const struct kind_work *work, const struct json *rule, const char *path)
{
	const struct json *versions = json_get(rule, "apiVersions");
	const char *at = field_path(work->errors, "%s.apiVersions", path);

	check_names(work, json_get(rule, "resourceNames"),
		    field_path(work->errors, "%s.resourceNames", path));
	check_star(work, json_get(rule, "operations"),
		   field_path(work->errors, "%s.operations", path),
		   "if '*' is present, must not specify other operations");
	check_star(work, json_get(rule, "apiGroups"),
		   field_path(work->errors, "%s.apiGroups", path),
		   "if '*' is present, must not specify other API groups");
	check_star(work, versions, at, "if '*' is present, must not specify other API versions");
	for (struct json_iter it = json_iter(versions); json_next(&it);)
		if (json_str(it.value).len == 0)
			validate_required(work, field_path(work->errors, "%s[%zu]", at, it.index),
					  "");
	check_resources(work, json_get(rule, "resources"),
			field_path(work->errors, "%s.resources", path));
}

void webhook_check_rules(const struct kind_work *work, const struct json *rules, const char *path)
{
	for (struct json_iter it = json_iter(rules); json_next(&it);)
		check_rule(work, it.value, field_path(work->errors, "%s[%zu]", path, it.index));
}

void webhook_check_match(const struct kind_work *work, const struct json *match, const char *path)
{
	static const char *const selectors[] = { "namespaceSelector", "objectSelector" },
				 *const rules[] = { "resourceRules", "excludeResourceRules" };

	for (size_t i = 0; i < ARRAY_LENGTH(selectors); i++)
		validate_label_selector(work, json_get(match, selectors[i]),
					field_path(work->errors, "%s.%s", path, selectors[i]));
	for (size_t i = 0; i < ARRAY_LENGTH(rules); i++)
		webhook_check_rules(work, json_get(match, rules[i]),
				    field_path(work->errors, "%s.%s", path, rules[i]));
}

bool webhook_is_blank(const struct json *text)
{
	struct str rest = json_str(text);

	for (size_t i = 0; i < rest.len; i++)
		if (!strchr(" \t\r\n\v\f", rest.at[i]) || rest.at[i] == '\0')
			return false;
	return true;
}

void webhook_check_conditions(const struct kind_work *work, const struct json *list,
			      const char *path)
{
	auto_map names = map_new();

	if (json_count(list) > CONDITIONS_MAX)
		field_errors_add(work->errors, FIELD_TOO_MANY, path,
				 field_path(work->errors, "%zu", json_count(list)),
				 "must have at most 64 items");
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		const struct json *name = json_get(it.value, "name");
		const char *at = field_path(work->errors, "%s[%zu]", path, it.index);

		if (webhook_is_blank(json_get(it.value, "expression")))
			validate_required(work, field_path(work->errors, "%s.expression", at), "");
		at = field_path(work->errors, "%s.name", at);
		values_required_name(work, at, name, name_qualified);
		if (json_str(name).len > 0 && map_put(names, json_str(name), it.value))
			validate_duplicate(work, at, name);
	}
}

/* --- webhooks --- */

static void check_name(const struct kind_work *work, const struct json *name, const char *path)
{
	struct str text = json_str(name);
	size_t dots = 0;
	const char *why = name_check(NAME_SUBDOMAIN, text);

	if (!values_required(work, path, name))
		return;
	for (size_t i = 0; i < text.len; i++)
		dots += text.at[i] == '.';
	if (!why && dots < 2)
		why = "should be a domain with at least three segments separated by dots";
	words_name(work, path, name, why);
}

static void check_webhook(const struct kind_work *work, const struct json *hook, const char *path)
{
	static const char *const effects[] = { "None", "NoneOnDryRun", NULL };
	const struct json *effect = json_get(hook, "sideEffects"),
			  *timeout = json_get(hook, "timeoutSeconds");
	const char *at = field_path(work->errors, "%s.sideEffects", path);

	check_name(work, json_get(hook, "name"), field_path(work->errors, "%s.name", path));
	webhook_check_rules(work, json_get(hook, "rules"),
			    field_path(work->errors, "%s.rules", path));
	if (!effect)
		validate_required(work, at, "must specify one of None, NoneOnDryRun");
	else
		words_check(work, at, effect, effects);
	if (timeout && (json_int(timeout) < 1 || json_int(timeout) > 30))
		validate_invalid(work, field_path(work->errors, "%s.timeoutSeconds", path), timeout,
				 "the timeout value must be between 1 and 30 seconds");
	validate_label_selector(work, json_get(hook, "namespaceSelector"),
				field_path(work->errors, "%s.namespaceSelector", path));
	validate_label_selector(work, json_get(hook, "objectSelector"),
				field_path(work->errors, "%s.objectSelector", path));
	webhook_check_client(work, json_get(hook, "clientConfig"),
			     field_path(work->errors, "%s.clientConfig", path));
	webhook_check_conditions(work, json_get(hook, "matchConditions"),
				 field_path(work->errors, "%s.matchConditions", path));
	webhook_check_versions(work, json_get(hook, "admissionReviewVersions"),
			       field_path(work->errors, "%s.admissionReviewVersions", path),
			       "must specify one of v1, v1beta1");
}

void webhook_validate(const struct kind_work *work)
{
	auto_map names = map_new();

	for (struct json_iter it = json_iter(json_get(work->object, "webhooks")); json_next(&it);) {
		const struct json *name = json_get(it.value, "name");
		const char *path = field_path(work->errors, "webhooks[%zu]", it.index);

		check_webhook(work, it.value, path);
		if (json_str(name).len > 0 && map_put(names, json_str(name), it.value))
			validate_duplicate(work, field_path(work->errors, "%s.name", path), name);
	}
}
