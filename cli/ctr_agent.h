/*
 * ctr_agent.h - the way from a command to the agent of this machine: HTTP over its unix socket.
 *
 * A command makes one call after the other and waits for each; meanwhile the loop runs here.
 * Errors are sentences for the person at the terminal: that no agent runs, that sudo is needed, or
 * what the agent said.
 *
 * Owner: the command that opened it; one thread.
 */
#ifndef CLI_CTR_AGENT_H
#define CLI_CTR_AGENT_H

#include "base/json.h"
#include "base/loop.h"
#include "net/stream.h"

/* What one answer may hold: some hundred pods or images stay far below. */
#define CTR_ANSWER_MAX (16u * 1024 * 1024)

struct ctr_agent;
/* Connects once to see that somebody is there: ERROR_NOT_FOUND, ERROR_FORBIDDEN. */
MUST_CHECK bool ctr_agent_open(const char *data_dir, struct ctr_agent **out, struct error *err);
void ctr_agent_close(struct ctr_agent *agent); /* NULL is fine */
struct loop *ctr_agent_loop(const struct ctr_agent *agent);

/* The whole answer as JSON.  body: STR_NONE = none.  Waits as long as the agent works. */
MUST_CHECK bool ctr_agent_call(struct ctr_agent *agent, const char *method, const char *path,
			       struct str body, struct json_doc **out, struct error *err);
/* POST {"<field>": "<value>"}; the answer's names are printed one a line when `show`. */
MUST_CHECK bool ctr_agent_post(struct ctr_agent *agent, const char *path, const char *field,
			       const char *value, struct json_doc **out, struct error *err);
/* The answer's bytes as they come; take gives false to have no more, which is no error. */
MUST_CHECK bool ctr_agent_stream(struct ctr_agent *agent, const char *path,
				 bool (*take)(void *of, struct str piece), void *of,
				 struct error *err);
/* GET that becomes a stream of another protocol; the stream is the caller's. */
MUST_CHECK bool ctr_agent_upgrade(struct ctr_agent *agent, const char *path, const char *protocol,
				  struct stream **out, struct error *err);

/* Write to a descriptor that may be non-blocking; false: nobody reads it any more. */
bool ctr_write(int fd, struct str bytes);

#endif
