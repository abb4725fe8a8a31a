/*
 * socket.c - TCP addresses and the listening side; dialling is socket_dial.c.
 */
#include "net/socket_inside.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "base/limits.h"

/* Bounded work: connections taken in one turn of the loop. */
#define ACCEPTS_A_TURN 64
#define RETRY_MS       100
#define PEER_TEXT      72

bool socket_split(struct str text, unsigned fallback_port, struct str *out_host, unsigned *out_port)
{
	struct str host = text, port = STR_NONE;
	int64_t number = fallback_port;

	assert(out_host);
	assert(out_port);
	if (text.len > 0 && text.at[0] == '[') {
		ptrdiff_t end = str_find(text, ']');

		if (end < 0)
			return false;
		host = str_from(text.at + 1, (size_t)end - 1);
		port = str_from(text.at + end + 1, text.len - (size_t)end - 1);
		if (port.len > 0) {
			if (port.at[0] != ':')
				return false;
			port = str_from(port.at + 1, port.len - 1);
			if (port.len == 0)
				return false;
		}
	} else {
		ptrdiff_t colon = str_find(text, ':');

		if (colon >= 0) {
			host = str_from(text.at, (size_t)colon);
			port = str_from(text.at + colon + 1, text.len - (size_t)colon - 1);
			if (port.len == 0)
				return false;
		}
	}
	if (port.len > 0 && !str_to_i64(port, 0, 65535, &number))
		return false;
	*out_host = host;
	*out_port = (unsigned)number;
	return true;
}

static void set_option(int fd, int level, int option, int value)
{
	/* A socket without one of these still works. */
	(void)!setsockopt(fd, level, option, &value, sizeof(value));
}

void socket_tune(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
}

static bool listen_at(const struct socket_address *address, int *out_fd, struct error *err)
{
	auto_fd fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_os(err, "make a socket");
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (address->at.ss_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (bind(fd, (const struct sockaddr *)&address->at, address->len) != 0)
		return error_os(err, "bind");
	if (listen(fd, 1024) != 0)
		return error_os(err, "listen");
	*out_fd = take_fd(&fd);
	return true;
}

bool socket_listen(struct str address, int *out_fd, struct error *err)
{
	struct socket_address at;
	struct str host;
	unsigned port;
	bool done;

	assert(out_fd);
	if (!socket_split(address, 65536, &host, &port) || port > 65535)
		return error_set(err, ERROR_INVALID,
				 "\"" STR_FMT "\" is not an address with a port", STR_ARG(address));
	if (host.len > 0) {
		if (!socket_lookup_parse(host, port, &at))
			return error_set(err, ERROR_INVALID, "\"" STR_FMT "\" is not an IP address",
					 STR_ARG(host));
		done = listen_at(&at, out_fd, err);
	} else {
		/* All addresses of both families; a kernel without IPv6 has the one. */
		socket_lookup_parse(STR("::"), port, &at);
		done = listen_at(&at, out_fd, err);
		if (!done && (err->os_code == EAFNOSUPPORT || err->os_code == EADDRNOTAVAIL)) {
			socket_lookup_parse(STR("0.0.0.0"), port, &at);
			done = listen_at(&at, out_fd, err);
		}
	}
	if (!done)
		return error_context(err, "listen on " STR_FMT, STR_ARG(address));
	return true;
}

static void print_peer(const struct socket_address *peer, char out[PEER_TEXT])
{
	char text[INET6_ADDRSTRLEN];
	struct socket_address plain = *peer;
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6;

	memcpy(&v6, &peer->at, sizeof(v6));
	if (v6.sin6_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
		memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, 4);
		v4.sin_port = v6.sin6_port;
		memcpy(&plain.at, &v4, sizeof(v4));
	}
	memcpy(&v4, &plain.at, sizeof(v4)); /* the port is at the same place in both families */
	socket_lookup_print(&plain, text, sizeof(text));
	snprintf(out, PEER_TEXT, plain.at.ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", text,
		 (unsigned)ntohs(v4.sin_port));
}

static bool is_full(const struct socket_listener *listener)
{
	return listener->accepted >= listener->accepted_max;
}

static void set_interest(struct socket_listener *listener)
{
	if (listener->watch.active)
		loop_fd_want(&listener->watch, is_full(listener) ? 0 : LOOP_READ);
}

static void on_retry(struct loop_timer *timer)
{
	set_interest(CONTAINER_OF(timer, struct socket_listener, retry));
}

static void on_incoming(struct loop_fd *watch, unsigned events)
{
	struct socket_listener *listener = CONTAINER_OF(watch, struct socket_listener, watch);
	char text[PEER_TEXT];

	(void)events;
	/* on_accept may stop the listener. */
	for (int i = 0; i < ACCEPTS_A_TURN && watch->active && !is_full(listener); i++) {
		struct socket_address peer = { .len = sizeof(peer.at) };
		int fd = accept4(watch->fd, (struct sockaddr *)&peer.at, &peer.len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EAGAIN || errno == EWOULDBLOCK)
				return;
			if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO)
				continue;
			/* Out of descriptors or memory: the backlog waits a little. */
			loop_fd_want(watch, 0);
			loop_timer_set(watch->loop, &listener->retry, RETRY_MS);
			return;
		}
		socket_tune(fd);
		print_peer(&peer, text);
		listener->accepted++;
		listener->on_accept(listener, fd, str_of(text));
	}
	set_interest(listener);
}

bool socket_listener_start(struct loop *loop, struct socket_listener *listener, int fd,
			   struct error *err)
{
	assert(listener->on_accept);
	assert(fd >= 0);
	if (listener->accepted_max == 0)
		listener->accepted_max = LIMIT_CONNECTIONS;
	listener->accepted = 0;
	listener->watch = (struct loop_fd){ .on_event = on_incoming, .fd = fd };
	listener->retry = (struct loop_timer){ .on_timer = on_retry };
	if (loop_fd_start(loop, &listener->watch, LOOP_READ, err))
		return true;
	close(fd);
	listener->watch.fd = -1;
	return false;
}

void socket_listener_stop(struct socket_listener *listener)
{
	if (!listener->watch.active)
		return;
	loop_timer_stop(&listener->retry);
	loop_fd_stop(&listener->watch);
	close(listener->watch.fd);
	listener->watch.fd = -1;
}

void socket_release(struct socket_listener *listener)
{
	assert(listener->accepted > 0);
	listener->accepted--;
	set_interest(listener);
}
