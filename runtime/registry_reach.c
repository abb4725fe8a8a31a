/*
 * registry_reach.c - addresses sorted into this machine, its link, and others.
 */
#include "runtime/registry_reach.h"

#include <netinet/in.h>

#include "runtime/registry_url.h"

enum place { OTHERS, MACHINE, LINK };

struct range {
	unsigned char bytes[16];
	unsigned bits;
	enum place place;
};

/* 0.0.0.0 and :: are this machine for who connects to them. */
static const struct range ranges4[] = {
	{ { 127 }, 8, MACHINE },
	{ { 0 }, 8, MACHINE },
	{ { 169, 254 }, 16, LINK },
	/* Metadata that lies elsewhere: Alibaba, Azure, Oracle. */
	{ { 100, 100, 100, 200 }, 32, LINK },
	{ { 168, 63, 129, 16 }, 32, LINK },
	{ { 192, 0, 0, 192 }, 32, LINK },
};

static const struct range ranges6[] = {
	{ { [15] = 1 }, 128, MACHINE },
	{ { 0 }, 128, MACHINE },
	{ { 0xfe, 0x80 }, 10, LINK },
	{ { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54 }, 128, LINK }, /* Amazon's metadata */
	{ { 0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54 }, 128, LINK }, /* Google's */
};

/* IPv6 addresses that mean the IPv4 address at their end. */
static const struct range mapped[] = {
	{ { [10] = 0xff, 0xff }, 96, OTHERS },      /* ::ffff:a.b.c.d */
	{ { 0 }, 96, OTHERS },                      /* ::a.b.c.d */
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, OTHERS }, /* 64:ff9b::a.b.c.d */
};

static bool is_in(const struct range *range, const unsigned char *bytes)
{
	for (unsigned bit = 0; bit < range->bits; bit++) {
		unsigned char mask = (unsigned char)(0x80 >> bit % 8);

		if ((range->bytes[bit / 8] ^ bytes[bit / 8]) & mask)
			return false;
	}
	return true;
}

static enum place place_in(const struct range *ranges, size_t count, const unsigned char *bytes)
{
	for (size_t i = 0; i < count; i++)
		if (is_in(&ranges[i], bytes))
			return ranges[i].place;
	return OTHERS;
}

static enum place place_of(const struct socket_address *address)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address->at;
	const struct sockaddr_in *four = (const struct sockaddr_in *)&address->at;
	const unsigned char *bytes;
	enum place place;

	if (address->at.ss_family == AF_INET) {
		bytes = (const unsigned char *)&four->sin_addr;
		return place_in(ranges4, ARRAY_LENGTH(ranges4), bytes);
	}
	bytes = six->sin6_addr.s6_addr;
	place = place_in(ranges6, ARRAY_LENGTH(ranges6), bytes);
	for (size_t i = 0; i < ARRAY_LENGTH(mapped) && place == OTHERS; i++)
		if (is_in(&mapped[i], bytes))
			place = place_in(ranges4, ARRAY_LENGTH(ranges4), bytes + 12);
	return place;
}

bool registry_reach_allows(enum registry_reach reach, const struct socket_address *address)
{
	enum place place = place_of(address);

	return reach == REGISTRY_REACH_ANYWHERE || place == OTHERS ||
	       (reach == REGISTRY_REACH_MACHINE && place == MACHINE);
}

/* "http://host:5000/path" and "host:5000" name "host:5000". */
static bool endpoint_names(struct str endpoint, const char *authority)
{
	auto_registry_url url = { 0 };
	auto_buf whole = BUF_INIT;
	struct error ignored;

	if (str_search(endpoint, STR("://")) < 0)
		buf_add_text(&whole, "https://");
	buf_add_str(&whole, endpoint);
	return registry_url_parse(buf_str(&whole), &url, &ignored) &&
	       strcmp(url.authority, authority) == 0;
}

/* As a key of mirrors or configs, or as an endpoint; "*" names nobody. */
static bool is_named(const struct json *registries, const char *authority)
{
	const struct json *mirrors = json_get(registries, "mirrors");

	if (json_get(mirrors, authority) || json_get(json_get(registries, "configs"), authority))
		return true;
	for (struct json_iter it = json_iter(mirrors); json_next(&it);)
		for (struct json_iter at = json_iter(json_get(it.value, "endpoint"));
		     json_next(&at);)
			if (endpoint_names(json_str(at.value), authority))
				return true;
	return false;
}

enum registry_reach registry_reach_of(const struct json *registries, const char *authority,
				      const char *endpoint)
{
	if (is_named(registries, authority))
		return REGISTRY_REACH_ANYWHERE;
	return registry_url_is_local(str_of(endpoint)) ? REGISTRY_REACH_MACHINE
						       : REGISTRY_REACH_FAR;
}
