/*
 * oci_net.h - the network namespace of a new container, made in a thread of its own.
 */
#ifndef RUNTIME_OCI_NET_H
#define RUNTIME_OCI_NET_H

#include <pthread.h>

#include "runtime/oci_config.h"

struct oci_net {
	int fd; /* -1 = none (yet) */
	bool is_running;
	pthread_t thread;
};

/* Begin to make a network namespace with its loopback device up, if the config wants a new one that
 * belongs to our own users; net->fd is -1 before.  Once a process.  net stays where it is until
 * oci_net_close. */
void oci_net_begin(struct oci_net *net, const struct oci_config *config);
/* Wait for it: net's own descriptor; -1 if there is none or it failed, and then the clone makes the
 * namespace, or tells why not.  May be called at any time. */
int oci_net_await(struct oci_net *net);
/* Wait, and close the descriptor; the namespace goes unless somebody is in it. */
void oci_net_close(struct oci_net *net);

#endif
