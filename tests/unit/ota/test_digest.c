/*
 * test_digest.c - goal: the launcher's SHA-256 is that of everybody.  Method: the standard's
 * examples, and every length around the blocks' edges against net/hash.h, in pieces of every kind.
 */
#include "ota/digest.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "net/hash.h"
#include "tests/unit/harness.h"

static void check(const char *at, size_t len, size_t piece)
{
	char have[DIGEST_HEX], want[HASH_SHA256_HEX];
	struct digest digest;

	digest_init(&digest);
	for (size_t done = 0; done < len; done += piece)
		digest_add(&digest, at + done, len - done < piece ? len - done : piece);
	digest_end(&digest, have);
	hash_sha256_hex(str_from(at, len), want);
	CHECK_STR(have, want);
}

static void is_sha256(void)
{
	char bytes[400], out[DIGEST_HEX];
	struct digest digest;

	digest_init(&digest);
	digest_add(&digest, "abc", 3);
	digest_end(&digest, out);
	CHECK_STR(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7);
	for (size_t len = 0; len < sizeof(bytes); len++)
		for (size_t piece = 1; piece < 200; piece += 21)
			check(bytes, len, piece);
}

static void of_a_file(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char have[DIGEST_HEX], want[HASH_SHA256_HEX], piece[4096];
	unsigned char sum[HASH_SHA256];
	struct hash *hash = hash_new();
	auto_buf hex = BUF_INIT;
	ssize_t got;

	CHECK(digest_fd(fd, have));
	CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
	while ((got = read(fd, piece, sizeof(piece))) > 0)
		hash_add(hash, piece, (size_t)got);
	hash_end(hash, sum);
	hash_free(hash);
	buf_add_hex(&hex, str_from(sum, sizeof(sum)));
	memcpy(want, buf_text(&hex), sizeof(want));
	CHECK_STR(have, want);
	close(fd);
	CHECK(!digest_fd(-1, have));
}

static const struct test tests[] = {
	{ "is sha256", is_sha256 },
	{ "of a file", of_a_file },
};
TEST_MAIN(tests)
