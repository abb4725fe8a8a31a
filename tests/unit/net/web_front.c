/*
 * web_front.c - a small HTTPS front for tests.
 */
#include "tests/unit/net/web_front.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "tests/unit/harness.h"

static void on_request(struct http_service *service, struct http_request *req)
{
	struct front *front = (struct front *)service;

	front->on_request(front, req);
}

static void on_accept(struct socket_listener *listener, int fd, struct str peer)
{
	struct front *front = CONTAINER_OF(listener, struct front, listener);

	front->accepted++;
	http_serve(&front->service, tls_accept(stream_of_fd(front->loop, fd), front->config), peer,
		   NULL);
}

void front_open(struct front *front, struct loop *loop, const struct certs *certs)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	struct error err;
	char text[40];
	int fd;

	front->service = (struct http_service){ .on_request = on_request,
						.body_max = 1024 * 1024,
						.idle_ms = 90000,
						.body_ms = 30000 };
	front->listener = (struct socket_listener){ .on_accept = on_accept };
	front->loop = loop;
	CHECK_OK(tls_server_config(buf_str(&certs->server), buf_str(&certs->server_key),
				   buf_str(&certs->ca), &front->config, &err),
		 &err);
	snprintf(text, sizeof(text), "127.0.0.1:%u", front->port);
	CHECK_OK(socket_listen(str_of(text), &fd, &err), &err);
	CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	front->port = ntohs(at.sin_port);
	CHECK_OK(socket_listener_start(loop, &front->listener, fd, &err), &err);
}

void front_close(struct front *front)
{
	socket_listener_stop(&front->listener);
	http_service_close(&front->service);
	tls_config_unref(front->config);
	front->config = NULL;
}
