/*
 * registry_inside.h - what the files of the registry share; nobody outside includes it.
 */
#ifndef SERVER_REGISTRY_REGISTRY_INSIDE_H
#define SERVER_REGISTRY_REGISTRY_INSIDE_H

#include "api/selector.h"
#include "server/front/reply.h"
#include "server/registry/registry.h"
#include "server/server.h"

struct hub;       /* watch_hub.c */
struct addresses; /* service_address.c */
struct sealing;   /* sealing.c */
struct quota_book;
struct event_age;

struct registry {
	struct loop *loop;
	struct server *server; /* or NULL */
	struct datastore *store;
	struct hub *hub;
	struct addresses *addresses;
	struct sealing *sealing;
	struct quota_book *quotas;
	struct event_age *event_age;
};

static inline struct registry *registry_of(struct request *req)
{
	return server_registry(req->server);
}

/* --- fetch.c --- */
enum step fetch_get(struct request *req, struct error *err);
enum step fetch_list(struct request *req, struct error *err);
/* --- watch_hub.c --- */
struct hub *hub_new(struct registry *registry);
void hub_free(struct hub *hub);
size_t hub_count(const struct hub *hub);
void hub_stop(struct hub *hub);
enum step hub_watch(struct request *req, struct error *err);
/* --- create.c, update.c, removal.c, subresource.c --- */
enum step create_pass(struct request *req, struct error *err);
enum step update_pass(struct request *req, struct error *err);
enum step patch_pass(struct request *req, struct error *err);
enum step removal_pass(struct request *req, struct error *err);
enum step removal_collection_pass(struct request *req, struct error *err);
/* Are name and namespace of an object in a body those of the URL?  Else ERROR_BAD_REQUEST. */
MUST_CHECK bool update_check_names(const struct request *req, const struct json *root,
				   struct error *err);
/* The DELETE behind an eviction: answers a Status (201). */
enum step removal_evict(struct request *req, struct error *err);
/* The subresources that are not a plain change of the parent; false when it is not one of these. */
bool subresource_pass(struct request *req, enum step *out, struct error *err);

/* Selectors of a request; either may be empty.  Freed by the caller. */
struct filter {
	struct selector *labels, *fields;
};
MUST_CHECK bool filter_parse(struct request *req, struct filter *out, struct error *err);
void filter_clear(struct filter *filter);
bool filter_match(const struct filter *filter, const struct object *object);
/* The prefix of the keys that can match: of the collection, or of the one name that is asked for.
 */
void filter_prefix(struct request *req, const struct filter *filter, struct buf *out);
/* STEP_NEXT, or STEP_DONE after the refusal of a combination of read options (reading.h). */
enum step reading_refuse(struct request *req, bool watch);

#endif
