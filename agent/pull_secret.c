/*
 * pull_secret.c - {"auths": {"registry": {"username", "password", "auth"}}}
 */
#include "agent/pull_secret.h"

#include "net/seal.h"
#include "runtime/image_name.h"

/* "https://index.docker.io/v1/team" -> "docker.io", "team" */
static struct str host_of(struct str key, struct str *out_path)
{
	static const char *const prefixes[] = { "https://", "http://" };
	static const char *const versions[] = { "v1/", "v2/" };
	struct str host;

	for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++)
		if (str_starts(key, str_of(prefixes[i])))
			key = str_from(key.at + strlen(prefixes[i]), key.len - strlen(prefixes[i]));
	host = str_cut(&key, '/');
	for (size_t i = 0; i < ARRAY_LENGTH(versions); i++)
		if (str_starts(key, str_of(versions[i])))
			key = str_from(key.at + 3, key.len - 3);
	*out_path = key;
	if (str_is(host, "index.docker.io") || str_is(host, "registry-1.docker.io"))
		return STR("docker.io");
	return host;
}

/* "*" stands for any letters of one part of the name.  Steps back to the last star only, which is
 * enough and never slow. */
static bool part_matches(struct str pattern, struct str part)
{
	size_t p = 0, t = 0, star = SIZE_MAX, from = 0;

	while (t < part.len) {
		if (p < pattern.len && pattern.at[p] == '*') {
			star = p++;
			from = t;
		} else if (p < pattern.len &&
			   (pattern.at[p] == part.at[t] || pattern.at[p] == '?')) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.at[p] == '*')
		p++;
	return p == pattern.len;
}

/* "*.example.com:5000": as many parts, each of which matches, and the same port. */
static bool host_matches(struct str pattern, struct str host)
{
	struct str pattern_port = pattern, port = host;

	pattern = str_cut(&pattern_port, ':');
	host = str_cut(&port, ':');
	if (!str_equal(pattern_port, port))
		return false;
	while (pattern.len > 0 && host.len > 0) {
		struct str wanted = str_cut(&pattern, '.');

		if (!part_matches(wanted, str_cut(&host, '.')))
			return false;
	}
	return pattern.len == 0 && host.len == 0;
}

static bool read_login(const struct json *entry, struct arena *arena, struct image_login *out)
{
	struct str name = json_str(json_get(entry, "username"));
	struct str password = json_str(json_get(entry, "password"));
	struct str auth = json_str(json_get(entry, "auth"));
	auto_wiped plain = BUF_INIT;

	if (name.len == 0 && auth.len > 0 && buf_add_base64_decoded(&plain, auth)) {
		password = buf_str(&plain);
		name = str_cut(&password, ':');
	}
	out->username = str_of(str_copy_arena(name, arena));
	out->password = str_of(str_copy_arena(password, arena));
	return name.len > 0;
}

/* What was found so far: longer paths first. */
struct search {
	const struct image_name *image;
	struct pull_logins *out;
	size_t path_lens[PULL_LOGINS_MAX];
	struct str secret; /* the mark of the one that is read */
};

static void put_in_order(struct search *it, const struct image_login *login, size_t path_len)
{
	struct pull_logins *out = it->out;
	size_t at = out->count < PULL_LOGINS_MAX ? out->count : PULL_LOGINS_MAX - 1;

	if (out->count == PULL_LOGINS_MAX && it->path_lens[at] >= path_len)
		return;
	for (; at > 0 && it->path_lens[at - 1] < path_len; at--) {
		out->at[at] = out->at[at - 1];
		it->path_lens[at] = it->path_lens[at - 1];
	}
	out->at[at] = *login;
	it->path_lens[at] = path_len;
	out->count += out->count < PULL_LOGINS_MAX;
}

static void search(struct search *it, const struct json *auths)
{
	for (struct json_iter entry = json_iter(auths); json_next(&entry);) {
		struct str path, host = host_of(entry.key, &path);
		struct image_login login = { .secret = it->secret };

		if (str_starts(str_of(it->image->repository), path) &&
		    host_matches(host, str_of(it->image->host)) &&
		    read_login(entry.value, it->out->arena, &login))
			put_in_order(it, &login, path.len);
	}
}

static void search_secret(struct search *it, const struct json *secret)
{
	static const char *const keys[] = { ".dockerconfigjson", ".dockercfg" };

	it->secret = str_of(str_copy_arena(meta_str(secret, "uid"), it->out->arena));
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
		search(it, auths ? auths : json_root(doc));
	}
}

void pull_secret_find(const struct json *pod, const struct sources *sources, struct str image,
		      struct pull_logins *out)
{
	struct image_name name;
	struct search it = { .image = &name, .out = out };
	struct error ignored;

	*out = (struct pull_logins){ .arena = arena_new() };
	if (!image_name_parse(image, &name, &ignored))
		return;
	for (struct json_iter ref = json_iter(json_path(pod, "spec", "imagePullSecrets", NULL));
	     json_next(&ref);)
		search_secret(&it, sources_secret(sources, json_str(json_get(ref.value, "name"))));
}

void pull_logins_clear(struct pull_logins *logins)
{
	arena_free(logins->arena);
	*logins = (struct pull_logins){ 0 };
}
