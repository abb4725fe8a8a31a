/*
 * http_gzip.h - bodies as gzip, and who takes them.  Pure functions, any thread.
 */
#ifndef NET_HTTP_GZIP_H
#define NET_HTTP_GZIP_H

#include "base/text.h"

/* Does the value of an Accept-Encoding header take gzip? */
bool http_accepts_gzip(struct str accept_encoding);
/* Appends `plain` as gzip, fast rather than small (level 1): 3 MiB of JSON take some 20 ms.  False
 * when there is no memory for it; `out` is as it was then. */
MUST_CHECK bool http_gzip(struct str plain, struct buf *out);
/* The same, small rather than fast (level 9): for what is made once.  Equal bytes give equal bytes.
 */
MUST_CHECK bool http_gzip_small(struct str plain, struct buf *out);
/* Appends what `packed` (one gzip member) holds, at most `max` bytes; ERROR_TOO_LARGE,
 * ERROR_BAD_REQUEST. */
MUST_CHECK bool http_gunzip(struct str packed, size_t max, struct buf *out, struct error *err);

#endif
