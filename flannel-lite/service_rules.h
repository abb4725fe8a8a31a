/*
 * service_rules.h - one nftables table "mote" (family ip): cluster addresses, node ports, host
 * ports, masquerade.
 *
 * The table is replaced whole, in one transaction: packets see the old rules or the new ones.
 * Looking up a service costs one map lookup, picking an endpoint one random number: constant time
 * per connection however many services there are.  The kernel is spoken to over netlink
 * (nfnetlink/nf_tables); neither iptables nor nft is run.  Nothing outside our table is touched.
 * IPv4.  Needs CAP_NET_ADMIN.
 *
 * One thread at a time.
 */
#ifndef FLANNEL_LITE_SERVICE_RULES_H
#define FLANNEL_LITE_SERVICE_RULES_H

#include "base/text.h"

#define SERVICE_RULES_PORTS_MAX 20000
/* This bit of the packet mark is ours between prerouting and postrouting: "masquerade me". */
#define SERVICE_RULES_MARK 0x4000

enum { SERVICE_TCP = 6, SERVICE_UDP = 17, SERVICE_SCTP = 132 };

struct service_endpoint {
	uint32_t address; /* host byte order */
	uint16_t port;
};

/* One port of a service: its addresses, and who answers. */
struct service_port {
	int protocol;              /* SERVICE_TCP, ... */
	const uint32_t *addresses; /* cluster and external addresses; host byte order */
	size_t address_count;
	uint16_t port;
	uint16_t node_port; /* on every address of this machine; 0 = none */
	const struct service_endpoint *endpoints;
	size_t endpoint_count; /* none: connections are refused (port unreachable) */
	/* Those on this machine only, for packets to the node port (externalTrafficPolicy: Local,
	 * no masquerade, dropped when all are elsewhere); NULL with local_only unset. */
	const struct service_endpoint *local_endpoints;
	size_t local_endpoint_count;
	bool local_only;
	/* ClientIP affinity, 0 = none.  The client's address picks the endpoint (a hash), so a
	 * client stays for good, also when rules are replaced; one that comes or goes moves its own
	 * share of clients only (up to 128 endpoints).  The number of seconds does not matter. */
	int affinity_s;
};

/* A port of this machine that belongs to a pod (hostPort). */
struct host_port {
	int protocol;
	uint32_t host_address; /* 0 = any address of the machine */
	uint16_t port;
	struct service_endpoint pod;
};

struct service_rules_plan {
	const char *cluster_cidr; /* pods: what leaves it is masqueraded */
	const char *pod_cidr;     /* this machine's pods */
	const struct service_port *ports;
	size_t port_count; /* at most SERVICE_RULES_PORTS_MAX */
	const struct host_port *host_ports;
	size_t host_port_count; /* the same */
};

/*
 * Chains: nat prerouting and output (services, host ports, node ports, in this order), nat
 * postrouting (masquerade: pods to the outside except multicast; node ports; outsiders, this
 * machine included, at cluster addresses; a pod that reaches itself through a service), filter
 * forward, input and output (refuse new connections to services without endpoints: TCP with a
 * reset, others with "port unreachable"; all else is accepted).  Node ports are not served on
 * 127.0.0.0/8; a host port that names an address of it is, for who connects from another address of
 * this machine.  Connections that exist keep their endpoint.
 *
 * An address and port that two entries name belongs to the first.  A bad range, protocol or port
 * is ERROR_INVALID.  Over a million endpoints (each counted for every address of its service; those
 * with affinity as 64 to 2048 together) is ERROR_TOO_LARGE.  ERROR_BROKEN with the kernel's own
 * reason when it refuses, ERROR_FORBIDDEN without the privilege.  After any error the old table
 * still stands.
 */
MUST_CHECK bool service_rules_replace(const struct service_rules_plan *plan, struct error *err);
/* Delete the table; none is fine.  Connections through services end with it. */
MUST_CHECK bool service_rules_remove(struct error *err);

#endif
