/*
 * content_hash.h - the last part of the names of replica sets and revisions: a hash of what they
 * are made of, as Kubernetes writes it.  Pure.
 */
#ifndef SERVER_CONTROL_CONTENT_HASH_H
#define SERVER_CONTROL_CONTENT_HASH_H

#include "base/json.h"

/* FNV-1a in an alphabet without vowels; `collisions`: how many such names were taken already. */
void content_hash_print(const struct json *content, int64_t collisions, char out[16]);

#endif
