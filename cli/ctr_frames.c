/*
 * ctr_frames.c - bytes to frames and back.
 */
#include "cli/ctr_frames.h"

#include "base/json.h"

#define HEAD 5

void ctr_frames_add(struct buf *out, enum ctr_channel channel, struct str payload)
{
	unsigned char head[HEAD] = { (unsigned char)channel, (unsigned char)(payload.len >> 24),
				     (unsigned char)(payload.len >> 16),
				     (unsigned char)(payload.len >> 8),
				     (unsigned char)payload.len };

	buf_add(out, head, sizeof(head));
	buf_add_str(out, payload);
}

void ctr_frames_add_size(struct buf *out, unsigned columns, unsigned rows)
{
	auto_buf text = BUF_INIT;

	buf_add_print(&text, "{\"Width\":%u,\"Height\":%u}", columns, rows);
	ctr_frames_add(out, CTR_RESIZE, buf_str(&text));
}

bool ctr_frames_next(struct str in, int *out_channel, struct str *out_payload, size_t *out_used,
		     struct error *err)
{
	const unsigned char *at = (const unsigned char *)in.at;
	size_t len;

	*out_used = 0;
	if (in.len < HEAD)
		return true;
	len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
	if (len > CTR_FRAME_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the agent sent a frame of %zu bytes", len);
	if (in.len - HEAD < len)
		return true;
	*out_channel = at[0];
	*out_payload = str_from(in.at + HEAD, len);
	*out_used = HEAD + len;
	return true;
}

bool ctr_frames_status(struct str payload, int *out_status, struct error *err)
{
	auto_json_doc doc = NULL;
	const struct json *root;
	struct str message;
	int64_t code;

	if (!json_parse(payload, &doc, NULL, err))
		return error_context(err, "the agent's last word cannot be read");
	root = json_root(doc);
	if (str_is(json_str(json_get(root, "status")), "Success")) {
		*out_status = 0;
		return true;
	}
	for (struct json_iter it = json_iter(json_path(root, "details", "causes", NULL));
	     json_next(&it);) {
		if (str_is(json_str(json_get(it.value, "reason")), "ExitCode") &&
		    str_to_i64(json_str(json_get(it.value, "message")), 0, 255, &code)) {
			*out_status = (int)code;
			return true;
		}
	}
	message = json_str(json_get(root, "message"));
	return error_set(err, ERROR_BROKEN, STR_FMT,
			 STR_ARG(message.len > 0 ? message : STR("the command failed")));
}
