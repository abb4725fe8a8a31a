/*
 * validate_amounts.h - names of resources (cpu, memory, example.com/gpu) and amounts of them, with
 * what the real server says of wrong ones.
 *
 * Quantities are canonical by now: the tables have seen to it.
 */
#ifndef API_VALIDATE_AMOUNTS_H
#define API_VALIDATE_AMOUNTS_H

#include "api/kind.h"

/* --- what a name means --- */

bool amounts_is_native(struct str name);   /* unprefixed, or of kubernetes.io/ */
bool amounts_is_extended(struct str name); /* of somebody else */
bool amounts_is_huge_page(struct str name);
bool amounts_is_whole(struct str name);  /* comes in pieces: no half pods */
bool amounts_is_shared(struct str name); /* more may be limited than is requested */
bool amounts_is_quota(struct str name);  /* a standard name of quotas */

/* --- is the name fine? --- */

void amounts_name(const struct kind_work *work, const char *path, struct str name);
void amounts_container_name(const struct kind_work *work, const char *path, struct str name);
void amounts_quota_name(const struct kind_work *work, const char *path, struct str name);

/* --- is the amount? --- */

int amounts_compare(struct str a, struct str b); /* < 0, 0, > 0 */
void amounts_not_negative(const struct kind_work *work, const char *path, const struct json *value);
void amounts_positive(const struct kind_work *work, const char *path, const struct json *value);
/* As much of a resource: not negative, and whole of what comes in pieces. */
void amounts_check(const struct kind_work *work, const char *path, struct str resource,
		   const struct json *value);
/* resource.Quantity{...} and core.ResourceList{...}, as Go shows them; in the errors' arena. */
const char *amounts_go_quantity(const struct kind_work *work, struct str text);
const char *amounts_go_list(const struct kind_work *work, const struct json *amounts);

#endif
