/*
 * local_address.h - which of this machine's addresses others reach it by.
 */
#ifndef NET_LOCAL_ADDRESS_H
#define NET_LOCAL_ADDRESS_H

#include "base/text.h"

/*
 * The IPv4 address that packets to `towards` (an address, or STR_NONE = the outside) leave with; a
 * loopback address is passed over.  Without a route the first address that is neither loopback
 * nor of a pod network (cni0, flannel.1), else 127.0.0.1.  Nothing is sent.  Caller frees.
 */
char *local_address(struct str towards);
/* The IPv4 address of the interface: `wish` if it is not NULL and one of them, else the first.
 * ERROR_UNAVAILABLE: there is no such interface, or it has no (such) address yet.  Caller frees. */
MUST_CHECK bool local_address_of(const char *interface, const char *wish, char **out,
				 struct error *err);

#endif
