/*
 * validate_service.h - specs of services, with the paths and words of the real server.
 */
#ifndef API_VALIDATE_SERVICE_H
#define API_VALIDATE_SERVICE_H

#include "api/kind.h"

void service_spec(const struct kind_work *work);
/* What may change of addresses and families (validate_service_update.c). */
void service_update(const struct kind_work *work);
void service_status(const struct kind_work *work);

bool service_is_type(const struct json *spec, const char *type);
bool service_is_headless(const struct json *spec);
/* Do clients reach it from outside the cluster? */
bool service_is_external(const struct json *spec);
/* Does a load balancer ask its nodes whether they have pods of it? */
bool service_needs_health_port(const struct json *spec);

#endif
