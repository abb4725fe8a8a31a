/*
 * validate_flow.h - what the kinds of flowcontrol share: the objects that every cluster has and
 * nobody may change.
 */
#ifndef API_VALIDATE_FLOW_H
#define API_VALIDATE_FLOW_H

#include "api/kind.h"

#define FLOW_GROUP "flowcontrol.apiserver.k8s.io"

#endif
