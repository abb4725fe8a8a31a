/*
 * share.c - counts the requests at work, by user.
 */
#include "server/gate/share.h"

#include <assert.h>

#include "base/map.h"

#define AT_WORK_MAX      600 /* of all users; the real server's two limits together */
#define AT_WORK_USER_MAX 200 /* of one: a runaway client leaves room for the others  */

struct shares {
	size_t all;
	struct map *users; /* name -> count, as a pointer-sized number */
};

struct shares *shares_new(void)
{
	struct shares *shares = memory_new(struct shares);

	shares->users = map_new();
	return shares;
}

void shares_free(struct shares *shares)
{
	if (!shares)
		return;
	map_free(shares->users);
	free(shares);
}

static bool is_long(const struct request *req)
{
	return req->verb == REQUEST_WATCH || req->verb == REQUEST_CONNECT ||
	       (!req->kind && !req->review);
}

enum step share_pass(struct request *req, struct error *err)
{
	struct shares *shares = server_shares(req->server);
	struct str user = str_of(req->user.name);
	uintptr_t mine = (uintptr_t)map_find(shares->users, user);

	if (is_long(req))
		return STEP_NEXT;
	if (shares->all >= AT_WORK_MAX || mine >= AT_WORK_USER_MAX) {
		error_set(err, ERROR_TOO_MANY, "too many requests at once, please try again later");
		return STEP_FAIL;
	}
	shares->all++;
	map_put(shares->users, user, (void *)(mine + 1));
	req->counted = true;
	return STEP_NEXT;
}

void share_release(struct request *req)
{
	struct shares *shares = server_shares(req->server);
	struct str user = str_of(req->user.name);
	uintptr_t mine;

	if (!req->counted)
		return;
	req->counted = false;
	mine = (uintptr_t)map_find(shares->users, user);
	assert(shares->all > 0 && mine > 0);
	shares->all--;
	if (mine == 1)
		map_remove(shares->users, user);
	else
		map_put(shares->users, user, (void *)(mine - 1));
}
