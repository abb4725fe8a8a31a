/*
 * test_service_rules.c - the rules as packets meet them.
 *
 * Goal: connections go where the plan says, seen from a pod, the machine and outside; a replacement
 * is whole, quick, and hurts no connection.  Method: four network namespaces of this process's own:
 *
 *   pods 10.42.1.11 .12 .13 --veth-- 10.42.1.1 machine 172.30.0.1 --veth-- outside 172.30.0.2
 *   client pod 10.42.1.130 --veth-- 10.42.1.129
 *
 * with plain sockets in each.  A connection is made by the kernel as soon as somebody listens, so
 * one thread plays all parts.  The outside also has 10.42.2.5: a pod of another machine.
 */
#include "flannel-lite/service_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/file.h"
#include "base/memory.h"
#include "flannel-lite/nft_expression.h"
#include "tests/unit/harness.h"

#define WAIT_MS 2000

enum { MACHINE, POD, CLIENT, OUTSIDE, PLACES };

static int places[PLACES] = { -1, -1, -1, -1 }; /* network namespaces */

/* --- the three places --- */

/* Run a program with blank-separated words; its exit status. */
static int run(const char *words)
{
	char *argv[32] = { NULL };
	char *text = memory_string(words);
	char *rest = text;
	size_t count = 0;
	int status = -1;
	pid_t pid;

	while (count + 1 < ARRAY_LENGTH(argv) && (argv[count] = strsep(&rest, " ")) != NULL)
		count++;
	pid = fork();
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	free(text);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void go(int place)
{
	CHECK(setns(places[place], CLONE_NEWNET) == 0);
}

static int open_place(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		harness_skip("no network namespace: %s", strerror(errno));
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(run("ip link set lo up") == 0);
	return fd;
}

/* A veth pair between the machine and another place, where its end is called eth0. */
static void join(int place, const char *device)
{
	char words[160];

	go(MACHINE);
	snprintf(words, sizeof(words),
		 "ip link add %s type veth peer name eth0 netns /proc/%d/fd/%d", device,
		 (int)getpid(), places[place]);
	CHECK_INT(run(words), 0);
	snprintf(words, sizeof(words), "ip link set %s up", device);
	CHECK_INT(run(words), 0);
	go(place);
	CHECK_INT(run("ip link set eth0 up"), 0);
}

static void set_switch(const char *path, const char *value)
{
	auto_fd fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		harness_skip("%s cannot be set: %s", path, strerror(errno));
}

static void build_world(void)
{
	static const char *const pod[] = {
		"ip addr add 10.42.1.11/25 dev eth0",
		"ip addr add 10.42.1.12/25 dev eth0",
		"ip addr add 10.42.1.13/25 dev eth0",
		"ip route add default via 10.42.1.1",
	};
	static const char *const client[] = {
		"ip addr add 10.42.1.130/25 dev eth0",
		"ip route add default via 10.42.1.129",
	};
	static const char *const outside[] = {
		"ip addr add 172.30.0.2/24 dev eth0",
		"ip addr add 172.30.0.3/24 dev eth0",
		"ip addr add 10.42.2.5/32 dev eth0",
		"ip route add 10.43.0.0/16 via 172.30.0.1",
		"ip route add 10.42.1.0/24 via 172.30.0.1",
	};
	static const char *const machine[] = {
		"ip addr add 10.42.1.1/25 dev pods",        "ip addr add 10.42.1.129/25 dev client",
		"ip addr add 172.30.0.1/24 dev wan",        "ip route add default via 172.30.0.2",
		"ip route add 10.42.2.0/24 via 172.30.0.2",
	};

	if (geteuid() != 0)
		harness_skip("needs root");
	if (run("ip -V") != 0)
		harness_skip("needs the program ip");
	for (int i = 0; i < PLACES; i++)
		places[i] = open_place();
	join(POD, "pods");
	for (size_t i = 0; i < ARRAY_LENGTH(pod); i++)
		CHECK_INT(run(pod[i]), 0);
	join(CLIENT, "client");
	for (size_t i = 0; i < ARRAY_LENGTH(client); i++)
		CHECK_INT(run(client[i]), 0);
	join(OUTSIDE, "wan");
	for (size_t i = 0; i < ARRAY_LENGTH(outside); i++)
		CHECK_INT(run(outside[i]), 0);
	go(MACHINE);
	for (size_t i = 0; i < ARRAY_LENGTH(machine); i++)
		CHECK_INT(run(machine[i]), 0);
	set_switch("/proc/sys/net/ipv4/ip_forward", "1");
}

/* --- sockets --- */

static uint32_t address(const char *text)
{
	struct in_addr bytes;

	CHECK(inet_pton(AF_INET, text, &bytes) == 1);
	return ntohl(bytes.s_addr);
}

static struct sockaddr_in name_of(const char *text, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(address(text)),
	};
}

static int listen_at(int place, const char *text, uint16_t port)
{
	struct sockaddr_in name = name_of(text, port);
	int fd;

	go(place);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	CHECK(listen(fd, 512) == 0);
	go(MACHINE);
	return fd;
}

/* -1 with errno; ETIMEDOUT when nobody said anything.  `from` may be NULL. */
static int dial(int place, const char *from, const char *text, uint16_t port)
{
	struct sockaddr_in to = name_of(text, port);
	struct timeval wait = { .tv_sec = WAIT_MS / 1000 };
	int result;
	int code;
	int fd;

	go(place);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	go(MACHINE);
	CHECK(fd >= 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0);
	if (from != NULL) {
		struct sockaddr_in own = name_of(from, 0);

		CHECK(bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0);
	}
	result = connect(fd, (struct sockaddr *)&to, sizeof(to));
	code = result < 0 && errno == EINPROGRESS ? ETIMEDOUT : errno;
	if (result == 0)
		return fd;
	close(fd);
	errno = code;
	return -1;
}

/* The next connection of the listener; who it seems to come from. */
static int take(int listener, char out_peer[INET_ADDRSTRLEN])
{
	struct pollfd wait = { .fd = listener, .events = POLLIN };
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	int fd;

	CHECK(poll(&wait, 1, WAIT_MS) == 1);
	fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(inet_ntop(AF_INET, &peer.sin_addr, out_peer, INET_ADDRSTRLEN) != NULL);
	return fd;
}

/* Dial, and expect the listener to see a client of this address. */
static void check_reaches(int place, const char *from, const char *to, uint16_t port, int listener,
			  const char *seen)
{
	char peer[INET_ADDRSTRLEN];
	char text[8] = { 0 };
	int near = dial(place, from, to, port);
	int far;

	if (near < 0)
		harness_fail(__FILE__, __LINE__, "dial %s:%u from place %d: %s", to, port, place,
			     strerror(errno));
	far = take(listener, peer);
	CHECK_STR(peer, seen);
	CHECK(write(far, "hello", 5) == 5);
	CHECK(read(near, text, sizeof(text)) == 5);
	CHECK_STR(text, "hello");
	close(near);
	close(far);
}

static void check_refused(int place, const char *to, uint16_t port, int code)
{
	int fd = dial(place, NULL, to, port);
	int got = errno;

	CHECK_INT(fd, -1);
	CHECK_INT(got, code);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* --- plans --- */

#define CLUSTER "10.43.0.10"

static struct service_endpoint endpoint(const char *text, uint16_t port)
{
	return (struct service_endpoint){ address(text), port };
}

static struct service_rules_plan plan_of(const struct service_port *ports, size_t count)
{
	return (struct service_rules_plan){
		.cluster_cidr = "10.42.0.0/16",
		.pod_cidr = "10.42.1.0/24",
		.ports = ports,
		.port_count = count,
	};
}

static void replace(const struct service_rules_plan *plan)
{
	struct error err;

	go(MACHINE);
	CHECK_OK(service_rules_replace(plan, &err), &err);
}

/* One port at CLUSTER:80 and node port 30080. */
static struct service_port web(const uint32_t *cluster, const struct service_endpoint *endpoints,
			       size_t count)
{
	return (struct service_port){
		.protocol = SERVICE_TCP,
		.addresses = cluster,
		.address_count = 1,
		.port = 80,
		.node_port = 30080,
		.endpoints = endpoints,
		.endpoint_count = count,
	};
}

/* --- tests --- */

static void reaches_an_endpoint(void)
{
	build_world();

	uint32_t cluster = address(CLUSTER);
	struct service_endpoint one = endpoint("10.42.1.11", 8080);
	struct service_port port = web(&cluster, &one, 1);
	struct service_rules_plan plan = plan_of(&port, 1);
	int listener = listen_at(POD, "10.42.1.11", 8080);

	replace(&plan);
	check_reaches(CLIENT, NULL, CLUSTER, 80, listener, "10.42.1.130");
	check_reaches(MACHINE, NULL, CLUSTER, 80, listener, "10.42.1.1");
	check_reaches(OUTSIDE, NULL, CLUSTER, 80, listener, "10.42.1.1");
	/* A pod that gets itself: the answer must come from the service's address all the same. */
	check_reaches(POD, "10.42.1.11", CLUSTER, 80, listener, "10.42.1.1");
	/* Another port of the address is nobody's. */
	CHECK_INT(dial(POD, NULL, CLUSTER, 81), -1);
}

static void spreads(void)
{
	build_world();

	uint32_t cluster = address(CLUSTER);
	const char *const names[] = { "10.42.1.11", "10.42.1.12", "10.42.1.13" };
	struct service_endpoint endpoints[3];
	struct pollfd listeners[3];
	int hits[3] = { 0 };

	for (int i = 0; i < 3; i++) {
		endpoints[i] = endpoint(names[i], (uint16_t)(8080 + i));
		listeners[i] = (struct pollfd){ listen_at(POD, names[i], (uint16_t)(8080 + i)),
						POLLIN, 0 };
	}

	struct service_port port = web(&cluster, endpoints, 3);
	struct service_rules_plan plan = plan_of(&port, 1);

	replace(&plan);
	for (int i = 0; i < 300; i++) {
		int near = dial(MACHINE, NULL, CLUSTER, 80);
		char peer[INET_ADDRSTRLEN];

		CHECK(near >= 0);
		CHECK_INT(poll(listeners, 3, WAIT_MS), 1);
		for (int k = 0; k < 3; k++) {
			if (listeners[k].revents == 0)
				continue;
			hits[k]++;
			close(take(listeners[k].fd, peer));
		}
		close(near);
	}
	printf("%d %d %d\n", hits[0], hits[1], hits[2]);
	/* Less than 60 of 300 is seen once in 10 million runs. */
	for (int i = 0; i < 3; i++)
		CHECK(hits[i] > 50);
}

/* Which of the endpoints answers a client at this address?  -1 when it is not always the same. */
static int whom(const char *from, struct pollfd listeners[3])
{
	int found = -1;

	for (int i = 0; i < 5; i++) {
		int near = dial(OUTSIDE, from, CLUSTER, 80);
		char peer[INET_ADDRSTRLEN];

		CHECK(near >= 0);
		CHECK_INT(poll(listeners, 3, WAIT_MS), 1);
		for (int k = 0; k < 3; k++) {
			if (listeners[k].revents == 0)
				continue;
			if (found >= 0 && found != k)
				return -1;
			found = k;
			close(take(listeners[k].fd, peer));
		}
		close(near);
	}
	return found;
}

#define CLIENTS 24

static void stays(void)
{
	build_world();

	uint32_t cluster = address(CLUSTER);
	const char *const names[] = { "10.42.1.11", "10.42.1.12", "10.42.1.13" };
	struct service_endpoint endpoints[3];
	struct pollfd listeners[3];
	int before[CLIENTS];
	int hits[3] = { 0 };
	char from[CLIENTS][32];

	for (int i = 0; i < 3; i++) {
		endpoints[i] = endpoint(names[i], 8080);
		listeners[i] = (struct pollfd){ listen_at(POD, names[i], 8080), POLLIN, 0 };
	}
	go(OUTSIDE);
	for (int i = 0; i < CLIENTS; i++) {
		char words[80];

		snprintf(from[i], sizeof(from[i]), "172.30.0.%d", 100 + i);
		snprintf(words, sizeof(words), "ip addr add %s/24 dev eth0", from[i]);
		CHECK_INT(run(words), 0);
	}

	struct service_port port = web(&cluster, endpoints, 3);
	struct service_rules_plan plan = plan_of(&port, 1);

	port.affinity_s = 10800;
	replace(&plan);
	for (int i = 0; i < CLIENTS; i++) {
		before[i] = whom(from[i], listeners);
		CHECK(before[i] >= 0);
		hits[before[i]]++;
	}
	printf("%d %d %d\n", hits[0], hits[1], hits[2]);
	for (int i = 0; i < 3; i++)
		CHECK(hits[i] > 0);

	/* The last endpoint goes: its clients move, nobody else does.  Back: all is as before. */
	port.endpoint_count = 2;
	replace(&plan);
	for (int i = 0; i < CLIENTS; i++) {
		int after = whom(from[i], listeners);

		CHECK(after == 0 || after == 1);
		CHECK(before[i] == 2 || after == before[i]);
	}
	port.endpoint_count = 3;
	replace(&plan);
	for (int i = 0; i < CLIENTS; i++)
		CHECK_INT(whom(from[i], listeners), before[i]);
}

static void refuses_without_endpoints(void)
{
	build_world();

	uint32_t cluster = address(CLUSTER);
	struct service_port port = web(&cluster, NULL, 0);
	struct service_rules_plan plan = plan_of(&port, 1);
	long start = now_ms();

	replace(&plan);
	/* More than the kernel would send "unreachable" for in this time. */
	for (int i = 0; i < 12; i++) {
		check_refused(POD, CLUSTER, 80, ECONNREFUSED);
		check_refused(MACHINE, CLUSTER, 80, ECONNREFUSED);
		check_refused(OUTSIDE, CLUSTER, 80, ECONNREFUSED);
		check_refused(OUTSIDE, "172.30.0.1", 30080, ECONNREFUSED);
		check_refused(MACHINE, "172.30.0.1", 30080, ECONNREFUSED);
	}
	CHECK(now_ms() - start < 1500);
	/* The node port alone is refused: behind us it is the other's. */
	close(listen_at(OUTSIDE, "172.30.0.2", 30080));
	int listener = listen_at(OUTSIDE, "172.30.0.2", 30080);

	check_reaches(POD, NULL, "172.30.0.2", 30080, listener, "172.30.0.1");
}

static void refuses_datagrams(void)
{
	build_world();

	uint32_t cluster = address(CLUSTER);
	struct service_port port = web(&cluster, NULL, 0);
	struct service_rules_plan plan = plan_of(&port, 1);
	struct sockaddr_in name = name_of(CLUSTER, 80);
	struct timeval wait = { .tv_sec = WAIT_MS / 1000 };
	char answer[8];

	port.protocol = SERVICE_UDP;
	replace(&plan);
	go(POD);

	auto_fd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	go(MACHINE);
	CHECK(fd >= 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0);
	CHECK(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	CHECK(send(fd, "x", 1, 0) == 1);
	CHECK(recv(fd, answer, sizeof(answer), 0) == -1);
	CHECK_INT(errno, ECONNREFUSED);
}

static void node_port(void)
{
	build_world();

	uint32_t cluster = address(CLUSTER);
	struct service_endpoint one = endpoint("10.42.1.11", 8080);
	struct service_port port = web(&cluster, &one, 1);
	struct service_rules_plan plan = plan_of(&port, 1);
	int listener = listen_at(POD, "10.42.1.11", 8080);
	int own = listen_at(MACHINE, "127.0.0.1", 30080);

	replace(&plan);
	check_reaches(OUTSIDE, NULL, "172.30.0.1", 30080, listener, "10.42.1.1");
	check_reaches(MACHINE, NULL, "172.30.0.1", 30080, listener, "10.42.1.1");
	check_reaches(CLIENT, NULL, "172.30.0.1", 30080, listener, "10.42.1.1");
	check_reaches(POD, "10.42.1.11", "10.42.1.1", 30080, listener, "10.42.1.1");
	/* The machine's own business. */
	check_reaches(MACHINE, NULL, "127.0.0.1", 30080, own, "127.0.0.1");
}

static void local_node_port(void)
{
	build_world();

	uint32_t cluster = address(CLUSTER);
	const struct service_endpoint all[] = { endpoint("10.42.1.11", 8080),
						endpoint("10.42.2.5", 8080) };
	struct service_port port = web(&cluster, all, 2);
	struct service_rules_plan plan = plan_of(&port, 1);
	int listener = listen_at(POD, "10.42.1.11", 8080);

	port.local_only = true;
	port.local_endpoints = all;
	port.local_endpoint_count = 1;
	replace(&plan);
	for (int i = 0; i < 12; i++)
		check_reaches(OUTSIDE, NULL, "172.30.0.1", 30080, listener, "172.30.0.2");

	port.local_endpoint_count = 0; /* all elsewhere: dropped */
	replace(&plan);
	check_refused(OUTSIDE, "172.30.0.1", 30080, ETIMEDOUT);

	port.endpoint_count = 0; /* nobody anywhere: refused */
	replace(&plan);
	check_refused(OUTSIDE, "172.30.0.1", 30080, ECONNREFUSED);
}

static void host_port(void)
{
	build_world();

	const struct host_port ports[] = {
		{ SERVICE_TCP, 0, 5000, endpoint("10.42.1.11", 8080) },
		{ SERVICE_TCP, address("172.30.0.1"), 5001, endpoint("10.42.1.11", 8080) },
		{ SERVICE_TCP, address("172.30.0.1"), 5000, endpoint("10.42.1.12", 8080) },
		{ SERVICE_TCP, 0, 5000, endpoint("10.42.1.13", 8080) }, /* comes too late */
		{ SERVICE_TCP, address("127.0.0.1"), 5003, endpoint("10.42.1.12", 8080) },
	};
	struct service_rules_plan plan = plan_of(NULL, 0);
	int first = listen_at(POD, "10.42.1.11", 8080);
	int second = listen_at(POD, "10.42.1.12", 8080);

	plan.host_ports = ports;
	plan.host_port_count = ARRAY_LENGTH(ports);
	replace(&plan);
	check_reaches(OUTSIDE, NULL, "172.30.0.1", 5001, first, "172.30.0.2");
	check_reaches(OUTSIDE, NULL, "172.30.0.1", 5000, second, "172.30.0.2");
	check_reaches(CLIENT, NULL, "10.42.1.1", 5000, first, "10.42.1.130");
	check_reaches(POD, "10.42.1.11", "10.42.1.1", 5000, first, "10.42.1.1");
	check_reaches(MACHINE, NULL, "172.30.0.1", 5001, first, "172.30.0.1");
	check_refused(OUTSIDE, "172.30.0.1", 5002, ECONNREFUSED);
	/* At 127.0.0.1: for this machine only, and from another of its addresses. */
	check_reaches(MACHINE, "172.30.0.1", "127.0.0.1", 5003, second, "172.30.0.1");
	check_refused(MACHINE, "127.0.0.1", 5003, ECONNREFUSED);
	check_refused(OUTSIDE, "172.30.0.1", 5003, ECONNREFUSED);
}

static void masquerades_pods(void)
{
	build_world();

	struct service_rules_plan plan = plan_of(NULL, 0);
	int world = listen_at(OUTSIDE, "172.30.0.2", 80);
	int other_pod = listen_at(OUTSIDE, "10.42.2.5", 80);
	int pod = listen_at(POD, "10.42.1.11", 80);

	replace(&plan);
	check_reaches(CLIENT, NULL, "172.30.0.2", 80, world, "172.30.0.1");
	check_reaches(CLIENT, NULL, "10.42.2.5", 80, other_pod, "10.42.1.130");
	check_reaches(OUTSIDE, "10.42.2.5", "10.42.1.11", 80, pod, "10.42.2.5");
	check_reaches(MACHINE, "172.30.0.1", "10.42.1.11", 80, pod, "172.30.0.1");
}

/* Is there a table "mote" of family ip?  Asked of the kernel. */
static bool has_table(void)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg kind;
		struct nlattr name;
		char text[8];
	} ask = {
		.head = { .nlmsg_len = sizeof(ask),
			  .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE,
			  .nlmsg_flags = NLM_F_REQUEST },
		.kind = { .nfgen_family = AF_INET },
		.name = { .nla_len = sizeof(ask.name) + 5, .nla_type = NFTA_TABLE_NAME },
		.text = "mote",
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr report;
		char rest[4096];
	} answer;
	auto_fd fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	CHECK(fd >= 0);
	CHECK(send(fd, &ask, sizeof(ask), 0) == sizeof(ask));
	CHECK(recv(fd, &answer, sizeof(answer), 0) >= (ssize_t)sizeof(answer.head));
	if (answer.head.nlmsg_type != NLMSG_ERROR)
		return true;
	CHECK_INT(answer.report.error, -ENOENT);
	return false;
}

static void comes_and_goes(void)
{
	build_world();

	struct service_rules_plan plan = plan_of(NULL, 0);
	struct error err;

	CHECK(!has_table());
	CHECK_OK(service_rules_remove(&err), &err);
	CHECK(!has_table());
	replace(&plan);
	CHECK(has_table());
	replace(&plan);
	CHECK(has_table());
	CHECK_OK(service_rules_remove(&err), &err);
	CHECK(!has_table());
}

static void refuses_bad_plans(void)
{
	build_world();

	uint32_t cluster = address(CLUSTER);
	struct service_endpoint one = endpoint("10.42.1.11", 8080);
	struct service_port port = web(&cluster, &one, 1);
	struct service_rules_plan good = plan_of(&port, 1);
	struct service_rules_plan bad = good;
	const char *const ranges[] = { "10.42.0.0",
				       "10.42.0/16",
				       "10.42.0.0/33",
				       "10.42.0.256/24",
				       "10.42.0.0.0/16",
				       "fd00::/8",
				       "",
				       NULL };
	int listener = listen_at(POD, "10.42.1.11", 8080);
	struct error err;

	replace(&good);
	for (size_t i = 0; i < ARRAY_LENGTH(ranges); i++) {
		bad.pod_cidr = ranges[i];
		CHECK(!service_rules_replace(&bad, &err));
		CHECK_INT(err.kind, ERROR_INVALID);
	}
	bad = good;
	bad.port_count = SERVICE_RULES_PORTS_MAX + 1;
	CHECK(!service_rules_replace(&bad, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);

	struct service_port odd = port;

	bad = plan_of(&odd, 1);
	odd.protocol = 300;
	CHECK(!service_rules_replace(&bad, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
	odd = port;
	odd.endpoint_count = SIZE_MAX / 2;
	CHECK(!service_rules_replace(&bad, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	/* The old table stands. */
	check_reaches(CLIENT, NULL, CLUSTER, 80, listener, "10.42.1.130");
}

/* All or nothing, and the error says which message it was. */
static void refused_whole(void)
{
	build_world();

	uint32_t cluster = address(CLUSTER);
	struct service_endpoint one = endpoint("10.42.1.11", 8080);
	struct service_port port = web(&cluster, &one, 1);
	struct service_rules_plan plan = plan_of(&port, 1);
	int listener = listen_at(POD, "10.42.1.11", 8080);
	auto_nft_batch batch = nft_message_batch("mote");
	struct error err;

	replace(&plan);
	nft_message_table(&batch, NFT_MSG_DELTABLE);
	nft_message_table(&batch, NFT_MSG_NEWTABLE);
	nft_message_chain(&batch, "here");
	nft_message_rule(&batch, "here");
	nft_expression_verdict(&batch, NFT_GOTO, "nowhere");
	nft_message_chain(&batch, "there");
	CHECK(!nft_message_send(&batch, &err));
	CHECK_INT(err.kind, ERROR_BROKEN);
	CHECK_INT(err.os_code, ENOENT);
	CHECK(strstr(err.text, "rule of chain here") != NULL);
	check_reaches(CLIENT, NULL, CLUSTER, 80, listener, "10.42.1.130");
}

/* nft(8) is no part of us, but who debugs a machine will use it. */
static void can_be_listed(void)
{
	build_world();

	uint32_t cluster = address(CLUSTER);
	const struct service_endpoint all[] = { endpoint("10.42.1.11", 8080),
						endpoint("10.42.1.12", 8080) };
	struct service_port ports[3];
	struct host_port host = { SERVICE_UDP, 0, 53, endpoint("10.42.1.11", 53) };
	struct service_rules_plan plan = plan_of(ports, 3);

	if (run("nft --version") != 0)
		harness_skip("needs the program nft");
	for (size_t i = 0; i < 3; i++) {
		ports[i] = web(&cluster, all, i);
		ports[i].port = (uint16_t)(80 + i);
		ports[i].node_port = (uint16_t)(30080 + i);
		ports[i].affinity_s = i == 1 ? 0 : 10;
	}
	ports[2].local_only = true;
	ports[2].local_endpoints = all;
	ports[2].local_endpoint_count = 2;
	plan.host_ports = &host;
	plan.host_port_count = 1;
	replace(&plan);
	CHECK_INT(run("nft list ruleset"), 0);
}

static void says(int near, int far, const char *text)
{
	char answer[32] = { 0 };
	ssize_t len = (ssize_t)strlen(text);

	CHECK(write(near, text, strlen(text)) == len);
	CHECK(read(far, answer, sizeof(answer) - 1) == len);
	CHECK_STR(answer, text);
}

static void replacing_keeps_connections(void)
{
	build_world();

	uint32_t cluster = address(CLUSTER);
	struct service_endpoint old = endpoint("10.42.1.11", 8080);
	struct service_endpoint new = endpoint("10.42.1.12", 8080);
	struct service_port port = web(&cluster, &old, 1);
	struct service_rules_plan plan = plan_of(&port, 1);
	struct service_rules_plan empty = plan_of(NULL, 0);
	int listener = listen_at(POD, "10.42.1.11", 8080);
	int other = listen_at(POD, "10.42.1.12", 8080);
	char peer[INET_ADDRSTRLEN];

	replace(&plan);

	auto_fd near = dial(OUTSIDE, NULL, "172.30.0.1", 30080);
	auto_fd far = take(listener, peer);

	says(near, far, "before");
	port.endpoints = &new;
	replace(&plan);
	says(near, far, "after");
	says(far, near, "and back");
	check_reaches(OUTSIDE, NULL, "172.30.0.1", 30080, other, "10.42.1.1");
	port.endpoint_count = 0;
	replace(&plan);
	says(near, far, "nobody");
	replace(&empty);
	says(far, near, "nothing");
}

/* Many connections while the table is replaced again and again: none misses the rules. */
static void replacing_is_seamless(void)
{
	build_world();

	uint32_t cluster = address(CLUSTER);
	struct service_endpoint one = endpoint("10.42.1.11", 8080);
	struct service_port port = web(&cluster, &one, 1);
	struct service_rules_plan plan = plan_of(&port, 1);
	int listener = listen_at(POD, "10.42.1.11", 8080);
	long end = now_ms() + 1500;
	int status = -1;
	int rounds = 0;
	pid_t pid;

	replace(&plan);
	pid = fork();
	CHECK(pid >= 0);
	while (pid == 0 && now_ms() < end)
		replace(&plan);
	if (pid == 0)
		_exit(0);
	for (; now_ms() < end; rounds++)
		check_reaches(OUTSIDE, NULL, "172.30.0.1", 30080, listener, "10.42.1.1");
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
	printf("%d connections\n", rounds);
	CHECK(rounds > 20);
}

#define MANY 5000

static void many(size_t count, size_t each, int affinity_s)
{
	uint32_t *clusters = memory_get(count * sizeof(*clusters));
	struct service_endpoint *endpoints = memory_get(count * each * sizeof(*endpoints));
	struct service_port *ports = memory_zero(count * sizeof(*ports));
	struct service_rules_plan plan = plan_of(ports, count);
	int listener = listen_at(POD, "10.42.1.12", 9000);

	for (size_t i = 0; i < count; i++) {
		clusters[i] = address("10.43.0.0") + (uint32_t)i;
		for (size_t k = 0; k < each; k++)
			endpoints[i * each + k] = (struct service_endpoint){
				address("10.42.1.11") + (i + 1 == count ? 1 : (uint32_t)k),
				(uint16_t)(9000 + (i + 1 == count ? 0 : i)),
			};
		ports[i] = web(&clusters[i], &endpoints[i * each], each);
		ports[i].node_port = (uint16_t)(30000 + i);
		ports[i].affinity_s = affinity_s;
	}
	for (int i = 0; i < 3; i++) {
		long start = now_ms();

		replace(&plan);
		printf("%zu services of %zu endpoints: %ld ms\n", count, each, now_ms() - start);
	}
	char last[INET_ADDRSTRLEN];
	struct in_addr bytes = { htonl(clusters[count - 1]) };

	CHECK(inet_ntop(AF_INET, &bytes, last, sizeof(last)) != NULL);
	check_reaches(CLIENT, NULL, last, 80, listener, "10.42.1.130");

	struct error err;
	long start = now_ms();

	CHECK_OK(service_rules_remove(&err), &err);
	printf("removed: %ld ms\n", now_ms() - start);
	free(clusters);
	free(endpoints);
	free(ports);
	close(listener);
}

static void replaces_many(void)
{
	build_world();
	many(MANY, 2, 0);
	many(SERVICE_RULES_PORTS_MAX, 2, 0);
	many(MANY, 2, 10);
	/* More elements than one message holds. */
	many(1, 3000, 0);
	many(1, 100, 10);
}

static const struct test tests[] = {
	{ "reaches an endpoint", reaches_an_endpoint },
	{ "spreads", spreads, .time_limit_s = 30 },
	{ "stays", stays, .time_limit_s = 30 },
	{ "refuses without endpoints", refuses_without_endpoints },
	{ "refuses datagrams", refuses_datagrams },
	{ "node port", node_port },
	{ "local node port", local_node_port },
	{ "host port", host_port },
	{ "masquerades pods", masquerades_pods },
	{ "comes and goes", comes_and_goes },
	{ "refuses bad plans", refuses_bad_plans },
	{ "refused whole", refused_whole },
	{ "can be listed", can_be_listed },
	{ "replacing keeps connections", replacing_keeps_connections },
	{ "replacing is seamless", replacing_is_seamless, .time_limit_s = 30 },
	{ "replaces many", replaces_many, .time_limit_s = 60 },
};

TEST_MAIN(tests)
