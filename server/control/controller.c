/*
 * controller.c - controllers that keep nothing but one queue.
 */
#include "server/control/controller.h"

void *controller_start(struct control *control, void (*on_pass)(void *own, struct str key))
{
	struct controller *self = memory_new(struct controller);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	return self;
}

void controller_stop(void *own)
{
	struct controller *self = own;

	queue_free(self->queue);
	free(self);
}

void controller_on_end(struct batch *batch)
{
	struct controller *self = batch->owner;

	batch_end_pass(batch, self->queue, NULL);
}
