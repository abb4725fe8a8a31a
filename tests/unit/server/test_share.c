/*
 * test_share.c - requests in flight, as they are told.
 *
 * Goal: a request that has just been answered is the most of this second, by its kind.  Method: a
 * whole server; the figures are read right after the answer.
 */
#include "server/gate/share.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define MAPS "/api/v1/namespaces/default/configmaps"

static void the_most_of_a_second(void)
{
	struct shares *shares;
	size_t reading, writing;

	cluster_start(NULL);
	shares = server_shares(cluster_server());
	cluster_settle(200);
	cluster_be_away(10);
	CHECK(cluster_has(MAPS "/kube-root-ca.crt"));
	share_figures(shares, &reading, &writing);
	CHECK(reading >= 1);
	cluster_create(MAPS, "{\"metadata\":{\"name\":\"a\"}}");
	share_figures(shares, &reading, &writing);
	CHECK(writing >= 1);
	cluster_stop();
}

static const struct test tests[] = { { "the most of a second", the_most_of_a_second } };
TEST_MAIN(tests)
