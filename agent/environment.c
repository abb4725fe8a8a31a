/*
 * environment.c - in this order, later wins: image, hostname, services, envFrom, env.
 */
#include "agent/environment.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/container_plan.h"

/* Values are made of others and stand in the plan once more: what fits into no plan is too much. */
#define TEXT_MAX ((size_t)2 * CONTAINER_PLAN_BYTES_MAX)

static size_t left(const struct environment *env)
{
	return *env->spent < TEXT_MAX ? TEXT_MAX - *env->spent : 0;
}

/* What is made is counted: a text of references to others may grow without end. */
static bool spend(const struct environment *env, size_t bytes)
{
	bool fits = bytes <= left(env);

	*env->spent = fits ? *env->spent + bytes : TEXT_MAX + 1;
	return fits;
}

/* What the image or the runtime says: $(NAME) does not see it, as with kubelets. */
static void put_below(struct environment *env, struct str name, struct str value)
{
	if (name.len > 0 && spend(env, name.len + value.len + sizeof(char *)))
		map_put(env->values, name, str_copy_arena(value, env->arena));
}

static void put(struct environment *env, struct str name, struct str value)
{
	put_below(env, name, value);
	if (map_find(env->values, name))
		map_put(env->known, name, map_find(env->values, name));
}

/* --- services: the words of docker links --- */

static void upper(struct str name, struct buf *out)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		buf_add_byte(out, c == '-' || c == '.' ? '_' : c);
	}
}

static void put_print(struct environment *env, const char *service, const char *suffix,
		      struct str value)
{
	auto_free char *name = memory_print("%s%s", service, suffix);

	put(env, str_of(name), value);
}

static void put_link(struct environment *env, const char *service, const struct json *port,
		     struct str address, bool first)
{
	struct str protocol = json_str(json_get(port, "protocol"));
	auto_buf lower = BUF_INIT, name = BUF_INIT;
	auto_free char *number = memory_print("%" PRId64, json_int(json_get(port, "port")));
	auto_free char *url = NULL, *host = str_copy(address), *prefix = NULL;

	for (size_t i = 0; i < protocol.len; i++)
		buf_add_byte(&lower, (char)(protocol.at[i] | 0x20));
	url = memory_print("%s://%s:%s", buf_text(&lower), host, number);
	prefix = memory_print("%s_PORT_%s_" STR_FMT, service, number, STR_ARG(protocol));
	upper(json_str(json_get(port, "name")), &name);
	if (first) {
		put_print(env, service, "_SERVICE_HOST", address);
		put_print(env, service, "_SERVICE_PORT", str_of(number));
		put_print(env, service, "_PORT", str_of(url));
	}
	if (name.len > 0) {
		auto_free char *suffix = memory_print("_SERVICE_PORT_%s", buf_text(&name));

		put_print(env, service, suffix, str_of(number));
	}
	put_print(env, prefix, "", str_of(url));
	put_print(env, prefix, "_PROTO", buf_str(&lower));
	put_print(env, prefix, "_PORT", str_of(number));
	put_print(env, prefix, "_ADDR", address);
}

static void put_service(struct environment *env, const struct json *service)
{
	struct str address = json_str(json_path(service, "spec", "clusterIP", NULL));
	auto_buf name = BUF_INIT;

	if (address.len == 0 || str_is(address, "None"))
		return;
	upper(meta_str(service, "name"), &name);
	for (struct json_iter it = json_iter(json_path(service, "spec", "ports", NULL));
	     json_next(&it);)
		put_link(env, buf_text(&name), it.value, address, it.index == 0);
}

/* What every pod may rely on, as the service default/kubernetes would say it. */
static void put_api(struct environment *env, const char *address)
{
	auto_json_doc doc = NULL;
	auto_free char *text = memory_print("{\"metadata\":{\"name\":\"kubernetes\"},\"spec\":{"
					    "\"clusterIP\":\"%s\",\"ports\":[{\"name\":\"https\","
					    "\"port\":443,\"protocol\":\"TCP\"}]}}",
					    address);
	struct error ignored;

	if (json_parse(str_of(text), &doc, NULL, &ignored))
		put_service(env, json_root(doc));
}

static void put_services(struct environment *env, const struct environment_work *work)
{
	const struct json *links = json_path(work->pod, "spec", "enableServiceLinks", NULL);
	bool all = json_type(links) != JSON_BOOL || json_bool(links);
	struct str namespace = meta_str(work->pod, "namespace");
	const struct object *object;

	if (work->api_address)
		put_api(env, work->api_address); /* the list below says the same, once it is here */
	if (!work->services)
		return;
	for (size_t i = 0; (object = cache_next(work->services, &i));) {
		bool api = str_is(object_namespace(object), "default") &&
			   str_is(object_name(object), "kubernetes");

		if (api || (all && str_equal(object_namespace(object), namespace)))
			put_service(env, object_json(object));
	}
}

/* --- envFrom and env --- */

static bool missing(bool secret, struct str name, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "%s \"" STR_FMT "\" not found",
			 secret ? "secret" : "configmap", STR_ARG(name));
}

static bool put_all(struct environment *env, const struct json *object, struct str prefix,
		    bool secret, struct error *err)
{
	for (struct json_iter it = json_iter(json_get(object, "data")); json_next(&it);) {
		auto_buf name = BUF_INIT, plain = BUF_INIT;

		buf_add_str(&name, prefix);
		buf_add_str(&name, it.key);
		if (!secret)
			put(env, buf_str(&name), json_str(it.value));
		else if (buf_add_base64_decoded(&plain, json_str(it.value)))
			put(env, buf_str(&name), buf_str(&plain));
		else
			return error_set(err, ERROR_INVALID,
					 "the secret's key " STR_FMT " is not base64",
					 STR_ARG(it.key));
	}
	return true;
}

static bool put_from(struct environment *env, const struct environment_work *work,
		     const struct json *from, struct error *err)
{
	static const char *const fields[] = { "configMapRef", "secretRef" };
	struct str prefix = json_str(json_get(from, "prefix"));

	for (int secret = 0; secret < 2; secret++) {
		const struct json *ref = json_get(from, fields[secret]), *object;
		struct str name = json_str(json_get(ref, "name"));

		if (!ref)
			continue;
		object = secret ? sources_secret(work->sources, name)
				: sources_config_map(work->sources, name);
		if (!object && !json_bool(json_get(ref, "optional")))
			return missing(secret, name, err);
		if (!put_all(env, object, prefix, secret, err))
			return false;
	}
	return true;
}

static bool take_key(const struct environment_work *work, const struct json *ref, bool secret,
		     struct buf *out, bool *out_found, struct error *err)
{
	struct str name = json_str(json_get(ref, "name")), key = json_str(json_get(ref, "key"));
	const struct json *object = secret ? sources_secret(work->sources, name)
					   : sources_config_map(work->sources, name);
	const struct json *value = json_get_str(json_get(object, "data"), key);

	*out_found = value != NULL;
	if (!value && json_bool(json_get(ref, "optional")))
		return true;
	if (!object)
		return missing(secret, name, err);
	if (!value)
		return error_set(err, ERROR_NOT_FOUND,
				 "couldn't find key " STR_FMT " in %s " STR_FMT "/" STR_FMT,
				 STR_ARG(key), secret ? "Secret" : "ConfigMap",
				 STR_ARG(meta_str(work->pod, "namespace")), STR_ARG(name));
	if (!secret)
		buf_add_str(out, json_str(value));
	else if (!buf_add_base64_decoded(out, json_str(value)))
		return error_set(err, ERROR_INVALID, "the secret's key " STR_FMT " is not base64",
				 STR_ARG(key));
	return true;
}

static bool take_value(const struct environment_work *work, const struct json *from,
		       struct buf *out, bool *out_found, struct error *err)
{
	const struct json *ref = json_get(from, "resourceFieldRef");
	const struct json *container = work->container;

	*out_found = true;
	if (json_get(from, "fieldRef"))
		return downward_field(work->pod, work->facts,
				      json_str(json_path(from, "fieldRef", "fieldPath", NULL)), out,
				      err);
	if (ref) {
		struct str other = json_str(json_get(ref, "containerName"));

		if (other.len > 0)
			container = downward_container(work->pod, other);
		if (!container)
			return error_set(err, ERROR_INVALID, "container " STR_FMT " not found",
					 STR_ARG(other));
		return downward_resource(container, work->facts, ref, out, err);
	}
	if (json_get(from, "secretKeyRef"))
		return take_key(work, json_get(from, "secretKeyRef"), true, out, out_found, err);
	return take_key(work, json_get(from, "configMapKeyRef"), false, out, out_found, err);
}

static bool put_env(struct environment *env, const struct environment_work *work,
		    const struct json *entry, struct error *err)
{
	struct str name = json_str(json_get(entry, "name"));
	const struct json *from = json_get(entry, "valueFrom");
	auto_buf text = BUF_INIT;
	bool found;

	if (!from) {
		put(env, name, str_of(environment_expand(env, json_str(json_get(entry, "value")))));
		return true;
	}
	if (!take_value(work, from, &text, &found, err))
		return false; /* in the words that users look for */
	if (found)
		put(env, name, buf_str(&text));
	return true;
}

bool environment_fits(const struct environment *env, struct error *err)
{
	return *env->spent <= TEXT_MAX ||
	       error_set(err, ERROR_TOO_LARGE,
			 "arguments and environment of the container are too large");
}

bool environment_build(const struct environment_work *work, struct arena *arena,
		       struct environment *out, struct error *err)
{
	*out = (struct environment){ .arena = arena,
				     .values = map_new(),
				     .known = map_new(),
				     .spent = arena_zero(arena, sizeof(size_t)) };
	for (struct json_iter it = json_iter(work->image_env); json_next(&it);) {
		struct str value = json_str(it.value), name = str_cut(&value, '=');

		put_below(out, name, value);
	}
	if (!map_find(out->values, STR("PATH")))
		put_below(out, STR("PATH"),
			  STR("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
	put_below(out, STR("HOSTNAME"), str_of(work->hostname));
	put_services(out, work);
	for (struct json_iter it = json_iter(json_get(work->container, "envFrom")); json_next(&it);)
		if (!put_from(out, work, it.value, err)) {
			environment_clear(out);
			return false;
		}
	for (struct json_iter it = json_iter(json_get(work->container, "env")); json_next(&it);)
		if (!put_env(out, work, it.value, err)) {
			environment_clear(out);
			return false;
		}
	if (environment_fits(out, err))
		return true;
	environment_clear(out);
	return false;
}

void environment_clear(struct environment *env)
{
	map_free(env->values);
	map_free(env->known);
	env->values = env->known = NULL;
}

const char *const *environment_list(const struct environment *env)
{
	const char **list =
		arena_get(env->arena, (map_count(env->values) + 1) * sizeof(const char *));
	struct str name;
	void *value;
	size_t count = 0;

	for (size_t i = 0; map_next(env->values, &i, &name, &value);)
		list[count++] =
			arena_print(env->arena, STR_FMT "=%s", STR_ARG(name), (const char *)value);
	list[count] = NULL;
	return list;
}

/* What stands at "$(": the value, or the text itself when the name is unknown. */
static size_t expand_one(const struct environment *env, struct str text, struct buf *out,
			 struct str *out_unknown)
{
	ptrdiff_t end = str_find(text, ')');
	const char *value;

	if (end < 0) { /* no name, as it seems */
		buf_add(out, text.at, 2);
		return 2;
	}
	value = map_find(env->known, str_from(text.at + 2, (size_t)end - 2));
	if (value) {
		buf_add_text(out, value);
	} else {
		buf_add(out, text.at, (size_t)end + 1);
		*out_unknown = str_from(text.at + 2, (size_t)end - 2);
	}
	return (size_t)end + 1;
}

static const char *expand(const struct environment *env, struct str text, struct str *out_unknown)
{
	auto_buf out = BUF_INIT;

	for (size_t i = 0; i < text.len && out.len <= left(env);) {
		char next = i + 1 < text.len ? text.at[i + 1] : '\0';

		if (text.at[i] == '$' && next == '(') {
			i += expand_one(env, str_from(text.at + i, text.len - i), &out,
					out_unknown);
			continue;
		}
		buf_add_byte(&out, text.at[i]);
		i += text.at[i] == '$' && next == '$' ? 2 : 1;
	}
	return spend(env, out.len) ? arena_string(env->arena, buf_text(&out), out.len) : "";
}

const char *environment_expand(const struct environment *env, struct str text)
{
	struct str unknown;

	return expand(env, text, &unknown);
}

bool environment_expand_all(const struct environment *env, struct str text, const char **out,
			    struct error *err)
{
	struct str unknown = STR_NONE;
	const char *expanded = expand(env, text, &unknown);

	if (unknown.at)
		return error_set(err, ERROR_INVALID, "missing value for \"" STR_FMT "\"",
				 STR_ARG(unknown));
	*out = expanded;
	return true;
}
