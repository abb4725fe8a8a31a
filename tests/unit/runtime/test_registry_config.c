/*
 * test_registry_config.c - registries.yaml: endpoints, rewriting, logins; addresses of URLs.
 */
#include "runtime/registry_config.h"

#include <stdio.h>

#include "tests/unit/harness.h"

static struct json_doc *doc;

static const struct json *config(const char *text)
{
	struct error err;

	json_doc_free(doc);
	doc = NULL;
	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return json_root(doc);
}

/* All endpoints of an image as "base repository [own]" lines. */
static const char *places(const char *registries, const char *image)
{
	static char shown[2048];
	auto_registry_endpoints got = { 0 };
	auto_buf out = BUF_INIT;
	struct image_name name;
	struct error err;

	CHECK_OK(image_name_parse(str_of(image), &name, &err), &err);
	CHECK_OK(registry_config_endpoints(registries ? config(registries) : NULL, &name, &got,
					   &err),
		 &err);
	for (size_t i = 0; i < got.count; i++)
		buf_add_print(&out, "%s://%s%s %s%s\n", got.at[i].base.secure ? "https" : "http",
			      got.at[i].base.authority, buf_text(&got.at[i].base.target),
			      got.at[i].repository, got.at[i].is_own ? " own" : "");
	CHECK(out.len < sizeof(shown));
	memcpy(shown, buf_text(&out), out.len + 1);
	json_doc_free(doc);
	doc = NULL;
	return shown;
}

static void check_refused(const char *registries, const char *why)
{
	auto_registry_endpoints got = { 0 };
	struct image_name name;
	struct error err;

	CHECK_OK(image_name_parse(STR("example.test/web"), &name, &err), &err);
	CHECK(!registry_config_endpoints(config(registries), &name, &got, &err));
	CHECK_INT(got.count, 0);
	if (!strstr(err.text, why))
		harness_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.text, why);
	json_doc_free(doc);
	doc = NULL;
}

static void knows_own_registries(void)
{
	CHECK_STR(places(NULL, "web"), "https://registry-1.docker.io/v2 library/web own\n");
	CHECK_STR(places("{}", "example.test/a/web"), "https://example.test/v2 a/web own\n");
	CHECK_STR(places(NULL, "example.test:443/web"), "https://example.test/v2 web own\n");
	CHECK_STR(places(NULL, "localhost:5000/web"), "http://localhost:5000/v2 web own\n");
	CHECK_STR(places(NULL, "127.8.0.1:5000/web"), "http://127.8.0.1:5000/v2 web own\n");
	CHECK_STR(places(NULL, "[::1]:5000/web"), "http://[::1]:5000/v2 web own\n");
	CHECK_STR(places(NULL, "127.0.0.1.example.test/web"),
		  "https://127.0.0.1.example.test/v2 web own\n");
	CHECK_STR(places(NULL, "10.0.0.1:5000/web"), "https://10.0.0.1:5000/v2 web own\n");
	/* TLS settings for a host on this machine mean that it has TLS. */
	CHECK_STR(places("{\"configs\":{\"localhost:5000\":{\"tls\":{\"ca_file\":\"/x\"}}}}",
			 "localhost:5000/web"),
		  "https://localhost:5000/v2 web own\n");
}

static void puts_mirrors_first(void)
{
	const char *text = "{\"mirrors\":{\"docker.io\":{\"endpoint\":"
			   "[\"http://m1.test:5000\",\"m2.test\",\"https://m3.test/hub/\"]},"
			   "\"*\":{\"endpoint\":[\"https://any.test/v2\"]}}}";

	CHECK_STR(places(text, "web"), "http://m1.test:5000/v2 library/web\n"
				       "https://m2.test/v2 library/web\n"
				       "https://m3.test/hub library/web\n"
				       "https://registry-1.docker.io/v2 library/web own\n");
	CHECK_STR(places(text, "example.test/web"), "https://any.test/v2 web\n"
						    "https://example.test/v2 web own\n");
	/* A mirror that is the registry itself replaces the usual way to it. */
	CHECK_STR(places("{\"mirrors\":{\"example.test:5000\":"
			 "{\"endpoint\":[\"http://Example.test:5000\"]}}}",
			 "example.test:5000/web"),
		  "http://example.test:5000/v2 web own\n");
}

static void rewrites_for_mirrors(void)
{
	CHECK_STR(places("{\"mirrors\":{\"docker.io\":{\"endpoint\":[\"https://m.test\"],"
			 "\"rewrite\":{\"^nothing/\":\"x/\",\"^library/(.*)\":\"hub/$1\"}}}}",
			 "web"),
		  "https://m.test/v2 hub/web\nhttps://registry-1.docker.io/v2 library/web own\n");
	CHECK_STR(places("{\"mirrors\":{\"*\":{\"endpoint\":[\"https://m.test\"],"
			 "\"rewrite\":{\"(^|/)(.)\":\"${1}x$2\"}}}}",
			 "example.test/a/b"),
		  "https://m.test/v2 xa/xb\nhttps://example.test/v2 a/b own\n");
	/* A pattern that matches nothing at many places ends. */
	CHECK_STR(places("{\"mirrors\":{\"*\":{\"endpoint\":[\"https://m.test\"],"
			 "\"rewrite\":{\"x*\":\"z\"}}}}",
			 "example.test/a/b"),
		  "https://m.test/v2 zaz/zbz\nhttps://example.test/v2 a/b own\n");
}

static void names_mistakes(void)
{
	check_refused("{\"mirrors\":{\"*\":{\"endpoint\":[\"ftp://x.test\"]}}}", "ftp://x.test");
	check_refused("{\"mirrors\":{\"*\":{\"endpoint\":[7]}}}", "endpoint");
	check_refused("{\"mirrors\":{\"*\":{\"endpoint\":[\"https://user@x.test\"]}}}", "host");
	check_refused("{\"mirrors\":{\"*\":{\"endpoint\":[\"https://x.test/?q\"]}}}", "query");
	check_refused("{\"mirrors\":{\"*\":{\"endpoint\":[\"m.test\"],\"rewrite\":{\"(\":\"\"}}}}",
		      "pattern \"(\"");
	check_refused("{\"mirrors\":{\"*\":{\"endpoint\":[\"m.test\"],"
		      "\"rewrite\":{\"web\":\"a b\\r\\n\"}}}}",
		      "rewrite");
	check_refused("{\"mirrors\":{\"*\":{\"endpoint\":[\"m.test\"],"
		      "\"rewrite\":{\"web\":\"../x\"}}}}",
		      "rewrite");
	check_refused("{\"mirrors\":{\"*\":{\"endpoint\":"
		      "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"]}}}",
		      "more than 7");
}

static void finds_logins(void)
{
	const struct json *json =
		config("{\"configs\":{\"a.test:5000\":{\"auth\":{\"username\":\"u\","
		       "\"password\":\"p\"}},"
		       "\"b.test\":{\"auth\":{\"auth\":\"dXNlcjpwYTpzcw==\"}},"
		       "\"c.test\":{\"auth\":{\"auth\":\"dXNlcg==\"}},"
		       "\"docker.io\":{\"auth\":{\"identity_token\":\"t\"}}}}");
	auto_registry_login a = { 0 }, b = { 0 }, c = { 0 }, hub = { 0 }, none = { 0 };
	struct error err;

	CHECK_OK(registry_config_login(json, "a.test:5000", &a, &err), &err);
	CHECK_STR(buf_text(&a.username), "u");
	CHECK_STR(buf_text(&a.password), "p");
	CHECK_OK(registry_config_login(json, "b.test", &b, &err), &err);
	CHECK_STR(buf_text(&b.username), "user");
	CHECK_STR(buf_text(&b.password), "pa:ss");
	CHECK(!registry_config_login(json, "c.test", &c, &err));
	CHECK(strstr(err.text, "c.test") != NULL);
	CHECK_OK(registry_config_login(json, "registry-1.docker.io", &hub, &err), &err);
	CHECK_STR(buf_text(&hub.identity_token), "t");
	CHECK_OK(registry_config_login(json, "a.test", &none, &err), &err);
	CHECK(registry_login_is_empty(&none));
	json_doc_free(doc);
}

/* --- addresses --- */

static const char *resolved(const char *location)
{
	static char shown[1024];
	auto_registry_url base = { 0 }, out = { 0 };
	struct error err;

	CHECK_OK(registry_url_parse(STR("https://A.test:8443/v2/x?q=/"), &base, &err), &err);
	if (!registry_url_resolve(&base, str_of(location), &out, &err))
		return "refused";
	snprintf(shown, sizeof(shown), "%s://%s%s", out.secure ? "https" : "http", out.authority,
		 buf_text(&out.target));
	return shown;
}

static void resolves_locations(void)
{
	CHECK_STR(resolved("https://b.test:443/x?y=1#z"), "https://b.test/x?y=1");
	CHECK_STR(resolved("HTTP://B.test:80"), "http://b.test/");
	CHECK_STR(resolved("http://[::1]:443?x"), "http://[::1]:443/?x");
	CHECK_STR(resolved("//c.test/x"), "https://c.test/x");
	CHECK_STR(resolved("/other?a:b"), "https://a.test:8443/other?a:b");
	CHECK_STR(resolved("near/by"), "https://a.test:8443/v2/near/by");
	CHECK_STR(resolved("https://a.test\\@b.test/"), "refused");
	CHECK_STR(resolved("https://user:pass@b.test/"), "refused");
	CHECK_STR(resolved("https:///x"), "refused");
	CHECK_STR(resolved("https://b.test:0/"), "refused");
	CHECK_STR(resolved("https://b.test:99999/"), "refused");
	CHECK_STR(resolved("file:///etc/passwd"), "refused");
	CHECK_STR(resolved("/x\r\nX-Evil: 1"), "refused");
	CHECK_STR(resolved("/x y"), "refused");
	CHECK_STR(resolved("/\xc3\xa4"), "refused");
	CHECK_STR(resolved(""), "refused");
}

static const struct test tests[] = {
	{ "knows own registries", knows_own_registries },
	{ "puts mirrors first", puts_mirrors_first },
	{ "rewrites for mirrors", rewrites_for_mirrors },
	{ "names mistakes", names_mistakes },
	{ "finds logins", finds_logins },
	{ "resolves locations", resolves_locations },
};
TEST_MAIN(tests)
