/*
 * registry_front.c - HTTP and raw servers on threads.
 */
#include "tests/unit/runtime/registry_front.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/harness.h"

static int listen_here(const char *address, char host[32])
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	struct error err;
	int fd;

	snprintf(host, 32, "%s:0", address ? address : "127.0.0.1");
	CHECK_OK(socket_listen(str_of(host), &fd, &err), &err);
	CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	snprintf(host, 32, "%s:%u", address ? address : "127.0.0.1", ntohs(at.sin_port));
	return fd;
}

static void on_request(struct http_service *service, struct http_request *req)
{
	struct registry_front *front = (struct registry_front *)service;
	struct str auth = http_header(&req->head, "authorization");
	struct str range = http_header(&req->head, "range");

	pthread_mutex_lock(&front->lock);
	buf_add_print(&front->log,
		      STR_FMT " " STR_FMT " auth=[" STR_FMT "] range=[" STR_FMT "]" STR_FMT "\n",
		      STR_ARG(req->head.method), STR_ARG(req->head.target), STR_ARG(auth),
		      STR_ARG(range), STR_ARG(req->body));
	pthread_mutex_unlock(&front->lock);
	front->on_request(front, req);
}

static void on_accept(struct socket_listener *listener, int fd, struct str peer)
{
	struct registry_front *front = CONTAINER_OF(listener, struct registry_front, listener);
	struct stream *stream = stream_of_fd(front->loop, fd);

	if (front->config)
		stream = tls_accept(stream, front->config);
	http_serve(&front->service, stream, peer, NULL);
}

static void *run_front(void *of)
{
	struct registry_front *front = of;

	loop_run(front->loop);
	return NULL;
}

static void on_stop(struct loop_post *post)
{
	struct registry_front *front = CONTAINER_OF(post, struct registry_front, stop);

	socket_listener_stop(&front->listener);
	http_service_close(&front->service);
	loop_stop(front->loop);
}

void registry_front_open(struct registry_front *front)
{
	struct error err;
	int fd = listen_here(front->address, front->host);

	front->service = (struct http_service){ .on_request = on_request,
						.body_max = 1024 * 1024,
						.idle_ms = 60000,
						.body_ms = 30000 };
	front->listener = (struct socket_listener){ .on_accept = on_accept };
	front->stop.on_post = on_stop;
	front->log = BUF_INIT;
	pthread_mutex_init(&front->lock, NULL);
	CHECK_OK(loop_open(&front->loop, &err), &err);
	CHECK_OK(socket_listener_start(front->loop, &front->listener, fd, &err), &err);
	CHECK(pthread_create(&front->thread, NULL, run_front, front) == 0);
}

void registry_front_close(struct registry_front *front)
{
	loop_post(front->loop, &front->stop);
	CHECK(pthread_join(front->thread, NULL) == 0);
	for (int i = 0; i < 20; i++) /* connections end in their own time */
		loop_once(front->loop, 1);
	loop_close(front->loop);
	buf_clear(&front->log);
	pthread_mutex_destroy(&front->lock);
}

size_t registry_front_count(struct registry_front *front, const char *text)
{
	size_t count = 0;

	pthread_mutex_lock(&front->lock);
	for (struct str rest = buf_str(&front->log); rest.len > 0;)
		if (str_search(str_cut(&rest, '\n'), str_of(text)) >= 0)
			count++;
	pthread_mutex_unlock(&front->lock);
	return count;
}

void raw_front_say(int fd, const char *text)
{
	for (size_t left = strlen(text); left > 0;) {
		ssize_t did = send(fd, text, left, MSG_NOSIGNAL);

		if (did <= 0)
			return;
		text += did;
		left -= (size_t)did;
	}
}

static void *run_raw(void *of)
{
	struct raw_front *front = of;

	for (;;) {
		auto_fd fd = accept(front->fd, NULL, NULL);
		char head[4096];
		size_t len = 0;

		if (fd < 0)
			return NULL;
		head[0] = '\0';
		while (len < sizeof(head) - 1 && !strstr(head, "\r\n\r\n")) {
			ssize_t got = recv(fd, head + len, sizeof(head) - 1 - len, 0);

			if (got <= 0)
				break;
			len += (size_t)got;
			head[len] = '\0';
		}
		front->serve(front, fd, front->served++, head);
		shutdown(fd, SHUT_WR);
	}
}

void raw_front_open(struct raw_front *front)
{
	front->served = 0;
	front->fd = listen_here(NULL, front->host);
	/* Listeners are non-blocking; this one waits until it is shut down. */
	CHECK(fcntl(front->fd, F_SETFL, 0) == 0);
	CHECK(pthread_create(&front->thread, NULL, run_raw, front) == 0);
}

void raw_front_close(struct raw_front *front)
{
	shutdown(front->fd, SHUT_RDWR);
	CHECK(pthread_join(front->thread, NULL) == 0);
	close(front->fd);
}
