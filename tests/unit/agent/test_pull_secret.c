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

/* "name:password" of each, the first to try first. */
static void check_logins(const char *image, const char *want)
{
	auto_json_doc pod = fixture_json(
		"{'spec':{'imagePullSecrets':[{'name':'none'},{'name':'a'},{'name':'b'}]}}");
	struct sources *sources = fixture_sources(NULL, json_root(pod));
	auto_buf have = BUF_INIT;
	struct pull_logins logins;

	pull_secret_find(json_root(pod), sources, str_of(image), &logins);
	for (size_t i = 0; i < logins.count; i++)
		buf_add_print(&have, "%s" STR_FMT ":" STR_FMT, i > 0 ? " " : "",
			      STR_ARG(logins.at[i].username), STR_ARG(logins.at[i].password));
	CHECK_STR(buf_text(&have), want);
	pull_logins_clear(&logins);
	CHECK(logins.count == 0);
	sources_free(sources);
}

static void hosts_are_compared(void)
{
	keep("a", ".dockerconfigjson",
	     "{'auths':{'https://r.test:5000':{'username':'u','password':'p'},"
	     "'other.test':{'auth':'bmFtZTpwYTpzcw=='},"
	     "'https://index.docker.io/v1/':{'username':'hub','password':'h'}}}");
	check_logins("r.test:5000/x/web:1", "u:p");
	check_logins("r.test/x/web:1", "");
	check_logins("r.test:5001/x/web:1", "");
	check_logins("other.test/web", "name:pa:ss");
	check_logins("web", "hub:h");
	check_logins("docker.io/team/web@sha256:"
		     "0123456789012345678901234567890123456789012345678901234567890123",
		     "hub:h");
	check_logins("nobody.test/web", "");
	check_logins("", "");
	check_logins("not a name", "");
}

static void the_old_form_is_read(void)
{
	keep("a", ".dockercfg", "{'r.test':{'username':'u','password':'p','email':'x'}}");
	check_logins("r.test/web", "u:p");
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
	check_logins("r.test/x", "all: late:");
	check_logins("r.test/team/x", "team: all: late:");
	check_logins("r.test/team/app:2", "app: team: all: late:");
	check_logins("me/web", "me:");
	check_logins("you/web", "");
}

static void stars_stand_in_one_part(void)
{
	keep("a", ".dockerconfigjson",
	     "{'auths':{'*.r.test:5000':{'username':'star','password':''},'eu-*.z.test':{"
	     "'username':'half','password':''},'x*y*z.test':{'username':'two','password':''}}}");
	check_logins("a.r.test:5000/web", "star:");
	check_logins("a.b.r.test:5000/web", "");
	check_logins("r.test:5000/web", "");
	check_logins("a.r.test/web", "");
	check_logins("eu-1.z.test/web", "half:");
	check_logins("us-1.z.test/web", "");
	check_logins("x1yyz.test/web", "two:");
	check_logins("x1yyzz1.test/web", "");
}

static void damaged_secrets_are_passed_over(void)
{
	fixture_keep(harness_folder(), "Secret", "a", 0,
		     "{'data':{'.dockerconfigjson':'*','.dockercfg':'bm90IGpzb24='}}");
	keep("b", ".dockerconfigjson",
	     "{'auths':{'r.test':{'auth':'*'},'*.test':{'username':'u','password':'p'},"
	     "'r.*':{'username':''},'':{'username':'x'}}}");
	check_logins("r.test/web", "u:p");
}

/* Of many the longest paths are kept, and the secret of each is known. */
static void as_many_as_are_tried(void)
{
	auto_json_doc pod = fixture_json("{'spec':{'imagePullSecrets':[{'name':'a'}]}}");
	struct sources *sources;
	struct pull_logins logins;

	fixture_keep(harness_folder(), "Secret", "a", 0,
		     "{'metadata':{'uid':'u-1'},'data':{'.dockercfg':"
		     /* {"r.test/a/b":{"auth":"eDp5"}} */
		     "'eyJyLnRlc3QvYS9iIjp7ImF1dGgiOiJlRHA1In19'}}");
	sources = fixture_sources(NULL, json_root(pod));
	pull_secret_find(json_root(pod), sources, STR("r.test/a/b/c"), &logins);
	CHECK_INT(logins.count, 1);
	CHECK_STR(logins.at[0].secret.at, "u-1");
	CHECK_STR(logins.at[0].password.at, "y");
	pull_logins_clear(&logins);
	sources_free(sources);
	keep("a", ".dockerconfigjson",
	     "{'auths':{'r.test':{'username':'0'},'https://r.test':{'username':'1'},"
	     "'http://r.test':{'username':'2'},'r.test/v1/':{'username':'3'},"
	     "'r.test/v2/':{'username':'4'},'*.test':{'username':'5'},'r.*':{'username':'6'},"
	     "'*.*':{'username':'7'},'r.tes?':{'username':'8'},'r.test/x':{'username':'9'}}}");
	check_logins("r.test/x", "9: 0: 1: 2: 3: 4: 5: 6:");
}

static const struct test tests[] = {
	{ "hosts are compared", hosts_are_compared },
	{ "the old form is read", the_old_form_is_read },
	{ "longer paths win", longer_paths_win },
	{ "stars stand in one part", stars_stand_in_one_part },
	{ "damaged secrets are passed over", damaged_secrets_are_passed_over },
	{ "as many as are tried", as_many_as_are_tried },
};

TEST_MAIN(tests)
