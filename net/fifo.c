/*
 * fifo.c - a flat buffer whose front moves; moved back together only when the end has no room.
 */
#include "net/fifo.h"

#include <assert.h>
#include <string.h>

/* An empty fifo keeps no more than this. */
#define KEEP 4096u

void fifo_add(struct fifo *fifo, struct str bytes)
{
	size_t len = fifo_len(fifo);

	if (bytes.len == 0)
		return;
	assert(bytes.at);
	if (fifo->room - fifo->end < bytes.len) {
		size_t need = len + bytes.len;

		if (fifo->start > 0) {
			memmove(fifo->at, fifo->at + fifo->start, len);
			fifo->start = 0;
			fifo->end = len;
		}
		/* Half of it free after growing, so that moving stays rare. */
		if (fifo->room < need) {
			size_t room = need < 512 ? 512 : need + need / 2;

			fifo->at = memory_grow(fifo->at, room);
			fifo->room = room;
		}
	}
	memcpy(fifo->at + fifo->end, bytes.at, bytes.len);
	fifo->end += bytes.len;
	assert(fifo->end <= fifo->room);
}

void fifo_drop(struct fifo *fifo, size_t count)
{
	assert(count <= fifo_len(fifo));
	fifo->start += count;
	if (fifo->start < fifo->end)
		return;
	if (fifo->room > KEEP)
		fifo_clear(fifo);
	fifo->start = 0;
	fifo->end = 0;
}

size_t fifo_take(struct fifo *fifo, void *to, size_t room)
{
	size_t count = fifo_len(fifo) < room ? fifo_len(fifo) : room;

	if (count > 0)
		memcpy(to, fifo->at + fifo->start, count);
	fifo_drop(fifo, count);
	return count;
}

void fifo_clear(struct fifo *fifo)
{
	free(fifo->at);
	*fifo = (struct fifo){ NULL, 0, 0, 0 };
}
