/*
 * proxy_headers.c - headers of a request that is sent on.
 */
#include "server/front/proxy_headers.h"

#include <assert.h>

#include "base/limits.h"

#define REMOTE   "X-Remote-"
#define OWN_MAX  3 /* X-Forwarded-For, Connection, Upgrade */
#define USER_MAX LIMIT_HTTP_HEADERS

bool proxy_is_of_hop(const struct http_head *head, struct str name)
{
	static const char *const names[] = {
		"Connection",          "Keep-Alive", "Proxy-Connection",
		"Proxy-Authenticate",  "TE",         "Trailer",
		"Proxy-Authorization", "Upgrade",    "Transfer-Encoding",
		"Content-Length"
	};
	auto_free char *word = str_copy(name);

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (str_equal_case(name, str_of(names[i])))
			return true;
	return http_has_token(head, "Connection", word);
}

/* Servers behind CGI and its like take '_' for '-'. */
static bool begins(struct str name, const char *with)
{
	size_t len = strlen(with);

	if (name.len < len)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name.at[i] == '_' ? '-' : name.at[i];

		if (!str_equal_case(str_from(&c, 1), str_from(with + i, 1)))
			return false;
	}
	return true;
}

/* What is between the client and us alone. */
static bool is_private(struct str name)
{
	static const char *const names[] = { "Host", "Expect", "Authorization", "X-Forwarded-For" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (str_equal_case(name, str_of(names[i])))
			return true;
	return begins(name, "Impersonate-") || begins(name, REMOTE);
}

static struct str forwarded_for(struct request *req)
{
	struct str from = req->http->peer, port = from;
	struct str before = http_header(&req->http->head, "X-Forwarded-For");

	while (str_find(port, ':') >= 0)
		str_cut(&port, ':');
	if (port.len + 1 < from.len)
		from.len -= port.len + 1;
	return str_of(arena_print(req->arena, STR_FMT "%s" STR_FMT, STR_ARG(before),
				  before.len ? ", " : "", STR_ARG(from)));
}

/* --- who asks --- */

struct told {
	struct arena *arena;
	struct http_header *list;
	size_t count;
};

/* Blanks at the ends of a value are not read: " admin" would be somebody else. */
static bool tell(struct told *told, const char *name, const char *value, struct error *err)
{
	struct str text = str_of(value);

	if (str_trim(text).len != text.len || str_find(text, '\n') >= 0 ||
	    str_find(text, '\r') >= 0)
		return error_set(err, ERROR_BAD_REQUEST,
				 "\"%s\" cannot be told to the server of this API", value);
	if (told->count == USER_MAX)
		return error_set(err, ERROR_BAD_REQUEST,
				 "the user has more than %d names and groups", USER_MAX);
	told->list[told->count++] = (struct http_header){ str_of(name), text };
	return true;
}

/* A key may have any characters, the name of a header not: the others are percent-encoded. */
static const char *extra_name(struct told *told, const char *key)
{
	static const char free_ones[] = "!#$&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
					"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	auto_buf name = BUF_INIT;

	buf_add_text(&name, REMOTE "Extra-");
	for (; *key; key++) {
		if (strchr(free_ones, *key))
			buf_add_byte(&name, *key);
		else
			buf_add_print(&name, "%%%02X", (unsigned char)*key);
	}
	return arena_string(told->arena, name.at, name.len);
}

static bool tell_user(struct told *told, const struct user *user, struct error *err)
{
	const struct user_extra *extra = user->extra;

	if (!tell(told, REMOTE "User", user->name, err))
		return false;
	for (const char **group = user->groups; group && *group; group++)
		if (!tell(told, REMOTE "Group", *group, err))
			return false;
	for (; extra && extra->key; extra++)
		if (!tell(told, extra_name(told, extra->key), extra->value, err))
			return false;
	return true;
}

/* --- all of them --- */

bool proxy_headers(struct request *req, const struct user *as, struct http_header **out,
		   size_t *out_count, struct error *err)
{
	const struct http_head *head = &req->http->head;
	size_t room = head->header_count + OWN_MAX + (as ? USER_MAX : 0), count = 0;
	struct http_header *list = arena_get(req->arena, room * sizeof(*list));
	struct told told = { .arena = req->arena };

	for (size_t i = 0; i < head->header_count; i++)
		if (!proxy_is_of_hop(head, head->headers[i].name) &&
		    !is_private(head->headers[i].name))
			list[count++] = head->headers[i];
	list[count++] = (struct http_header){ STR("X-Forwarded-For"), forwarded_for(req) };
	if (head->upgrade) {
		list[count++] = (struct http_header){ STR("Connection"), STR("Upgrade") };
		list[count++] =
			(struct http_header){ STR("Upgrade"), http_header(head, "Upgrade") };
	}
	told.list = list + count;
	if (as && !tell_user(&told, as, err))
		return false;
	count += told.count;
	assert(count <= room);
	*out = list;
	*out_count = count;
	return true;
}
