/*
 * pull_secret.c - {"auths": {"registry": {"username", "password", "auth"}}}
 */
#include "agent/pull_secret.h"

#include "runtime/image_name.h"

/* "https://index.docker.io/v1/" -> "docker.io" */
static struct str host_of(struct str key)
{
	static const char *const prefixes[] = { "https://", "http://" };
	struct str host;

	for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++)
		if (str_starts(key, str_of(prefixes[i])))
			key = str_from(key.at + strlen(prefixes[i]), key.len - strlen(prefixes[i]));
	host = str_cut(&key, '/');
	if (str_is(host, "index.docker.io") || str_is(host, "registry-1.docker.io"))
		return STR("docker.io");
	return host;
}

static bool read_login(const struct json *entry, struct pull_login *out)
{
	struct str name = json_str(json_get(entry, "username"));
	struct str password = json_str(json_get(entry, "password"));
	struct str auth = json_str(json_get(entry, "auth"));
	auto_buf plain = BUF_INIT;

	if (name.len == 0 && auth.len > 0 && buf_add_base64_decoded(&plain, auth)) {
		password = buf_str(&plain);
		name = str_cut(&password, ':');
	}
	if (name.len == 0)
		return false;
	out->username = str_copy(name);
	out->password = str_copy(password);
	return true;
}

static bool search(const struct json *auths, const char *host, struct pull_login *out)
{
	for (struct json_iter it = json_iter(auths); json_next(&it);)
		if (str_is(host_of(it.key), host) && read_login(it.value, out))
			return true;
	return false;
}

static bool search_secret(const struct json *secret, const char *host, struct pull_login *out)
{
	static const char *const keys[] = { ".dockerconfigjson", ".dockercfg" };

	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
		struct str text = json_str(json_path(secret, "data", keys[i], NULL));
		auto_json_doc doc = NULL;
		auto_buf plain = BUF_INIT;
		struct error ignored;
		const struct json *auths;

		if (text.len == 0 || !buf_add_base64_decoded(&plain, text) ||
		    !json_parse(buf_str(&plain), &doc, NULL, &ignored))
			continue;
		auths = json_get(json_root(doc), "auths");
		if (search(auths ? auths : json_root(doc), host, out))
			return true;
	}
	return false;
}

void pull_secret_find(const struct json *pod, const struct sources *sources, struct str image,
		      struct pull_login *out)
{
	struct image_name name;
	struct error ignored;

	*out = (struct pull_login){ 0 };
	if (!image_name_parse(image, &name, &ignored))
		return;
	for (struct json_iter it = json_iter(json_path(pod, "spec", "imagePullSecrets", NULL));
	     json_next(&it);)
		if (search_secret(sources_secret(sources, json_str(json_get(it.value, "name"))),
				  name.host, out))
			return;
}

void pull_login_clear(struct pull_login *login)
{
	free(login->username);
	free(login->password);
	*login = (struct pull_login){ 0 };
}
