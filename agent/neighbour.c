/*
 * neighbour.c - one connection to a port where perhaps nobody listens: what matters is who answers.
 *
 * The kernel looks for the hardware address before it sends.  Nobody having it ends the dial with
 * EHOSTUNREACH after three questions; routers and firewalls say the same, so the kernel's table is
 * read, too: it has an entry without an address only for machines of our own network.
 */
#include "agent/neighbour.h"

#include <arpa/inet.h>
#include <errno.h>

#include "agent/refuse.h"
#include "base/file.h"
#include "base/list.h"
#include "net/socket.h"

#define PORT      10250 /* any; the one that nodes are asked at elsewhere */
#define DIAL_MS   6000  /* nobody having the address takes the kernel three seconds */
#define TABLE     "/proc/net/arp"
#define TABLE_MAX (1024u * 1024)
#define COMPLETE  0x2 /* ATF_COM: the hardware address is known */

struct neighbours {
	struct loop *loop;
	struct list looks;
	size_t count;
};

struct look {
	struct list link;
	struct neighbours *neighbours;
	struct http_request *req;
	struct socket_dial *dial;
	char address[INET_ADDRSTRLEN];
};

static void look_free(struct look *look)
{
	socket_dial_cancel(look->dial);
	list_remove(&look->link);
	look->neighbours->count--;
	free(look);
}

static void on_gone(struct http_request *req)
{
	look_free(req->user);
	http_request_free(req);
}

/* --- judging --- */

static struct str next_word(struct str *line)
{
	while (line->len > 0 && line->at[0] == ' ')
		*line = str_from(line->at + 1, line->len - 1);
	return str_cut(line, ' ');
}

enum entry { ENTRY_NONE, ENTRY_EMPTY, ENTRY_COMPLETE };

/* "IP address  HW type  Flags  ...": on several interfaces a complete one counts. */
static enum entry find_entry(struct str address, struct str table)
{
	enum entry found = ENTRY_NONE;

	while (table.len > 0) {
		struct str line = str_cut(&table, '\n'), flags;

		if (!str_equal(next_word(&line), address))
			continue;
		next_word(&line);
		flags = next_word(&line); /* in text that ends behind it */
		if (flags.len > 0 && (strtoul(flags.at, NULL, 16) & COMPLETE))
			return ENTRY_COMPLETE;
		found = ENTRY_EMPTY;
	}
	return found;
}

const char *neighbour_judge(const struct error *err, struct str address, struct str table)
{
	enum entry entry;

	if (!err || err->os_code == ECONNREFUSED || err->os_code == ECONNRESET)
		return "there";
	if (err->os_code != EHOSTUNREACH)
		return "unknown";
	entry = find_entry(address, table);
	return entry == ENTRY_COMPLETE ? "there" : entry == ENTRY_EMPTY ? "gone" : "unknown";
}

/* --- looking --- */

static void on_dialled(void *of, struct stream *stream, const struct error *err)
{
	struct look *look = of;
	struct http_request *req = look->req;
	auto_buf table = BUF_INIT, body = BUF_INIT;
	struct error unused;

	look->dial = NULL;
	if (stream)
		stream_close(stream);
	if (!file_read(TABLE, TABLE_MAX, &table, &unused))
		buf_clear(&table);
	buf_add_print(&body, "{\"neighbour\":\"%s\"}",
		      neighbour_judge(err, str_of(look->address), buf_str(&table)));
	look_free(look);
	req->on_gone = NULL;
	http_reply(req, 200, "application/json", buf_str(&body));
}

void neighbour_look(struct neighbours *neighbours, struct http_request *req, struct str address)
{
	struct look *look;
	struct in_addr parsed;
	struct error err;
	char text[INET_ADDRSTRLEN] = "";

	if (address.len < sizeof(text))
		memcpy(text, address.at, address.len);
	if (inet_pton(AF_INET, text, &parsed) != 1) {
		error_set(&err, ERROR_BAD_REQUEST, "\"" STR_FMT "\" is no IPv4 address",
			  STR_ARG(address));
		refuse(req, &err);
		return;
	}
	if (neighbours->count >= NEIGHBOURS_MAX) {
		error_set(&err, ERROR_TOO_MANY, "this node looks for %d others already",
			  NEIGHBOURS_MAX);
		refuse(req, &err);
		return;
	}
	look = memory_new(struct look);
	look->neighbours = neighbours;
	look->req = req;
	memcpy(look->address, text, sizeof(text));
	list_add(&neighbours->looks, &look->link);
	neighbours->count++;
	req->user = look;
	req->on_gone = on_gone;
	look->dial = socket_dial(neighbours->loop, str_of(look->address), PORT, DIAL_MS, on_dialled,
				 look);
}

struct neighbours *neighbours_new(struct loop *loop)
{
	struct neighbours *neighbours = memory_new(struct neighbours);

	neighbours->loop = loop;
	list_init(&neighbours->looks);
	return neighbours;
}

void neighbours_free(struct neighbours *neighbours)
{
	if (!neighbours)
		return;
	LIST_EACH_SAFE(&neighbours->looks, link)
	{
		struct look *look = LIST_OWNER(link, struct look, link);

		look->req->on_gone = NULL;
		http_request_free(look->req);
		look_free(look);
	}
	free(neighbours);
}
