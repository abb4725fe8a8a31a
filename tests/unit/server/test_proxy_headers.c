/*
 * test_proxy_headers.c - what another server hears of a request, and of who asks.
 *
 * Method: heads as they come from the wire, parsed by the product; the list printed, a line each.
 */
#include "server/front/proxy_headers.h"

#include "tests/unit/harness.h"

#define HEAD "GET /apis/a/v1 HTTP/1.1\r\nHost: a\r\n"

static const char *admins[] = { "system:masters", "system:authenticated", NULL };
static const struct user admin = { .name = "admin", .groups = admins };

/* The caller frees it; "refused" when the user cannot be told. */
static char *sent_on(const char *head, const struct user *as)
{
	auto_arena arena = arena_new();
	struct http_request http = { .arena = arena, .peer = STR("10.0.0.1:4242") };
	struct request req = { .http = &http, .arena = arena };
	auto_free char *bytes = memory_print("%s\r\n", head);
	struct http_header *list;
	auto_buf out = BUF_INIT;
	struct error err;
	size_t count;

	CHECK_OK(http_parse_request(str_of(bytes), arena, &http.head, &err), &err);
	if (!proxy_headers(&req, as, &list, &count, &err)) {
		CHECK_INT(err.kind, ERROR_BAD_REQUEST);
		return memory_string("refused");
	}
	for (size_t i = 0; i < count; i++)
		buf_add_print(&out, STR_FMT ": " STR_FMT "\n", STR_ARG(list[i].name),
			      STR_ARG(list[i].value));
	return buf_take(&out);
}

static void check(const char *head, const struct user *as, const char *wanted)
{
	auto_free char *have = sent_on(head, as);

	CHECK_STR(have, wanted);
}

/* Goal: what is of one hop, and what the client said of itself, stays here. */
static void left_out(void)
{
	check(HEAD
	      "Accept: */*\r\nAuthorization: Bearer x\r\nImpersonate-User: y\r\nTE: trailers\r\n"
	      "Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\nContent-Length: 0\r\n"
	      "X-Forwarded-For: 1.2.3.4\r\nExpect: 100-continue\r\n",
	      NULL, "Accept: */*\nX-Forwarded-For: 1.2.3.4, 10.0.0.1\n");
}

/* Goal: an upgrade is asked for again, whatever else Connection said. */
static void upgrades(void)
{
	check(HEAD "Connection: X-A, Upgrade\r\nUpgrade: websocket\r\nX-A: 1\r\n", NULL,
	      "X-Forwarded-For: 10.0.0.1\nConnection: Upgrade\nUpgrade: websocket\n");
}

/* Goal: who asks is told by us alone, whatever the client calls its headers. */
static void who_asks(void)
{
	check(HEAD "X-Remote-User: root\r\nx-remote-group: root\r\nX_Remote_Extra_a: b\r\n"
		   "X-Remote-Uid: 0\r\nX-REMOTE-EXTRA-Scopes: all\r\nImpersonate_User: root\r\n"
		   "Connection: X-Remote-User, X-Remote-Group\r\nX-Remotely: fine\r\n",
	      &admin,
	      "X-Remotely: fine\nX-Forwarded-For: 10.0.0.1\nX-Remote-User: admin\n"
	      "X-Remote-Group: system:masters\nX-Remote-Group: system:authenticated\n");
	/* Also where nobody is told. */
	check(HEAD "X-Remote-User: root\r\n", NULL, "X-Forwarded-For: 10.0.0.1\n");
}

/* Goal: keys of further facts are part of a header's name, whatever they are. */
static void extras(void)
{
	static const struct user_extra extra[] = {
		{ "example.com/key", "a b" }, { "100%", "ü" }, { "a:b", "" }, { NULL, NULL }
	};
	struct user user = { .name = "u", .extra = extra };

	check(HEAD, &user,
	      "X-Forwarded-For: 10.0.0.1\nX-Remote-User: u\n"
	      "X-Remote-Extra-example.com%2Fkey: a b\nX-Remote-Extra-100%25: ü\n"
	      "X-Remote-Extra-a%3Ab: \n");
}

/* Goal: no name is sent that would be read as another one. */
static void names_that_are_not_read_as_they_are(void)
{
	static const char *const names[] = { " admin", "admin ", "\tadmin", "a\nX-Remote-User: b",
					     "a\rb" };
	const char *groups[] = { "fine", " system:masters", NULL };
	struct user of_group = { .name = "a", .groups = groups };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		struct user user = { .name = names[i] };

		check(HEAD, &user, "refused");
	}
	check(HEAD, &of_group, "refused");
}

/* Goal: somebody in very many groups is refused, not cut. */
static void many_groups(void)
{
	const char *groups[201];
	struct user user = { .name = "a", .groups = groups };

	for (size_t i = 0; i < 200; i++)
		groups[i] = "g";
	groups[200] = NULL;
	check(HEAD, &user, "refused");
}

static const struct test tests[] = {
	{ "left out", left_out },
	{ "upgrades", upgrades },
	{ "who asks", who_asks },
	{ "extras", extras },
	{ "names that are not read as they are", names_that_are_not_read_as_they_are },
	{ "many groups", many_groups },
};
TEST_MAIN(tests)
