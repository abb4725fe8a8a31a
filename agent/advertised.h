/*
 * advertised.h - further resources of a node that somebody else wrote into the capacity of its
 * object.
 *
 * "kubectl patch node n1 --subresource=status" is how an administrator tells of things that no
 * program of the node knows ("example.com/dongle": 4).  The node offers to pods what the capacity
 * says, and nothing more of what has gone from there.  No state, any thread.
 */
#ifndef AGENT_ADVERTISED_H
#define AGENT_ADVERTISED_H

#include "agent/node_object.h"
#include "base/json.h"

/*
 * What the status has to say in "allocatable" for such resources: an object, name -> amount or null
 * (it goes).  Those of `own` are the node's own matter.  `*out_news`: the object says something
 * else yet.
 */
struct json_doc *advertised_find(const struct json *node, const struct node_resources *own,
				 bool *out_news);
/* Of a name that advertised_find says something about: is it a device of this node that it has no
 * longer (its name says whose it is), so that it goes from the capacity, too? */
bool advertised_is_gone(struct str name);

#endif
