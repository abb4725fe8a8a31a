/*
 * registry_config.c - reading registries.yaml for one image.
 *
 * The file is the administrator's: it is trusted, but mistakes in it are told by name.  A key of
 * configs is a host as it stands in an endpoint; "docker.io" also means the host that serves it.
 */
#include "runtime/registry_config.h"

#include <assert.h>
#include <regex.h>
#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "net/pki.h"

#define HUB_NAME  "docker.io"
#define HUB_HOST  "registry-1.docker.io"
#define HUB_API   "/v2"
#define GROUPS    10 /* $0 to $9 */
#define STORE_MAX (4u * 1024 * 1024)

void registry_endpoints_clear(struct registry_endpoints *endpoints)
{
	for (size_t i = 0; i < endpoints->count; i++)
		registry_url_clear(&endpoints->at[i].base);
	endpoints->count = 0;
}

/* configs[authority], with the one name that differs from its host. */
static const struct json *config_of(const struct json *registries, const char *authority)
{
	const struct json *configs = json_get(registries, "configs");
	const struct json *found = json_get(configs, authority);

	if (!found && strcmp(authority, HUB_HOST) == 0)
		found = json_get(configs, HUB_NAME);
	return found;
}

static const struct json *tls_of(const struct json *registries, const char *authority)
{
	const struct json *tls = json_get(config_of(registries, authority), "tls");

	if (!tls)
		tls = json_path(registries, "configs", "*", "tls", NULL);
	return tls;
}

/* --- rewriting --- */

/* "$1" and "${1}" become what the group matched, "$$" a dollar. */
static void expand(struct str with, const char *text, const regmatch_t *groups, struct buf *out)
{
	for (size_t i = 0; i < with.len; i++) {
		bool brace = i + 3 < with.len && with.at[i + 1] == '{' && with.at[i + 3] == '}';
		size_t digit = i + (brace ? 2 : 1);

		if (with.at[i] != '$' || digit >= with.len) {
			buf_add_byte(out, with.at[i]);
		} else if (with.at[digit] == '$') {
			buf_add_byte(out, '$');
			i = digit;
		} else if (with.at[digit] >= '0' && with.at[digit] <= '9') {
			const regmatch_t *group = &groups[with.at[digit] - '0'];

			if (group->rm_so >= 0)
				buf_add(out, text + group->rm_so,
					(size_t)(group->rm_eo - group->rm_so));
			i = digit + (brace ? 1 : 0);
		} else {
			buf_add_byte(out, '$');
		}
	}
}

/* Every match is replaced, as Go's ReplaceAllString does. */
static void replace_all(const regex_t *pattern, struct str with, const char *text, struct buf *out)
{
	regmatch_t groups[GROUPS];
	int flags = 0;

	while (regexec(pattern, text, GROUPS, groups, flags) == 0 && out->len < 1024) {
		bool empty = groups[0].rm_eo == groups[0].rm_so;

		buf_add(out, text, (size_t)groups[0].rm_so);
		expand(with, text, groups, out);
		text += groups[0].rm_eo;
		if (*text == '\0')
			break;
		if (empty)
			buf_add_byte(out, *text++);
		flags = REG_NOTBOL;
	}
	buf_add_text(out, text);
}

/* What comes out must still be a repository: it goes into a request line. */
static bool validate_rewritten(struct str name, struct error *err)
{
	auto_buf whole = BUF_INIT;
	struct image_name parsed;

	buf_add_text(&whole, "localhost/");
	buf_add_str(&whole, name);
	return str_find(name, ':') < 0 && str_find(name, '@') < 0
		       ? image_name_parse(buf_str(&whole), &parsed, err)
		       : error_set(err, ERROR_INVALID, "it makes a name with a tag or digest");
}

/* The first pattern that changes the name wins. */
static bool rewrite(const struct json *rules, struct registry_endpoint *endpoint, struct error *err)
{
	for (struct json_iter it = json_iter(rules); json_next(&it);) {
		auto_free char *text = str_copy(it.key);
		auto_buf made = BUF_INIT;
		regex_t pattern;

		if (regcomp(&pattern, text, REG_EXTENDED) != 0)
			return error_set(err, ERROR_INVALID,
					 "registries: the rewrite pattern \"%s\" cannot be read",
					 text);
		replace_all(&pattern, json_str(it.value), endpoint->repository, &made);
		regfree(&pattern);
		if (strcmp(buf_text(&made), endpoint->repository) == 0)
			continue;
		if (!validate_rewritten(buf_str(&made), err))
			return error_context(err, "registries: the rewrite \"%s\"", text);
		snprintf(endpoint->repository, sizeof(endpoint->repository), "%s", buf_text(&made));
		return true;
	}
	return true;
}

/* --- endpoints --- */

/* Adds "scheme://authority/v2"; a path that was given stays as it is. */
static bool add_endpoint(const struct json *registries, struct str text,
			 const struct image_name *name, struct registry_endpoints *out,
			 struct error *err)
{
	struct registry_endpoint *at = &out->at[out->count];
	auto_buf url = BUF_INIT;
	auto_free char *authority = NULL;
	const struct json *tls;
	struct str rest = text;

	if (str_search(text, STR("://")) < 0) {
		authority = str_copy(str_cut(&rest, '/'));
		tls = json_get(config_of(registries, authority), "tls");
		buf_add_text(&url, registry_url_is_local(str_of(authority)) && !tls ? "http://"
										    : "https://");
	}
	buf_add_str(&url, text);
	*at = (struct registry_endpoint){ 0 };
	if (!registry_url_parse(buf_str(&url), &at->base, err))
		return error_context(err, "registries: the endpoint \"" STR_FMT "\"",
				     (int)(text.len < 80 ? text.len : 80), text.at);
	out->count++;
	while (at->base.target.len > 0 && at->base.target.at[at->base.target.len - 1] == '/')
		at->base.target.at[--at->base.target.len] = '\0';
	if (at->base.target.len == 0)
		buf_add_text(&at->base.target, HUB_API);
	if (str_find(buf_str(&at->base.target), '?') >= 0)
		return error_set(err, ERROR_INVALID,
				 "registries: the endpoint of %s must not have a query",
				 name->host);
	snprintf(at->repository, sizeof(at->repository), "%s", name->repository);
	return true;
}

static bool add_mirrors(const struct json *registries, const struct image_name *name,
			struct registry_endpoints *out, struct error *err)
{
	const struct json *mirrors = json_get(registries, "mirrors");
	const struct json *mirror = json_get(mirrors, name->host);

	if (!mirror)
		mirror = json_get(mirrors, "*");
	for (struct json_iter it = json_iter(json_get(mirror, "endpoint")); json_next(&it);) {
		if (out->count + 1 >= REGISTRY_ENDPOINTS_MAX)
			return error_set(err, ERROR_TOO_LARGE,
					 "registries: %s has more than %d mirrors", name->host,
					 REGISTRY_ENDPOINTS_MAX - 1);
		if (!add_endpoint(registries, json_str(it.value), name, out, err) ||
		    !rewrite(json_get(mirror, "rewrite"), &out->at[out->count - 1], err))
			return false;
	}
	return true;
}

bool registry_config_endpoints(const struct json *registries, const struct image_name *name,
			       struct registry_endpoints *out, struct error *err)
{
	auto_registry_endpoints made = { 0 };
	const char *host = strcmp(name->host, HUB_NAME) == 0 ? HUB_HOST : name->host;
	struct registry_endpoint *own;
	bool named = false;

	assert(out->count == 0);
	if (!add_mirrors(registries, name, &made, err) ||
	    !add_endpoint(registries, str_of(host), name, &made, err))
		return false;
	own = &made.at[made.count - 1];
	own->is_own = true;
	for (size_t i = 0; i + 1 < made.count; i++) {
		made.at[i].is_own = strcmp(made.at[i].base.authority, own->base.authority) == 0;
		named = named || made.at[i].is_own;
	}
	if (named) {
		registry_url_clear(&own->base);
		made.count--;
	}
	*out = made;
	made.count = 0;
	return true;
}

/* --- logins --- */

bool registry_config_login(const struct json *registries, const char *authority,
			   struct registry_login *out, struct error *err)
{
	const struct json *auth = json_get(config_of(registries, authority), "auth");
	struct str packed = json_str(json_get(auth, "auth"));
	auto_buf plain = BUF_INIT;
	struct str rest;

	buf_add_str(&out->username, json_str(json_get(auth, "username")));
	buf_add_str(&out->password, json_str(json_get(auth, "password")));
	buf_add_str(&out->identity_token, json_str(json_get(auth, "identity_token")));
	if (packed.len == 0 || out->username.len > 0 || out->password.len > 0)
		return true;
	if (!buf_add_base64_decoded(&plain, packed) || str_find(buf_str(&plain), ':') < 0)
		return error_set(err, ERROR_INVALID,
				 "registries: the auth of %s is not base64 of name:password",
				 authority);
	rest = buf_str(&plain);
	buf_add_str(&out->username, str_cut(&rest, ':'));
	buf_add_str(&out->password, rest);
	return true;
}

/* --- trust --- */

/* Checklist: the same list as in net/tls_config.c, which uses them when there is no ca_file. */
static const char *const root_stores[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

/* The certificates of a store that we can read; roots of unknown kinds are left out. */
static void add_readable(struct str rest, struct buf *out)
{
	const struct str begin = STR("-----BEGIN CERTIFICATE-----");
	const struct str end = STR("-----END CERTIFICATE-----");
	struct pki_info info;
	struct error ignored;

	for (;;) {
		ptrdiff_t from = str_search(rest, begin);
		ptrdiff_t to = from < 0 ? -1 : str_search(rest, end);
		struct str one;

		if (from < 0 || to < 0)
			return;
		if (to > from) {
			one = str_from(rest.at + from, (size_t)(to - from) + end.len);
			if (pki_read(one, &info, &ignored)) {
				buf_add_str(out, one);
				buf_add_byte(out, '\n');
			}
		}
		rest = str_from(rest.at + to + end.len, rest.len - (size_t)to - end.len);
	}
}

static void add_root_store(struct buf *out)
{
	size_t before = out->len;

	for (size_t i = 0; i < ARRAY_LENGTH(root_stores) && out->len == before; i++) {
		auto_buf store = BUF_INIT;
		struct error ignored;

		/* A machine without a store has only the ca_file. */
		if (file_read(root_stores[i], STORE_MAX, &store, &ignored))
			add_readable(buf_str(&store), out);
	}
}

static bool read_named(const struct json *tls, const char *key, struct buf *out, struct error *err)
{
	struct str name = json_str(json_get(tls, key));
	auto_free char *path = NULL;

	if (name.len == 0)
		return true;
	path = str_copy(name);
	if (!file_read(path, LIMIT_CONFIG_FILE, out, err)) {
		err->kind = ERROR_UNAVAILABLE; /* a file of ours: never "your image is not found" */
		return error_context(err, "registries: %s", key);
	}
	return true;
}

bool registry_config_trust(const struct json *registries, const char *authority, const char *by,
			   struct tls_config **out, struct error *err)
{
	const struct json *tls = tls_of(registries, authority);
	bool shows_cert = tls != NULL; /* its own settings, so its own certificate */
	auto_buf ca = BUF_INIT, chain = BUF_INIT, key = BUF_INIT;

	if (!tls && by)
		tls = tls_of(registries, by);
	if (!read_named(tls, "ca_file", &ca, err))
		return false;
	if (ca.len > 0) {
		buf_add_byte(&ca, '\n');
		add_root_store(&ca);
	}
	if (shows_cert &&
	    (!read_named(tls, "cert_file", &chain, err) || !read_named(tls, "key_file", &key, err)))
		return false;
	if (!tls_client_config(buf_str(&ca), buf_str(&chain), buf_str(&key),
			       json_bool(json_get(tls, "insecure_skip_verify")), out, err))
		return error_context(err, "trust for %s", authority);
	return true;
}
