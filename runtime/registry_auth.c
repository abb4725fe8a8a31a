/*
 * registry_auth.c - challenges, tokens and credentials of registries.
 *
 * The challenge grammar is that of RFC 9110, section 11.6.1:
 *
 *	Bearer realm="https://auth.test/token",service="example.test",scope="..." , Basic ...
 *
 * A comma separates both parameters and challenges; a word followed by '=' is a parameter, one
 * followed by anything else begins the next challenge.
 */
#include "runtime/registry_auth.h"

#include <assert.h>

#include "base/json.h"

enum {
	CHALLENGE_MAX = 8192,  /* bytes of one header value */
	TOKEN_MAX = 32 * 1024, /* our own heads stay below LIMIT_HTTP_HEAD */
	PARAMETERS_MAX = 32    /* of one header value */
};

void registry_login_clear(struct registry_login *login)
{
	buf_clear(&login->username);
	buf_clear(&login->password);
	buf_clear(&login->identity_token);
}

bool registry_login_is_empty(const struct registry_login *login)
{
	return login->username.len == 0 && login->password.len == 0 &&
	       login->identity_token.len == 0;
}

/* --- the challenge --- */

static bool is_token_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void skip(struct str *rest, size_t count)
{
	rest->at += count;
	rest->len -= count;
}

static void skip_blanks(struct str *rest)
{
	while (rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'))
		skip(rest, 1);
}

static struct str take_word(struct str *rest)
{
	struct str word = *rest;

	word.len = 0;
	while (rest->len > 0 && is_token_byte(rest->at[0])) {
		word.len++;
		skip(rest, 1);
	}
	return word;
}

/* The inside of "...", unescaped; false when it does not end or holds control bytes. */
static bool take_quoted(struct str *rest, struct buf *out)
{
	assert(rest->len > 0);
	assert(rest->at[0] == '"');
	skip(rest, 1);
	while (rest->len > 0 && rest->at[0] != '"') {
		if (rest->at[0] == '\\')
			skip(rest, 1);
		if (rest->len == 0 || (unsigned char)rest->at[0] < ' ' || rest->at[0] == 127)
			return false;
		buf_add_byte(out, rest->at[0]);
		skip(rest, 1);
	}
	if (rest->len == 0)
		return false;
	skip(rest, 1);
	return true;
}

static bool take_value(struct str *rest, struct buf *out)
{
	struct str word;

	buf_reset(out);
	skip_blanks(rest);
	if (rest->len > 0 && rest->at[0] == '"')
		return take_quoted(rest, out);
	word = take_word(rest);
	buf_add_str(out, word);
	return word.len > 0;
}

static bool keep(char *slot, size_t room, const struct buf *value)
{
	if (value->len >= room)
		return false;
	memcpy(slot, buf_text(value), value->len + 1);
	return true;
}

static bool set_parameter(struct registry_challenge *to, struct str name, const struct buf *value)
{
	if (str_equal_case(name, STR("realm")))
		return keep(to->realm, sizeof(to->realm), value);
	if (str_equal_case(name, STR("service")))
		return keep(to->service, sizeof(to->service), value);
	if (str_equal_case(name, STR("scope")))
		return keep(to->scope, sizeof(to->scope), value);
	return true;
}

/* Between challenges and parameters: commas and blanks, any number of them. */
static void skip_commas(struct str *rest)
{
	skip_blanks(rest);
	while (rest->len > 0 && rest->at[0] == ',') {
		skip(rest, 1);
		skip_blanks(rest);
	}
}

/* Is a "name =" next?  Otherwise a scheme is. */
static bool parameter_is_next(struct str rest)
{
	if (take_word(&rest).len == 0)
		return false;
	skip_blanks(&rest);
	return rest.len > 0 && rest.at[0] == '=';
}

static bool take_parameters(struct str *rest, struct registry_challenge *to, unsigned *left)
{
	auto_buf value = BUF_INIT;

	while (parameter_is_next(*rest)) {
		struct str name = take_word(rest);

		skip_blanks(rest);
		skip(rest, 1);
		if (*left == 0 || !take_value(rest, &value))
			return false;
		--*left;
		if (to && !set_parameter(to, name, &value))
			return false;
		skip_blanks(rest);
		if (rest->len > 0 && rest->at[0] != ',')
			return false;
		skip_commas(rest);
	}
	return true;
}

/* An unknown scheme may carry one base64 text instead of parameters ("Negotiate YII=="). */
static void skip_opaque(struct str *rest)
{
	while (rest->len > 0 && rest->at[0] != ',')
		skip(rest, 1);
	skip_commas(rest);
}

/* One challenge: its scheme and what belongs to it. */
static bool take_challenge(struct str *rest, struct registry_challenge *io, unsigned *left)
{
	struct str scheme = take_word(rest);
	bool basic = str_equal_case(scheme, STR("Basic"));
	bool bearer = str_equal_case(scheme, STR("Bearer")) && !io->bearer;
	const char *from;
	bool done;

	if (scheme.len == 0 || *left == 0)
		return false;
	if (bearer)
		*io = (struct registry_challenge){ .basic = io->basic, .bearer = true };
	io->basic = io->basic || basic;
	skip_blanks(rest);
	from = rest->at;
	done = take_parameters(rest, bearer ? io : NULL, left);
	if (!done && (basic || bearer))
		return false;
	if (!done || rest->at == from)
		skip_opaque(rest);
	return !bearer || io->realm[0] != '\0';
}

bool registry_auth_challenge(struct str value, struct registry_challenge *io)
{
	struct registry_challenge made = *io;
	unsigned left = PARAMETERS_MAX;
	struct str rest = value;

	if (value.len > CHALLENGE_MAX)
		return false;
	skip_commas(&rest);
	while (rest.len > 0)
		if (!take_challenge(&rest, &made, &left))
			return false;
	*io = made;
	return true;
}

/* --- answers --- */

void registry_auth_basic(const struct registry_login *login, struct buf *out)
{
	auto_buf plain = BUF_INIT;

	buf_add_str(&plain, buf_str(&login->username));
	buf_add_byte(&plain, ':');
	buf_add_str(&plain, buf_str(&login->password));
	buf_add_text(out, "Basic ");
	buf_add_base64(out, buf_str(&plain));
}

void registry_token_ask_clear(struct registry_token_ask *ask)
{
	buf_clear(&ask->url);
	buf_clear(&ask->form);
	buf_clear(&ask->authorization);
}

static void add_pair(struct buf *out, const char *name, struct str value)
{
	if (out->len > 0 && out->at[out->len - 1] != '?' && out->at[out->len - 1] != '&')
		buf_add_byte(out, '&');
	buf_add_print(out, "%s=", name);
	buf_add_percent_encoded(out, value);
}

/* service and scope, for a query as well as for a form; a form has one scope text. */
static void add_wish(const struct registry_challenge *challenge, const char *repository,
		     bool one_scope, struct buf *out)
{
	auto_buf usual = BUF_INIT;
	struct str scopes = str_of(challenge->scope);

	if (challenge->service[0] != '\0')
		add_pair(out, "service", str_of(challenge->service));
	buf_add_print(&usual, "repository:%s:pull", repository);
	if (scopes.len == 0)
		scopes = buf_str(&usual);
	if (one_scope) {
		add_pair(out, "scope", scopes);
		return;
	}
	while (scopes.len > 0) {
		struct str scope = str_cut(&scopes, ' ');

		if (scope.len > 0)
			add_pair(out, "scope", scope);
	}
}

void registry_auth_ask(const struct registry_challenge *challenge, const char *repository,
		       const struct registry_login *login, struct registry_token_ask *out)
{
	assert(challenge->bearer);
	buf_add_text(&out->url, challenge->realm);
	if (login->identity_token.len > 0) {
		out->method = "POST";
		add_pair(&out->form, "grant_type", STR("refresh_token"));
		add_pair(&out->form, "client_id", STR("mote"));
		add_wish(challenge, repository, true, &out->form);
		add_pair(&out->form, "refresh_token", buf_str(&login->identity_token));
		return;
	}
	out->method = "GET";
	buf_add_byte(&out->url, strchr(challenge->realm, '?') ? '&' : '?');
	add_wish(challenge, repository, false, &out->url);
	if (!registry_login_is_empty(login))
		registry_auth_basic(login, &out->authorization);
}

bool registry_auth_token(struct str body, struct buf *out, struct error *err)
{
	auto_json_doc doc = NULL;
	struct str token;

	if (!json_parse(body, &doc, NULL, err)) {
		err->kind = ERROR_BROKEN;
		return error_context(err, "read the token");
	}
	token = json_str(json_get(json_root(doc), "token"));
	if (token.len == 0)
		token = json_str(json_get(json_root(doc), "access_token"));
	if (token.len == 0)
		return error_set(err, ERROR_BROKEN, "the token service gave no token");
	if (token.len > TOKEN_MAX)
		return error_set(err, ERROR_BROKEN, "the token is longer than %d bytes", TOKEN_MAX);
	for (size_t i = 0; i < token.len; i++)
		if (token.at[i] <= ' ' || token.at[i] > '~')
			return error_set(err, ERROR_BROKEN,
					 "the token has a byte that is not allowed");
	buf_add_text(out, "Bearer ");
	buf_add_str(out, token);
	return true;
}
