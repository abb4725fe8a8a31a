/*
 * test_pull_secret.c - which name and password belong to an image.
 */
#include "agent/pull_secret.h"

#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

/* Keep a secret whose docker configuration is `text` (with ' for quotes). */
static void keep(const char *name, const char *key, const char *text)
{
	auto_free char *plain = memory_string(text);
	auto_free char *secret = NULL;
	auto_buf encoded = BUF_INIT;

	for (char *at = plain; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	buf_add_base64(&encoded, str_of(plain));
	secret = memory_print("{'data':{'%s':'%s'}}", key, buf_text(&encoded));
	fixture_keep(harness_folder(), "Secret", name, 0, secret);
}

/* "name:password", or "" when there is none. */
static void check_login(const char *image, const char *want)
{
	auto_json_doc pod = fixture_json(
		"{'spec':{'imagePullSecrets':[{'name':'none'},{'name':'a'},{'name':'b'}]}}");
	struct sources *sources = fixture_sources(NULL, json_root(pod));
	auto_free char *have = NULL;
	struct pull_login login;

	pull_secret_find(json_root(pod), sources, str_of(image), &login);
	have = login.username ? memory_print("%s:%s", login.username, login.password)
			      : memory_string("");
	CHECK_STR(have, want);
	pull_login_clear(&login);
	CHECK(login.username == NULL);
	sources_free(sources);
}

static void hosts_are_compared(void)
{
	keep("a", ".dockerconfigjson",
	     "{'auths':{'https://r.test:5000':{'username':'u','password':'p'},"
	     "'other.test':{'auth':'bmFtZTpwYTpzcw=='},"
	     "'https://index.docker.io/v1/':{'username':'hub','password':'h'}}}");
	check_login("r.test:5000/x/web:1", "u:p");
	check_login("r.test/x/web:1", "");
	check_login("r.test:5001/x/web:1", "");
	check_login("other.test/web", "name:pa:ss");
	check_login("web", "hub:h");
	check_login("docker.io/team/web@sha256:"
		    "0123456789012345678901234567890123456789012345678901234567890123",
		    "hub:h");
	check_login("nobody.test/web", "");
	check_login("", "");
	check_login("not a name", "");
}

static void the_old_form_is_read(void)
{
	keep("a", ".dockercfg", "{'r.test':{'username':'u','password':'p','email':'x'}}");
	check_login("r.test/web", "u:p");
}

static void longer_paths_win(void)
{
	keep("a", ".dockerconfigjson",
	     "{'auths':{'r.test':{'username':'all','password':''},'r.test/team':{'username':'team',"
	     "'password':''}}}");
	keep("b", ".dockerconfigjson",
	     "{'auths':{'r.test/v2/team/app':{'username':'app','password':''},'r.test':{'username':"
	     "'late','password':''},'https://index.docker.io/v2/me':{'username':'me','password':"
	     "''}}}");
	check_login("r.test/x", "all:");
	check_login("r.test/team/x", "team:");
	check_login("r.test/team/app:2", "app:");
	check_login("me/web", "me:");
	check_login("you/web", "");
}

static void stars_stand_in_one_part(void)
{
	keep("a", ".dockerconfigjson",
	     "{'auths':{'*.r.test:5000':{'username':'star','password':''},'eu-*.z.test':{"
	     "'username':'half','password':''},'x*y*z.test':{'username':'two','password':''}}}");
	check_login("a.r.test:5000/web", "star:");
	check_login("a.b.r.test:5000/web", "");
	check_login("r.test:5000/web", "");
	check_login("a.r.test/web", "");
	check_login("eu-1.z.test/web", "half:");
	check_login("us-1.z.test/web", "");
	check_login("x1yyz.test/web", "two:");
	check_login("x1yyzz1.test/web", "");
}

static void damaged_secrets_are_passed_over(void)
{
	fixture_keep(harness_folder(), "Secret", "a", 0,
		     "{'data':{'.dockerconfigjson':'*','.dockercfg':'bm90IGpzb24='}}");
	keep("b", ".dockerconfigjson",
	     "{'auths':{'r.test':{'auth':'*'},'*.test':{'username':'u','password':'p'},"
	     "'r.*':{'username':''},'':{'username':'x'}}}");
	check_login("r.test/web", "u:p");
}

static const struct test tests[] = {
	{ "hosts are compared", hosts_are_compared },
	{ "the old form is read", the_old_form_is_read },
	{ "longer paths win", longer_paths_win },
	{ "stars stand in one part", stars_stand_in_one_part },
	{ "damaged secrets are passed over", damaged_secrets_are_passed_over },
};

TEST_MAIN(tests)
