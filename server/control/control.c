/*
 * control.c - starts and stops the controllers.
 */
#include "server/control/control.h"

#include "base/memory.h"

struct control {
	struct server *server;
};

struct control *control_start(struct server *server)
{
	struct control *control = memory_new(struct control);

	control->server = server;
	return control;
}

void control_stop(struct control *control)
{
	free(control);
}
