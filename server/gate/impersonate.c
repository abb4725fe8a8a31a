/*
 * impersonate.c - the Impersonate-* headers.
 *
 * comes from: authenticate, with who asks.  goes on as who is meant.
 */
#include "server/gate/impersonate.h"

#include <ctype.h>

#include "api/names.h"
#include "server/gate/authenticate.h"
#include "server/gate/authorize.h"

#define PREFIX         "Impersonate-"
#define EXTRA_PREFIX   "Impersonate-Extra-"
#define ACCOUNT_PREFIX "system:serviceaccount:"
#define GROUPS_MAX     64
#define EXTRAS_MAX     64

struct mask {
	struct request *req;
	struct user user;
	const char *groups[GROUPS_MAX + 4];
	size_t group_count;
	struct user_extra extras[EXTRAS_MAX + 1];
	size_t extra_count;
};

static bool starts_case(struct str text, struct str with)
{
	return text.len > with.len && str_equal_case(str_from(text.at, with.len), with);
}

static const char *copy(struct mask *mask, struct str text)
{
	return str_copy_arena(text, mask->req->arena);
}

/* May the asker take this on? */
static bool may(struct mask *mask, struct attributes asked, struct error *err)
{
	auto_buf why = BUF_INIT;

	asked.user = &mask->req->user;
	asked.verb = STR("impersonate");
	return authorize_explain(mask->req->server, &asked, &why) ||
	       authorize_refuse(&asked, buf_str(&why), err);
}

/* "system:serviceaccount:default:web" in its two parts */
static bool split_account(struct str name, struct str *out_namespace, struct str *out_name)
{
	struct str rest;

	if (!str_starts(name, STR(ACCOUNT_PREFIX)))
		return false;
	rest = str_from(name.at + strlen(ACCOUNT_PREFIX), name.len - strlen(ACCOUNT_PREFIX));
	*out_namespace = str_cut(&rest, ':');
	*out_name = rest;
	return !name_check(NAME_LABEL, *out_namespace) && !name_check(NAME_SUBDOMAIN, *out_name);
}

static bool take_user(struct mask *mask, struct str name, bool has_groups, struct error *err)
{
	struct str namespace, account;

	mask->user.name = copy(mask, name);
	if (!split_account(name, &namespace, &account))
		return may(mask, (struct attributes){ .resource = STR("users"), .name = name },
			   err);
	if (!has_groups) {
		mask->groups[mask->group_count++] = "system:serviceaccounts";
		mask->groups[mask->group_count++] = arena_print(
			mask->req->arena, "system:serviceaccounts:" STR_FMT, STR_ARG(namespace));
	}
	return may(mask,
		   (struct attributes){ .resource = STR("serviceaccounts"),
					.namespace = namespace,
					.name = account },
		   err);
}

static bool too_many(struct error *err)
{
	return error_set(err, ERROR_BAD_REQUEST, "too many " PREFIX " headers");
}

static bool take_group(struct mask *mask, struct str name, struct error *err)
{
	if (mask->group_count >= GROUPS_MAX)
		return too_many(err);
	mask->groups[mask->group_count++] = copy(mask, name);
	return may(mask, (struct attributes){ .resource = STR("groups"), .name = name }, err);
}

/* The key behind the prefix: lower case, percent-decoded where that is possible. */
static struct str extra_key(struct mask *mask, struct str header)
{
	struct str raw =
		str_from(header.at + strlen(EXTRA_PREFIX), header.len - strlen(EXTRA_PREFIX));
	char *lower = str_copy_arena(raw, mask->req->arena);
	auto_buf plain = BUF_INIT;

	for (size_t i = 0; i < raw.len; i++)
		lower[i] = (char)tolower((unsigned char)lower[i]);
	if (!buf_add_percent_decoded(&plain, str_from(lower, raw.len), false))
		return str_from(lower, raw.len);
	return str_of(copy(mask, buf_str(&plain)));
}

static bool take_extra(struct mask *mask, struct str header, struct str value, struct error *err)
{
	struct str key = extra_key(mask, header);

	if (mask->extra_count >= EXTRAS_MAX)
		return too_many(err);
	mask->extras[mask->extra_count++] =
		(struct user_extra){ copy(mask, key), copy(mask, value) };
	return may(mask,
		   (struct attributes){ .group = STR("authentication.k8s.io"),
					.resource = STR("userextras"),
					.subresource = key,
					.name = value },
		   err);
}

static bool take_uid(struct mask *mask, struct str uid, struct error *err)
{
	mask->user.uid = copy(mask, uid);
	return may(mask,
		   (struct attributes){ .group = STR("authentication.k8s.io"),
					.resource = STR("uids"),
					.name = uid },
		   err);
}

/* All headers of one sort, in order. */
static bool take_each(struct mask *mask, const char *wanted,
		      bool (*take)(struct mask *mask, struct str value, struct error *err),
		      struct error *err)
{
	const struct http_head *head = &mask->req->http->head;

	for (size_t i = 0; i < head->header_count; i++)
		if (str_equal_case(head->headers[i].name, str_of(wanted)) &&
		    !take(mask, head->headers[i].value, err))
			return false;
	return true;
}

static bool take_extras(struct mask *mask, struct error *err)
{
	const struct http_head *head = &mask->req->http->head;

	for (size_t i = 0; i < head->header_count; i++)
		if (starts_case(head->headers[i].name, STR(EXTRA_PREFIX)) &&
		    !take_extra(mask, head->headers[i].name, head->headers[i].value, err))
			return false;
	return true;
}

static bool has_group(const struct mask *mask, const char *name)
{
	for (size_t i = 0; i < mask->group_count; i++)
		if (strcmp(mask->groups[i], name) == 0)
			return true;
	return false;
}

/* Everybody is in one of the two, unless the headers have said which. */
static void add_common_group(struct mask *mask)
{
	bool anonymous = strcmp(mask->user.name, "system:anonymous") == 0;
	const char *group = anonymous ? "system:unauthenticated" : "system:authenticated";

	if (!has_group(mask, group) && (anonymous || !has_group(mask, "system:unauthenticated")))
		mask->groups[mask->group_count++] = group;
}

static bool any_header(const struct request *req)
{
	for (size_t i = 0; i < req->http->head.header_count; i++)
		if (starts_case(req->http->head.headers[i].name, STR(PREFIX)))
			return true;
	return false;
}

/* Headers that name nothing we know are passed over, as the real server does; what they would have
 * meant is then not taken on, and neither is anything else without a user. */
static bool check_user(struct request *req, struct str *out_name, struct error *err)
{
	const struct http_head *head = &req->http->head;

	*out_name = http_header(head, "Impersonate-User");
	if (http_header_count(head, "Impersonate-User") > 1)
		return error_set(err, ERROR_BAD_REQUEST, "more than one Impersonate-User");
	if (http_header_count(head, "Impersonate-Uid") > 1)
		return error_set(err, ERROR_BAD_REQUEST, "more than one Impersonate-Uid");
	if (out_name->len > 0)
		return true;
	return error_set(err, ERROR_BROKEN,
			 "requested groups, uid or extra values without impersonating a user");
}

bool impersonate(struct request *req, struct error *err)
{
	const struct http_head *head = &req->http->head;
	struct mask *mask;
	struct str name, uid = http_header(head, "Impersonate-Uid");

	if (!any_header(req))
		return true;
	if (!check_user(req, &name, err))
		return false;
	mask = arena_zero(req->arena, sizeof(*mask));
	mask->req = req;
	if (!take_user(mask, name, http_header_count(head, "Impersonate-Group") > 0, err) ||
	    !take_each(mask, "Impersonate-Group", take_group, err) || !take_extras(mask, err) ||
	    (uid.len > 0 && !take_uid(mask, uid, err)))
		return false;
	add_common_group(mask);
	mask->user.groups = mask->groups;
	mask->user.extra = mask->extra_count > 0 ? mask->extras : NULL;
	req->user = mask->user;
	return true;
}
