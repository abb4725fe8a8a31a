/*
 * netns_fixture.h - network namespaces, a cable between two of them, and TCP across them.
 *
 * A namespace is a descriptor; it ends with the test's process.  The process stays in the one it
 * entered last.  A socket belongs to the namespace it was made in.  All failures end the test.
 */
#ifndef TESTS_UNIT_FLANNEL_LITE_NETNS_FIXTURE_H
#define TESTS_UNIT_FLANNEL_LITE_NETNS_FIXTURE_H

#include "flannel-lite/netlink.h"

/* A new one, which is entered.  Without the privilege the test is skipped. */
int netns_new(void);
void netns_enter(int netns);
/* A path to it, in a static buffer for each of a few calls. */
const char *netns_path(int netns);

/* A pair of veth: `name_a` in `a` with `address_a`/24, and so on; both up, mtu 1500. */
struct cable_end {
	int netns;
	const char *name;
	const char *address;
};
void netns_cable(const struct cable_end *a, const struct cable_end *b);

/* Open a connection from the one to a server on `address` in the other and send some packets' worth
 * there and back.  False when there is no way. */
bool netns_talk(int from, int to, const char *address);

/* The names of all links but lo, each followed by a blank. */
void netns_links(int netns, struct buf *out);

#endif
