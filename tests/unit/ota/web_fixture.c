/*
 * web_fixture.c - one connection after the other, one request each.
 */
#include "tests/unit/ota/web_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/harness.h"

struct shared {
	bool lent;
	size_t sent;
	unsigned refusals, flips;
};

static struct shared *shared;
static char address[64];

static void send_text(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		return;
}

static void send_body(const struct web_plan *plan, int fd, size_t first, size_t len)
{
	char *copy = memory_copy(plan->file.at + first, len + 1);

	if (plan->cut > 0 && len > plan->cut)
		len = plan->cut;
	if (shared->flips > 0 && plan->flip_at >= first && plan->flip_at < first + len) {
		copy[plan->flip_at - first] ^= 1;
		shared->flips--;
	}
	for (size_t done = 0; done < len;) {
		size_t rest = len - done;
		ssize_t put;

		/* Counted before: the reader may have it before write is back. */
		shared->sent += rest;
		put = write(fd, copy + done, rest);
		shared->sent -= rest - (put > 0 ? (size_t)put : 0);
		if (put <= 0)
			break;
		done += (size_t)put;
	}
	free(copy);
}

static void send_file(const struct web_plan *plan, int fd, const char *request)
{
	const char *range = strstr(request, "Range: bytes=");
	unsigned long long first = 0, last = plan->file.len - 1;
	char head[256];

	if (range && !plan->whole && sscanf(range, "Range: bytes=%llu-%llu", &first, &last) != 2)
		return;
	if (first >= plan->file.len) {
		send_text(fd, "HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n");
		return;
	}
	if (last >= plan->file.len)
		last = plan->file.len - 1;
	if (range && !plan->whole)
		snprintf(head, sizeof(head),
			 "HTTP/1.1 206 Part\r\nContent-Range: bytes %llu-%llu/%zu\r\n"
			 "Connection: close\r\nContent-Length: %llu\r\n\r\n",
			 first, last, plan->file.len, last - first + 1);
	else
		snprintf(head, sizeof(head),
			 "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
			 plan->file.len);
	send_text(fd, head);
	send_body(plan, fd, (size_t)first, (size_t)(last - first + 1));
}

static void answer(const struct web_plan *plan, int fd)
{
	char request[4096];
	ssize_t got = read(fd, request, sizeof(request) - 1);

	if (got <= 0)
		return;
	request[got] = '\0';
	if (shared->refusals > 0) {
		shared->refusals--;
		send_text(fd, "HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n");
	} else if (strncmp(request, "GET /file ", 10) == 0) {
		send_file(plan, fd, request);
	} else if (strncmp(request, "GET /away ", 10) == 0) {
		send_text(fd, "HTTP/1.1 302 Go\r\nLocation: /file\r\nContent-Length: 0\r\n\r\n");
	} else if (strncmp(request, "GET /lent ", 10) == 0) {
		shared->lent = true;
		send_text(fd, "HTTP/1.1 302 Go\r\nLocation: /once\r\nContent-Length: 0\r\n\r\n");
	} else if (strncmp(request, "GET /once ", 10) == 0 && shared->lent) {
		shared->lent = false;
		send_file(plan, fd, request);
	} else if (strncmp(request, "GET /once ", 10) == 0) {
		send_text(fd, "HTTP/1.1 403 Over\r\nContent-Length: 0\r\n\r\n");
	} else if (strncmp(request, "GET /round ", 11) == 0) {
		send_text(fd, "HTTP/1.1 302 Go\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n");
	} else {
		send_text(fd, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	}
}

static void serve(const struct web_plan *plan, int listener)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		answer(plan, fd);
		shutdown(fd, SHUT_WR);
		close(fd);
	}
}

const char *web_start(const struct web_plan *plan)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CHECK(shared != MAP_FAILED);
	*shared = (struct shared){ .refusals = plan->refusals, .flips = plan->flips };
	CHECK_INT(bind(listener, (const struct sockaddr *)&at, sizeof(at)), 0);
	CHECK_INT(listen(listener, 64), 0);
	CHECK_INT(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	if (fork() == 0)
		serve(plan, listener);
	close(listener);
	snprintf(address, sizeof(address), "http://127.0.0.1:%d", ntohs(at.sin_port));
	return address;
}

size_t web_sent(void)
{
	return shared->sent;
}
