/*
 * test_wire.c - messages with descriptors, and peers that do not read or talk nonsense.
 */
#include "runtime/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/unit/harness.h"

struct end {
	struct wire wire;
	int messages, closed;
	int64_t last;
	int fd;
};

static void on_message(struct wire *wire, const struct json *message, struct wire_fds *fds)
{
	struct end *end = CONTAINER_OF(wire, struct end, wire);

	end->messages++;
	end->last = json_int(json_get(message, "n"));
	if (fds->count > 0 && end->fd < 0)
		end->fd = take_fd(&fds->at[0]);
}

static void on_closed(struct wire *wire)
{
	struct end *end = CONTAINER_OF(wire, struct end, wire);

	end->closed++;
	wire_stop(wire);
}

static struct loop *loop;
static struct error err;

static void open_pair(struct end *one, struct end *other)
{
	int pair[2];

	CHECK_OK(loop_open(&loop, &err), &err);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	*one = *other = (struct end){ .wire = { .on_message = on_message, .on_closed = on_closed },
				      .fd = -1 };
	CHECK_OK(wire_start(loop, &one->wire, pair[0], &err), &err);
	CHECK_OK(wire_start(loop, &other->wire, pair[1], &err), &err);
}

static void turn(int rounds)
{
	while (rounds-- > 0)
		loop_once(loop, 0);
}

static void send_number(struct end *end, int64_t number, size_t padding, const struct wire_fds *fds)
{
	auto_json_doc doc = json_doc_new();
	struct json *message = json_new_object(doc);
	auto_free char *text = memory_zero(padding + 1);

	memset(text, 'x', padding);
	json_put(doc, message, "n", json_new_int(doc, number));
	json_put(doc, message, "pad", json_new_text(doc, text));
	wire_send(&end->wire, message, fds);
}

static void close_pair(struct end *one, struct end *other)
{
	wire_stop(&one->wire);
	wire_stop(&other->wire);
	loop_close(loop);
}

static void carries_messages(void)
{
	struct end one, other;

	open_pair(&one, &other);
	for (int i = 1; i <= 100; i++)
		send_number(&one, i, 100, NULL);
	turn(20);
	CHECK_INT(other.messages, 100);
	CHECK_INT(other.last, 100);
	close_pair(&one, &other);
}

static void carries_descriptors(void)
{
	struct end one, other;
	struct wire_fds fds = { .count = 2 };
	struct stat a, b;

	open_pair(&one, &other);
	fds.at[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds.at[1] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	CHECK(fstat(fds.at[0], &a) == 0);
	send_number(&one, 1, 0, &fds);
	turn(5);
	CHECK(other.fd >= 0);
	CHECK(fstat(other.fd, &b) == 0);
	CHECK_INT(b.st_rdev, a.st_rdev);
	CHECK(fcntl(other.fd, F_GETFD) & FD_CLOEXEC);
	close(other.fd);
	wire_fds_clear(&fds);
	close_pair(&one, &other);
}

/* More than the socket takes at once waits, with its descriptors, in order. */
static void queues(void)
{
	struct end one, other;
	struct wire_fds fds = { .count = 1 };

	open_pair(&one, &other);
	fds.at[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (int i = 1; i <= 20; i++)
		send_number(&one, i, 40000, i == 20 ? &fds : NULL);
	wire_fds_clear(&fds);
	turn(100);
	CHECK_INT(other.messages, 20);
	CHECK_INT(other.last, 20);
	CHECK(other.fd >= 0);
	close(other.fd);
	close_pair(&one, &other);
}

static void cuts_off_who_does_not_read(void)
{
	struct end one, other;

	open_pair(&one, &other);
	loop_fd_stop(&other.wire.watch); /* deaf */
	for (int i = 1; i <= 60; i++)
		send_number(&one, i, 40000, NULL);
	turn(5);
	CHECK_INT(one.closed, 1);
	close_pair(&one, &other);
}

static void hears_the_end(void)
{
	struct end one, other;

	open_pair(&one, &other);
	wire_stop(&one.wire);
	turn(5);
	CHECK_INT(other.closed, 1);
	send_number(&other, 1, 0, NULL); /* harmless */
	close_pair(&one, &other);
}

static void refuses_nonsense(void)
{
	struct end one, other;

	open_pair(&one, &other);
	CHECK_INT(send(one.wire.watch.fd, "{\"n\":", 5, 0), 5);
	turn(5);
	CHECK_INT(other.closed, 1);
	CHECK_INT(other.messages, 0);
	close_pair(&one, &other);
}

static void listens_at_long_paths(void)
{
	char folder[400];
	int listener, fd, accepted;

	snprintf(folder, sizeof(folder), "%s/%0100d", harness_folder(), 0);
	CHECK(mkdir(folder, 0700) == 0);
	snprintf(folder, sizeof(folder), "%s/%0100d/%0100d", harness_folder(), 0, 0);
	CHECK(mkdir(folder, 0700) == 0);
	CHECK(!wire_connect(folder, "socket", &fd, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	CHECK_OK(wire_listen(folder, "socket", &listener, &err), &err);
	CHECK_OK(wire_connect(folder, "socket", &fd, &err), &err);
	accepted = accept(listener, NULL, NULL);
	CHECK(accepted >= 0);
	close(accepted);
	close(fd);
	close(listener);
	CHECK(!wire_connect(folder, "socket", &fd, &err)); /* the file is there, nobody listens */
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	CHECK_OK(wire_listen(folder, "socket", &listener, &err), &err);
	struct stat facts;
	snprintf(folder, sizeof(folder), "%s/%0100d/%0100d/socket", harness_folder(), 0, 0);
	CHECK(stat(folder, &facts) == 0);
	CHECK_INT(facts.st_mode & 0777, 0600);
	close(listener);
}

static const struct test tests[] = {
	{ "carries messages", carries_messages },
	{ "carries descriptors", carries_descriptors },
	{ "queues", queues },
	{ "cuts off who does not read", cuts_off_who_does_not_read },
	{ "hears the end", hears_the_end },
	{ "refuses nonsense", refuses_nonsense },
	{ "listens at long paths", listens_at_long_paths },
};
TEST_MAIN(tests)
