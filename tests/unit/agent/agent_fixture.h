/*
 * agent_fixture.h - what tests of the agent share: JSON with single quotes, sources on the disk, an
 * API in memory.
 */
#ifndef TESTS_UNIT_AGENT_FIXTURE_H
#define TESTS_UNIT_AGENT_FIXTURE_H

#include "agent/sources.h"
#include "client/cache.h"
#include "net/http_server.h"

/* JSON whose quotes are written as ' (so that C reads well); the test ends when it is none. */
struct json_doc *fixture_json(const char *text);

/* A file below the test's folder; caller frees. */
char *fixture_path(const char *name);
/* The whole file, or NULL when it is not there; caller frees. */
char *fixture_read(const char *path);
void fixture_write(const char *path, const char *text);

/* Keep an object as if it had been fetched for the pod in `folder`: "ConfigMap", "Secret", or
 * "Token" (name: its audience). */
void fixture_keep(const char *folder, const char *kind, const char *name, int64_t seconds,
		  const char *text);

/* Sources as a node has them; folder is the test's.  The pod is borrowed. */
struct sources *fixture_sources(struct client *client, const struct json *pod);

/* An API of plain answers: what is asked for is looked up by "METHOD path". */
struct fixture_api {
	struct loop *loop;
	struct client *client;
	struct http_service service;
	struct map *answers;        /* "GET /api/v1/services" -> text of JSON, with ' for quotes */
	struct http_request *watch; /* the last watch, held open                                 */
	struct buf asked;           /* a line "METHOD path body" each call                       */
	size_t calls;
	bool down; /* answers 503 to everything */
};
void fixture_api_open(struct fixture_api *api, struct loop *loop);
void fixture_api_close(struct fixture_api *api);
void fixture_api_answer(struct fixture_api *api, const char *what, const char *text);

/* Turn the loop until *holds is true, 8 seconds at most (the test fails then). */
void fixture_until(struct loop *loop, const bool *holds);
void fixture_turn(struct loop *loop, int times); /* rounds that do not wait */

#endif
