/*
 * pod_files.h - the files of a pod that are neither volumes nor the runtime's: pod.json, etc/,
 * logs.
 */
#ifndef AGENT_POD_FILES_H
#define AGENT_POD_FILES_H

#include "agent/pod_inside.h"

/* pod.json: written where it differs from what is there; *out_changed. */
MUST_CHECK bool pod_files_keep(struct pod *pod, bool *out_changed, struct error *err);
/* hosts, resolv.conf, hostname below etc/ */
MUST_CHECK bool pod_files_etc(struct pod *pod, struct error *err);
void pod_files_log_folder(const struct pod *pod, const char *container, struct buf *out);
/* Folder and logs, on a servant thread; pod_files_removed follows.  let_go: without that. */
void pod_files_remove(struct pod *pod);
void pod_files_removed(struct pod *pod, const struct error *err);
void pod_files_let_go(struct pod *pod);
/* What is over needs no volumes: mounts, memory and files of its own go, on a servant thread.
 * Once; later calls do nothing. */
void pod_files_leave_volumes(struct pod *pod);
/* While its containers do not end: once that takes too long, file servers are given up. */
void pod_files_free_shares(struct pod *pod);
/* A folder that belongs to no pod, on a servant thread. */
void pod_files_discard(const struct node *node, const char *folder);

#endif
