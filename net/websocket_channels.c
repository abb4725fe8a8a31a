/*
 * websocket_channels.c - messages of a WebSocket and the streams of a mux, joined.
 */
#include "net/websocket_channels.h"

#include <assert.h>

#include "net/mux.h"

#define END_OF_CHANNEL 255
/* A message no longer than what clients read at once. */
#define MESSAGE_MAX 32768

struct websocket_channels {
	struct mux mux;
	struct websocket *ws; /* NULL: it has ended */
	struct websocket_channels_plan plan;
	bool inside; /* a message is being taken: freeing waits */
	bool closed; /* by its owner */
};

static struct websocket_channels *channels_of(const struct mux *mux)
{
	return CONTAINER_OF((struct mux *)(uintptr_t)mux, struct websocket_channels, mux);
}

/* --- what the streams want --- */

static void send_message(struct websocket_channels *it, uint32_t channel, struct str payload)
{
	auto_buf coded = BUF_INIT;

	if (!it->ws)
		return;
	if (it->plan.form == CHANNELS_NONE) {
		websocket_send(it->ws, payload, false);
	} else if (it->plan.form == CHANNELS_BASE64) {
		buf_add_byte(&coded, (char)('0' + channel));
		buf_add_base64(&coded, payload);
		websocket_send(it->ws, buf_str(&coded), true);
	} else {
		websocket_send_channel(it->ws, (unsigned char)channel, payload);
	}
}

static void send_data(struct mux *mux, uint32_t id, struct str bytes)
{
	while (bytes.len > 0) {
		size_t len = bytes.len < MESSAGE_MAX ? bytes.len : MESSAGE_MAX;

		send_message(channels_of(mux), id, str_from(bytes.at, len));
		bytes = str_from(bytes.at + len, bytes.len - len);
	}
}

/* Clients are told by the close frame alone.  Who has said all that there is on a channel does not
 * wait for an end that cannot come. */
static void send_end(struct mux *mux, uint32_t id)
{
	if (channels_of(mux)->plan.form != CHANNELS_BINARY_V5)
		mux_take_end(mux, id);
}

static size_t pending(const struct mux *mux)
{
	const struct websocket_channels *it = channels_of(mux);

	return it->ws ? websocket_pending(it->ws) : 0;
}

static void hold(struct mux *mux, bool held)
{
	struct websocket_channels *it = channels_of(mux);

	if (it->ws)
		websocket_pause(it->ws, held);
}

static const struct mux_ops mux_ops = {
	.send = send_data,
	.end = send_end,
	.drop = send_end,
	.pending = pending,
	.pause = hold,
};

/* --- the end --- */

static void channels_free(struct websocket_channels *it)
{
	struct error why;

	error_set(&why, ERROR_UNAVAILABLE, "the connection was closed");
	mux_down(&it->mux, &why);
	free(it);
}

void websocket_channels_close(struct websocket_channels *it)
{
	if (!it)
		return;
	assert(!it->closed);
	it->closed = true;
	if (it->ws)
		websocket_close(take_ptr(&it->ws), 1000, "");
	if (!it->inside)
		channels_free(it);
}

/* --- messages in --- */

static void take(struct websocket_channels *it, unsigned channel, struct str payload)
{
	if (channel == END_OF_CHANNEL && it->plan.form == CHANNELS_BINARY_V5) {
		for (size_t i = 0; i < payload.len; i++)
			mux_take_end(&it->mux, (unsigned char)payload.at[i]);
	} else {
		mux_take(&it->mux, channel, payload);
	}
}

static void on_message(void *owner, struct str message, bool is_text)
{
	struct websocket_channels *it = owner;
	auto_buf plain = BUF_INIT;
	unsigned channel;

	(void)is_text;
	if (it->plan.form == CHANNELS_NONE) {
		mux_take(&it->mux, 0, message);
		return;
	}
	if (message.len == 0)
		return;
	channel = (unsigned char)message.at[0];
	message = str_from(message.at + 1, message.len - 1);
	if (it->plan.form == CHANNELS_BASE64) {
		if (!buf_add_base64_decoded(&plain, message))
			return;
		channel -= '0';
		message = buf_str(&plain);
	}
	take(it, channel, message);
}

static void on_writable(void *owner)
{
	struct websocket_channels *it = owner;

	mux_writable(&it->mux);
}

static void on_closed(void *owner, int code)
{
	struct websocket_channels *it = owner;
	struct error why;

	error_set(&why, ERROR_UNAVAILABLE, "the client has left (%d)", code);
	it->inside = true;
	websocket_close(take_ptr(&it->ws), 1000, "");
	mux_down(&it->mux, &why);
	it->plan.on_closed(it->plan.owner);
	it->inside = false;
	if (it->closed)
		channels_free(it);
}

static const struct websocket_events ws_events = {
	.on_message = on_message,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

struct websocket_channels *websocket_channels_new(struct websocket *ws, struct loop *loop,
						  const struct websocket_channels_plan *plan)
{
	struct websocket_channels *it = memory_new(struct websocket_channels);

	assert(plan->on_closed);
	assert(plan->count > 0 && plan->count <= WEBSOCKET_CHANNELS_MAX);
	mux_init(&it->mux, loop, &mux_ops);
	it->ws = ws;
	it->plan = *plan;
	websocket_own(ws, &ws_events, it);
	return it;
}

struct stream *websocket_channels_stream(struct websocket_channels *it, unsigned channel)
{
	assert(channel < it->plan.count);
	return mux_add(&it->mux, channel);
}

void websocket_channels_greet(struct websocket_channels *it, unsigned channel)
{
	send_message(it, channel, STR(""));
}
