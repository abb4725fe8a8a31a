/*
 * source.c - one range after the other, from a descriptor or by HTTP.
 */
#include "ota/source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/tls.h"

#define FILE_PIECE    (256u * 1024)
#define HEAD_MS       15000
#define PAUSE_MS      500 /* doubled up to */
#define PAUSE_MAX_MS  8000
#define REDIRECTS_MAX 5

struct source {
	int fd;           /* of a file, or -1 */
	char *name, *url; /* as it was said; where that led to */
	bool whole;       /* the server knows no ranges */
	uint64_t received;
	struct loop *loop;
	struct tls_config *tls;
	struct http_client *client;
	char *client_url; /* whom it speaks to */
};

/* One reading. */
struct reading {
	struct source *source;
	uint64_t at, end;  /* what is wanted next */
	uint64_t position; /* of the connection in the file */
	source_take *take;
	void *of;
	struct error *err;
	bool over, freed; /* nothing more is wanted; the call has ended by itself */
	enum { READING_WENT_ON, READING_AGAIN, READING_FAILED } result;
	int64_t heard_ms;
	char *redirect;
};

/* --- names --- */

static bool is_url(struct str name)
{
	return str_starts(name, STR("http://")) || str_starts(name, STR("https://"));
}

static bool check_url(struct str url, struct error *err)
{
	if (url.len > SOURCE_URL_MAX)
		return error_set(err, ERROR_INVALID, "a URL of more than %d bytes is not taken",
				 SOURCE_URL_MAX);
	for (size_t i = 0; i < url.len; i++)
		if (url.at[i] <= ' ' || url.at[i] == 0x7f)
			return error_set(err, ERROR_INVALID, "the URL has a blank in it");
	return true;
}

/* "https://host:port" and "/path?query". */
static void split_url(struct str url, struct str *out_host, struct str *out_target)
{
	size_t from = str_starts(url, STR("https://")) ? 8 : 7, at = from;

	while (at < url.len && url.at[at] != '/' && url.at[at] != '?' && url.at[at] != '#')
		at++;
	*out_host = str_from(url.at, at);
	*out_target = str_from(url.at + at, url.len - at);
}

bool source_open(const char *name, struct source **out, struct error *err)
{
	bool remote = is_url(str_of(name));
	auto_source source = memory_new(struct source);

	source->fd = -1;
	if (remote) {
		source->name = memory_string(name);
		source->url = memory_string(name);
		if (!check_url(str_of(name), err) || !loop_open(&source->loop, err))
			return false;
	} else {
		source->fd = open(name, O_RDONLY | O_CLOEXEC);
		if (source->fd < 0 && errno == ENOENT)
			return error_set(err, ERROR_NOT_FOUND, "%s does not exist", name);
		if (source->fd < 0)
			return error_os(err, "open %s", name);
	}
	*out = take_ptr(&source);
	return true;
}

void source_close(struct source *source)
{
	if (!source)
		return;
	if (source->fd >= 0)
		close(source->fd);
	http_client_free(source->client);
	tls_config_unref(source->tls);
	loop_close(source->loop);
	free(source->client_url);
	free(source->url);
	free(source->name);
	free(source);
}

bool source_is_remote(const struct source *source)
{
	return source->fd < 0;
}

bool source_has_ranges(const struct source *source)
{
	return !source->whole;
}

int source_fd(const struct source *source)
{
	return source->fd;
}

uint64_t source_received(const struct source *source)
{
	return source->received;
}

/* --- files --- */

static bool read_file(struct source *source, uint64_t offset, uint64_t size, source_take *take,
		      void *of, struct error *err)
{
	auto_free char *piece = memory_get(FILE_PIECE);

	while (size > 0) {
		size_t want = size < FILE_PIECE ? (size_t)size : FILE_PIECE;
		ssize_t got = pread(source->fd, piece, want, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(err, "read the bundle");
		if (got == 0)
			return error_set(err, ERROR_NOT_FOUND, "the bundle is cut off");
		if (!take(of, offset, str_from(piece, (size_t)got), err))
			return false;
		offset += (uint64_t)got;
		size -= (uint64_t)got;
	}
	return true;
}

/* --- HTTP --- */

static void end(struct reading *reading, int result)
{
	reading->over = true;
	reading->result = result;
}

/* "bytes 100-199/4000" begins where we asked? */
static bool begins_at(const struct http_head *head, uint64_t offset)
{
	struct str range = http_header(head, "Content-Range");
	uint64_t first;

	if (!str_starts(range, STR("bytes ")))
		return false;
	range = str_from(range.at + 6, range.len - 6);
	return str_to_u64(str_cut(&range, '-'), UINT64_MAX, &first) && first == offset;
}

static void take_redirect(struct reading *reading, const struct http_head *head)
{
	struct str where = http_header(head, "Location"), host, target;

	split_url(str_of(reading->source->url), &host, &target);
	if (where.len > 0 && where.at[0] == '/')
		reading->redirect = memory_print(STR_FMT STR_FMT, STR_ARG(host), STR_ARG(where));
	else if (is_url(where))
		reading->redirect = str_copy(where);
	if (reading->redirect && str_starts(host, STR("https:")) &&
	    !str_starts(str_of(reading->redirect), STR("https:"))) {
		error_set(reading->err, ERROR_FORBIDDEN, "%s leads away from https",
			  reading->source->url);
		end(reading, READING_FAILED);
	} else if (!reading->redirect || !check_url(str_of(reading->redirect), reading->err)) {
		error_set(reading->err, ERROR_INVALID, "%s leads nowhere", reading->source->url);
		end(reading, READING_FAILED);
	} else {
		end(reading, READING_AGAIN);
	}
}

static void refuse(struct reading *reading, int status)
{
	bool led = strcmp(reading->source->url, reading->source->name) != 0;
	/* A place that one was led to may be lent for a time only. */
	bool again = status >= 500 || status == 429 || status == 408 || (led && status != 416);

	error_set(reading->err,
		  status == 404 || status == 410 || status == 416 ? ERROR_NOT_FOUND
		  : again                                         ? ERROR_UNAVAILABLE
								  : ERROR_FORBIDDEN,
		  "%s: the server answers %d", reading->source->url, status);
	end(reading, again ? READING_AGAIN : READING_FAILED);
}

static bool on_head(void *of, const struct http_head *head)
{
	struct reading *reading = of;

	reading->heard_ms = clock_now_ms();
	assert(!reading->over);
	if (head->status == 206 && begins_at(head, reading->at)) {
		reading->position = reading->at;
	} else if (head->status == 200) {
		reading->source->whole = true;
		reading->position = 0;
	} else if (head->status >= 301 && head->status <= 308 && head->status != 304) {
		take_redirect(reading, head);
	} else {
		refuse(reading, head->status);
	}
	reading->freed = reading->over; /* a call that wants no body ends here */
	return !reading->over;
}

static void on_body(void *of, struct str piece)
{
	struct reading *reading = of;
	uint64_t skip = reading->at - reading->position, left = reading->end - reading->at;

	reading->heard_ms = clock_now_ms();
	reading->source->received += piece.len;
	if (reading->over)
		return;
	if (skip > piece.len)
		skip = piece.len;
	reading->position += piece.len;
	piece = str_from(piece.at + skip, piece.len - (size_t)skip);
	if (piece.len > left)
		piece.len = (size_t)left;
	if (piece.len == 0)
		return;
	if (!reading->take(reading->of, reading->at, piece, reading->err)) {
		end(reading, READING_FAILED);
		return;
	}
	reading->at += piece.len;
	if (reading->at == reading->end)
		end(reading, READING_WENT_ON);
}

static void on_end(void *of, const struct error *err)
{
	struct reading *reading = of;

	reading->freed = true;
	if (reading->over)
		return;
	if (err)
		*reading->err = *err;
	else
		error_set(reading->err, ERROR_UNAVAILABLE, "%s: the connection ended early",
			  reading->source->url);
	end(reading, READING_AGAIN);
}

static bool connect_to(struct source *source, struct str host, struct error *err)
{
	if (source->client_url && str_is(host, source->client_url))
		return true;
	http_client_free(source->client);
	source->client = NULL;
	free(source->client_url);
	source->client_url = NULL;
	if (str_starts(host, STR("https:")) && !source->tls &&
	    !tls_client_config(STR_NONE, STR_NONE, STR_NONE, false, &source->tls, err))
		return false;
	source->client = http_client_to(source->loop, host, source->tls, err);
	if (!source->client)
		return false;
	source->client_url = str_copy(host);
	return true;
}

/* One connection: until the range is whole, or it ends. */
static bool run_call(struct reading *reading, struct str target)
{
	struct source *source = reading->source;
	auto_free char *path = memory_print(
		"%s" STR_FMT, target.len && target.at[0] == '/' ? "" : "/", STR_ARG(target));
	auto_free char *range =
		memory_print("bytes=%" PRIu64 "-%" PRIu64, reading->at, reading->end - 1);
	struct http_header headers[] = { { STR("Range"), str_of(range) },
					 { STR("Accept-Encoding"), STR("identity") } };
	struct http_ask ask = { .method = "GET",
				.target = path,
				.headers = headers,
				.header_count = ARRAY_LENGTH(headers),
				.timeout_ms = HEAD_MS,
				.on_head = on_head,
				.on_body = on_body,
				.on_end = on_end,
				.of = reading };
	struct http_call *call;

	reading->over = reading->freed = false;
	reading->heard_ms = clock_now_ms();
	call = http_call(source->client, &ask);
	while (!reading->over) {
		loop_once(source->loop, 1000);
		if (!reading->over && clock_now_ms() - reading->heard_ms > SOURCE_STALL_MS) {
			error_set(reading->err, ERROR_TIMEOUT, "%s: nothing came for %d s",
				  source->url, SOURCE_STALL_MS / 1000);
			end(reading, READING_AGAIN);
		}
	}
	if (!reading->freed)
		http_call_cancel(call);
	return reading->result == READING_WENT_ON;
}

static bool run_once(struct reading *reading, unsigned *redirects)
{
	struct source *source = reading->source;
	struct str host, target;

	split_url(str_of(source->url), &host, &target);
	if (!connect_to(source, host, reading->err)) {
		reading->result = READING_FAILED;
		return false;
	}
	if (run_call(reading, target))
		return true;
	if (reading->redirect) {
		free(source->url);
		source->url = take_ptr(&reading->redirect);
		if (++*redirects > REDIRECTS_MAX) {
			error_set(reading->err, ERROR_INVALID, "%s is led on and on", source->url);
			reading->result = READING_FAILED;
		}
	} else if (strcmp(source->url, source->name) != 0) {
		free(source->url);
		source->url = memory_string(source->name);
	}
	return false;
}

static void pause_for(int ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&time, &time) != 0 && errno == EINTR)
		continue;
}

static bool read_remote(struct reading *reading)
{
	unsigned tries = 0, redirects = 0;
	int pause_ms = PAUSE_MS;

	for (;;) {
		uint64_t before = reading->at;
		unsigned led = redirects;

		if (run_once(reading, &redirects))
			return true;
		if (reading->result == READING_FAILED)
			return false;
		if (led != redirects)
			continue;
		redirects = 0;
		if (reading->at > before) {
			tries = 0;
			pause_ms = PAUSE_MS;
		} else if (++tries >= SOURCE_TRIES) {
			return error_context(reading->err, "given up after %d tries", SOURCE_TRIES);
		}
		pause_for(reading->at > before ? PAUSE_MS / 5 : pause_ms);
		if (reading->at == before && pause_ms < PAUSE_MAX_MS)
			pause_ms *= 2;
	}
}

bool source_read(struct source *source, uint64_t offset, uint64_t size, source_take *take, void *of,
		 struct error *err)
{
	struct reading reading = { .source = source,
				   .at = offset,
				   .end = offset + size,
				   .take = take,
				   .of = of,
				   .err = err };

	assert(size <= UINT64_MAX - offset);
	if (size == 0)
		return true;
	return source->fd >= 0 ? read_file(source, offset, size, take, of, err)
			       : read_remote(&reading);
}
