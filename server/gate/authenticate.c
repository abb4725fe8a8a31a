/*
 * authenticate.c - the first gate.
 *
 * comes from: the front.  goes to: share.  Order: the connection's own identity (in-process client,
 * tunnel), a verified client certificate, a bearer token, anonymous.  Then Impersonate-* headers.
 */
#include "server/gate/authenticate.h"

#include "net/tls.h"
#include "server/front/reply.h"
#include "server/gate/impersonate.h"
#include "server/gate/token.h"
#include "server/server.h"

struct identity *identity_new(const char *name, const char *const *groups, size_t count)
{
	struct identity *identity = memory_new(struct identity);

	if (name)
		identity->name = memory_string(name);
	identity->groups = memory_zero((count + 1) * sizeof(char *));
	for (size_t i = 0; i < count; i++)
		identity->groups[i] = memory_string(groups[i]);
	return identity;
}

void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	for (char **group = identity->groups; *group; group++)
		free(*group);
	free(identity->groups);
	free(identity->name);
	free(identity);
}

bool user_in_group(const struct user *user, const char *group)
{
	for (const char **at = user->groups; at && *at; at++)
		if (strcmp(*at, group) == 0)
			return true;
	return false;
}

static void set_user(struct request *req, const char *name, char *const *groups, size_t count,
		     const char *last)
{
	const char **list = arena_zero(req->arena, (count + 2) * sizeof(*list));

	for (size_t i = 0; i < count; i++)
		list[i] = groups[i];
	list[count] = last;
	req->user.name = name;
	req->user.groups = list;
}

static bool by_connection(struct request *req, const struct identity *identity)
{
	const struct tls_peer *peer;
	size_t count = 0;

	if (identity && identity->name) {
		while (identity->groups[count])
			count++;
		set_user(req, identity->name, identity->groups, count, "system:authenticated");
		return true;
	}
	peer = identity && identity->tls ? tls_peer(identity->tls) : NULL;
	if (!peer)
		return false;
	set_user(req, peer->name, peer->organizations, peer->organization_count,
		 "system:authenticated");
	return true;
}

static bool by_bearer(struct request *req, bool *out_found, struct error *err)
{
	struct str header = http_header(&req->http->head, "Authorization");
	struct str scheme = str_cut(&header, ' ');

	*out_found = false;
	if (scheme.len == 0)
		return true;
	*out_found = true;
	if (!str_equal_case(scheme, STR("Bearer")) ||
	    http_header_count(&req->http->head, "Authorization") != 1)
		return error_set(err, ERROR_UNAUTHORIZED, "Unauthorized");
	return token_verify(req->server, str_trim(header), STR_NONE, req->arena, &req->user, err);
}

/* The bearer of a machine that wants to join is the cluster's token, which nodes_join checks. */
static bool is_joining(const struct request *req)
{
	return str_is(req->http->path, "/v1-mote/node");
}

enum step authenticate_pass(struct request *req, struct error *err)
{
	static const struct status_about about = { 0 }; /* not what the URL names */
	bool found = false;

	if (!by_connection(req, req->http->identity)) {
		if (!is_joining(req) && !by_bearer(req, &found, err))
			return STEP_FAIL;
		if (!found)
			set_user(req, "system:anonymous", NULL, 0, "system:unauthenticated");
	}
	if (impersonate(req, err))
		return STEP_NEXT;
	reply_error(req, err, &about);
	return STEP_DONE;
}
