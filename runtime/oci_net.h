/*
 * oci_net.h - the network namespace of a new container, made in a thread of its own.
 */
#ifndef RUNTIME_OCI_NET_H
#define RUNTIME_OCI_NET_H

#include <pthread.h>

#include "runtime/oci_config.h"

struct oci_net {
	int fd; /* -1 = none (yet); the owner closes it after oci_net_end */
	bool is_running;
	pthread_t thread;
};

/* Begin to make a network namespace with its loopback device up, if the config wants a new one that
 * belongs to our own users; net->fd is -1 before.  Once a process.  net stays where it is until
 * oci_net_end. */
void oci_net_begin(struct oci_net *net, const struct oci_config *config);
/* Wait for it.  net->fd stays -1 if there is none or it failed: the clone makes it then, or tells
 * why not.  May be called at any time, also twice. */
void oci_net_end(struct oci_net *net);

#endif
