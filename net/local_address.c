/*
 * local_address.c - asks the kernel's routes by an unconnected UDP socket.
 */
#include "net/local_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

/* TEST-NET-1: only the route is looked up */
#define OUTSIDE "192.0.2.1"

static bool is_loopback(const struct in_addr *address)
{
	return ntohl(address->s_addr) >> 24 == 127;
}

static bool by_route(const char *towards, struct in_addr *out)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) }, own;
	socklen_t len = sizeof(own);
	auto_fd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || inet_pton(AF_INET, towards, &to.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &len) != 0 || is_loopback(&own.sin_addr))
		return false;
	*out = own.sin_addr;
	return true;
}

/* Interfaces of pod networks: their addresses lead to pods, not to this machine. */
static bool is_passed_over(const char *interface)
{
	static const char *const names[] = { "cni0", "flannel.1" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (strcmp(interface, names[i]) == 0)
			return true;
	return false;
}

static bool first_of_all(struct in_addr *out)
{
	struct ifaddrs *all = NULL;
	bool found = false;

	if (getifaddrs(&all) != 0)
		return false;
	for (struct ifaddrs *at = all; at && !found; at = at->ifa_next) {
		const struct sockaddr_in *in = (const void *)at->ifa_addr;

		if (!in || in->sin_family != AF_INET || !(at->ifa_flags & IFF_UP) ||
		    is_loopback(&in->sin_addr) || is_passed_over(at->ifa_name))
			continue;
		*out = in->sin_addr;
		found = true;
	}
	freeifaddrs(all);
	return found;
}

char *local_address(struct str towards)
{
	auto_free char *host = str_copy(towards);
	char text[INET_ADDRSTRLEN];
	struct in_addr address;

	if (!by_route(*host ? host : OUTSIDE, &address) && !by_route(OUTSIDE, &address) &&
	    !first_of_all(&address))
		return memory_string("127.0.0.1");
	inet_ntop(AF_INET, &address, text, sizeof(text));
	return memory_string(text);
}

bool local_address_of(const char *interface, const char *wish, char **out, struct error *err)
{
	struct ifaddrs *all = NULL;
	char text[INET_ADDRSTRLEN];
	bool found = false;

	if (getifaddrs(&all) != 0)
		return error_os(err, "cannot list the addresses");
	for (struct ifaddrs *at = all; at && !found; at = at->ifa_next) {
		const struct sockaddr_in *in = (const void *)at->ifa_addr;

		if (!in || in->sin_family != AF_INET || strcmp(at->ifa_name, interface) != 0)
			continue;
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		found = !wish || strcmp(text, wish) == 0;
	}
	freeifaddrs(all);
	if (!found && wish)
		return error_set(err, ERROR_UNAVAILABLE, "the interface %s has no address %s",
				 interface, wish);
	if (!found)
		return error_set(err, ERROR_UNAVAILABLE, "the interface %s has no IPv4 address",
				 interface);
	*out = memory_string(text);
	return true;
}
