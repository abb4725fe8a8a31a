/*
 * test_network_probe.c - in a network namespace of the test's own.
 */
#include "flannel-lite/network_probe.h"

#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include "tests/unit/harness.h"

static struct error err;

static void leave(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
		harness_skip("needs root");
}

static void devices(void)
{
	leave();
	CHECK_OK(network_probe_device("veth", &err), &err);
	CHECK(if_nametoindex("mote-probe") != 0);
	CHECK(!network_probe_device("bridge", &err)); /* the name is taken: it was really made */
	CHECK(!network_probe_device("nosuchkind", &err));
}

static void bridge(void)
{
	leave();
	CHECK_OK(network_probe_device("bridge", &err), &err);
}

static void vxlan(void)
{
	leave();
	CHECK_OK(network_probe_device("vxlan", &err), &err);
}

static void rules(void)
{
	leave();
	CHECK_OK(network_probe_rules(&err), &err);
}

static const struct test tests[] = {
	{ "devices", devices },
	{ "bridge", bridge },
	{ "vxlan", vxlan },
	{ "rules", rules },
};
TEST_MAIN(tests)
