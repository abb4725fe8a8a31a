/*
 * fifo.h - bytes in at the end, out at the front; takes no memory while empty for long.
 *
 * Owner: whoever embeds it; one thread.  All zero is an empty fifo.
 */
#ifndef NET_FIFO_H
#define NET_FIFO_H

#include "base/text.h"

struct fifo {
	char *at;
	size_t start; /* first byte that is still in */
	size_t end;   /* behind the last one         */
	size_t room;
};

static inline size_t fifo_len(const struct fifo *fifo)
{
	return fifo->end - fifo->start;
}
static inline struct str fifo_front(const struct fifo *fifo)
{
	return str_from(fifo->at ? fifo->at + fifo->start : "", fifo->end - fifo->start);
}
void fifo_add(struct fifo *fifo, struct str bytes);
void fifo_drop(struct fifo *fifo, size_t count);            /* count <= fifo_len */
size_t fifo_take(struct fifo *fifo, void *to, size_t room); /* copies out at most room bytes */
void fifo_clear(struct fifo *fifo);                         /* empty, frees */

#endif
