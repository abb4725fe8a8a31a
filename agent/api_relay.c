/*
 * api_relay.c - accept, open a stream to "api-tls", splice.
 */
#include "agent/api_relay.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/list.h"
#include "net/socket.h"

#define OPEN_MS         10000
#define CONNECTIONS_MAX 1024

struct api_relay {
	struct loop *loop;
	struct redial *redial;
	struct socket_listener listener;
	struct service_endpoint endpoint;
	struct list calls;
	bool closed; /* freed with its last connection */
};

struct relay_call {
	struct api_relay *relay;
	struct list link; /* while the stream is being opened */
	struct stream *pod;
	struct tunnel_ask *ask;
};

static void relay_release(struct api_relay *relay)
{
	socket_release(&relay->listener);
	if (relay->closed && relay->listener.accepted == 0)
		free(relay);
}

static void call_end(struct relay_call *call)
{
	struct api_relay *relay = call->relay;

	list_remove(&call->link);
	stream_close(call->pod);
	free(call);
	relay_release(relay);
}

static void on_spliced(void *of)
{
	relay_release(of);
}

static void on_open(void *of, struct stream *stream, const struct error *err)
{
	struct relay_call *call = of;
	struct api_relay *relay = call->relay;
	struct stream *pod = call->pod;

	(void)err;
	call->ask = NULL;
	if (!stream) {
		call_end(call); /* the pod sees a closed connection and tries again */
		return;
	}
	list_remove(&call->link);
	free(call);
	stream_splice(pod, stream, on_spliced, relay);
}

static void on_accept(struct socket_listener *listener, int fd, struct str peer)
{
	struct api_relay *relay = CONTAINER_OF(listener, struct api_relay, listener);
	struct tunnel *tunnel = redial_tunnel(relay->redial);
	struct relay_call *call;

	(void)peer;
	if (!tunnel) {
		close(fd);
		socket_release(listener);
		return;
	}
	call = memory_new(struct relay_call);
	call->relay = relay;
	call->pod = stream_of_fd(relay->loop, fd);
	stream_pause(call->pod, true);
	list_add(&relay->calls, &call->link);
	call->ask = tunnel_open(tunnel, STR("api-tls"), TUNNEL_BULK, OPEN_MS, on_open, call);
}

bool api_relay_open(struct loop *loop, const char *address, struct redial *redial,
		    struct api_relay **out, struct error *err)
{
	auto_free char *listen = memory_print("%s:0", address);
	struct api_relay *relay;
	struct sockaddr_in own;
	socklen_t len = sizeof(own);
	int fd;

	if (!socket_listen(str_of(listen), &fd, err))
		return false;
	if (getsockname(fd, (struct sockaddr *)&own, &len) != 0) {
		close(fd);
		return error_os(err, "cannot find the relay's port");
	}
	relay = memory_new(struct api_relay);
	relay->loop = loop;
	relay->redial = redial;
	list_init(&relay->calls);
	relay->endpoint =
		(struct service_endpoint){ ntohl(own.sin_addr.s_addr), ntohs(own.sin_port) };
	relay->listener.on_accept = on_accept;
	relay->listener.accepted_max = CONNECTIONS_MAX;
	if (!socket_listener_start(loop, &relay->listener, fd, err)) {
		free(relay);
		return false;
	}
	*out = relay;
	return true;
}

void api_relay_close(struct api_relay *relay)
{
	if (!relay)
		return;
	socket_listener_stop(&relay->listener);
	relay->closed = true;
	relay->listener.accepted++; /* ours, so that the last call does not free it under us */
	LIST_EACH_SAFE(&relay->calls, link)
	{
		struct relay_call *call = LIST_OWNER(link, struct relay_call, link);

		if (call->ask)
			tunnel_open_cancel(call->ask);
		call_end(call);
	}
	relay_release(relay);
}

struct service_endpoint api_relay_endpoint(const struct api_relay *relay)
{
	return relay->endpoint;
}
