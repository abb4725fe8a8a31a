/*
 * fuzz_grpc_health.c - any bytes as the answer to a health question: the same verdict whatever the
 * pieces, within the limits.
 */
#include <stdint.h>
#include <stdlib.h>

#include "net/grpc_health.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void read_all(struct str bytes, size_t piece, struct buf *verdict, struct buf *out)
{
	struct grpc_health health = { 0 };
	struct error err;
	bool good = true;

	while (good && !health.ended && bytes.len > 0) {
		struct str part = str_from(bytes.at, piece < bytes.len ? piece : bytes.len);

		bytes = str_from(bytes.at + part.len, bytes.len - part.len);
		good = grpc_health_feed(&health, part, out, &err);
	}
	buf_add_print(verdict, "%d %d %u %u %llu ", good, health.ended, health.http_status,
		      health.grpc_status, (unsigned long long)health.word);
	buf_add_str(verdict, buf_str(&health.said));
	grpc_health_clear(&health);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	auto_buf whole = BUF_INIT, pieces = BUF_INIT, out = BUF_INIT, other = BUF_INIT;

	read_all(str_from(at, len), len ? len : 1, &whole, &out);
	read_all(str_from(at, len), 3, &pieces, &other);
	if (len <= GRPC_ANSWER_MAX && !str_equal(buf_str(&whole), buf_str(&pieces)))
		abort();
	if (len <= GRPC_ANSWER_MAX && !str_equal(buf_str(&out), buf_str(&other)))
		abort();
	return 0;
}
