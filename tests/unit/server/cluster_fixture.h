/*
 * cluster_fixture.h - a whole control plane inside a test: API, registry, controllers, a client.
 *
 * One at a time, in the folder of the running test.  Time moves by cluster_pass_time only as far as
 * a test says, so that what takes minutes is tested in seconds.  A call that fails ends the test.
 */
#ifndef TESTS_UNIT_SERVER_CLUSTER_FIXTURE_H
#define TESTS_UNIT_SERVER_CLUSTER_FIXTURE_H

#include "base/json.h"

struct loop;
struct server;

/* Serves and has its first objects when this returns.  cluster_cidr NULL: "10.42.0.0/16". */
void cluster_start(const char *cluster_cidr);
/*
 * In the middle of what is under way, as the product stops.  Everything written stays:
 * cluster_start again is a restart of the server.
 */
void cluster_stop(void);

/* Until cluster_stop: for tests that come in by another way than cluster_call. */
struct server *cluster_server(void);
struct loop *cluster_loop(void);

/* The loop goes round for so long, the clocks stand (but for what that takes). */
void cluster_settle(int ms);
/* Both clocks go on by this, second by second, with the work of each second done. */
void cluster_pass_time(int seconds);
/* Both clocks jump at once, as for a process that was stopped. */
void cluster_be_away(int seconds);
/* Go round until true; false after 5 s. */
bool cluster_await(bool (*is_so)(const void *of), const void *of);

/* Paths are those of the API.  The answer's status; *out_doc (may be NULL) is the caller's. */
int cluster_call(const char *method, const char *path, const char *body, struct json_doc **out_doc);
/* Must succeed. */
void cluster_create(const char *path, const char *body);
void cluster_patch(const char *path, const char *merge_patch);
void cluster_delete(const char *path);
struct json_doc *cluster_get(const char *path);
bool cluster_has(const char *path);

#endif
