/*
 * test_registry_reach.c - what a registry may make this node call (attack case 31).
 *
 * Goal: no name of an image, redirect or token service leads to this machine or to its metadata,
 * unless the administrator named the place.  Method: addresses by a table; then sessions with
 * fronts in a network namespace of the test, whose loopback has one address more that is nobody's.
 */
#include "runtime/registry_reach.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/unit/harness.h"
#include "tests/unit/runtime/registry_front.h"
#include "tests/unit/runtime/registry_pull.h"

static void addresses_are_judged(void)
{
	static const struct {
		const char *address;
		bool far, machine;
	} rows[] = {
		{ "192.0.2.1", true, true },
		{ "10.0.0.1", true, true },
		{ "fd00::1", true, true },
		{ "2001:db8::7f00:1", true, true },
		{ "127.0.0.1", false, true },
		{ "127.255.0.9", false, true },
		{ "0.0.0.0", false, true },
		{ "::1", false, true },
		{ "::", false, true },
		{ "::ffff:127.0.0.1", false, true },
		{ "64:ff9b::7f00:1", false, true },
		{ "169.254.169.254", false, false },
		{ "169.254.0.1", false, false },
		{ "::ffff:169.254.169.254", false, false },
		{ "64:ff9b::a9fe:a9fe", false, false },
		{ "fe80::1", false, false },
		{ "febf::1", false, false },
		{ "fec0::1", true, true },
		{ "fd00:ec2::254", false, false },
		{ "fd20:ce::254", false, false },
		{ "100.100.100.200", false, false },
		{ "100.100.100.201", true, true },
		{ "168.63.129.16", false, false },
		{ "192.0.0.192", false, false },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct socket_address address;

		CHECK(socket_lookup_parse(str_of(rows[i].address), 443, &address));
		if (registry_reach_allows(REGISTRY_REACH_FAR, &address) != rows[i].far ||
		    registry_reach_allows(REGISTRY_REACH_MACHINE, &address) != rows[i].machine)
			harness_fail(__FILE__, __LINE__, "%s is judged wrongly", rows[i].address);
		CHECK(registry_reach_allows(REGISTRY_REACH_ANYWHERE, &address));
	}
}

static struct json_doc *registries(const char *text)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

static void the_administrator_names(void)
{
	auto_json_doc doc = registries(
		"{\"mirrors\": {\"*\": {\"endpoint\": [\"http://127.0.0.1:5000/v2/x\"]},"
		" \"quay.test\": {\"endpoint\": [\"cache.test\", \"https://other.test:443\"]},"
		" \"here.test\": {}}, \"configs\": {\"169.254.1.1:5000\": {}, \"*\": {}}}");
	const struct json *all = json_root(doc);
	static const char *const named[] = { "127.0.0.1:5000", "quay.test", "cache.test",
					     "other.test",     "here.test", "169.254.1.1:5000" };
	static const char *const others[] = { "127.0.0.1", "127.0.0.1:5001", "169.254.1.1",
					      "x.test", "other.test:444" };

	for (size_t i = 0; i < ARRAY_LENGTH(named); i++)
		CHECK_INT(registry_reach_of(all, named[i], "x.test"), REGISTRY_REACH_ANYWHERE);
	for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
		CHECK_INT(registry_reach_of(all, others[i], "x.test"), REGISTRY_REACH_FAR);
		CHECK_INT(registry_reach_of(all, others[i], "localhost:5000"),
			  REGISTRY_REACH_MACHINE);
	}
	CHECK_INT(registry_reach_of(NULL, "localhost", "localhost"), REGISTRY_REACH_MACHINE);
	CHECK_INT(registry_reach_of(NULL, "evil.test", "evil.test"), REGISTRY_REACH_FAR);
}

/* --- sessions --- */

#define ELSEWHERE "192.0.2.9" /* of documentation: in the namespace only */

static struct registry_front evil, inner;
static const char *location, *challenge;

static void serve_evil(struct registry_front *front, struct http_request *req)
{
	(void)front;
	if (challenge) {
		http_reply_header(req, "WWW-Authenticate", challenge);
		http_reply(req, 401, "text/plain", STR("no"));
		return;
	}
	http_reply_header(req, "Location", location);
	http_reply(req, 307, "text/plain", STR(""));
}

static void serve_inner(struct registry_front *front, struct http_request *req)
{
	(void)front;
	http_reply(req, 200, "application/json", STR("{\"token\":\"t\"}"));
}

static void lift(const char *name, const char *address)
{
	struct ifreq wish = { 0 };
	struct sockaddr_in *at = (struct sockaddr_in *)&wish.ifr_addr;
	auto_fd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(wish.ifr_name, sizeof(wish.ifr_name), "%s", name);
	at->sin_family = AF_INET;
	CHECK_INT(inet_pton(AF_INET, address, &at->sin_addr), 1);
	CHECK_INT(ioctl(fd, SIOCSIFADDR, &wish), 0);
	wish.ifr_flags = IFF_UP | IFF_RUNNING;
	CHECK_INT(ioctl(fd, SIOCSIFFLAGS, &wish), 0);
}

static void open_fronts(void)
{
	pull_content();
	CHECK_INT(unshare(CLONE_NEWNET), 0);
	lift("lo", "127.0.0.1");
	lift("lo:1", ELSEWHERE);
	lift("lo:2", "169.254.169.254");
	evil = (struct registry_front){ .on_request = serve_evil, .address = ELSEWHERE };
	inner = (struct registry_front){ .on_request = serve_inner };
	registry_front_open(&evil);
	registry_front_open(&inner);
}

static void close_fronts(void)
{
	registry_front_close(&evil);
	registry_front_close(&inner);
}

static const char *port_of(const struct registry_front *front)
{
	return strrchr(front->host, ':') + 1;
}

/* A mirror is named: it is asked in plain HTTP, and sends us on. */
static struct registry_session *open_session(struct json_doc **out, const char *more)
{
	auto_buf text = BUF_INIT;
	struct registry_session_plan plan = { .username = STR("user"), .password = STR("pass") };

	buf_add_print(&text, "{\"mirrors\":{\"%s\":{\"endpoint\":[\"http://%s\"]}}%s}", evil.host,
		      evil.host, more);
	*out = registries(buf_text(&text));
	plan.registries = json_root(*out);
	return pull_open(evil.host, &plan);
}

static void redirects_do_not_lead_inside(void)
{
	static const char *const places[] = { "http://127.0.0.1",          "http://localhost",
					      "http://[::ffff:127.0.0.1]", "http://0.0.0.0",
					      "http://169.254.169.254",    "//127.0.0.1" };
	auto_json_doc doc = NULL;
	struct registry_session *session;

	open_fronts();
	session = open_session(&doc, "");
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		char text[100];

		snprintf(text, sizeof(text), "%s:%s/x", places[i], port_of(&inner));
		location = text;
		pull_check_blob_fails(session, ERROR_BROKEN, "it is not called");
		pull_check_manifest_fails(session, "v1", ERROR_BROKEN, "it is not called");
	}
	location = "file:///etc/passwd";
	pull_check_blob_fails(session, ERROR_BROKEN, "redirects to nowhere");
	location = "gopher://127.0.0.1/";
	pull_check_blob_fails(session, ERROR_BROKEN, "redirects to nowhere");
	registry_session_close(session);
	CHECK_INT(registry_front_count(&inner, "GET"), 0);
	close_fronts();
}

static void token_services_do_not_lead_inside(void)
{
	auto_json_doc doc = NULL;
	struct registry_session *session;
	char text[100];

	open_fronts();
	snprintf(text, sizeof(text), "Bearer realm=\"http://127.0.0.1:%s/t\"", port_of(&inner));
	challenge = text;
	session = open_session(&doc, "");
	pull_check_manifest_fails(session, "v1", ERROR_BROKEN, "it is not called");
	registry_session_close(session);
	CHECK_INT(registry_front_count(&inner, "GET"), 0);
	close_fronts();
}

/* The same place, named: it is called, and hears nothing of the login. */
static void named_places_are_called(void)
{
	auto_json_doc doc = NULL;
	auto_buf more = BUF_INIT;
	struct registry_session *session;
	struct error err;
	auto_buf got = BUF_INIT;
	char text[100];

	open_fronts();
	snprintf(text, sizeof(text), "http://127.0.0.1:%s/data", port_of(&inner));
	location = text;
	buf_add_print(&more, ",\"configs\":{\"%s\":{}}", inner.host);
	session = open_session(&doc, buf_text(&more));
	CHECK(!pull_try_blob(session, &got, &err));
	registry_session_close(session);
	CHECK(registry_front_count(&inner, "GET /data auth=[] range=[]") > 0);
	CHECK_INT(registry_front_count(&inner, "Basic"), 0);
	close_fronts();
}

/* As the name of an image, without a redirect. */
static void images_are_not_named_after_metadata(void)
{
	auto_buf host = BUF_INIT;
	struct registry_session *session;

	open_fronts();
	buf_add_print(&host, "169.254.169.254:%s", port_of(&inner));
	session = pull_open(buf_text(&host), NULL);
	pull_check_manifest_fails(session, "v1", ERROR_BROKEN, "it is not called");
	registry_session_close(session);
	session = pull_open(inner.host, NULL); /* said by its name: as localhost:5000 */
	pull_check_blob_fails(session, ERROR_BROKEN, "digest");
	registry_session_close(session);
	CHECK(registry_front_count(&inner, "GET") > 0);
	close_fronts();
}

static const struct test tests[] = {
	{ "addresses are judged", addresses_are_judged },
	{ "the administrator names", the_administrator_names },
	{ "redirects do not lead inside", redirects_do_not_lead_inside },
	{ "token services do not lead inside", token_services_do_not_lead_inside },
	{ "named places are called", named_places_are_called },
	{ "images are not named after metadata", images_are_not_named_after_metadata },
};
TEST_MAIN(tests)
