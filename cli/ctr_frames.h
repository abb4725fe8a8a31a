/*
 * ctr_frames.h - the frames of a session with a process (agent/exec_bridge.h), seen from the
 * client: channel (1 byte), length (4 bytes, big endian), payload.  Pure functions.
 */
#ifndef CLI_CTR_FRAMES_H
#define CLI_CTR_FRAMES_H

#include "base/text.h"

enum ctr_channel {
	CTR_STDIN = 0,
	CTR_STDOUT = 1,
	CTR_STDERR = 2,
	CTR_STATUS = 3,
	CTR_RESIZE = 4,
	CTR_END = 255
};

/* A longer one is no frame of ours. */
#define CTR_FRAME_MAX (1024u * 1024)

void ctr_frames_add(struct buf *out, enum ctr_channel channel, struct str payload);
void ctr_frames_add_size(struct buf *out, unsigned columns, unsigned rows);
/*
 * The first frame of `in`: *out_used bytes, 0 = it is not whole yet; *out_payload lies in `in`.
 * ERROR_TOO_LARGE.
 */
MUST_CHECK bool ctr_frames_next(struct str in, int *out_channel, struct str *out_payload,
				size_t *out_used, struct error *err);
/* What the last frame says: the exit status of the process, 0..255; or an error with the reason why
 * there is none. */
MUST_CHECK bool ctr_frames_status(struct str payload, int *out_status, struct error *err);

#endif
