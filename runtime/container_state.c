/*
 * container_state.c - states as JSON and the file that outlives a monitor.
 *
 * A change that only says "runs now" is renamed into place without waiting for the disk: after a
 * power cut nothing runs anyway.
 */
#include "runtime/container_state.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "runtime/container_plan.h"

#define STATE_BYTES_MAX (32u * 1024 * 1024)

static const char *const phases[] = {
	[CONTAINER_CREATED] = "created",
	[CONTAINER_RUNNING] = "running",
	[CONTAINER_EXITED] = "exited",
};

struct json *container_state_print(const struct container_state *state, struct json_doc *doc)
{
	struct json *value = json_new_object(doc);

	json_put(doc, value, "id", json_new_text(doc, state->id));
	json_put(doc, value, "phase", json_new_text(doc, phases[state->phase]));
	json_put(doc, value, "pid", json_new_int(doc, state->pid));
	json_put(doc, value, "exitCode", json_new_int(doc, state->exit_code));
	json_put(doc, value, "signal", json_new_int(doc, state->signal));
	json_put(doc, value, "oomKilled", json_new_bool(doc, state->oom_killed));
	json_put(doc, value, "startedUs", json_new_int(doc, state->started_us));
	json_put(doc, value, "finishedUs", json_new_int(doc, state->finished_us));
	json_put(doc, value, "message", json_new_text(doc, state->message));
	json_put(doc, value, "reason", json_new_text(doc, state->reason));
	return value;
}

static void copy_text(const struct json *value, char *out, size_t size)
{
	struct str text = json_str(value);

	snprintf(out, size, STR_FMT, STR_ARG(text.at ? text : STR("")));
}

bool container_state_parse(const struct json *value, struct container_state *out, struct error *err)
{
	struct str phase = json_str(json_get(value, "phase"));
	size_t at = 0;

	*out = (struct container_state){ 0 };
	copy_text(json_get(value, "id"), out->id, sizeof(out->id));
	if (!container_id_validate(out->id, err))
		return false;
	while (at < ARRAY_LENGTH(phases) && !(phase.at && str_is(phase, phases[at])))
		at++;
	if (at == ARRAY_LENGTH(phases))
		return error_set(err, ERROR_INVALID, "container %s has an unknown phase", out->id);
	out->phase = (enum container_phase)at;
	out->pid = (int)json_int(json_get(value, "pid"));
	out->exit_code = (int)json_int(json_get(value, "exitCode"));
	out->signal = (int)json_int(json_get(value, "signal"));
	out->oom_killed = json_bool(json_get(value, "oomKilled"));
	out->started_us = json_int(json_get(value, "startedUs"));
	out->finished_us = json_int(json_get(value, "finishedUs"));
	copy_text(json_get(value, "message"), out->message, sizeof(out->message));
	copy_text(json_get(value, "reason"), out->reason, sizeof(out->reason));
	return true;
}

void container_state_set_message(struct container_state *state, struct str message)
{
	if (message.len >= sizeof(state->message))
		message.len = sizeof(state->message) - 1;
	if (message.len > 0)
		memcpy(state->message, message.at, message.len);
	state->message[message.len] = '\0';
	if (str_is_utf8(str_from(state->message, message.len)) &&
	    !memchr(state->message, '\0', message.len))
		return;
	for (size_t i = 0; i < message.len; i++)
		if ((unsigned char)state->message[i] >= 0x80 || state->message[i] == '\0')
			state->message[i] = '?';
}

static void end(struct container_state *state, int code, const char *reason, struct str message)
{
	state->phase = CONTAINER_EXITED;
	state->pid = 0;
	state->exit_code = code;
	state->finished_us = clock_wall_us();
	if (state->started_us == 0)
		state->started_us = state->finished_us;
	snprintf(state->reason, sizeof(state->reason), "%s", reason);
	container_state_set_message(state, message);
}

void container_state_fail(struct container_state *state, const struct error *why)
{
	end(state, 128, "StartError", str_of(why->text));
}

void container_state_lose(struct container_state *state)
{
	assert(state->phase != CONTAINER_EXITED);
	state->signal = 9;
	end(state, 137, "MonitorLost",
	    STR("the monitor of the pod was killed, and its containers with it"));
}

bool container_state_lay_aside(const char *path, struct str bytes, struct error *err)
{
	auto_free char *part = memory_print("%s.part", path);
	auto_fd fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return error_os(err, "create %s", part);
	if (!file_write_all(fd, bytes.at, bytes.len, err))
		return error_context(err, "%s", part);
	return true;
}

bool container_state_take(const char *path, struct error *err)
{
	auto_free char *part = memory_print("%s.part", path);

	return rename(part, path) == 0 || error_os(err, "rename %s", part);
}

bool container_state_replace(const char *path, struct str bytes, struct error *err)
{
	return container_state_lay_aside(path, bytes, err) && container_state_take(path, err);
}

bool container_state_save(const char *folder, const struct container_state *const *states,
			  size_t count, bool sync, struct error *err)
{
	auto_json_doc doc = json_doc_new();
	struct json *list = json_new_array(doc);
	auto_free char *path = memory_print("%s/state.json", folder);
	auto_buf text = BUF_INIT;

	for (size_t i = 0; i < count; i++)
		json_append(list, container_state_print(states[i], doc));
	json_print(list, &text);
	return sync ? file_replace(path, buf_str(&text), 0600, err)
		    : container_state_replace(path, buf_str(&text), err);
}

bool container_state_load(const char *folder, struct container_state **out, size_t *out_count,
			  struct error *err)
{
	AUTO(json_doc_free) struct json_doc *doc = NULL;
	auto_free char *path = memory_print("%s/state.json", folder);
	auto_buf text = BUF_INIT;
	auto_free struct container_state *states = NULL;
	size_t count = 0;

	*out = NULL;
	*out_count = 0;
	if (!file_read(path, STATE_BYTES_MAX, &text, err))
		return err->kind == ERROR_NOT_FOUND;
	/* Empty after a power cut: as if there were none. */
	if (text.len == 0)
		return true;
	if (!json_parse(buf_str(&text), &doc, NULL, err))
		return error_context(err, "%s", path);
	if (json_count(json_root(doc)) > CONTAINERS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "%s has too many containers", path);
	states = memory_zero((json_count(json_root(doc)) + 1) * sizeof(*states));
	for (struct json_iter it = json_iter(json_root(doc)); json_next(&it);)
		if (!container_state_parse(it.value, &states[count++], err))
			return error_context(err, "%s", path);
	*out = take_ptr(&states);
	*out_count = count;
	return true;
}
