/*
 * content_hash.c - the hash in decimal, each digit as a letter.
 */
#include "server/control/content_hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void content_hash_print(const struct json *content, int64_t collisions, char out[16])
{
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
	auto_buf text = BUF_INIT;
	uint32_t hash = 2166136261u;
	char digits[16];

	json_print(content, &text);
	if (collisions > 0)
		buf_add_print(&text, "%" PRId64, collisions);
	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * 16777619u;
	snprintf(digits, sizeof(digits), "%" PRIu32, hash);
	for (size_t i = 0; i <= strlen(digits); i++)
		out[i] = digits[i] ? alphabet[(unsigned char)digits[i] % 27] : '\0';
}
