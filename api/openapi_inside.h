/*
 * openapi_inside.h - what the files of the OpenAPI generator share.
 *
 * Nobody but api/openapi*.c includes this.
 */
#ifndef API_OPENAPI_INSIDE_H
#define API_OPENAPI_INSIDE_H

#include "api/discovery.h"
#include "api/field.h"
#include "api/kind.h"
#include "base/map.h"

#define META "io.k8s.apimachinery.pkg.apis.meta.v1."

/* One document in the making. */
struct openapi {
	struct json_doc *doc;
	bool v3;            /* else Swagger 2 */
	struct map *wanted; /* name of a schema -> struct type, or NULL for a form of its own */
};

void openapi_put(struct openapi *api, struct json *to, const char *key, const char *text);
/* {"$ref": "#/.../NAME"}; the schema NAME comes into the document. */
struct json *openapi_ref(struct openapi *api, const struct type *type);
const struct type *openapi_patch_type(void); /* the body of PATCH */
/* All schemas that are wanted, and those that they want. */
void openapi_add_schemas(struct openapi *api, struct json *schemas);
/* {"group", "kind", "version"} */
struct json *openapi_gvk(struct openapi *api, const char *group, const char *version,
			 const char *kind);

/* Paths of one group-version; of the kinds that are only posted, too. */
void openapi_add_paths(struct openapi *api, const struct discovery_group *group,
		       struct json *paths);
/* Paths that discovery answers: `path` gives the type `answer`. */
void openapi_add_discovery(struct openapi *api, struct json *paths, const char *path,
			   const char *tag, const char *answer);
/* The type of a kind by its names; NULL when the tables have none. */
const struct type *openapi_type_of(const char *group, const char *version, const char *kind);

#endif
