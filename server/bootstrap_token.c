/*
 * bootstrap_token.c - looks the Secret up by the token's id; its secret is compared in constant
 * time.
 */
#include "server/bootstrap_token.h"

#include "api/kind.h"
#include "api/object.h"
#include "base/clock.h"
#include "net/hash.h"
#include "server/registry/registry.h"

static bool is_plain(struct str text, size_t len)
{
	if (text.len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!(text.at[i] >= 'a' && text.at[i] <= 'z') &&
		    !(text.at[i] >= '0' && text.at[i] <= '9'))
			return false;
	return true;
}

bool bootstrap_token_parse(struct str token, struct str *out_id, struct str *out_secret)
{
	struct str secret = token, id = str_cut(&secret, '.');

	if (!is_plain(id, BOOTSTRAP_TOKEN_ID) || !is_plain(secret, BOOTSTRAP_TOKEN_SECRET))
		return false;
	if (out_id)
		*out_id = id;
	if (out_secret)
		*out_secret = secret;
	return true;
}

/* False: there is no such key. */
static bool read_key(const struct object *secret, const char *key, struct buf *out)
{
	const struct json *value = json_path(object_json(secret), "data", key, NULL);

	buf_reset(out);
	return value && buf_add_base64_decoded(out, json_str(value));
}

static bool is_over(const struct object *secret)
{
	auto_buf text = BUF_INIT;
	int64_t until_s;

	if (!read_key(secret, "expiration", &text))
		return false;
	return !clock_parse(buf_str(&text), &until_s, NULL) || until_s <= clock_wall_s();
}

bool bootstrap_token_check(struct registry *registry, struct str token)
{
	auto_free char *name = NULL;
	auto_buf text = BUF_INIT;
	const struct object *found;
	struct str id, secret;

	if (!bootstrap_token_parse(token, &id, &secret))
		return false;
	name = memory_print(BOOTSTRAP_TOKEN_PREFIX STR_FMT, STR_ARG(id));
	found = registry_find(registry, kind_find_name(STR("v1"), STR("Secret")),
			      STR("kube-system"), str_of(name));
	if (!found ||
	    !str_is(json_str(json_get(object_json(found), "type")), BOOTSTRAP_TOKEN_TYPE) ||
	    is_over(found))
		return false;
	if (!read_key(found, "token-id", &text) || !str_equal(buf_str(&text), id))
		return false;
	if (!read_key(found, "usage-bootstrap-authentication", &text) ||
	    !str_is(buf_str(&text), "true"))
		return false;
	return read_key(found, "token-secret", &text) && text.len == secret.len &&
	       hash_equal(text.at, secret.at, secret.len);
}
