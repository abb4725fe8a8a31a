/*
 * review.h - questions that are asked by creating an object that is never kept: who am I, may I.
 */
#ifndef SERVER_FRONT_REVIEW_H
#define SERVER_FRONT_REVIEW_H

#include "server/road.h"

struct review;
/* By group, version and plural; NULL when it is none. */
const struct review *review_find(struct str group, struct str version, struct str plural);
const char *review_plural(const struct review *review);
const char *review_group(const struct review *review);
bool review_is_local(const struct review *review); /* asked within a namespace */
enum step review_pass(struct request *req, struct error *err);

/* For discovery: each row until false. */
struct review_facts {
	const char *group, *plural, *kind;
};
bool review_row(size_t i, struct review_facts *out);

#endif
