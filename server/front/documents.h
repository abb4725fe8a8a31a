/*
 * documents.h - discovery and OpenAPI: documents that are the same for everybody.
 *
 * Discovery is printed at the first request and kept (some 40 KiB in all) until another API server
 * has something else (server/aggregate/remote_book.h); OpenAPI documents are constant bytes of the
 * binary (server/front/openapi_pack.h).
 */
#ifndef SERVER_FRONT_DOCUMENTS_H
#define SERVER_FRONT_DOCUMENTS_H

#include "server/road.h"

enum step documents_api_pass(struct request *req, struct error *err);     /* /api...  */
enum step documents_apis_pass(struct request *req, struct error *err);    /* /apis... */
enum step documents_swagger_pass(struct request *req, struct error *err); /* /openapi/v2 */
enum step documents_openapi_pass(struct request *req, struct error *err); /* /openapi/v3... */

#endif
