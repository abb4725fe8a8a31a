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

#endif
