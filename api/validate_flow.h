/*
 * validate_flow.h - what the kinds of flowcontrol share.
 */
#ifndef API_VALIDATE_FLOW_H
#define API_VALIDATE_FLOW_H

#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

#define FLOW_GROUP "flowcontrol.apiserver.k8s.io"

/* status.conditions: each has a type, and each type is there once. */
void flow_check_conditions(const struct kind_work *work);
void flow_on_create(const struct kind_work *work);
void flow_warn(const struct kind_work *work);

#endif
