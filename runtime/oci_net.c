/*
 * oci_net.c - the network namespace of a new container, made while the parent does other things.
 *
 * It is by far the most expensive of the namespaces, and nothing but the clone waits for it: a
 * thread makes it beside the cgroup.
 */
#include "runtime/oci_net.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/loopback.h"

#define STACK_BYTES (16 * 1024)

/* In the thread.  What fails here is tried again by the clone, which tells why. */
static void *make(void *room)
{
	struct oci_net *net = room;
	struct error ignored;

	if (unshare(CLONE_NEWNET) == 0 && loopback_bring_up(&ignored))
		net->fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return NULL;
}

/* The kernel may leave a new thread behind its maker until that one sleeps: it is given another
 * processor, if we may use one. */
static void spread(pthread_t thread)
{
	int here = sched_getcpu();
	cpu_set_t others;

	if (here < 0 || sched_getaffinity(0, sizeof(others), &others) != 0)
		return;
	CPU_CLR((unsigned)here, &others);
	if (CPU_COUNT(&others) > 0)
		(void)!pthread_setaffinity_np(thread, sizeof(others), &others);
}

void oci_net_begin(struct oci_net *net, const struct oci_config *config)
{
	static char stack[STACK_BYTES]; /* one container a process: mapped already, and it stays */
	pthread_attr_t how;

	/* One that is to belong to other users is made by one of them. */
	if ((config->made & CLONE_NEWNET) == 0 || (config->made & CLONE_NEWUSER) ||
	    config->joined[OCI_USER])
		return;
	pthread_attr_init(&how);
	pthread_attr_setstack(&how, stack, sizeof(stack));
	net->is_running = pthread_create(&net->thread, &how, make, net) == 0;
	if (net->is_running)
		spread(net->thread);
}

int oci_net_await(struct oci_net *net)
{
	if (net->is_running)
		pthread_join(net->thread, NULL);
	net->is_running = false;
	return net->fd;
}

void oci_net_close(struct oci_net *net)
{
	if (oci_net_await(net) >= 0)
		close(take_fd(&net->fd));
}
