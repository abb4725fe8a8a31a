/*
 * hello.c - the sample app: a web server that says which machine it runs on.
 *
 *   GET /         "hello from <hostname>"
 *   GET /healthz  "ok"
 *
 * One process, one poll; HTTP/1.1 with keep-alive and pipelining, GET and HEAD.  All memory is there
 * from the start: a fixed table of connections, each with a buffer for one request's head, and the
 * few answers it can give, printed once.  When the table is full the connection that has been quiet
 * for longest makes room.
 *
 * SIGTERM: goes on serving for some seconds (others still send it work until they have heard), each
 * answer now with "Connection: close"; then ends with 0.  A second one ends it at once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define HEAD_MAX        4096
#define QUIET_S         60 /* a connection with nothing under way */
#define HEAD_S          10 /* a request that has begun, an answer that is not taken */
#define ACCEPTS_A_ROUND 64
#define REQUESTS_A_TURN 32

enum page { PAGE_HELLO, PAGE_HEALTH, PAGE_BAD, PAGE_MISSING, PAGE_METHOD, PAGE_LARGE, PAGES };

struct answer {
	char text[512];
	size_t len, head_len;
};

struct connection {
	int fd; /* -1: free */
	int64_t since_ms;
	const char *left; /* of the answer under way */
	size_t left_len;
	bool closes; /* after the answer */
	size_t len;
	char head[HEAD_MAX];
};

struct request {
	enum page page;
	bool head_only, closes, has_host, bad;
};

static struct answer answers[PAGES][2]; /* [1]: closes */
static struct connection connections[CONNECTIONS_MAX];
static volatile sig_atomic_t stops;

static void on_signal(int number)
{
	(void)number;
	if (stops < 2)
		stops++;
}

static int64_t now_ms(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

/* --- the answers --- */

static void print_answer(enum page page, const char *status, const char *body)
{
	for (int closes = 0; closes < 2; closes++) {
		struct answer *answer = &answers[page][closes];
		int len = snprintf(answer->text, sizeof(answer->text),
				   "HTTP/1.1 %s\r\nContent-Type: text/plain\r\n"
				   "Content-Length: %zu\r\n%s%s\r\n%s",
				   status, strlen(body),
				   page == PAGE_METHOD ? "Allow: GET, HEAD\r\n" : "",
				   closes ? "Connection: close\r\n" : "", body);

		answer->len = (size_t)len;
		answer->head_len = answer->len - strlen(body);
	}
}

static void print_answers(const char *greeting)
{
	char hostname[65] = "nowhere";
	char hello[200];

	if (gethostname(hostname, sizeof(hostname) - 1) != 0)
		perror("hello: gethostname");
	snprintf(hello, sizeof(hello), "%.100s from %.64s\n", greeting, hostname);
	print_answer(PAGE_HELLO, "200 OK", hello);
	print_answer(PAGE_HEALTH, "200 OK", "ok\n");
	print_answer(PAGE_BAD, "400 Bad Request", "bad request\n");
	print_answer(PAGE_MISSING, "404 Not Found", "there is nothing here\n");
	print_answer(PAGE_METHOD, "405 Method Not Allowed", "only GET and HEAD\n");
	print_answer(PAGE_LARGE, "431 Request Header Fields Too Large", "too large\n");
	printf("hello: \"%s\" from %s\n", greeting, hostname);
}

/* --- one request --- */

/* The line at *at, ended with a zero byte; *at goes behind it. */
static char *cut_line(char **at)
{
	char *line = *at;
	char *end = strchr(line, '\n');

	*at = end + 1;
	if (end > line && end[-1] == '\r')
		end--;
	*end = '\0';
	return line;
}

static void read_first_line(char *line, struct request *request)
{
	char *target = strchr(line, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;

	if (!version || strncmp(version + 1, "HTTP/1.", 7) != 0) {
		request->bad = true;
		return;
	}
	*target++ = '\0';
	*version++ = '\0';
	target[strcspn(target, "?#")] = '\0';
	if (strcmp(version, "HTTP/1.0") == 0)
		request->closes = request->has_host = true;
	request->head_only = strcmp(line, "HEAD") == 0;
	if (strcmp(line, "GET") != 0 && !request->head_only)
		request->page = PAGE_METHOD;
	else if (strcmp(target, "/") == 0)
		request->page = PAGE_HELLO;
	else if (strcmp(target, "/healthz") == 0)
		request->page = PAGE_HEALTH;
}

static void read_field(char *line, struct request *request)
{
	char *value = strchr(line, ':');

	if (!value) {
		request->bad = true;
		return;
	}
	*value++ = '\0';
	value += strspn(value, " \t");
	if (strcasecmp(line, "host") == 0)
		request->has_host = true;
	else if (strcasecmp(line, "connection") == 0 && strcasecmp(value, "close") == 0)
		request->closes = true;
	else if (strcasecmp(line, "connection") == 0 && strcasecmp(value, "keep-alive") == 0)
		request->closes = false;
	else if (strcasecmp(line, "transfer-encoding") == 0 ||
		 (strcasecmp(line, "content-length") == 0 && strcmp(value, "0") != 0))
		request->closes = true; /* the body is not read: what follows is no request */
}

static struct request read_request(char *head)
{
	struct request request = { .page = PAGE_MISSING };
	char *line;

	read_first_line(cut_line(&head), &request);
	while (!request.bad && *(line = cut_line(&head)))
		read_field(line, &request);
	if (request.bad || !request.has_host) {
		request.page = PAGE_BAD;
		request.closes = true;
	}
	return request;
}

/* --- one connection --- */

static void drop(struct connection *connection)
{
	close(connection->fd);
	connection->fd = -1;
}

static void answer(struct connection *connection, const struct request *request)
{
	const struct answer *answer;

	connection->closes = request->closes || stops > 0;
	answer = &answers[request->page][connection->closes];
	connection->left = answer->text;
	connection->left_len = request->head_only ? answer->head_len : answer->len;
	connection->since_ms = now_ms();
}

/* Where the first request's head ends, 0 = not yet. */
static size_t head_end(const struct connection *connection)
{
	const char *end = memmem(connection->head, connection->len, "\r\n\r\n", 4);

	return end ? (size_t)(end - connection->head) + 4 : 0;
}

/* Begin the answer to the first request in the buffer; false when there is none. */
static bool take_request(struct connection *connection)
{
	size_t len = head_end(connection);
	struct request request = { .page = PAGE_LARGE, .closes = true };

	if (len == 0 && connection->len < HEAD_MAX)
		return false;
	if (len > 0 && memchr(connection->head, '\0', len))
		request.page = PAGE_BAD;
	else if (len > 0)
		request = read_request(connection->head);
	connection->len -= len;
	memmove(connection->head, connection->head + len, connection->len);
	answer(connection, &request);
	return true;
}

/* False when the connection is over; true also when the peer must take more first. */
static bool send_left(struct connection *connection)
{
	ssize_t put;

	while (connection->left_len > 0) {
		put = send(connection->fd, connection->left, connection->left_len, MSG_NOSIGNAL);
		if (put < 0)
			return errno == EAGAIN || errno == EINTR;
		connection->left += put;
		connection->left_len -= (size_t)put;
	}
	return !connection->closes;
}

static bool receive(struct connection *connection)
{
	ssize_t got = recv(connection->fd, connection->head + connection->len,
			   HEAD_MAX - connection->len, 0);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (connection->len == 0)
		connection->since_ms = now_ms();
	connection->len += (size_t)got;
	return got > 0;
}

static void serve(struct connection *connection)
{
	bool alive = connection->left_len > 0 ? send_left(connection) : receive(connection);

	for (int i = 0; alive && i < REQUESTS_A_TURN && connection->left_len == 0; i++) {
		if (!take_request(connection))
			break;
		alive = send_left(connection);
	}
	if (!alive)
		drop(connection);
}

/* --- all connections --- */

static bool is_late(const struct connection *connection, int64_t now)
{
	bool busy = connection->len > 0 || connection->left_len > 0;

	return now - connection->since_ms > (busy ? HEAD_S : QUIET_S) * 1000;
}

/* A free place, or that of the connection that has been quiet for longest. */
static struct connection *find_place(void)
{
	struct connection *oldest = &connections[0];

	for (struct connection *at = connections; at < connections + CONNECTIONS_MAX; at++) {
		if (at->fd < 0)
			return at;
		if (at->since_ms < oldest->since_ms)
			oldest = at;
	}
	drop(oldest);
	return oldest;
}

static void accept_some(int listener)
{
	int yes = 1;

	for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct connection *connection;

		if (fd < 0)
			return;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		connection = find_place();
		connection->fd = fd;
		connection->since_ms = now_ms();
		connection->left_len = connection->len = 0;
		connection->closes = false;
	}
}

/* One wait and all that it brought. */
static void turn(int listener, int64_t deadline_ms, const sigset_t *open_mask)
{
	static struct pollfd polls[CONNECTIONS_MAX + 1];
	struct timespec limit = { .tv_sec = 1 };
	int64_t now = now_ms();

	if (deadline_ms - now < 1000)
		limit = (struct timespec){ .tv_nsec = (long)(deadline_ms - now) * 1000000 };
	polls[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *at = &connections[i];

		if (at->fd >= 0 && is_late(at, now))
			drop(at);
		polls[i + 1].fd = at->fd;
		polls[i + 1].events = at->left_len > 0 ? POLLOUT : POLLIN;
		/* A full turn's pipelined rest needs no new byte to go on. */
		if (at->fd >= 0 && at->left_len == 0 && head_end(at) > 0)
			polls[i + 1].events = POLLIN | POLLOUT;
	}
	if (ppoll(polls, CONNECTIONS_MAX + 1, &limit, open_mask) <= 0)
		return;
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		if (polls[i + 1].fd >= 0 && polls[i + 1].revents)
			serve(&connections[i]);
	if (polls[0].revents)
		accept_some(listener);
}

static int serve_all(int listener, int drain_s)
{
	int64_t deadline_ms = INT64_MAX;
	sigset_t open_mask, closed_mask;

	sigemptyset(&closed_mask);
	sigaddset(&closed_mask, SIGTERM);
	sigaddset(&closed_mask, SIGINT);
	sigprocmask(SIG_BLOCK, &closed_mask, &open_mask);
	while (stops < 2 && now_ms() < deadline_ms) {
		turn(listener, deadline_ms, &open_mask);
		if (stops > 0 && deadline_ms == INT64_MAX) {
			printf("hello: stopping; serving for %d s more\n", drain_s);
			deadline_ms = now_ms() + drain_s * 1000;
		}
	}
	puts("hello: done");
	return 0;
}

/* --- the start --- */

static int open_listener(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int yes = 1;

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 128) == 0)
		return fd;
	fprintf(stderr, "hello: cannot listen on port %d: %s\n", port, strerror(errno));
	return -1;
}

static int number(const char *text, long max)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*text && !*end && value >= 0 && value <= max)
		return (int)value;
	fprintf(stderr, "hello: \"%s\" is no number from 0 to %ld\n", text, max);
	exit(2);
}

static const char *variable(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value && *value ? value : fallback;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	int port = number(variable("PORT", "8080"), 65535);
	int drain_s = number(variable("DRAIN", "2"), 3600);
	int listener, option;

	while ((option = getopt(argc, argv, "p:d:")) != -1) {
		if (option == 'p')
			port = number(optarg, 65535);
		else if (option == 'd')
			drain_s = number(optarg, 3600);
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	listener = open_listener(port);
	if (listener < 0)
		return 1;
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		connections[i].fd = -1;
	print_answers(variable("GREETING", "hello"));
	printf("hello: listening on port %d\n", port);
	return serve_all(listener, drain_s);
}
