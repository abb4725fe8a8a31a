/*
 * fuzz_seal.c - any bytes as a file of keys and as a sealed value: no crash, nothing opens that was
 * not sealed, and what is sealed opens.
 */
#include <stdint.h>
#include <stdlib.h>

#include "net/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define KEY "aesgcm 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct seal_keys *known;
	AUTO(seal_keys_free) struct seal_keys *parsed = NULL;
	struct str input = str_from(bytes, size);
	auto_buf sealed = BUF_INIT, opened = BUF_INIT;
	struct seal_keys *keys;
	struct error err;
	bool newest;

	if (!known && !seal_keys_parse(STR(KEY), &known, &err))
		abort();
	keys = seal_keys_parse(input, &parsed, &err) ? parsed : known;
	if (seal_open(known, STR("/a"), input, &opened, &newest, &err))
		abort(); /* a tag of 128 bits was guessed */
	seal_close(keys, input, input, &sealed);
	if (!seal_open(keys, input, buf_str(&sealed), &opened, &newest, &err) ||
	    !str_equal(buf_str(&opened), input))
		abort();
	return 0;
}
