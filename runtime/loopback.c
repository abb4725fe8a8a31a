/*
 * loopback.c - the loopback device of a network namespace that is new.
 */
#include "runtime/loopback.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/memory.h"

bool loopback_bring_up(struct error *err)
{
	auto_fd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo" };

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		return error_os(err, "look at the loopback device");
	request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
	return ioctl(fd, SIOCSIFFLAGS, &request) == 0 ||
	       error_os(err, "bring up the loopback device");
}
