/*
 * validate_net.h - what the kinds of networking share: hosts, references, paths with a domain in
 * front, ranges of addresses.
 */
#ifndef API_VALIDATE_NET_H
#define API_VALIDATE_NET_H

#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

/* A name, or "*." and a name. */
void net_check_host(const struct kind_work *work, const struct json *host, const char *path);
/* apiGroup (may be absent), kind and name of another object. */
void net_check_reference(const struct kind_work *work, const struct json *reference,
			 const char *path);
/* "example.com/controller" */
void net_check_domain_path(const struct kind_work *work, struct str text, const char *path);
/* Is range `inner` a part of `outer`, and smaller?  False for what is no range. */
bool net_is_inside(struct str inner, struct str outer);

#endif
