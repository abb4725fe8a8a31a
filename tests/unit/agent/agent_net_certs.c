/*
 * agent_net_certs.c - the net room's test helper, linked into this room's tests too.
 */
#include "tests/unit/net/certs.c"
