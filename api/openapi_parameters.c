/*
 * openapi_parameters.c - one table of the parameters of all operations.
 */
#include "api/openapi_paths.h"

enum { STRING, INTEGER, BOOLEAN };

#define LISTS   (OPENAPI_LIST | OPENAPI_WATCH | OPENAPI_DELETE_MANY)
#define WRITES  (OPENAPI_CREATE | OPENAPI_UPDATE | OPENAPI_PATCH)
#define DELETES (OPENAPI_DELETE | OPENAPI_DELETE_MANY)
#define STREAMS (OPENAPI_EXEC | OPENAPI_ATTACH)

static const struct {
	const char *name;
	int type;
	unsigned uses;
	const char *help;
} rows[] = {
	{ "allowWatchBookmarks", BOOLEAN, OPENAPI_LIST | OPENAPI_WATCH,
	  "Events of type BOOKMARK may come, too." },
	{ "command", STRING, OPENAPI_EXEC, "The program and its arguments; once for each." },
	{ "container", STRING, STREAMS | OPENAPI_LOG,
	  "Name of the container; the only one when absent." },
	{ "continue", STRING, LISTS, "Where the next page begins: from the page before." },
	{ "dryRun", STRING, WRITES | DELETES, "All: everything is checked, nothing is kept." },
	{ "fieldManager", STRING, WRITES, "Who sets the fields; at most 128 characters." },
	{ "fieldSelector", STRING, LISTS, "Only objects with these values of fields." },
	{ "fieldValidation", STRING, WRITES,
	  "What is done about unknown and duplicate fields: Ignore, Warn (default) or Strict." },
	{ "follow", BOOLEAN, OPENAPI_LOG, "Go on as the log grows." },
	{ "force", BOOLEAN, OPENAPI_PATCH, "Apply: take fields from other managers." },
	{ "gracePeriodSeconds", INTEGER, DELETES, "Time to end in order; 0 is at once." },
	{ "ignoreStoreReadErrorWithClusterBreakingPotential", BOOLEAN, DELETES,
	  "Delete what cannot be read any more." },
	{ "insecureSkipTLSVerifyBackend", BOOLEAN, OPENAPI_LOG,
	  "Do not check the node's certificate." },
	{ "labelSelector", STRING, LISTS, "Only objects with these labels." },
	{ "limit", INTEGER, LISTS, "Size of a page." },
	{ "limitBytes", INTEGER, OPENAPI_LOG, "End after so many bytes." },
	{ "orphanDependents", BOOLEAN, DELETES, "Old form of propagationPolicy." },
	{ "path", STRING, OPENAPI_PROXY, "Path behind the proxy." },
	{ "ports", INTEGER, OPENAPI_FORWARD, "Ports of the pod; once for each." },
	{ "previous", BOOLEAN, OPENAPI_LOG, "The container that ran before." },
	{ "propagationPolicy", STRING, DELETES, "Orphan, Background or Foreground." },
	{ "resourceVersion", STRING, LISTS, "Revision it must be at least as new as." },
	{ "resourceVersionMatch", STRING, LISTS, "NotOlderThan or Exact." },
	{ "sendInitialEvents", BOOLEAN, LISTS, "A watch begins with what there is." },
	{ "sinceSeconds", INTEGER, OPENAPI_LOG, "Only lines of the last seconds." },
	{ "sinceTime", STRING, OPENAPI_LOG, "Only lines since then, RFC 3339." },
	{ "stderr", BOOLEAN, STREAMS, "Connect standard error." },
	{ "stdin", BOOLEAN, STREAMS, "Connect standard input." },
	{ "stdout", BOOLEAN, STREAMS, "Connect standard output." },
	{ "stream", STRING, OPENAPI_LOG, "All, Stdout or Stderr." },
	{ "tailLines", INTEGER, OPENAPI_LOG, "Only so many lines of the end." },
	{ "timeoutSeconds", INTEGER, LISTS, "The call ends after this time." },
	{ "timestamps", BOOLEAN, OPENAPI_LOG, "Each line begins with its time." },
	{ "tty", BOOLEAN, STREAMS, "With a terminal." },
	{ "watch", BOOLEAN, OPENAPI_LIST | OPENAPI_WATCH,
	  "Changes as they come, instead of a list." },
};

void openapi_add_parameter(struct openapi *api, struct json *list, const char *in, const char *name,
			   const char *type, const char *help)
{
	struct json_doc *doc = api->doc;
	struct json *parameter = json_new_object(doc), *at = parameter;

	if (api->v3)
		at = json_new_object(doc);
	openapi_put(api, at, "type", type);
	json_put(doc, at, "uniqueItems", json_new_bool(doc, true));
	openapi_put(api, parameter, "description", help);
	openapi_put(api, parameter, "in", in);
	openapi_put(api, parameter, "name", name);
	if (strcmp(in, "path") == 0)
		json_put(doc, parameter, "required", json_new_bool(doc, true));
	if (api->v3)
		json_put(doc, parameter, "schema", at);
	json_append(list, parameter);
}

void openapi_add_parameters(struct openapi *api, struct json *operation, unsigned uses)
{
	static const char *const types[] = { "string", "integer", "boolean" };

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (rows[i].uses & uses)
			openapi_add_parameter(
				api, json_sub_array(api->doc, operation, "parameters"), "query",
				rows[i].name, types[rows[i].type], rows[i].help);
}
