/*
 * grpc_health.h - one question of grpc.health.v1.Health/Check over HTTP/2 without TLS: what is
 * written, and what the answer's bytes mean.
 *
 * As little of HTTP/2 as the question needs: one stream, no dynamic header table, no push; frames
 * that do not matter are passed over.  Knows no socket: the owner writes `out` and feeds what it
 * reads, in any pieces.  docs/decisions/0018-grpc-probe.md says why this is no library.
 *
 * Any thread, one at a time.
 */
#ifndef NET_GRPC_HEALTH_H
#define NET_GRPC_HEALTH_H

#include "base/text.h"

#define GRPC_SERVICE_MAX   4096  /* bytes of a service's name */
#define GRPC_ANSWER_MAX    65536 /* all that is read of one answer */
#define GRPC_SAID_MAX      1024  /* of the server's own message */
#define GRPC_OK            0
#define GRPC_DEADLINE      4
#define GRPC_UNIMPLEMENTED 12

enum grpc_health_word {
	HEALTH_UNKNOWN,
	HEALTH_SERVING,
	HEALTH_NOT_SERVING,
	HEALTH_SERVICE_UNKNOWN
};

struct grpc_health {
	struct buf in, block, body;
	size_t read;          /* bytes so far */
	bool in_block;        /* the last frame's header block goes on in the next one */
	bool block_ends;      /* and is the last of the answer */
	unsigned http_status; /* 0 = not seen */
	bool has_grpc_status, ended;
	unsigned grpc_status;
	struct buf said; /* grpc-message */
	uint64_t word;   /* enum grpc_health_word, or a number that it does not know */
};

/* The question, to be written.  `authority` is "host:port". */
void grpc_health_ask(const char *authority, struct str service, struct buf *out);
/*
 * Bytes that were read; *out gets what is to be written (answers to pings and settings).  True and
 * health->ended: the answer is there.  ERROR_BAD_REQUEST: this is not HTTP/2, or breaks its rules.
 */
MUST_CHECK bool grpc_health_feed(struct grpc_health *health, struct str bytes, struct buf *out,
				 struct error *err);
void grpc_health_clear(struct grpc_health *health);
/* "SERVING", ...; a number that nobody knows in digits. */
void grpc_health_print(uint64_t word, struct buf *out);
/* "NotFound" and so on, as gRPC names its codes. */
const char *grpc_code_name(unsigned code);

#endif
