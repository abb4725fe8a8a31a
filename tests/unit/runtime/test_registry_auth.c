/*
 * test_registry_auth.c - challenges of registries, questions to token services, their answers.
 */
#include "runtime/registry_auth.h"

#include "tests/unit/harness.h"

static struct registry_challenge read_all(const char *value)
{
	struct registry_challenge challenge = { 0 };

	CHECK(registry_auth_challenge(str_of(value), &challenge));
	return challenge;
}

static void check_refused(struct str value)
{
	struct registry_challenge challenge = { .realm = "untouched" };

	if (registry_auth_challenge(value, &challenge))
		harness_fail(__FILE__, __LINE__, "taken: " STR_FMT, STR_ARG(value));
	CHECK_STR(challenge.realm, "untouched");
	CHECK(!challenge.bearer);
}

static void reads_bearer(void)
{
	struct registry_challenge got =
		read_all("Bearer realm=\"https://auth.example.test/token\","
			 "service=\"example.test\",scope=\"repository:a/b:pull,push\"");

	CHECK(got.bearer);
	CHECK(!got.basic);
	CHECK_STR(got.realm, "https://auth.example.test/token");
	CHECK_STR(got.service, "example.test");
	CHECK_STR(got.scope, "repository:a/b:pull,push");
	got = read_all("bEaReR  Realm = \"r\\\"q\\\\\" , service=plain , error=\"invalid_token\"");
	CHECK_STR(got.realm, "r\"q\\");
	CHECK_STR(got.service, "plain");
}

static void reads_several(void)
{
	struct registry_challenge got = read_all("Basic realm=\"x\", Bearer realm=\"r\"");

	CHECK(got.basic && got.bearer);
	CHECK_STR(got.realm, "r");
	got = read_all("Negotiate, NTLM abc==, Basic");
	CHECK(got.basic && !got.bearer);
	got = read_all("Basic, Bearer realm=\"r\", Bearer realm=\"other\"");
	CHECK_STR(got.realm, "r");
	got = read_all("Digest realm=\"d\", nonce=\"a, Bearer realm=b\", Basic realm=\"x\"");
	CHECK(got.basic && !got.bearer);
	CHECK_STR(got.realm, "");
	/* A second header adds to the first. */
	CHECK(registry_auth_challenge(STR("Bearer realm=\"late\""), &got));
	CHECK_STR(got.realm, "late");
}

static void refuses_hostile_challenges(void)
{
	auto_buf large = BUF_INIT;

	check_refused(STR("Bearer realm=\"never ends"));
	check_refused(STR("Bearer realm=\"ends in a backslash\\"));
	check_refused(STR("Bearer realm=\"line\nbreak\""));
	check_refused(STR("Bearer realm=\"nul\0\""));
	check_refused(STR("Bearer realm=\"a\"junk"));
	check_refused(STR("Bearer realm="));
	check_refused(STR("Bearer service=\"no realm\""));
	check_refused(STR("Bearer"));
	check_refused(STR("=\"x\""));
	check_refused(STR("\"Bearer\" realm=x"));
	buf_add_text(&large, "Bearer realm=\"");
	for (int i = 0; i < 1024; i++)
		buf_add_byte(&large, 'r');
	buf_add_byte(&large, '"');
	check_refused(buf_str(&large));
	buf_reset(&large);
	buf_add_text(&large, "Bearer realm=\"r\"");
	for (int i = 0; i < 40; i++)
		buf_add_print(&large, ",x%d=y", i);
	check_refused(buf_str(&large));
	buf_reset(&large);
	buf_add_text(&large, "Bearer realm=\"r\"");
	while (large.len <= 8192)
		buf_add_text(&large, ",,,,,,,,");
	check_refused(buf_str(&large));
}

static void asks_token_service(void)
{
	struct registry_challenge challenge = read_all(
		"Bearer realm=\"https://t.test/token?x=1\",service=\"a b&c\",scope=\"s1 s2\"");
	auto_registry_login login = { 0 };
	auto_registry_token_ask ask = { 0 };
	auto_registry_token_ask named = { 0 };
	auto_registry_token_ask usual = { 0 };

	registry_auth_ask(&challenge, "team/web", &login, &ask);
	CHECK_STR(ask.method, "GET");
	CHECK_STR(buf_text(&ask.url),
		  "https://t.test/token?x=1&service=a%20b%26c&scope=s1&scope=s2");
	CHECK_INT(ask.authorization.len, 0);
	challenge = read_all("Bearer realm=\"https://t.test/token\"");
	buf_add_text(&login.username, "user");
	buf_add_text(&login.password, "pass");
	registry_auth_ask(&challenge, "team/web", &login, &named);
	CHECK_STR(buf_text(&named.url),
		  "https://t.test/token?scope=repository%3Ateam%2Fweb%3Apull");
	CHECK_STR(buf_text(&named.authorization), "Basic dXNlcjpwYXNz");
	buf_add_text(&login.identity_token, "refresh&me");
	registry_auth_ask(&challenge, "web", &login, &usual);
	CHECK_STR(usual.method, "POST");
	CHECK_STR(buf_text(&usual.url), "https://t.test/token");
	CHECK_INT(usual.authorization.len, 0);
	CHECK(str_starts(buf_str(&usual.form), STR("grant_type=refresh_token&")));
	CHECK(str_ends(buf_str(&usual.form),
		       STR("&scope=repository%3Aweb%3Apull&refresh_token=refresh%26me")));
}

static void reads_tokens(void)
{
	struct error err;
	auto_buf out = BUF_INIT;
	auto_buf large = BUF_INIT;

	CHECK_OK(registry_auth_token(STR("{\"token\":\"t.1\",\"access_token\":\"a\"}"), &out, &err),
		 &err);
	CHECK_STR(buf_text(&out), "Bearer t.1");
	buf_reset(&out);
	CHECK_OK(registry_auth_token(STR("{\"access_token\":\"a\",\"expires_in\":60}"), &out, &err),
		 &err);
	CHECK_STR(buf_text(&out), "Bearer a");
	buf_reset(&out);
	CHECK(!registry_auth_token(STR("{\"token\":\"a\\r\\nX-Evil: 1\"}"), &out, &err));
	CHECK(!registry_auth_token(STR("{\"token\":\"\"}"), &out, &err));
	CHECK(!registry_auth_token(STR("{\"token\":7}"), &out, &err));
	CHECK(!registry_auth_token(STR("[]"), &out, &err));
	CHECK(!registry_auth_token(STR("<html>"), &out, &err));
	CHECK_INT(err.kind, ERROR_BROKEN);
	buf_add_text(&large, "{\"token\":\"");
	for (int i = 0; i < 40000; i++)
		buf_add_byte(&large, 't');
	buf_add_text(&large, "\"}");
	CHECK(!registry_auth_token(buf_str(&large), &out, &err));
	CHECK_INT(out.len, 0);
}

static const struct test tests[] = {
	{ "reads bearer", reads_bearer },
	{ "reads several", reads_several },
	{ "refuses hostile challenges", refuses_hostile_challenges },
	{ "asks the token service", asks_token_service },
	{ "reads tokens", reads_tokens },
};
TEST_MAIN(tests)
