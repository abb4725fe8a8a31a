/*
 * netns_fixture.c - network namespaces for tests.
 */
#include "tests/unit/flannel-lite/netns_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/unit/harness.h"

enum { PORT = 7777, TALK_BYTES = 20000, TALK_S = 2 };

static struct error err;

int netns_new(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		harness_skip("no network namespace of our own: %s", strerror(errno));
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

void netns_enter(int netns)
{
	CHECK_INT(setns(netns, CLONE_NEWNET), 0);
}

const char *netns_path(int netns)
{
	static char paths[8][40];
	static unsigned turn;
	char *path = paths[turn++ % ARRAY_LENGTH(paths)];

	snprintf(path, sizeof(paths[0]), "/proc/self/fd/%d", netns);
	return path;
}

static void raise_end(const struct cable_end *end)
{
	auto_netlink nl = NULL;
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct ifinfomsg link = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct ifaddrmsg address = { .ifa_family = AF_INET, .ifa_prefixlen = 24 };
	struct in_addr bytes;

	netns_enter(end->netns);
	CHECK_OK(netlink_open(NETLINK_ROUTE, &nl, &err), &err);
	CHECK_INT(inet_pton(AF_INET, end->address, &bytes), 1);
	address.ifa_index = if_nametoindex(end->name);
	netlink_start(&batch, RTM_NEWLINK, NLM_F_ACK, &link, sizeof(link));
	netlink_add_text(&batch, IFLA_IFNAME, end->name);
	netlink_start(&batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_ACK, &address, sizeof(address));
	netlink_add(&batch, IFA_LOCAL, &bytes, sizeof(bytes));
	netlink_add(&batch, IFA_ADDRESS, &bytes, sizeof(bytes));
	CHECK_OK(netlink_send(nl, &batch, &err), &err);
}

void netns_cable(const struct cable_end *a, const struct cable_end *b)
{
	auto_netlink nl = NULL;
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct ifinfomsg head = { 0 };

	netns_enter(a->netns);
	CHECK_OK(netlink_open(NETLINK_ROUTE, &nl, &err), &err);
	netlink_start(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &head,
		      sizeof(head));
	netlink_add_text(&batch, IFLA_IFNAME, a->name);

	size_t info = netlink_nest(&batch, IFLA_LINKINFO);

	netlink_add_text(&batch, IFLA_INFO_KIND, "veth");

	size_t about = netlink_nest(&batch, IFLA_INFO_DATA);
	size_t peer = netlink_nest(&batch, VETH_INFO_PEER);

	netlink_add_raw(&batch, &head, sizeof(head));
	netlink_add_text(&batch, IFLA_IFNAME, b->name);
	netlink_add_u32(&batch, IFLA_NET_NS_FD, (uint32_t)b->netns);
	netlink_nest_end(&batch, peer);
	netlink_nest_end(&batch, about);
	netlink_nest_end(&batch, info);
	CHECK_OK(netlink_send(nl, &batch, &err), &err);
	raise_end(b);
	raise_end(a);
}

static int make_socket(int netns)
{
	struct timeval patience = { .tv_sec = TALK_S };
	int on = 1;
	int fd;

	netns_enter(netns);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
	CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	return fd;
}

/* The kernel's buffers hold all of it, so one thread can do both ends. */
static bool carry(int from, int to)
{
	static char bytes[TALK_BYTES];
	static char back[TALK_BYTES];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 251);
	memset(back, 0, sizeof(back));
	return send(from, bytes, sizeof(bytes), MSG_NOSIGNAL) == (ssize_t)sizeof(bytes) &&
	       recv(to, back, sizeof(back), MSG_WAITALL) == (ssize_t)sizeof(back) &&
	       memcmp(bytes, back, sizeof(bytes)) == 0;
}

bool netns_talk(int from, int to, const char *address)
{
	auto_fd server = make_socket(to);
	auto_fd client = make_socket(from);
	struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	CHECK_INT(inet_pton(AF_INET, address, &place.sin_addr), 1);
	CHECK_INT(bind(server, (struct sockaddr *)&place, sizeof(place)), 0);
	CHECK_INT(listen(server, 1), 0);
	if (connect(client, (struct sockaddr *)&place, sizeof(place)) < 0)
		return false;

	auto_fd accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);

	return accepted >= 0 && carry(client, accepted) && carry(accepted, client);
}

void netns_links(int netns, struct buf *out)
{
	struct if_nameindex *links;

	netns_enter(netns);
	links = if_nameindex();
	CHECK(links != NULL);
	for (size_t i = 0; links[i].if_index != 0; i++) {
		if (strcmp(links[i].if_name, "lo") != 0)
			buf_add_print(out, "%s ", links[i].if_name);
	}
	if_freenameindex(links);
}
