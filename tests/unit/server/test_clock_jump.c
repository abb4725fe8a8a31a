/*
 * test_clock_jump.c - the machine's clock is set by years while a server runs.
 */
#include <stdio.h>

#include "base/clock.h"
#include "net/pki.h"
#include "server/bootstrap.h"
#include "server/gate/token.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define YEAR_MS      (365 * 86400000ll)
#define ACCOUNT_PATH "/api/v1/namespaces/default/serviceaccounts/default"

static bool is_valid(struct str cert)
{
	struct pki_info info;
	struct error err;

	CHECK_OK(pki_read(cert, &info, &err), &err);
	return info.not_before_s <= clock_wall_s() && info.not_after_s > clock_wall_s();
}

static bool all_valid(void)
{
	const struct secrets *secrets = server_secrets(cluster_server());

	return is_valid(buf_str(&secrets->serving)) && is_valid(buf_str(&secrets->admin));
}

/* Goal: what is over is made anew by the running server, the administrator's file too. */
static void certificates_follow(void)
{
	cluster_start(NULL);
	CHECK(all_valid());
	clock_shift_wall(3 * YEAR_MS);
	CHECK(!all_valid());
	cluster_pass_time(11);
	CHECK(all_valid());
	/* Set back: they are valid since ever. */
	clock_shift_wall(-5 * YEAR_MS);
	CHECK(all_valid());
	cluster_pass_time(11);
	CHECK(all_valid());
	cluster_stop();
}

static bool has_account(const void *of)
{
	(void)of;
	return cluster_has(ACCOUNT_PATH);
}

static bool is_believed(struct str token)
{
	auto_arena arena = arena_new();
	struct user user;
	struct error err;

	return token_verify(cluster_server(), token, STR_NONE, arena, &user, &err);
}

/* Goal: a token from before the clock was set back is good; one that the clock has outrun is not.
 */
static void tokens_follow(void)
{
	auto_json_doc doc = NULL;
	struct str token;

	cluster_start(NULL);
	CHECK(cluster_await(has_account, NULL));
	CHECK_INT(cluster_call("POST", ACCOUNT_PATH "/token",
			       "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":"
			       "\"TokenRequest\",\"spec\":{\"expirationSeconds\":3600}}",
			       &doc),
		  201);
	token = json_str(json_path(json_root(doc), "status", "token", NULL));
	CHECK(is_believed(token));
	clock_shift_wall(-20 * YEAR_MS);
	CHECK(is_believed(token));
	clock_shift_wall(21 * YEAR_MS);
	CHECK(!is_believed(token));
	cluster_stop();
}

static const struct test tests[] = {
	{ "certificates follow", certificates_follow, .time_limit_s = 30 },
	{ "tokens follow", tokens_follow, .time_limit_s = 30 },
};

TEST_MAIN(tests)
