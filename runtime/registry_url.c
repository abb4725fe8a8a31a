/*
 * registry_url.c - addresses of registries, token services and storage hosts, strictly read.
 *
 * They come from a header of a registry that may be hostile and go into a request line and a Host
 * header: nothing but printable ASCII is let through, and a user name in front of the host (a way
 * to make one host look like another) is refused.
 */
#include "runtime/registry_url.h"

#include <stdio.h>

#include "net/socket.h"
#include "net/socket_lookup.h"

void registry_url_clear(struct registry_url *url)
{
	buf_clear(&url->target);
	*url = (struct registry_url){ 0 };
}

static bool refuse(const char *why, struct error *err)
{
	return error_set(err, ERROR_INVALID, "the address %s", why);
}

static bool is_host_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
}

static bool parse_authority(struct str text, struct registry_url *out, struct error *err)
{
	unsigned usual = out->secure ? 443 : 80;
	unsigned port = usual;
	struct str host;
	size_t at = 0;
	bool bracket = text.len > 0 && text.at[0] == '[';

	if (text.len == 0 || text.len >= sizeof(out->authority))
		return refuse("has no host or one that is too long", err);
	for (size_t i = 0; i < text.len; i++)
		if (!is_host_byte(text.at[i]))
			return refuse("has a host that is not allowed", err);
	if (!socket_split(text, usual, &host, &port) || host.len == 0 || port == 0 ||
	    host.len > 255)
		return refuse("has a host or port that is not allowed", err);
	if (bracket)
		out->authority[at++] = '[';
	for (size_t i = 0; i < host.len; i++) {
		char c = host.at[i];

		out->authority[at++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	if (bracket)
		out->authority[at++] = ']';
	out->authority[at] = '\0';
	if (port != usual)
		snprintf(out->authority + at, sizeof(out->authority) - at, ":%u", port);
	return true;
}

static bool set_target(struct str text, struct registry_url *out, struct error *err)
{
	struct str rest = text;
	struct str kept = str_cut(&rest, '#');

	for (size_t i = 0; i < kept.len; i++)
		if (kept.at[i] <= ' ' || kept.at[i] > '~')
			return refuse("has a byte that is not allowed", err);
	if (kept.len == 0 || kept.at[0] != '/')
		buf_add_byte(&out->target, '/');
	buf_add_str(&out->target, kept);
	return true;
}

bool registry_url_parse(struct str text, struct registry_url *out, struct error *err)
{
	auto_registry_url made = { 0 };
	struct str rest;
	size_t end = 0;

	if (text.len > REGISTRY_URL_MAX)
		return refuse("is too long", err);
	made.secure = text.len >= 8 && str_equal_case(str_from(text.at, 8), STR("https://"));
	if (!made.secure && (text.len < 7 || !str_equal_case(str_from(text.at, 7), STR("http://"))))
		return refuse("does not start with http:// or https://", err);
	rest = str_from(text.at + (made.secure ? 8 : 7), text.len - (made.secure ? 8 : 7));
	while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?' && rest.at[end] != '#')
		end++;
	if (!parse_authority(str_from(rest.at, end), &made, err) ||
	    !set_target(str_from(rest.at + end, rest.len - end), &made, err))
		return false;
	registry_url_clear(out);
	*out = made;
	made = (struct registry_url){ 0 };
	return true;
}

/* The folder of base's path, for the rare relative Location. */
static struct str folder_of(const struct registry_url *base)
{
	struct str rest = buf_str(&base->target);
	struct str path = str_cut(&rest, '?');

	while (path.len > 0 && path.at[path.len - 1] != '/')
		path.len--;
	return path;
}

bool registry_url_resolve(const struct registry_url *base, struct str location,
			  struct registry_url *out, struct error *err)
{
	auto_buf whole = BUF_INIT;
	const char *scheme = base->secure ? "https" : "http";
	ptrdiff_t colon = str_find(location, ':');
	ptrdiff_t slash = str_find(location, '/');

	if (location.len == 0 || location.len > REGISTRY_URL_MAX)
		return refuse("is missing or too long", err);
	if (str_starts(location, STR("//")))
		buf_add_print(&whole, "%s:", scheme);
	else if (location.at[0] == '/')
		buf_add_print(&whole, "%s://%s", scheme, base->authority);
	else if (colon < 0 || (slash >= 0 && slash < colon))
		buf_add_print(&whole, "%s://%s" STR_FMT, scheme, base->authority,
			      STR_ARG(folder_of(base)));
	buf_add_str(&whole, location);
	return registry_url_parse(buf_str(&whole), out, err);
}

bool registry_url_same_origin(const struct registry_url *a, const struct registry_url *b)
{
	return a->secure == b->secure && strcmp(a->authority, b->authority) == 0;
}

bool registry_url_is_local(struct str authority)
{
	struct socket_address address;
	struct str host;
	unsigned port;
	char text[64];

	if (!socket_split(authority, 443, &host, &port))
		return false;
	if (str_equal_case(host, STR("localhost")))
		return true;
	if (!socket_lookup_parse(host, port, &address))
		return false;
	socket_lookup_print(&address, text, sizeof(text));
	return address.at.ss_family == AF_INET ? strncmp(text, "127.", 4) == 0
					       : strcmp(text, "::1") == 0;
}
