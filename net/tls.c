/*
 * tls.c - TLS over a lower stream.
 *
 * Reading decrypts straight into the owner's buffer; ciphertext waits in a block that a stream has
 * only while there is some. Writing: small writes of one round of the loop are gathered into one
 * record; all records of one call go down in one piece. What has been encrypted is the lower
 * stream's to keep.
 *
 *   SHAKING --step_handshake--> READY --finish / close_notify--> both directions end on their own
 *      \__ fail() __________________\__ fail() --> broken (told by stream_base)
 */
#include "net/tls_inside.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include <mbedtls/oid.h>

#include "base/clock.h"
#include "net/fifo.h"
#include "net/hash.h"
#include "net/mbed.h"
#include "net/stream_base.h"

/* One full record and its head; larger reads save system calls when data comes in bulk. */
#define IN_ROOM        (32u * 1024)
#define REFILLS_A_READ 16
/* mbedTLS is built with output records of this size. */
#define RECORD            4096u
#define CIPHER_MAX        (64u * 1024)
#define ORGANIZATIONS_MAX 64

struct tls_stream {
	struct stream_base base;
	struct stream *lower;
	struct tls_config *config;
	mbedtls_ssl_context ssl;
	struct tls_places places;
	struct loop_timer timer; /* of the handshake */
	struct loop_task flush;
	struct fifo plain;  /* written, not yet encrypted */
	struct fifo cipher; /* encrypted, on its way to the lower stream within one call */
	char *in;           /* ciphertext read ahead */
	size_t in_start, in_end;
	unsigned refills;
	unsigned char address[16]; /* clients: the server's address when it was dialled by one */
	size_t address_len;
	bool ready;
	bool input_ended;
	bool finishing;
	bool finished;
	bool peer_refused;
	bool has_hash;
	unsigned char hash[32];
	struct tls_peer *peer;
};

static const struct stream_ops tls_ops;

static struct tls_stream *tls_of(const struct stream *stream)
{
	return (struct tls_stream *)(void *)(uintptr_t)stream;
}

static size_t tls_pending(const struct stream *stream)
{
	const struct tls_stream *tls = tls_of(stream);

	return fifo_len(&tls->plain) + stream_pending(tls->lower);
}

/* Give the lower stream what has been encrypted. */
static void push(struct tls_stream *tls)
{
	if (fifo_len(&tls->cipher) > 0)
		stream_write(tls->lower, fifo_front(&tls->cipher));
	fifo_clear(&tls->cipher);
}

static int on_send(void *of, const unsigned char *bytes, size_t len)
{
	struct tls_stream *tls = of;

	fifo_add(&tls->cipher, str_from(bytes, len));
	if (fifo_len(&tls->cipher) >= CIPHER_MAX)
		push(tls);
	return (int)len;
}

/* One block is kept for the next stream: a block of this size comes from the kernel and goes back
 * to it, which costs more than the decryption of a short request. */
static char *take_block(struct tls_config *config)
{
	return config->spare ? take_ptr(&config->spare) : memory_get(IN_ROOM);
}

static void give_block(struct tls_config *config, char *block)
{
	if (config->spare)
		free(block);
	else
		config->spare = block;
}

static int on_recv(void *of, unsigned char *to, size_t room)
{
	struct tls_stream *tls = of;
	size_t count;

	if (tls->in_start == tls->in_end) {
		ptrdiff_t got;

		if (tls->refills == REFILLS_A_READ)
			return MBEDTLS_ERR_SSL_WANT_READ; /* announced again from below */
		tls->refills++;
		if (!tls->in)
			tls->in = take_block(tls->config);
		got = stream_read(tls->lower, tls->in, IN_ROOM);
		if (got == 0)
			return MBEDTLS_ERR_SSL_WANT_READ;
		if (got < 0)
			return MBEDTLS_ERR_SSL_CONN_EOF;
		tls->in_start = 0;
		tls->in_end = (size_t)got;
	}
	count = tls->in_end - tls->in_start;
	if (count > room)
		count = room;
	memcpy(to, tls->in + tls->in_start, count);
	tls->in_start += count;
	return (int)count;
}

static void drop_empty_input(struct tls_stream *tls)
{
	if (tls->in_start < tls->in_end || !tls->in)
		return;
	give_block(tls->config, take_ptr(&tls->in));
}

static void fail(struct tls_stream *tls, const struct error *why)
{
	push(tls); /* an alert may be in it */
	loop_timer_stop(&tls->timer);
	loop_task_cancel(&tls->flush);
	fifo_clear(&tls->plain);
	stream_base_break(&tls->base, why);
}

static void fail_code(struct tls_stream *tls, int code, const char *what)
{
	struct error err;

	mbed_error(&err, ERROR_UNAVAILABLE, code, what);
	fail(tls, &err);
}

static void check_end(struct tls_stream *tls)
{
	if (tls->input_ended && tls->finished && stream_pending(tls->lower) == 0)
		stream_base_end(&tls->base);
}

/* Encrypts all of it into tls->cipher; false after fail(). */
static bool encrypt_all(struct tls_stream *tls, struct str bytes)
{
	tls_wake(&tls->ssl, tls->config, &tls->places);
	while (bytes.len > 0) {
		int done = mbedtls_ssl_write(&tls->ssl, (const unsigned char *)bytes.at, bytes.len);

		if (done <= 0) {
			fail_code(tls, done < 0 ? done : MBEDTLS_ERR_SSL_INTERNAL_ERROR,
				  "TLS write");
			return false;
		}
		bytes = str_from(bytes.at + done, bytes.len - (size_t)done);
	}
	return true;
}

static bool flush_plain(struct tls_stream *tls)
{
	loop_task_cancel(&tls->flush);
	if (!encrypt_all(tls, fifo_front(&tls->plain)))
		return false;
	fifo_drop(&tls->plain, fifo_len(&tls->plain));
	return true;
}

static void on_flush(struct loop_task *task)
{
	struct tls_stream *tls = CONTAINER_OF(task, struct tls_stream, flush);

	if (tls->base.broken || !flush_plain(tls))
		return;
	push(tls);
	tls_rest(&tls->ssl, tls->config, &tls->places);
	stream_base_pending(&tls->base, tls_pending(&tls->base.stream));
}

static void do_finish(struct tls_stream *tls)
{
	if (!flush_plain(tls))
		return;
	tls_wake(&tls->ssl, tls->config, &tls->places);
	mbedtls_ssl_close_notify(&tls->ssl);
	push(tls);
	stream_finish(tls->lower);
	tls->finished = true;
	check_end(tls);
}

/* --- who the peer is --- */

static void peer_free(struct tls_peer *peer)
{
	if (!peer)
		return;
	for (size_t i = 0; i < peer->organization_count; i++)
		free(peer->organizations[i]);
	free(peer->organizations);
	free(peer->name);
	free(peer);
}

/* A text with a NUL inside would name somebody else to every C function: no identity then. */
static char *copy_name(const mbedtls_x509_buf *value)
{
	if (value->len == 0 || memchr(value->p, '\0', value->len) ||
	    !str_is_utf8(str_from(value->p, value->len)))
		return NULL;
	return str_copy(str_from(value->p, value->len));
}

static bool add_name(struct tls_peer *peer, const mbedtls_x509_name *name)
{
	bool is_cn = name->oid.p && MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) == 0;
	bool is_o = name->oid.p && MBEDTLS_OID_CMP(MBEDTLS_OID_AT_ORGANIZATION, &name->oid) == 0;
	char *text;

	if (!is_cn && !is_o)
		return true;
	if (is_o && peer->organization_count == ORGANIZATIONS_MAX)
		return false;
	text = copy_name(&name->val);
	if (!text)
		return false;
	if (is_cn) { /* the last one counts, as in Go's crypto/x509 */
		free(peer->name);
		peer->name = text;
	} else {
		peer->organizations[peer->organization_count++] = text;
	}
	return true;
}

static struct tls_peer *read_peer(const mbedtls_x509_crt *cert)
{
	struct tls_peer *peer = memory_new(struct tls_peer);

	peer->organizations = memory_zero(ORGANIZATIONS_MAX * sizeof(char *));
	/* Parts of one RDN with several values follow each other in this list like parts of
	 * several. */
	for (const mbedtls_x509_name *name = &cert->subject; name; name = name->next) {
		if (!add_name(peer, name)) {
			peer_free(peer);
			return NULL;
		}
	}
	if (!peer->name)
		peer->name = memory_string("");
	peer->organizations =
		memory_grow(peer->organizations, (peer->organization_count + 1) * sizeof(char *));
	return peer;
}

static void learn_peer(struct tls_stream *tls)
{
	const mbedtls_x509_crt *cert = mbedtls_ssl_get_peer_cert(&tls->ssl);

	if (!cert)
		return;
	hash_sha256(str_from(cert->raw.p, cert->raw.len), tls->hash);
	tls->has_hash = true;
	if (!tls->config->insecure && mbedtls_ssl_get_verify_result(&tls->ssl) == 0)
		tls->peer = read_peer(cert);
	tls->peer_refused = !tls->peer && !tls->config->insecure;
	tls_drop_certificate(&tls->ssl);
}

/* --- the handshake --- */

static void fail_handshake(struct tls_stream *tls, int code)
{
	uint32_t flags = mbedtls_ssl_get_verify_result(&tls->ssl);
	char reasons[256];
	struct error err;

	if (code != MBEDTLS_ERR_X509_CERT_VERIFY_FAILED || flags == UINT32_MAX ||
	    mbedtls_x509_crt_verify_info(reasons, sizeof(reasons), "", flags) <= 0) {
		if (code == MBEDTLS_ERR_SSL_CONN_EOF) {
			error_set(&err, ERROR_UNAVAILABLE,
				  "TLS handshake: the peer closed the connection");
			fail(tls, &err);
		} else {
			fail_code(tls, code, "TLS handshake");
		}
		return;
	}
	/* One reason a line: as one line. */
	for (char *c = reasons; *c; c++) {
		if (*c == '\n')
			*c = c[1] ? ' ' : '\0';
	}
	error_set(&err, ERROR_UNAVAILABLE, "TLS handshake: the server's certificate is refused: %s",
		  reasons);
	fail(tls, &err);
}

/*
 * mbedTLS frees what the handshake needed after TLS 1.2, but keeps it for the connection's life
 * after TLS 1.3, where clients need some of it to read session tickets. A server never does; 4 KiB
 * of 29 are worth calling the library's own function, though its installed headers do not declare
 * it.
 */
void mbedtls_ssl_handshake_wrapup_free_hs_transform(mbedtls_ssl_context *ssl);

static void free_handshake(struct tls_stream *tls)
{
	if (tls->config->is_server &&
	    mbedtls_ssl_get_version_number(&tls->ssl) == MBEDTLS_SSL_VERSION_TLS1_3)
		mbedtls_ssl_handshake_wrapup_free_hs_transform(&tls->ssl);
}

static void become_ready(struct tls_stream *tls)
{
	loop_timer_stop(&tls->timer);
	tls->ready = true;
	learn_peer(tls);
	free_handshake(tls);
	if (!flush_plain(tls))
		return;
	push(tls);
	if (tls->finishing)
		do_finish(tls);
	stream_base_pending(&tls->base, tls_pending(&tls->base.stream));
	if (tls->base.paused)
		stream_pause(tls->lower, true);
	stream_base_readable(&tls->base);
}

static void step_handshake(struct tls_stream *tls)
{
	int result;

	tls->refills = 0;
	do
		result = mbedtls_ssl_handshake(&tls->ssl);
	while (result == MBEDTLS_ERR_SSL_WANT_READ && tls->in_start < tls->in_end);
	push(tls);
	drop_empty_input(tls);
	if (result == 0)
		become_ready(tls);
	else if (result != MBEDTLS_ERR_SSL_WANT_READ)
		fail_handshake(tls, result);
}

static void on_handshake_late(struct loop_timer *timer)
{
	struct tls_stream *tls = CONTAINER_OF(timer, struct tls_stream, timer);
	struct error err;

	error_set(&err, ERROR_TIMEOUT, "the TLS handshake was not done in %d ms", TLS_HANDSHAKE_MS);
	fail(tls, &err);
}

/* Times by our clock, which has a floor, where mbedTLS looks at the machine's. */
static void judge_times(const mbedtls_x509_crt *cert, uint32_t *flags)
{
	int64_t now = clock_wall_s();

	*flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
	if (mbed_seconds(&cert->valid_to) < now)
		*flags |= MBEDTLS_X509_BADCERT_EXPIRED;
	if (mbed_seconds(&cert->valid_from) > now)
		*flags |= MBEDTLS_X509_BADCERT_FUTURE;
}

/* Certificates for addresses: mbedTLS would send the address as a server name, which RFC 6066
 * forbids, so it is not told the name and the address is looked for here. */
static int on_verify(void *of, mbedtls_x509_crt *cert, int depth, uint32_t *flags)
{
	const struct tls_stream *tls = of;

	judge_times(cert, flags);
	if (depth != 0 || tls->address_len == 0)
		return 0;
	for (const mbedtls_x509_sequence *san = &cert->subject_alt_names; san; san = san->next) {
		if ((san->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == MBEDTLS_X509_SAN_IP_ADDRESS &&
		    san->buf.len == tls->address_len &&
		    memcmp(san->buf.p, tls->address, tls->address_len) == 0)
			return 0;
	}
	*flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
	return 0;
}

static int set_server_name(struct tls_stream *tls, const char *name)
{
	if (inet_pton(AF_INET, name, tls->address) == 1)
		tls->address_len = 4;
	else if (inet_pton(AF_INET6, name, tls->address) == 1)
		tls->address_len = 16;
	else
		return mbedtls_ssl_set_hostname(&tls->ssl, name);
	return mbedtls_ssl_set_hostname(&tls->ssl, NULL);
}

/* --- the lower stream's events --- */

/* After the peer's end only the end of the connection itself can come. */
static void drain_lower(struct tls_stream *tls)
{
	char waste[1024];

	for (int i = 0; i < REFILLS_A_READ; i++) {
		if (stream_read(tls->lower, waste, sizeof(waste)) <= 0)
			break;
	}
	check_end(tls);
}

static void on_lower_readable(void *owner)
{
	struct tls_stream *tls = owner;
	const struct stream *stream = &tls->base.stream;

	if (tls->base.broken)
		return;
	if (!tls->ready) {
		step_handshake(tls);
	} else if (tls->input_ended) {
		drain_lower(tls);
	} else if (!tls->base.paused && stream->events) {
		stream_base_emptied(&tls->base);
		stream->events->on_readable(stream->owner);
	}
}

static void on_lower_writable(void *owner)
{
	struct tls_stream *tls = owner;

	if (!tls->base.broken) {
		stream_base_pending(&tls->base, tls_pending(&tls->base.stream));
		check_end(tls);
	}
}

static void on_lower_closed(void *owner, const struct error *why)
{
	struct tls_stream *tls = owner;
	struct error err;

	if (why) {
		fail(tls, why);
	} else if (tls->input_ended && tls->finished) {
		stream_base_end(&tls->base);
	} else {
		error_set(&err, ERROR_UNAVAILABLE, "the connection ended inside TLS");
		fail(tls, &err);
	}
}

static const struct stream_events lower_events = {
	.on_readable = on_lower_readable,
	.on_writable = on_lower_writable,
	.on_closed = on_lower_closed,
};

/* --- the stream --- */

/* Decrypts until the room is full or nothing is left; *dry says which. */
static size_t decrypt(struct tls_stream *tls, unsigned char *to, size_t room, bool *dry)
{
	size_t taken = 0;
	struct error err;

	*dry = false;
	tls_wake(&tls->ssl, tls->config, &tls->places);
	while (taken < room) {
		int got = mbedtls_ssl_read(&tls->ssl, to + taken, room - taken);

		if (got > 0) {
			taken += (size_t)got;
		} else if (got == MBEDTLS_ERR_SSL_WANT_READ ||
			   got == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
			/* A ticket or a harmless alert: what follows it is here already. */
			if (tls->in_start < tls->in_end)
				continue;
			*dry = true;
			break;
		} else if (got == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
			tls->input_ended = true;
			break;
		} else if (got == 0) {
			error_set(&err, ERROR_UNAVAILABLE, "the connection was cut off inside TLS");
			fail(tls, &err);
			break;
		} else {
			fail_code(tls, got, "TLS read");
			break;
		}
	}
	return taken;
}

static ptrdiff_t tls_read(struct stream *stream, void *to, size_t room)
{
	struct tls_stream *tls = tls_of(stream);
	size_t taken;
	bool dry;

	if (tls->base.broken)
		return stream_base_read_broken(&tls->base);
	if (!tls->ready)
		return 0;
	if (tls->input_ended) {
		stream_base_emptied(&tls->base);
		return -1;
	}
	tls->refills = 0;
	taken = decrypt(tls, to, room, &dry);
	push(tls); /* answers to key updates */
	drop_empty_input(tls);
	if (dry)
		tls_rest(&tls->ssl, tls->config, &tls->places);
	if (tls->base.broken)
		return (ptrdiff_t)taken;
	if (tls->input_ended) {
		check_end(tls);
		if (taken == 0) {
			drain_lower(tls);
			stream_base_emptied(&tls->base);
			return -1;
		}
	}
	if (dry)
		stream_base_emptied(&tls->base);
	else
		stream_base_readable(&tls->base);
	return (ptrdiff_t)taken;
}

static void tls_write(struct stream *stream, struct str bytes)
{
	struct tls_stream *tls = tls_of(stream);

	if (tls->base.broken || tls->finishing)
		return;
	if (!tls->ready) {
		fifo_add(&tls->plain, bytes);
	} else if (fifo_len(&tls->plain) + bytes.len < RECORD) {
		fifo_add(&tls->plain, bytes);
		loop_defer(stream->loop, &tls->flush);
	} else {
		if (!flush_plain(tls) || !encrypt_all(tls, bytes))
			return;
		push(tls);
		tls_rest(&tls->ssl, tls->config, &tls->places);
	}
	stream_base_pending(&tls->base, tls_pending(stream));
}

static void tls_finish(struct stream *stream)
{
	struct tls_stream *tls = tls_of(stream);

	if (tls->base.broken || tls->finishing)
		return;
	tls->finishing = true;
	if (tls->ready)
		do_finish(tls);
}

static void tls_close(struct stream *stream)
{
	struct tls_stream *tls = tls_of(stream);

	if (tls->ready && !tls->finished && !tls->base.broken && flush_plain(tls)) {
		tls_wake(&tls->ssl, tls->config, &tls->places);
		mbedtls_ssl_close_notify(&tls->ssl);
		push(tls);
	}
	loop_timer_stop(&tls->timer);
	loop_task_cancel(&tls->flush);
	stream_close(tls->lower);
	mbedtls_ssl_free(&tls->ssl);
	tls_config_unref(tls->config);
	peer_free(tls->peer);
	fifo_clear(&tls->plain);
	fifo_clear(&tls->cipher);
	free(tls->in);
	stream_base_clear(&tls->base);
	free(tls);
}

static void tls_pause(struct stream *stream, bool paused)
{
	struct tls_stream *tls = tls_of(stream);

	if (tls->ready && !tls->base.broken) {
		stream_pause(tls->lower, paused);
		if (!paused && (tls->input_ended || tls->in_start < tls->in_end ||
				mbedtls_ssl_get_bytes_avail(&tls->ssl) > 0))
			stream_base_readable(&tls->base);
	}
	stream_base_pause(&tls->base, paused);
}

static const struct stream_ops tls_ops = {
	.read = tls_read,
	.write = tls_write,
	.finish = tls_finish,
	.close = tls_close,
	.pending = tls_pending,
	.pause = tls_pause,
};

static struct stream *tls_new(struct stream *lower, struct tls_config *config,
			      const char *server_name)
{
	struct tls_stream *tls = memory_new(struct tls_stream);
	int result;

	assert(lower);
	assert(config);
	stream_base_init(&tls->base, lower->loop, &tls_ops);
	tls->lower = lower;
	tls->config = tls_config_ref(config);
	tls->timer.on_timer = on_handshake_late;
	tls->flush.on_task = on_flush;
	mbedtls_ssl_init(&tls->ssl);
	loop_timer_set(lower->loop, &tls->timer, TLS_HANDSHAKE_MS);
	stream_own(lower, &lower_events, tls);
	result = mbedtls_ssl_setup(&tls->ssl, &config->ssl);
	if (result == 0 && !config->insecure)
		mbedtls_ssl_set_verify(&tls->ssl, on_verify, tls);
	if (result == 0 && server_name)
		result = set_server_name(tls, server_name);
	if (result != 0) {
		fail_code(tls, result, "set up a TLS connection");
		return &tls->base.stream;
	}
	mbedtls_ssl_set_bio(&tls->ssl, tls, on_send, on_recv, NULL);
	if (!config->is_server)
		step_handshake(tls); /* the first message; a failure is told later */
	return &tls->base.stream;
}

struct stream *tls_accept(struct stream *lower, struct tls_config *config)
{
	assert(config->is_server);
	return tls_new(lower, config, NULL);
}

struct stream *tls_connect(struct stream *lower, struct tls_config *config, const char *server_name)
{
	assert(!config->is_server);
	assert(server_name);
	return tls_new(lower, config, server_name);
}

bool tls_is_ready(const struct stream *stream)
{
	return stream->ops != &tls_ops || tls_of(stream)->ready;
}

const struct tls_peer *tls_peer(const struct stream *stream)
{
	return stream->ops == &tls_ops ? tls_of(stream)->peer : NULL;
}

bool tls_peer_refused(const struct stream *stream)
{
	return stream->ops == &tls_ops && tls_of(stream)->peer_refused;
}

bool tls_peer_hash(const struct stream *stream, unsigned char out[32])
{
	if (stream->ops != &tls_ops || !tls_of(stream)->has_hash)
		return false;
	memcpy(out, tls_of(stream)->hash, 32);
	return true;
}
