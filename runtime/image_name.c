/*
 * image_name.c - names of images: [host[:port]/]path[/path...][:tag][@digest].
 *
 * The grammar is that of the distribution project's reference package.  Parts are cut off from the
 * right end (digest, then tag), the host from the left; what stays is the repository.  Only sha256
 * digests are known here: the store keeps nothing else.
 */
#include "runtime/image_name.h"

#include <assert.h>

enum {
	TEXT_MAX = 1024, /* longest name looked at: host + repository + tag + digest fit */
	HEX_LENGTH = 64,
	PORT_MAX = 65535,
	SHOWN_MAX = 80 /* bytes of a wrong name that a message repeats */
};

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_lower(c) || is_upper(c) || is_digit(c);
}

static bool is_hex(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_digit(text.at[i]) && !(text.at[i] >= 'a' && text.at[i] <= 'f'))
			return false;
	return true;
}

bool image_name_is_digest(struct str text)
{
	const struct str head = STR("sha256:");

	if (text.len != head.len + HEX_LENGTH || !str_starts(text, head))
		return false;
	return is_hex(str_from(text.at + head.len, HEX_LENGTH));
}

/* A name that is wrong may hold anything: only printable bytes of it go into a message. */
static bool refuse(struct str text, const char *why, struct error *err)
{
	char shown[SHOWN_MAX + 1];
	size_t len = text.len < SHOWN_MAX ? text.len : SHOWN_MAX;

	for (size_t i = 0; i < len; i++)
		shown[i] = text.at[i] > ' ' && text.at[i] < 127 ? text.at[i] : '?';
	shown[len] = '\0';
	return error_set(err, ERROR_INVALID, "image name \"%s\"%s: %s", shown,
			 len < text.len ? " (cut)" : "", why);
}

static void keep(char *slot, size_t room, struct str text)
{
	assert(text.len < room);
	memcpy(slot, text.at, text.len);
	slot[text.len] = '\0';
}

/* Letters, digits and inner hyphens between dots. */
static bool is_host_name(struct str host)
{
	struct str rest = host;

	if (host.len == 0 || host.at[host.len - 1] == '.')
		return false;
	while (rest.len > 0) {
		struct str part = str_cut(&rest, '.');

		if (part.len == 0 || !is_alnum(part.at[0]) || !is_alnum(part.at[part.len - 1]))
			return false;
		for (size_t i = 0; i < part.len; i++)
			if (!is_alnum(part.at[i]) && part.at[i] != '-')
				return false;
	}
	return true;
}

/* The inside of [...]: what an IPv6 address may be made of; dialling decides about the rest. */
static bool is_address6(struct str text)
{
	if (text.len < 2)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (!is_digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F') && c != ':')
			return false;
	}
	return true;
}

static bool is_host(struct str host)
{
	struct str port = STR_NONE;
	uint64_t number = 0;
	bool bracket = host.len > 0 && host.at[0] == '[';

	if (bracket) {
		struct str rest = str_from(host.at + 1, host.len - 1);
		struct str inner = str_cut(&rest, ']');

		if (inner.len + 2 > host.len || !is_address6(inner))
			return false;
		if (rest.len == 0)
			return true;
		if (rest.at[0] != ':')
			return false;
		port = str_from(rest.at + 1, rest.len - 1);
	} else {
		ptrdiff_t colon = str_find(host, ':');

		if (colon < 0)
			return is_host_name(host);
		if (!is_host_name(str_from(host.at, (size_t)colon)))
			return false;
		port = str_from(host.at + colon + 1, host.len - (size_t)colon - 1);
	}
	return port.len > 0 && is_digit(port.at[0]) && str_to_u64(port, PORT_MAX, &number) &&
	       number > 0;
}

/* [a-z0-9]+ joined by one '.', one or two '_', or any number of '-'. */
static bool is_path_part(struct str part)
{
	size_t i = 0;

	while (i < part.len) {
		size_t from = i;

		while (i < part.len && (is_lower(part.at[i]) || is_digit(part.at[i])))
			i++;
		if (i == from)
			return false;
		if (i == part.len)
			return true;
		from = i;
		while (i < part.len && part.at[i] == part.at[from] &&
		       (part.at[i] == '-' || part.at[i] == '_' || part.at[i] == '.'))
			i++;
		if (i == from || (part.at[from] == '_' && i - from > 2) ||
		    (part.at[from] == '.' && i - from > 1))
			return false;
	}
	return false; /* empty, or it ended with a joint */
}

static bool validate_repository(struct str whole, struct str repository, struct error *err)
{
	struct str rest = repository;

	for (size_t i = 0; i < repository.len; i++)
		if (is_upper(repository.at[i]))
			return refuse(whole, "the repository must be lower case", err);
	if (repository.len == 0 || repository.at[repository.len - 1] == '/')
		return refuse(whole, "a part of the repository is empty", err);
	while (rest.len > 0)
		if (!is_path_part(str_cut(&rest, '/')))
			return refuse(whole, "the repository has a part that is not allowed", err);
	return true;
}

static bool parse_digest(struct str whole, struct str *name, struct image_name *out,
			 struct error *err)
{
	struct str rest = *name;
	struct str front;

	if (str_find(*name, '@') < 0)
		return true;
	front = str_cut(&rest, '@');
	if (!image_name_is_digest(rest))
		return refuse(whole, "the digest must be sha256: and 64 hex digits", err);
	keep(out->digest, sizeof(out->digest), rest);
	*name = front;
	return true;
}

static bool parse_tag(struct str whole, struct str *name, struct image_name *out, struct error *err)
{
	struct str tag;
	size_t at = name->len;

	/* The last ':' behind the last '/'; one before it belongs to a port. */
	while (at > 0 && name->at[at - 1] != ':' && name->at[at - 1] != '/')
		at--;
	if (at == 0 || name->at[at - 1] == '/')
		return true;
	tag = str_from(name->at + at, name->len - at);
	if (tag.len == 0 || tag.len >= sizeof(out->tag))
		return refuse(whole, "the tag must have 1 to 128 characters", err);
	for (size_t i = 0; i < tag.len; i++)
		if (!is_alnum(tag.at[i]) && tag.at[i] != '_' &&
		    (i == 0 || (tag.at[i] != '.' && tag.at[i] != '-')))
			return refuse(whole, "the tag has a character that is not allowed", err);
	keep(out->tag, sizeof(out->tag), tag);
	name->len = at - 1;
	return true;
}

/* Is the part before the first '/' a host?  docker.io's own paths never look like one. */
static bool looks_like_host(struct str part)
{
	if (str_is(part, "localhost"))
		return true;
	for (size_t i = 0; i < part.len; i++)
		if (part.at[i] == '.' || part.at[i] == ':' || is_upper(part.at[i]))
			return true;
	return false;
}

static bool parse_place(struct str whole, struct str name, struct image_name *out,
			struct error *err)
{
	const char *library = "";
	struct str host = STR("docker.io");
	struct str rest = name;
	struct str first = str_cut(&rest, '/');

	if (first.len < name.len && looks_like_host(first)) {
		if (first.len >= sizeof(out->host) || !is_host(first))
			return refuse(whole, "the host or its port is not allowed", err);
		if (!str_is(first, "index.docker.io"))
			host = first;
		name = rest;
	}
	if (!validate_repository(whole, name, err))
		return false;
	if (str_is(host, "docker.io") && str_find(name, '/') < 0)
		library = "library/";
	if (strlen(library) + name.len >= sizeof(out->repository))
		return refuse(whole, "the repository is longer than 255 characters", err);
	keep(out->host, sizeof(out->host), host);
	keep(out->repository, sizeof(out->repository), str_of(library));
	keep(out->repository + strlen(library), sizeof(out->repository) - strlen(library), name);
	return true;
}

bool image_name_parse(struct str text, struct image_name *out, struct error *err)
{
	struct image_name made = { 0 };
	struct str name = text;

	if (text.len == 0)
		return error_set(err, ERROR_INVALID, "the image name is empty");
	if (text.len > TEXT_MAX)
		return refuse(text, "it is too long", err);
	if (!parse_digest(text, &name, &made, err) || !parse_tag(text, &name, &made, err))
		return false;
	if (name.len == HEX_LENGTH && is_hex(name))
		return refuse(text, "64 hex digits alone are an image's id, not a name", err);
	if (!parse_place(text, name, &made, err))
		return false;
	if (made.tag[0] == '\0' && made.digest[0] == '\0')
		keep(made.tag, sizeof(made.tag), STR("latest"));
	*out = made;
	return true;
}

void image_name_print(const struct image_name *name, struct buf *out)
{
	assert(name->host[0] != '\0');
	assert(name->repository[0] != '\0');
	buf_add_print(out, "%s/%s", name->host, name->repository);
	if (name->digest[0] != '\0')
		buf_add_print(out, "@%s", name->digest);
	else
		buf_add_print(out, ":%s", name->tag);
}

bool image_name_normalise(struct str text, struct buf *out, struct error *err)
{
	struct image_name name;

	if (!image_name_parse(text, &name, err))
		return false;
	image_name_print(&name, out);
	return true;
}
