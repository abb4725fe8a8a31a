/*
 * ota_daemon.h - what a server or agent that the launcher started does for updates: it can be asked
 * to execute the launcher again, and on trial it has the gates run.
 *
 * The socket <data-dir>/ota/<part>.sock takes "restart\n"; the answer "ok\n" comes before the
 * daemon ends its loop.  The daemon then stops as at any other end and calls ota_daemon_restart():
 * the same process, the same arguments, another version maybe.
 *
 * Without a launcher (MOTE_OTA_DIR) all of it does nothing.  Loop thread only.
 */
#ifndef CLI_OTA_DAEMON_H
#define CLI_OTA_DAEMON_H

#include "base/loop.h"

struct service_notify;

struct ota_daemon_plan {
	const char *part;     /* "server" or "agent" */
	const char *data_dir; /* must be the launcher's */
	const char *api_url;  /* of a server: where the gates ask it; else NULL */
};
struct ota_daemon;
/* Takes the launcher's variables out of the environment.  Never fails: what does not work is
 * logged, and the version on trial is then taken back by its watcher.  May give NULL. */
struct ota_daemon *ota_daemon_open(struct loop *loop, const struct ota_daemon_plan *plan);
/* Ends the gates and the socket; NULL is fine, twice too. */
void ota_daemon_close(struct ota_daemon *daemon);
/* Was a restart asked for? */
bool ota_daemon_wants_restart(const struct ota_daemon *daemon);
/* All is stopped: execute the launcher with the arguments of this process.  Comes back only when
 * that fails (said); leave with 1 then, and the supervisor does it. */
void ota_daemon_restart(struct ota_daemon *daemon, const struct service_notify *notify);
void ota_daemon_free(struct ota_daemon *daemon);

/* The other side.  Ask the daemon `part` to restart; false with ERROR_NOT_FOUND: it does not run.
 */
MUST_CHECK bool ota_daemon_ask(const char *ota_root, const char *part, struct error *err);

#endif
