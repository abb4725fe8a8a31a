/*
 * port_forward.c - sockets opened inside a pod's network, connected, and joined to the server's
 * stream.
 *
 * A socket belongs to the namespace of the thread that opens it, for good.  The loop's thread goes
 * into the pod's namespace for one socket() and comes back at once; nothing else runs meanwhile.
 */
#include "agent/port_forward.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>

#include "agent/refuse.h"
#include "base/list.h"
#include "net/socket.h"

#define DIAL_MS  10000
#define PROTOCOL "mote-forward"

struct port_forwards {
	struct loop *loop;
	struct list dials;
	size_t count; /* dialled or open */
	bool closing; /* the last one that ends frees it */
};

struct dial {
	struct list link;
	struct port_forwards *forwards;
	struct http_request *req;
	struct loop_timer timer;
	struct loop_fd watch;       /* of a connection inside a pod */
	struct socket_dial *socket; /* of one outside */
	char *netns;                /* NULL: this machine's */
	unsigned port;
	bool second; /* ::1 is being tried */
	struct error first;
};

/* --- the end --- */

static void release(struct port_forwards *forwards)
{
	assert(forwards->count > 0);
	forwards->count--;
	if (forwards->closing && forwards->count == 0)
		free(forwards);
}

static void drop_socket(struct dial *dial)
{
	loop_fd_stop(&dial->watch);
	if (dial->watch.fd >= 0)
		close(dial->watch.fd);
	dial->watch.fd = -1;
}

static void dial_free(struct dial *dial)
{
	loop_timer_stop(&dial->timer);
	drop_socket(dial);
	socket_dial_cancel(dial->socket);
	list_remove(&dial->link);
	free(dial->netns);
	free(dial);
}

static void fail(struct dial *dial, const struct error *why)
{
	struct port_forwards *forwards = dial->forwards;

	refuse(dial->req, why);
	dial_free(dial);
	release(forwards);
}

static void on_spliced(void *of)
{
	release(of);
}

/* The other side has accepted: the request becomes the connection. */
static void join(struct dial *dial, struct stream *stream)
{
	struct port_forwards *forwards = dial->forwards;
	struct http_request *req = dial->req;

	dial_free(dial);
	req->on_gone = NULL;
	stream_splice(http_upgrade(req, PROTOCOL), stream, on_spliced, forwards);
}

static void on_gone(struct http_request *req)
{
	struct dial *dial = req->user;
	struct port_forwards *forwards = dial->forwards;

	dial_free(dial);
	release(forwards);
	http_request_free(req);
}

static void on_timer(struct loop_timer *timer)
{
	struct dial *dial = CONTAINER_OF(timer, struct dial, timer);
	struct error err;

	error_set(&err, ERROR_TIMEOUT, "port %u did not answer within %d ms", dial->port, DIAL_MS);
	fail(dial, &err);
}

static struct dial *dial_new(struct port_forwards *forwards, struct http_request *req,
			     unsigned port)
{
	struct dial *dial;
	struct error err;

	if (forwards->count >= PORT_FORWARDS_MAX) {
		error_set(&err, ERROR_TOO_MANY, "this node carries %d connections already",
			  PORT_FORWARDS_MAX);
		refuse(req, &err);
		return NULL;
	}
	dial = memory_new(struct dial);
	dial->forwards = forwards;
	dial->req = req;
	dial->port = port;
	dial->watch.fd = -1;
	dial->timer.on_timer = on_timer;
	loop_timer_set(forwards->loop, &dial->timer, DIAL_MS);
	list_add(&forwards->dials, &dial->link);
	forwards->count++;
	req->user = dial;
	req->on_gone = on_gone;
	return dial;
}

/* --- inside a pod --- */

static int open_socket(int family)
{
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

MUST_CHECK static bool open_inside(const char *netns, int family, int *out, struct error *err)
{
	auto_fd there = -1, here = -1;
	int fd;

	if (!netns) {
		*out = open_socket(family);
		return *out >= 0 || error_os(err, "open a socket");
	}
	here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	there = open(netns, O_RDONLY | O_CLOEXEC);
	if (here < 0 || there < 0 || setns(there, CLONE_NEWNET) != 0)
		return error_os(err, "enter the pod's network");
	fd = open_socket(family);
	if (setns(here, CLONE_NEWNET) != 0)
		abort(); /* everything after this would happen in the pod's network */
	*out = fd;
	return fd >= 0 || error_os(err, "open a socket in the pod's network");
}

static int connect_local(int fd, int family, unsigned port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons((uint16_t)port),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	return family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof(v4))
				 : connect(fd, (struct sockaddr *)&v6, sizeof(v6));
}

static bool begin(struct dial *dial, int family, struct error *err);

/* The one over IPv4 has failed: the first reason is the one that is told. */
static void try_next(struct dial *dial, int code)
{
	struct error err;

	drop_socket(dial);
	if (!dial->second) {
		errno = code;
		error_os(&dial->first, "failed to connect to localhost:%u inside the pod's network",
			 dial->port);
		dial->first.kind = ERROR_UNAVAILABLE;
		dial->second = true;
		if (begin(dial, AF_INET6, &err))
			return;
	}
	fail(dial, &dial->first);
}

static void connected(struct dial *dial)
{
	int fd = dial->watch.fd, on = 1;

	loop_fd_stop(&dial->watch);
	dial->watch.fd = -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	join(dial, stream_of_fd(dial->forwards->loop, fd));
}

static void on_event(struct loop_fd *watch, unsigned events)
{
	struct dial *dial = CONTAINER_OF(watch, struct dial, watch);
	int code = 0;
	socklen_t len = sizeof(code);

	(void)events;
	if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0)
		code = errno;
	if (code == 0)
		connected(dial);
	else
		try_next(dial, code);
}

/* False: it cannot even begin.  What the connection comes to is told later. */
static bool begin(struct dial *dial, int family, struct error *err)
{
	int fd = -1;

	if (!open_inside(dial->netns, family, &fd, err))
		return false;
	dial->watch = (struct loop_fd){ .fd = fd, .on_event = on_event };
	if (connect_local(fd, family, dial->port) != 0 && errno != EINPROGRESS) {
		error_os(err, "connect");
		drop_socket(dial);
		return false;
	}
	if (!loop_fd_start(dial->forwards->loop, &dial->watch, LOOP_WRITE, err)) {
		drop_socket(dial);
		return false;
	}
	return true;
}

void port_forward_local(struct port_forwards *forwards, struct http_request *req, const char *netns,
			unsigned port)
{
	struct dial *dial = dial_new(forwards, req, port);
	struct error err;

	if (!dial)
		return;
	dial->netns = netns ? memory_string(netns) : NULL;
	if (!begin(dial, AF_INET, &err)) {
		int code = err.os_code;

		/* Refused at once, as over loopback, is an answer as any other. */
		if (code == ECONNREFUSED)
			try_next(dial, code);
		else
			fail(dial, &err);
	}
}

/* --- anywhere --- */

/* The machine itself, a link, a group: nothing that a pod or a node would be reached by. */
static bool is_plain_address(struct str text)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;
	uint32_t host;

	if (text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET, copy, &v4) == 1) {
		host = ntohl(v4.s_addr);
		return host >> 24 != 127 && host >> 24 != 0 && host >> 16 != 0xa9fe &&
		       host >> 28 < 0xe;
	}
	return inet_pton(AF_INET6, copy, &v6) == 1 && !IN6_IS_ADDR_LOOPBACK(&v6) &&
	       !IN6_IS_ADDR_UNSPECIFIED(&v6) && !IN6_IS_ADDR_LINKLOCAL(&v6) &&
	       !IN6_IS_ADDR_MULTICAST(&v6) && !IN6_IS_ADDR_V4MAPPED(&v6);
}

static void on_dialled(void *of, struct stream *stream, const struct error *err)
{
	struct dial *dial = of;

	dial->socket = NULL;
	if (stream)
		join(dial, stream);
	else
		fail(dial, err);
}

void port_forward_address(struct port_forwards *forwards, struct http_request *req,
			  struct str address, unsigned port)
{
	struct dial *dial;
	struct error err;

	if (!is_plain_address(address)) {
		error_set(&err, ERROR_FORBIDDEN, "address \"" STR_FMT "\" is not allowed",
			  STR_ARG(address));
		refuse(req, &err);
		return;
	}
	dial = dial_new(forwards, req, port);
	if (dial)
		dial->socket =
			socket_dial(forwards->loop, address, port, DIAL_MS, on_dialled, dial);
}

/* --- all of them --- */

struct port_forwards *port_forwards_new(struct loop *loop)
{
	struct port_forwards *forwards = memory_new(struct port_forwards);

	forwards->loop = loop;
	list_init(&forwards->dials);
	return forwards;
}

void port_forwards_free(struct port_forwards *forwards)
{
	if (!forwards)
		return;
	LIST_EACH_SAFE(&forwards->dials, link)
	{
		struct dial *dial = LIST_OWNER(link, struct dial, link);

		dial->req->on_gone = NULL;
		http_request_free(dial->req);
		dial_free(dial);
		forwards->count--;
	}
	forwards->closing = true;
	if (forwards->count == 0)
		free(forwards);
}
