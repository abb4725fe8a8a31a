/*
 * pod_attach.c - one pod's interface: a veth pair from the bridge into the pod's namespace.
 *
 * The pod's end is made directly inside the namespace, as eth0.  Its hardware address is 0a:58 and
 * the pod's address, so nobody's neighbour table is wrong when an address finds a new owner.  Our
 * end is called "veth" and a hash of the pod's id, and has the id itself as its alias.
 *
 * A netlink socket belongs to the namespace of the thread that opens it.  A thread of its own
 * enters the pod's namespace, opens the socket and ends: our threads never leave theirs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "base/map.h"
#include "flannel-lite/pod_network_inside.h"

#define POD_INTERFACE "eth0"

enum { LOOPBACK = 1, THREAD_STACK = 128 * 1024 };

/* --- a socket inside the pod --- */

struct visit {
	int namespace_fd;
	struct netlink *netlink;
	bool done;
	struct error err;
};

static void *visit_run(void *with)
{
	struct visit *visit = with;

	if (setns(visit->namespace_fd, CLONE_NEWNET) < 0)
		error_os(&visit->err, "enter the network namespace");
	else
		visit->done = netlink_open(NETLINK_ROUTE, &visit->netlink, &visit->err);
	return NULL;
}

/* Signals stay with the threads that expect them. */
static int start_quiet(pthread_t *thread, struct visit *visit)
{
	pthread_attr_t attributes;
	sigset_t all;
	sigset_t before;
	int code;

	sigfillset(&all);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, THREAD_STACK);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(thread, &attributes, visit_run, visit);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return code;
}

MUST_CHECK static bool open_inside(int namespace_fd, struct netlink **out, struct error *err)
{
	struct visit visit = { .namespace_fd = namespace_fd };
	pthread_t thread;

	errno = start_quiet(&thread, &visit);
	if (errno != 0)
		return error_os(err, "start a thread");
	pthread_join(thread, NULL);
	if (!visit.done) {
		*err = visit.err;
		return false;
	}
	*out = visit.netlink;
	return true;
}

MUST_CHECK static bool open_namespace(const char *path, int *out_fd, struct netlink **out_inside,
				      struct error *err)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_os(err, "open namespace %s", path);
	if (!open_inside(fd, out_inside, err))
		return error_context(err, "namespace %s", path);
	*out_fd = take_fd(&fd);
	return true;
}

static void raise_loopback(struct netlink_batch *batch)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC,
				  .ifi_index = LOOPBACK,
				  .ifi_flags = IFF_UP,
				  .ifi_change = IFF_UP };

	netlink_start(batch, RTM_NEWLINK, NLM_F_ACK, &head, sizeof(head));
}

bool pod_network_loopback(const char *netns, struct error *err)
{
	auto_netlink inside = NULL;
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	auto_fd fd = -1;

	if (!open_namespace(netns, &fd, &inside, err))
		return error_context(err, "loopback");
	raise_loopback(&batch);
	if (!netlink_send(inside, &batch, err))
		return error_context(err, "loopback of %s", netns);
	return true;
}

/* --- our end --- */

/* FNV-1a: the same in every run, which is all that is asked of it. */
static uint32_t hash(const char *text)
{
	uint32_t sum = 2166136261u;

	for (; *text != '\0'; text++)
		sum = (sum ^ (unsigned char)*text) * 16777619u;
	return sum;
}

static const char *print_name(const char *id, char name[IFNAMSIZ])
{
	snprintf(name, IFNAMSIZ, "veth%08x", hash(id));
	return name;
}

/* The link that has our end's name. */
MUST_CHECK static bool find_ours(struct pod_network *network, const char *id, struct pod_link *out,
				 struct error *err)
{
	char name[IFNAMSIZ];

	return pod_link_find(network->netlink, print_name(id, name), out, err);
}

/* Is there one, and not of another id with the same hash?  One without a mark is half made. */
static bool is_pods(const struct pod_link *ours, const char *id)
{
	return ours->index != 0 && (ours->alias[0] == '\0' || strcmp(ours->alias, id) == 0);
}

/* What is known of a pod while it is attached. */
struct pod {
	const char *id;
	uint32_t address;
	int namespace_fd;
	struct netlink *inside;
};

static void make_pair(struct netlink_batch *batch, const struct pod_network *network,
		      const struct pod *pod, const char *name)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	unsigned char mac[POD_MAC];

	pod_mac(pod->address, mac);
	netlink_start(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &head,
		      sizeof(head));
	netlink_add_text(batch, IFLA_IFNAME, name);
	netlink_add_u32(batch, IFLA_MTU, network->mtu);
	netlink_add_u32(batch, IFLA_MASTER, network->bridge);

	size_t info = netlink_nest(batch, IFLA_LINKINFO);

	netlink_add_text(batch, IFLA_INFO_KIND, "veth");

	size_t about = netlink_nest(batch, IFLA_INFO_DATA);
	size_t peer = netlink_nest(batch, VETH_INFO_PEER);

	netlink_add_raw(batch, &head, sizeof(head));
	netlink_add_text(batch, IFLA_IFNAME, POD_INTERFACE);
	netlink_add_u32(batch, IFLA_MTU, network->mtu);
	netlink_add(batch, IFLA_ADDRESS, mac, sizeof(mac));
	netlink_add_u32(batch, IFLA_NET_NS_FD, (uint32_t)pod->namespace_fd);
	netlink_nest_end(batch, peer);
	netlink_nest_end(batch, about);
	netlink_nest_end(batch, info);
}

/* Up, a port of the bridge, our mark; and then, for only a port has it, hairpin: a pod may reach
 * itself through a service. */
static void raise_port(struct netlink_batch *batch, const struct pod_network *network,
		       const char *name, const char *id)
{
	struct ifinfomsg up = { .ifi_family = AF_UNSPEC,
				.ifi_flags = IFF_UP,
				.ifi_change = IFF_UP };
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };

	netlink_start(batch, RTM_NEWLINK, NLM_F_ACK, &up, sizeof(up));
	netlink_add_text(batch, IFLA_IFNAME, name);
	netlink_add(batch, IFLA_IFALIAS, id, strlen(id));
	netlink_add_u32(batch, IFLA_MTU, network->mtu);
	netlink_add_u32(batch, IFLA_MASTER, network->bridge);

	netlink_start(batch, RTM_NEWLINK, NLM_F_ACK, &head, sizeof(head));
	netlink_add_text(batch, IFLA_IFNAME, name);

	size_t info = netlink_nest(batch, IFLA_LINKINFO);

	netlink_add_text(batch, IFLA_INFO_SLAVE_KIND, "bridge");

	size_t about = netlink_nest(batch, IFLA_INFO_SLAVE_DATA);

	netlink_add_u8(batch, IFLA_BRPORT_MODE, 1);
	netlink_nest_end(batch, about);
	netlink_nest_end(batch, info);
}

bool pod_attach_ports(struct pod_network *network, struct error *err)
{
	struct str each;

	for (size_t i = 0; pod_address_next(network->book, &i, &each);) {
		auto_netlink_batch batch = NETLINK_BATCH_INIT;
		auto_free char *id = str_copy(each);
		struct pod_link ours;

		if (!find_ours(network, id, &ours, err))
			return false;
		if (!is_pods(&ours, id))
			continue;
		raise_port(&batch, network, ours.name, id);
		if (!netlink_send(network->netlink, &batch, err))
			return error_context(err, "interface %s", ours.name);
	}
	return true;
}

/* --- the pod's end --- */

/* Are these two ends of one pair, the one that this address has? */
static bool is_pair(const struct pod_link *ours, const struct pod_link *theirs, uint32_t address)
{
	unsigned char mac[POD_MAC];

	pod_mac(address, mac);
	return strcmp(ours->kind, "veth") == 0 && strcmp(theirs->kind, "veth") == 0 &&
	       ours->peer == theirs->index && theirs->peer == ours->index &&
	       memcmp(theirs->mac, mac, sizeof(mac)) == 0;
}

/* Afterwards there is a pair; what was there of another attempt is taken over or replaced. */
MUST_CHECK static bool pair(struct pod_network *network, const struct pod *pod, struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct pod_link ours;
	struct pod_link theirs;
	char name[IFNAMSIZ];

	print_name(pod->id, name);
	if (!find_ours(network, pod->id, &ours, err) ||
	    !pod_link_find(pod->inside, POD_INTERFACE, &theirs, err))
		return false;
	if (ours.index != 0 && !is_pods(&ours, pod->id))
		return error_set(err, ERROR_BROKEN, "interface %s is pod %s's", name, ours.alias);
	if (!is_pair(&ours, &theirs, pod->address)) {
		/* The other end goes with it; what is left then is not ours. */
		if (ours.index != 0 && (!pod_link_delete(network->netlink, name, err) ||
					!pod_link_find(pod->inside, POD_INTERFACE, &theirs, err)))
			return false;
		if (theirs.index != 0)
			return error_set(err, ERROR_EXISTS,
					 "the namespace has another " POD_INTERFACE);
		make_pair(&batch, network, pod, name);
	}
	raise_port(&batch, network, name, pod->id);
	if (!netlink_send(network->netlink, &batch, err))
		return error_context(err, "interface %s", name);
	return true;
}

static void add_default_route(struct netlink_batch *batch, uint32_t gateway, uint32_t index)
{
	struct rtmsg head = { .rtm_family = AF_INET,
			      .rtm_table = RT_TABLE_MAIN,
			      .rtm_protocol = RTPROT_BOOT,
			      .rtm_scope = RT_SCOPE_UNIVERSE,
			      .rtm_type = RTN_UNICAST };

	netlink_start(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, &head,
		      sizeof(head));
	netlink_add_be32(batch, RTA_GATEWAY, gateway);
	netlink_add_u32(batch, RTA_OIF, index);
}

MUST_CHECK static bool furnish(const struct pod_network *network, const struct pod *pod,
			       struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct pod_range place = { pod->address, network->range.prefix };
	struct pod_link link;
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC,
				  .ifi_flags = IFF_UP,
				  .ifi_change = IFF_UP };

	if (!pod_link_find(pod->inside, POD_INTERFACE, &link, err) ||
	    !pod_link_set_address(pod->inside, link.index, place, err))
		return false;
	raise_loopback(&batch);
	head.ifi_index = (int)link.index;
	netlink_start(&batch, RTM_NEWLINK, NLM_F_ACK, &head, sizeof(head));
	netlink_add_u32(&batch, IFLA_MTU, network->mtu);
	add_default_route(&batch, pod_gateway(network), link.index);
	if (!netlink_send(pod->inside, &batch, err))
		return error_context(err, "inside the pod");
	return true;
}

/* --- what is offered --- */

bool pod_network_attach(struct pod_network *network, const char *id, const char *netns,
			char out_address[POD_NETWORK_ADDRESS], struct error *err)
{
	auto_netlink inside = NULL;
	auto_fd fd = -1;
	struct pod pod = { .id = id };
	char text[INET_ADDRSTRLEN];

	if (!open_namespace(netns, &fd, &inside, err))
		return error_context(err, "attach pod %s", id);
	pod.namespace_fd = fd;
	pod.inside = inside;
	if (!pod_address_assign(network->book, id, &pod.address, err) ||
	    !pod_device_bridge(network, err) || !pair(network, &pod, err) ||
	    !furnish(network, &pod, err))
		return error_context(err, "attach pod %s", id);
	snprintf(out_address, POD_NETWORK_ADDRESS, "%s", pod_address_print(pod.address, text));
	return true;
}

bool pod_network_detach(struct pod_network *network, const char *id, struct error *err)
{
	struct pod_link ours;
	uint32_t address;

	/* Only a pod of the book has an interface: the book is written first. */
	if (pod_address_find(network->book, id, &address)) {
		if (!find_ours(network, id, &ours, err) ||
		    (is_pods(&ours, id) && !pod_link_delete(network->netlink, ours.name, err)))
			return error_context(err, "detach pod %s", id);
	}
	if (!pod_address_release(network->book, id, err))
		return error_context(err, "detach pod %s", id);
	return true;
}

bool pod_network_keep_only(struct pod_network *network, const char *const *ids, struct error *err)
{
	auto_map kept = map_new();
	struct str id;

	for (size_t i = 0; ids[i] != NULL; i++)
		map_put(kept, str_of(ids[i]), kept);
	for (size_t i = 0; pod_address_next(network->book, &i, &id);) {
		auto_free char *text = NULL;

		if (map_find(kept, id) != NULL)
			continue;
		text = str_copy(id);
		if (!pod_network_detach(network, text, err))
			return false;
	}
	return true;
}
