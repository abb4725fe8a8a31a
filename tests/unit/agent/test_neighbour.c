/*
 * test_neighbour.c - what a dial and the kernel's table say about a machine of the same network.
 */
#include "agent/neighbour.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/harness.h"

#define HEAD  "IP address       HW type     Flags       HW address            Mask     Device\n"
#define EMPTY "192.168.1.7      0x1         0x0         00:00:00:00:00:00     *        eth0\n"
#define FULL  "192.168.1.7      0x1         0x2         02:fc:00:00:00:05     *        eth1\n"
#define OTHER "192.168.1.70     0x1         0x2         02:fc:00:00:00:06     *        eth0\n"
#define LONG  "192.168.100.107  0x1         0x6         02:fc:00:00:00:07     *        eth0\n"

static const char *judge(const char *address, int code, const char *table)
{
	struct error err;

	error_raise(&err, ERROR_UNAVAILABLE, code, "", "connect");
	return neighbour_judge(&err, str_of(address), str_of(table));
}

#define CHECK_WORD(got, wanted) CHECK(strcmp((got), (wanted)) == 0)

/* Goal: who accepts or refuses is there, whatever the table says. */
static void answers(void)
{
	CHECK_WORD(neighbour_judge(NULL, STR("192.168.1.7"), STR("")), "there");
	CHECK_WORD(judge("192.168.1.7", ECONNREFUSED, HEAD), "there");
	CHECK_WORD(judge("192.168.1.7", ECONNRESET, HEAD EMPTY), "there");
}

/* Goal: only an entry of its own, without a hardware address, says that it is gone; silence,
 * routers and firewalls say nothing. */
static void silence(void)
{
	CHECK_WORD(judge("192.168.1.7", EHOSTUNREACH, HEAD EMPTY), "gone");
	CHECK_WORD(judge("192.168.1.7", EHOSTUNREACH, HEAD OTHER EMPTY OTHER), "gone");
	CHECK_WORD(judge("192.168.1.7", EHOSTUNREACH, HEAD EMPTY FULL), "there");
	CHECK_WORD(judge("192.168.1.7", EHOSTUNREACH, HEAD FULL), "there");
	CHECK_WORD(judge("192.168.100.107", EHOSTUNREACH, HEAD LONG), "there");
	CHECK_WORD(judge("192.168.1.7", EHOSTUNREACH, HEAD OTHER), "unknown");
	CHECK_WORD(judge("192.168.1.7", EHOSTUNREACH, HEAD), "unknown");
	CHECK_WORD(judge("192.168.1.7", EHOSTUNREACH, ""), "unknown");
	CHECK_WORD(judge("192.168.1.7", ETIMEDOUT, HEAD EMPTY), "unknown");
	CHECK_WORD(judge("192.168.1.7", ENETUNREACH, HEAD EMPTY), "unknown");
	CHECK_WORD(judge("192.168.1.7", 0, HEAD EMPTY), "unknown");
}

/* Goal: lines that are cut off are no entries with an address. */
static void broken_tables(void)
{
	CHECK_WORD(judge("192.168.1.7", EHOSTUNREACH, "192.168.1.7"), "gone");
	CHECK_WORD(judge("192.168.1.7", EHOSTUNREACH, "192.168.1.7 0x1"), "gone");
	CHECK_WORD(judge("192.168.1.7", EHOSTUNREACH, "192.168.1.7 0x1 0x"), "gone");
	CHECK_WORD(judge("192.168.1.7", EHOSTUNREACH, "\n\n 192.168.1.7 0x1 0x2"), "there");
}

static const struct test tests[] = { { "answers", answers },
				     { "silence", silence },
				     { "broken tables", broken_tables } };
TEST_MAIN(tests)
