/*
 * openapi_paths.h - parameters of operations; inside of the OpenAPI generator.
 */
#ifndef API_OPENAPI_PATHS_H
#define API_OPENAPI_PATHS_H

#include "api/openapi_inside.h"

/* What an operation does, for choosing its parameters. */
enum {
	OPENAPI_GET = 1,
	OPENAPI_LIST = 2,
	OPENAPI_WATCH = 4,
	OPENAPI_CREATE = 8,
	OPENAPI_UPDATE = 16,
	OPENAPI_PATCH = 32,
	OPENAPI_DELETE = 64,
	OPENAPI_DELETE_MANY = 128,
	OPENAPI_LOG = 256,
	OPENAPI_EXEC = 512,
	OPENAPI_ATTACH = 1024,
	OPENAPI_FORWARD = 2048,
	OPENAPI_PROXY = 4096,
};

/* One parameter more; `in` is "path" or "query". */
void openapi_add_parameter(struct openapi *api, struct json *list, const char *in, const char *name,
			   const char *type, const char *help);
/* Those of the table that have one of the uses, into operation.parameters. */
void openapi_add_parameters(struct openapi *api, struct json *operation, unsigned uses);

#endif
