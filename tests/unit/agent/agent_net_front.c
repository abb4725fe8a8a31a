/*
 * agent_net_front.c - the net room's test helper, linked into this room's tests too.
 */
#include "tests/unit/net/web_front.c"
