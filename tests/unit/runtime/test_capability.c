/*
 * test_capability.c - which rights a container gets.
 */
#include "runtime/capability.h"

#include <linux/capability.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/unit/harness.h"

#define BIT(n) (UINT64_C(1) << (n))

static struct error why;

static uint64_t chosen(const char *add, const char *drop)
{
	const char *adds[] = { add, NULL };
	const char *drops[] = { drop, NULL };
	uint64_t set = 0;

	CHECK_OK(capability_choose(adds, drops, &set, &why), &why);
	return set;
}

static void starts_from_the_default(void)
{
	uint64_t set;

	CHECK_OK(capability_choose(NULL, NULL, &set, &why), &why);
	CHECK_INT(set, capability_default & capability_ours());
	CHECK_INT(__builtin_popcountll(capability_default), 14);
	CHECK(!(capability_default & BIT(CAP_SYS_ADMIN)));
	CHECK(!(capability_default & BIT(CAP_NET_ADMIN)));
}

static void adds_and_drops(void)
{
	uint64_t ours = capability_ours();

	CHECK_INT(chosen("NET_ADMIN", NULL), (capability_default | BIT(CAP_NET_ADMIN)) & ours);
	CHECK_INT(chosen("cap_net_admin", NULL), (capability_default | BIT(CAP_NET_ADMIN)) & ours);
	CHECK_INT(chosen(NULL, "CHOWN"), capability_default & ~BIT(CAP_CHOWN) & ours);
	CHECK_INT(chosen("NET_ADMIN", "ALL"), BIT(CAP_NET_ADMIN) & ours);
	CHECK_INT(chosen("ALL", "CHOWN"), ours & ~BIT(CAP_CHOWN));
	CHECK_INT(chosen("CHOWN", "CHOWN"), capability_default & ~BIT(CAP_CHOWN) & ours);
	CHECK_INT(chosen(NULL, "ALL"), 0);
}

/* Goal: not even ALL has them afterwards; in a child, as there is no way back. */
static void leaves_the_rules_alone(void)
{
	uint64_t rules = BIT(CAP_MAC_ADMIN) | BIT(CAP_MAC_OVERRIDE), before = capability_ours();
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(!capability_leave_rules(&why) || chosen("ALL", NULL) != (before & ~rules));
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
}

static void refuses_unknown_names(void)
{
	const char *const bad[] = { "EVERYTHING", NULL };
	const char *const empty[] = { "CAP_", NULL };
	uint64_t set;

	CHECK(!capability_choose(bad, NULL, &set, &why));
	CHECK_INT(why.kind, ERROR_INVALID);
	CHECK(!capability_choose(NULL, bad, &set, &why));
	CHECK(!capability_choose(empty, NULL, &set, &why));
}

static void knows_every_name(void)
{
	/* The first and the last of the table, so that no name is out of place. */
	CHECK_INT(chosen("CHOWN", "ALL") & ~BIT(CAP_CHOWN), 0);
	CHECK_INT(chosen("CHECKPOINT_RESTORE", "ALL") & ~BIT(CAP_CHECKPOINT_RESTORE), 0);
	CHECK_INT(chosen("SYS_PTRACE", "ALL") & ~BIT(CAP_SYS_PTRACE), 0);
	CHECK_INT(chosen("SETFCAP", "ALL") & ~BIT(CAP_SETFCAP), 0);
	CHECK_INT(chosen("SYSLOG", "ALL") & ~BIT(CAP_SYSLOG), 0);
	CHECK_INT(chosen("MKNOD", "ALL") & ~BIT(CAP_MKNOD), 0);
}

static const struct test tests[] = {
	{ "starts from the default", starts_from_the_default },
	{ "adds and drops", adds_and_drops },
	{ "leaves the rules alone", leaves_the_rules_alone },
	{ "refuses unknown names", refuses_unknown_names },
	{ "knows every name", knows_every_name },
};
TEST_MAIN(tests)
