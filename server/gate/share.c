/*
 * share.c - counts the requests at work, by user.
 */
#include "server/gate/share.h"

#include <assert.h>

#include "base/clock.h"
#include "base/map.h"

#define AT_WORK_MAX      600 /* of all users; the real server's two limits together */
#define AT_WORK_USER_MAX 200 /* of one: a runaway client leaves room for the others  */

struct shares {
	size_t all;
	size_t now[2], most[2]; /* those that read, those that write; most: in second_s */
	int64_t second_s;
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

static int writes(const struct request *req)
{
	return req->verb != REQUEST_GET && req->verb != REQUEST_LIST;
}

static void note_most(struct shares *shares)
{
	int64_t second_s = clock_now_ms() / 1000;

	for (int i = 0; i < 2; i++)
		if (second_s != shares->second_s || shares->now[i] > shares->most[i])
			shares->most[i] = shares->now[i];
	shares->second_s = second_s;
}

void share_figures(const struct shares *shares, size_t *out_reading, size_t *out_writing)
{
	const size_t *told =
		shares->second_s >= clock_now_ms() / 1000 - 1 ? shares->most : shares->now;

	*out_reading = told[0];
	*out_writing = told[1];
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
	shares->now[writes(req)]++;
	note_most(shares);
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
	shares->now[writes(req)]--;
	if (mine == 1)
		map_remove(shares->users, user);
	else
		map_put(shares->users, user, (void *)(mine - 1));
}
