/*
 * test_pod_network.c - pods get a network, machines find each other: with real namespaces and TCP.
 *
 * A machine is a network namespace; a cable of veth joins two.  Needs root, else all is skipped.
 */
#include "flannel-lite/pod_network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/flannel-lite/netns_fixture.h"
#include "tests/unit/harness.h"

static struct error err;

struct machine {
	int netns;
	int other; /* the far end of the cable */
	char folder[100];
	struct pod_network_plan plan;
	struct pod_network *network;
};

static void open_network(struct machine *machine)
{
	netns_enter(machine->netns);
	CHECK_OK(pod_network_open(&machine->plan, &machine->network, &err), &err);
}

static void close_network(struct machine *machine)
{
	pod_network_close(machine->network);
	machine->network = NULL;
}

static void plan_machine(struct machine *machine, const char *name, const char *pod_cidr,
			 const char *node_address)
{
	snprintf(machine->folder, sizeof(machine->folder), "%s/%s/net", harness_folder(), name);
	machine->plan = (struct pod_network_plan){ .folder = machine->folder,
						   .pod_cidr = pod_cidr,
						   .cluster_cidr = "10.42.0.0/16",
						   .node_address = node_address };
}

/* One machine, 192.168.77.1, whose cable goes nowhere. */
static void new_machine(struct machine *machine)
{
	machine->other = netns_new();
	machine->netns = netns_new();
	netns_cable(&(struct cable_end){ machine->netns, "up0", "192.168.77.1" },
		    &(struct cable_end){ machine->other, "up0", "192.168.77.2" });
	plan_machine(machine, "one", "10.42.1.0/24", "192.168.77.1");
}

static void attach(struct machine *machine, const char *id, int netns, const char *address)
{
	char have[POD_NETWORK_ADDRESS];

	CHECK_OK(pod_network_attach(machine->network, id, netns_path(netns), have, &err), &err);
	CHECK_STR(have, address);
}

static void check_links(int netns, const char *expected)
{
	auto_buf names = BUF_INIT;

	netns_links(netns, &names);
	CHECK_STR(buf_text(&names), expected);
}

/* The answer about one link, in the namespace; false when it is not there. */
static bool ask_link(int netns, const char *name, struct buf *answer, struct ifinfomsg *head,
		     struct str *attributes)
{
	auto_netlink nl = NULL;
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct ifinfomsg question = { 0 };
	struct netlink_message message;
	struct str rest;

	netns_enter(netns);
	CHECK_OK(netlink_open(NETLINK_ROUTE, &nl, &err), &err);
	netlink_start(&batch, RTM_GETLINK, NLM_F_ACK, &question, sizeof(question));
	netlink_add_text(&batch, IFLA_IFNAME, name);
	if (!netlink_ask(nl, &batch, answer, &err)) {
		CHECK_INT(err.os_code, ENODEV);
		return false;
	}
	rest = buf_str(answer);
	CHECK(netlink_next(&rest, &message));
	CHECK(netlink_head(message.body, head, sizeof(*head), attributes));
	return true;
}

static void delete_link(int netns, const char *name)
{
	auto_netlink nl = NULL;
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct ifinfomsg head = { 0 };

	netns_enter(netns);
	CHECK_OK(netlink_open(NETLINK_ROUTE, &nl, &err), &err);
	netlink_start(&batch, RTM_DELLINK, NLM_F_ACK, &head, sizeof(head));
	netlink_add_text(&batch, IFLA_IFNAME, name);
	CHECK_OK(netlink_send(nl, &batch, &err), &err);
}

static void lower_link(int netns, const char *name)
{
	auto_netlink nl = NULL;
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct ifinfomsg head = { .ifi_change = IFF_UP };

	netns_enter(netns);
	CHECK_OK(netlink_open(NETLINK_ROUTE, &nl, &err), &err);
	netlink_start(&batch, RTM_NEWLINK, NLM_F_ACK, &head, sizeof(head));
	netlink_add_text(&batch, IFLA_IFNAME, name);
	CHECK_OK(netlink_send(nl, &batch, &err), &err);
}

/* Only an address of the machine can be bound. */
static bool has_address(int netns, const char *text)
{
	struct sockaddr_in place = { .sin_family = AF_INET };

	netns_enter(netns);
	CHECK_INT(inet_pton(AF_INET, text, &place.sin_addr), 1);

	auto_fd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return bind(fd, (struct sockaddr *)&place, sizeof(place)) == 0;
}

/* A link with a kind's usual settings, in the way of ours. */
static void make_link(int netns, const char *name, const char *kind)
{
	auto_netlink nl = NULL;
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct ifinfomsg head = { 0 };

	netns_enter(netns);
	CHECK_OK(netlink_open(NETLINK_ROUTE, &nl, &err), &err);
	netlink_start(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &head,
		      sizeof(head));
	netlink_add_text(&batch, IFLA_IFNAME, name);

	size_t info = netlink_nest(&batch, IFLA_LINKINFO);

	netlink_add_text(&batch, IFLA_INFO_KIND, kind);

	size_t about = netlink_nest(&batch, IFLA_INFO_DATA);

	if (strcmp(kind, "vxlan") == 0)
		netlink_add_u32(&batch, IFLA_VXLAN_ID, 99);
	netlink_nest_end(&batch, about);
	netlink_nest_end(&batch, info);
	CHECK_OK(netlink_send(nl, &batch, &err), &err);
}

static void pods_talk(void)
{
	struct machine machine;
	int web, db;

	new_machine(&machine);
	web = netns_new();
	db = netns_new();
	open_network(&machine);
	CHECK_STR(pod_network_gateway(machine.network), "10.42.1.1");
	attach(&machine, "web", web, "10.42.1.2");
	attach(&machine, "db", db, "10.42.1.3");
	CHECK(netns_talk(web, db, "10.42.1.3"));
	CHECK(netns_talk(db, web, "10.42.1.2"));
	CHECK(netns_talk(web, machine.netns, "10.42.1.1"));
	CHECK(netns_talk(machine.netns, db, "10.42.1.3"));
	/* By the default route; and the pod's own loopback. */
	CHECK(netns_talk(web, machine.netns, "192.168.77.1"));
	CHECK(netns_talk(web, web, "127.0.0.1"));
	close_network(&machine);
	CHECK(netns_talk(web, db, "10.42.1.3"));
}

/* Settings that traffic alone does not show: mtu, hairpin, hardware addresses. */
static void links_are_set(void)
{
	struct machine machine;
	struct ifinfomsg head;
	struct str attributes;
	auto_buf answer = BUF_INIT;
	auto_buf names = BUF_INIT;
	int web;

	new_machine(&machine);
	web = netns_new();
	open_network(&machine);
	attach(&machine, "web", web, "10.42.1.2");
	close_network(&machine);

	CHECK(ask_link(web, "eth0", &answer, &head, &attributes));
	CHECK_INT(netlink_u32(netlink_find(attributes, IFLA_MTU)), 1450);
	CHECK_BYTES(netlink_find(attributes, IFLA_ADDRESS).at, "\x0a\x58\x0a\x2a\x01\x02", 6);
	CHECK(ask_link(machine.netns, "cni0", &answer, &head, &attributes));
	CHECK_INT(netlink_u32(netlink_find(attributes, IFLA_MTU)), 1450);
	CHECK_BYTES(netlink_find(attributes, IFLA_ADDRESS).at, "\x0a\x58\x0a\x2a\x01\x01", 6);
	CHECK(ask_link(machine.netns, "flannel.1", &answer, &head, &attributes));
	CHECK_INT(netlink_u32(netlink_find(attributes, IFLA_MTU)), 1450);
	CHECK_BYTES(netlink_find(attributes, IFLA_ADDRESS).at, "\x0a\x58\x0a\x2a\x01\x00", 6);

	netns_links(machine.netns, &names);

	struct str rest = buf_str(&names);
	struct str name = STR_NONE;

	while (rest.len > 0 && !str_starts(name, STR("veth")))
		name = str_cut(&rest, ' ');

	auto_free char *veth = str_copy(name);

	CHECK(ask_link(machine.netns, veth, &answer, &head, &attributes));
	attributes = netlink_find(attributes, IFLA_LINKINFO);
	attributes = netlink_find(attributes, IFLA_INFO_SLAVE_DATA);
	CHECK_INT(netlink_u8(netlink_find(attributes, IFLA_BRPORT_MODE)), 1);
}

/* --- attach and detach --- */

static void attach_can_be_repeated(void)
{
	struct machine machine;
	struct ifinfomsg before, after;
	struct str attributes;
	auto_buf answer = BUF_INIT;
	int web, db, again;

	new_machine(&machine);
	web = netns_new();
	db = netns_new();
	again = netns_new();
	open_network(&machine);
	attach(&machine, "web", web, "10.42.1.2");
	attach(&machine, "db", db, "10.42.1.3");

	/* What is right is left alone. */
	CHECK(ask_link(web, "eth0", &answer, &before, &attributes));
	close_network(&machine);
	open_network(&machine);
	attach(&machine, "web", web, "10.42.1.2");
	CHECK(ask_link(web, "eth0", &answer, &after, &attributes));
	CHECK_INT(after.ifi_index, before.ifi_index);

	/* Half of the work was done: the pair is there, but down, so without a route. */
	lower_link(web, "eth0");
	CHECK(!netns_talk(web, db, "10.42.1.3"));
	attach(&machine, "web", web, "10.42.1.2");
	CHECK(netns_talk(web, machine.netns, "192.168.77.1"));

	/* The pod is made anew, in another namespace. */
	attach(&machine, "web", again, "10.42.1.2");
	check_links(web, "");
	check_links(again, "eth0 ");
	CHECK(netns_talk(again, db, "10.42.1.3"));

	/* Somebody else's interface is not touched. */
	CHECK(!pod_network_attach(machine.network, "new", netns_path(db), (char[46]){ "" }, &err));
	CHECK_INT(err.kind, ERROR_EXISTS);
	CHECK(netns_talk(again, db, "10.42.1.3"));
	close_network(&machine);
}

static void detach_frees(void)
{
	struct machine machine;
	int web, db;

	new_machine(&machine);
	web = netns_new();
	db = netns_new();
	open_network(&machine);
	attach(&machine, "web", web, "10.42.1.2");
	attach(&machine, "db", db, "10.42.1.3");
	CHECK_OK(pod_network_detach(machine.network, "web", &err), &err);
	CHECK_OK(pod_network_detach(machine.network, "web", &err), &err);
	CHECK_OK(pod_network_detach(machine.network, "unknown", &err), &err);
	check_links(web, "");
	check_links(db, "eth0 ");
	attach(&machine, "new", web, "10.42.1.4");
	close_network(&machine);

	/* Gone while we were: only "new" stays. */
	open_network(&machine);
	CHECK_OK(pod_network_keep_only(machine.network, (const char *[]){ "new", "x", NULL }, &err),
		 &err);
	check_links(db, "");
	check_links(web, "eth0 ");

	/* The namespace went away first. */
	netns_enter(machine.netns);
	close(web);
	CHECK_OK(pod_network_detach(machine.network, "new", &err), &err);
	attach(&machine, "db", db, "10.42.1.5");
	close_network(&machine);
}

static void addresses_run_out(void)
{
	struct machine machine;
	char address[POD_NETWORK_ADDRESS] = "none";
	int web;

	new_machine(&machine);
	machine.plan.pod_cidr = "10.42.1.4/30";
	web = netns_new();
	open_network(&machine);
	attach(&machine, "web", web, "10.42.1.6");
	CHECK(!pod_network_attach(machine.network, "db", netns_path(web), address, &err));
	CHECK_INT(err.kind, ERROR_FULL);
	CHECK_STR(address, "none");
	CHECK(netns_talk(web, machine.netns, "10.42.1.5"));
	close_network(&machine);
}

static void bad_namespaces_are_errors(void)
{
	struct machine machine;
	char address[POD_NETWORK_ADDRESS];

	new_machine(&machine);
	open_network(&machine);
	CHECK(!pod_network_attach(machine.network, "a", "/proc/self/ns/none", address, &err));
	CHECK(!pod_network_attach(machine.network, "a", "/proc/self/ns/uts", address, &err));
	CHECK(!pod_network_attach(machine.network, "a", "/dev/null", address, &err));
	CHECK(!pod_network_loopback("/dev/null", &err));
	CHECK(!pod_network_attach(machine.network, "a/b", "/proc/self/ns/net", address, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
	close_network(&machine);
}

static void loopback_comes_up(void)
{
	int machine = netns_new();
	int pod = netns_new();

	netns_enter(machine);
	CHECK_OK(pod_network_loopback(netns_path(pod), &err), &err);
	CHECK(netns_talk(pod, pod, "127.0.0.1"));
	CHECK(!netns_talk(machine, machine, "127.0.0.1"));
}

/* --- open and remove --- */

static void remove_leaves_nothing(void)
{
	struct machine machine;
	int web;

	new_machine(&machine);
	web = netns_new();
	open_network(&machine);
	attach(&machine, "web", web, "10.42.1.2");
	CHECK_OK(pod_network_remove(machine.network, &err), &err);
	close_network(&machine);
	check_links(machine.netns, "up0 ");
	check_links(web, "");
	CHECK(!file_exists(machine.folder));
	open_network(&machine);
	attach(&machine, "web", web, "10.42.1.2");
	close_network(&machine);
}

static void open_repairs(void)
{
	struct machine machine;
	int web, db;

	new_machine(&machine);
	web = netns_new();
	db = netns_new();
	make_link(machine.netns, "cni0", "vxlan");
	make_link(machine.netns, "flannel.1", "bridge");
	open_network(&machine);
	attach(&machine, "web", web, "10.42.1.2");
	attach(&machine, "db", db, "10.42.1.3");
	CHECK(netns_talk(web, db, "10.42.1.3"));

	/* The bridge is taken away: whoever attaches next repairs it for all. */
	delete_link(machine.netns, "cni0");
	CHECK(!netns_talk(web, db, "10.42.1.3"));
	attach(&machine, "web", web, "10.42.1.2");
	CHECK(netns_talk(web, db, "10.42.1.3"));
	close_network(&machine);

	/* Another VXLAN with our name. */
	delete_link(machine.netns, "flannel.1");
	make_link(machine.netns, "flannel.1", "vxlan");
	open_network(&machine);
	close_network(&machine);

	/* Another range: the bridge has a new address, and not the old one. */
	machine.plan.pod_cidr = "10.42.9.0/24";
	open_network(&machine);
	CHECK(has_address(machine.netns, "10.42.9.1"));
	CHECK(has_address(machine.netns, "10.42.9.0"));
	CHECK(!has_address(machine.netns, "10.42.1.1"));
	CHECK(!has_address(machine.netns, "10.42.1.0"));
	CHECK_OK(pod_network_detach(machine.network, "web", &err), &err);
	delete_link(web, "eth0");
	attach(&machine, "web", web, "10.42.9.2");
	CHECK(netns_talk(web, machine.netns, "10.42.9.1"));
	close_network(&machine);
}

static void forwarding_is_switched_on(void)
{
	struct machine machine;
	static const char *const paths[] = {
		"/proc/sys/net/ipv4/ip_forward",
		"/proc/sys/net/bridge/bridge-nf-call-iptables",
	};
	auto_buf text = BUF_INIT;

	new_machine(&machine);
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		FILE *file = fopen(paths[i], "w");

		if (file == NULL)
			continue;
		fputs("0\n", file);
		fclose(file);
	}
	open_network(&machine);
	close_network(&machine);
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		if (i > 0 && !file_exists(paths[i]))
			continue;
		buf_reset(&text);
		CHECK_OK(file_read(paths[i], 16, &text, &err), &err);
		CHECK_STR(buf_text(&text), "1\n");
	}
}

static void bad_plans_are_refused(void)
{
	static const struct pod_network_plan plans[] = {
		{ .pod_cidr = "10.42.1.0" },
		{ .pod_cidr = "10.42.1.0/31" },
		{ .pod_cidr = "10.42.0.0/15" },
		{ .pod_cidr = "10.42.1.1/24" },
		{ .pod_cidr = "10.42.1.0/24x" },
		{ .pod_cidr = "" },
		{ .pod_cidr = "10.43.1.0/24" },
		{ .cluster_cidr = "10.42.1.0/25" },
		{ .cluster_cidr = "everything" },
		{ .node_address = "host" },
		{ .mtu = 10 },
		{ .mtu = 70000 },
		{ .node_address = "192.0.2.1" },
	};
	struct machine machine;

	new_machine(&machine);
	for (size_t i = 0; i < ARRAY_LENGTH(plans); i++) {
		struct pod_network_plan plan = machine.plan;

		plan.pod_cidr = plans[i].pod_cidr ? plans[i].pod_cidr : plan.pod_cidr;
		plan.cluster_cidr =
			plans[i].cluster_cidr ? plans[i].cluster_cidr : plan.cluster_cidr;
		plan.node_address =
			plans[i].node_address ? plans[i].node_address : plan.node_address;
		plan.mtu = plans[i].mtu;
		if (pod_network_open(&plan, &machine.network, &err))
			harness_fail(__FILE__, __LINE__, "plan %zu is accepted", i);
		CHECK_INT(err.kind,
			  i + 1 < ARRAY_LENGTH(plans) ? ERROR_INVALID : ERROR_UNAVAILABLE);
	}
	check_links(machine.netns, "up0 ");
}

/* --- peers --- */

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_address(struct buf *out, struct str value)
{
	const unsigned char *at = (const unsigned char *)value.at;

	if (value.len == 4)
		buf_add_print(out, " %u.%u.%u.%u", at[0], at[1], at[2], at[3]);
}

static void print_neighbour(struct str body, uint32_t index, struct buf *line)
{
	struct ndmsg head;
	struct str attributes;

	CHECK(netlink_head(body, &head, sizeof(head), &attributes));
	if ((uint32_t)head.ndm_ifindex != index || !(head.ndm_state & NUD_PERMANENT))
		return;
	buf_add_text(line, head.ndm_family == AF_BRIDGE ? "fdb " : "neigh ");
	buf_add_hex(line, netlink_find(attributes, NDA_LLADDR));
	add_address(line, netlink_find(attributes, NDA_DST));
}

static void print_route(struct str body, uint32_t index, struct buf *line)
{
	struct rtmsg head;
	struct str attributes;

	CHECK(netlink_head(body, &head, sizeof(head), &attributes));
	if (head.rtm_table != RT_TABLE_MAIN ||
	    netlink_u32(netlink_find(attributes, RTA_OIF)) != index)
		return;
	buf_add_text(line, head.rtm_flags & RTNH_F_ONLINK ? "route" : "strange");
	add_address(line, netlink_find(attributes, RTA_DST));
	buf_add_print(line, "/%u", head.rtm_dst_len);
	add_address(line, netlink_find(attributes, RTA_GATEWAY));
}

/* Each of flannel.1's entries as a line. */
static size_t list(struct netlink *nl, uint16_t type, uint8_t family, char **lines, size_t room)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	auto_buf answer = BUF_INIT;
	struct ifinfomsg question = { .ifi_family = family };
	struct netlink_message message;
	size_t count = 0;

	netlink_start(&batch, type, NLM_F_DUMP, &question,
		      family == AF_BRIDGE ? sizeof(question) : sizeof(struct ndmsg));
	CHECK_OK(netlink_ask(nl, &batch, &answer, &err), &err);
	for (struct str rest = buf_str(&answer); netlink_next(&rest, &message);) {
		auto_buf line = BUF_INIT;

		if (type == RTM_GETROUTE)
			print_route(message.body, if_nametoindex("flannel.1"), &line);
		else
			print_neighbour(message.body, if_nametoindex("flannel.1"), &line);
		if (line.len == 0)
			continue;
		CHECK(count < room);
		lines[count++] = buf_take(&line);
	}
	return count;
}

static void check_entries(int netns, const char *expected)
{
	auto_netlink nl = NULL;
	auto_buf have = BUF_INIT;
	char *lines[64];
	size_t count = 0;

	netns_enter(netns);
	CHECK_OK(netlink_open(NETLINK_ROUTE, &nl, &err), &err);
	count += list(nl, RTM_GETNEIGH, AF_INET, lines, ARRAY_LENGTH(lines));
	count += list(nl, RTM_GETNEIGH, AF_BRIDGE, lines + count, ARRAY_LENGTH(lines) - count);
	count += list(nl, RTM_GETROUTE, AF_INET, lines + count, ARRAY_LENGTH(lines) - count);
	qsort(lines, count, sizeof(lines[0]), compare_lines);
	for (size_t i = 0; i < count; i++) {
		buf_add_print(&have, "%s\n", lines[i]);
		free(lines[i]);
	}
	CHECK_STR(buf_text(&have), expected);
}

#define ENTRIES_2_AND_3                                                                            \
	"fdb 0a580a2a0200 192.168.77.2\n"                                                          \
	"fdb 0a580a2a0300 192.168.77.3\n"                                                          \
	"neigh 0a580a2a0200 10.42.2.0\n"                                                           \
	"neigh 0a580a2a0300 10.42.3.0\n"                                                           \
	"route 10.42.2.0/24 10.42.2.0\n"                                                           \
	"route 10.42.3.0/24 10.42.3.0\n"

static const struct pod_network_peer peers_2_and_3[] = {
	{ "10.42.3.0/24", "192.168.77.3" },
	{ "10.42.2.0/24", "192.168.77.2" },
};

static void set_peers(struct machine *machine, const struct pod_network_peer *peers, size_t count)
{
	CHECK_OK(pod_network_peers(machine->network, peers, count, &err), &err);
}

static void peers_follow(void)
{
	static const struct pod_network_peer changed[] = {
		{ "10.42.2.0/23", "192.168.77.9" }, /* wider, and moved */
		{ "10.42.4.0/24", "192.168.77.3" },
	};
	struct machine machine;

	new_machine(&machine);
	open_network(&machine);
	check_entries(machine.netns, "");
	set_peers(&machine, peers_2_and_3, 2);
	check_entries(machine.netns, ENTRIES_2_AND_3);
	set_peers(&machine, changed, 2);
	check_entries(machine.netns, "fdb 0a580a2a0200 192.168.77.9\n"
				     "fdb 0a580a2a0400 192.168.77.3\n"
				     "neigh 0a580a2a0200 10.42.2.0\n"
				     "neigh 0a580a2a0400 10.42.4.0\n"
				     "route 10.42.2.0/23 10.42.2.0\n"
				     "route 10.42.4.0/24 10.42.4.0\n");
	set_peers(&machine, NULL, 0);
	check_entries(machine.netns, "");
	close_network(&machine);
}

/* A neighbour (AF_INET), a forwarding entry (AF_BRIDGE) or a route, by hand. */
static void spoil(int netns, uint16_t type, uint8_t family, const char *mac, const char *text)
{
	auto_netlink nl = NULL;
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct in_addr address;
	struct ndmsg neighbour = { .ndm_family = family, .ndm_state = NUD_PERMANENT };
	struct rtmsg route = { .rtm_family = AF_INET,
			       .rtm_dst_len = 24,
			       .rtm_table = RT_TABLE_MAIN,
			       .rtm_scope = RT_SCOPE_LINK,
			       .rtm_type = RTN_UNICAST };
	uint16_t flags = NLM_F_ACK;

	netns_enter(netns);
	CHECK_INT(inet_pton(AF_INET, text, &address), 1);
	CHECK_OK(netlink_open(NETLINK_ROUTE, &nl, &err), &err);
	neighbour.ndm_ifindex = (int)if_nametoindex("flannel.1");
	neighbour.ndm_flags = family == AF_BRIDGE ? NTF_SELF : 0;
	if (type == RTM_NEWNEIGH || type == RTM_NEWROUTE)
		flags |= NLM_F_CREATE | NLM_F_REPLACE;
	if (type == RTM_DELROUTE)
		route.rtm_scope = RT_SCOPE_NOWHERE;
	if (mac != NULL) {
		netlink_start(&batch, type, flags, &neighbour, sizeof(neighbour));
		netlink_add(&batch, NDA_LLADDR, mac, 6);
		netlink_add(&batch, NDA_DST, &address, sizeof(address));
	} else {
		netlink_start(&batch, type, flags, &route, sizeof(route));
		netlink_add(&batch, RTA_DST, &address, sizeof(address));
		netlink_add_u32(&batch, RTA_OIF, (uint32_t)neighbour.ndm_ifindex);
	}
	CHECK_OK(netlink_send(nl, &batch, &err), &err);
}

static void peers_are_mended(void)
{
	struct machine machine;

	new_machine(&machine);
	open_network(&machine);
	set_peers(&machine, peers_2_and_3, 2);

	/* Missing, wrong, strange: one of each kind. */
	spoil(machine.netns, RTM_DELROUTE, 0, NULL, "10.42.2.0");
	spoil(machine.netns, RTM_DELNEIGH, AF_BRIDGE, "\x0a\x58\x0a\x2a\x02\x00", "192.168.77.2");
	spoil(machine.netns, RTM_DELNEIGH, AF_INET, "\x0a\x58\x0a\x2a\x02\x00", "10.42.2.0");
	spoil(machine.netns, RTM_NEWNEIGH, AF_INET, "\x0a\x58\x0a\x2a\x03\x01", "10.42.3.0");
	spoil(machine.netns, RTM_NEWNEIGH, AF_BRIDGE, "\x0a\x58\x0a\x2a\x03\x00", "192.168.77.8");
	spoil(machine.netns, RTM_NEWROUTE, 0, NULL, "10.42.3.0");
	spoil(machine.netns, RTM_NEWNEIGH, AF_INET, "\x0a\x58\x0a\x2a\x07\x00", "10.42.7.0");
	spoil(machine.netns, RTM_NEWNEIGH, AF_BRIDGE, "\x0a\x58\x0a\x2a\x07\x00", "192.168.77.7");
	spoil(machine.netns, RTM_NEWNEIGH, AF_BRIDGE, "\x02\x00\x0a\x2a\x02\x00", "192.168.77.7");
	spoil(machine.netns, RTM_NEWROUTE, 0, NULL, "10.42.7.0");
	set_peers(&machine, peers_2_and_3, 2);
	check_entries(machine.netns, ENTRIES_2_AND_3);

	/* The whole device. */
	delete_link(machine.netns, "flannel.1");
	set_peers(&machine, peers_2_and_3, 2);
	check_entries(machine.netns, ENTRIES_2_AND_3);
	close_network(&machine);

	/* Nobody says the peers, yet they are there: after a boot, and when all was in order. */
	delete_link(machine.netns, "flannel.1");
	for (int i = 0; i < 2; i++) {
		open_network(&machine);
		check_entries(machine.netns, ENTRIES_2_AND_3);
		close_network(&machine);
	}
}

/* The kernel tells every change: the same list again is none. */
static void same_peers_change_nothing(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK,
				       .nl_groups = RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_LINK |
						    RTMGRP_IPV4_IFADDR };
	struct netlink_message message;
	struct machine machine;
	char bytes[16384];
	int deleted = 0;

	new_machine(&machine);
	open_network(&machine);
	set_peers(&machine, peers_2_and_3, 2);
	netns_enter(machine.netns);

	auto_fd fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	set_peers(&machine, peers_2_and_3, 2);
	CHECK_INT(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), -1);
	/* One less is three entries less. */
	set_peers(&machine, peers_2_and_3, 1);
	for (ssize_t len; (len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0;) {
		struct str rest = str_from(bytes, (size_t)len);

		CHECK(netlink_next(&rest, &message));
		deleted += message.type == RTM_DELNEIGH || message.type == RTM_DELROUTE;
	}
	CHECK_INT(deleted, 3);
	close_network(&machine);
}

static void bad_peers_change_nothing(void)
{
	static const struct pod_network_peer bad[] = {
		{ "10.42.1.0/24", "192.168.77.4" },
		{ "10.42.0.0/16", "192.168.77.4" },
		{ "10.42.1.128/25", "192.168.77.4" },
		{ "10.42.4.0", "192.168.77.4" },
		{ "10.42.4.0/24", "host" },
		{ "10.42.4.0/24", NULL },
		{ NULL, "192.168.77.4" },
		{ "10.42.4.7/24", "192.168.77.4" },
		{ "10.42.5.128/25", "192.168.77.4" },
	};
	struct pod_network_peer peers[] = { { "10.42.5.0/24", "192.168.77.5" }, { NULL, NULL } };
	struct machine machine;

	new_machine(&machine);
	open_network(&machine);
	set_peers(&machine, peers_2_and_3, 2);
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		peers[1] = bad[i];
		if (pod_network_peers(machine.network, peers, 2, &err))
			harness_fail(__FILE__, __LINE__, "peer %zu is accepted", i);
		CHECK_INT(err.kind, ERROR_INVALID);
		CHECK(strstr(err.text, bad[i].pod_cidr ? bad[i].pod_cidr : "192.168.77.4"));
	}
	CHECK(!pod_network_peers(machine.network, peers, 1000000, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	check_entries(machine.netns, ENTRIES_2_AND_3);
	close_network(&machine);
}

/* A damaged memory of peers costs nothing but that. */
static void damaged_peers_are_forgotten(void)
{
	static const char *const texts[] = { "", "{", "[]", "{\"peers\":[7]}",
					     "{\"peers\":[{\"range\":\"10.42.1.0/24\"}]}" };
	struct machine machine;
	char path[200];

	new_machine(&machine);
	open_network(&machine);
	close_network(&machine);
	snprintf(path, sizeof(path), "%s/peers.json", machine.folder);
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		CHECK_OK(file_replace(path, str_of(texts[i]), 0600, &err), &err);
		open_network(&machine);
		check_entries(machine.netns, "");
		set_peers(&machine, peers_2_and_3, 2);
		set_peers(&machine, NULL, 0);
		close_network(&machine);
	}
}

/* Two machines on a cable. */
static void machines_talk(void)
{
	struct machine one;
	struct machine two;
	int web, db;

	one.netns = netns_new();
	two.netns = netns_new();
	netns_cable(&(struct cable_end){ one.netns, "eth0", "192.168.77.1" },
		    &(struct cable_end){ two.netns, "eth0", "192.168.77.2" });
	plan_machine(&one, "one", "10.42.1.0/24", "192.168.77.1");
	plan_machine(&two, "two", "10.42.2.0/24", "192.168.77.2");
	web = netns_new();
	db = netns_new();
	open_network(&one);
	open_network(&two);
	attach(&one, "web", web, "10.42.1.2");
	attach(&two, "db", db, "10.42.2.2");
	CHECK(!netns_talk(web, db, "10.42.2.2"));

	set_peers(&one, &(struct pod_network_peer){ "10.42.2.0/24", "192.168.77.2" }, 1);
	set_peers(&two, &(struct pod_network_peer){ "10.42.1.0/24", "192.168.77.1" }, 1);
	CHECK(netns_talk(web, db, "10.42.2.2"));
	CHECK(netns_talk(db, web, "10.42.1.2"));
	CHECK(netns_talk(one.netns, db, "10.42.2.2"));
	CHECK(netns_talk(web, two.netns, "10.42.2.1"));

	/* A machine boots: all it has is its folder. */
	delete_link(one.netns, "flannel.1");
	delete_link(one.netns, "cni0");
	close_network(&one);
	open_network(&one);
	CHECK(netns_talk(web, db, "10.42.2.2"));

	set_peers(&two, NULL, 0);
	CHECK(!netns_talk(web, db, "10.42.2.2"));
	close_network(&one);
	close_network(&two);
}

static const struct test tests[] = {
	{ "pods talk", pods_talk },
	{ "links are set", links_are_set },
	{ "attach can be repeated", attach_can_be_repeated, .time_limit_s = 30 },
	{ "detach frees", detach_frees },
	{ "addresses run out", addresses_run_out },
	{ "bad namespaces are errors", bad_namespaces_are_errors },
	{ "loopback comes up", loopback_comes_up },
	{ "remove leaves nothing", remove_leaves_nothing },
	{ "open repairs", open_repairs, .time_limit_s = 30 },
	{ "forwarding is switched on", forwarding_is_switched_on },
	{ "bad plans are refused", bad_plans_are_refused },
	{ "peers follow", peers_follow },
	{ "peers are mended", peers_are_mended },
	{ "same peers change nothing", same_peers_change_nothing },
	{ "bad peers change nothing", bad_peers_change_nothing },
	{ "damaged peers are forgotten", damaged_peers_are_forgotten },
	{ "machines talk", machines_talk, .time_limit_s = 30 },
};

TEST_MAIN(tests)
