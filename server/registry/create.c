/*
 * create.c - POST to a collection: names, namespaces, then the change loop.
 */
#include <assert.h>

#include "api/face.h"
#include "base/random.h"
#include "server/registry/body.h"
#include "server/registry/change.h"
#include "server/registry/registry_inside.h"

#define GENERATE_BASE_MAX 58 /* + 5 random characters = a label */
#define GENERATE_TRIES    8

struct creating {
	struct json_doc
		*wish; /* freed by the end of the request; NULL once it has become the object */
	struct changing *change;
	struct str generate;
	int tries;
};

/* Who generates names may need the wish again. */
static struct json_doc *copy_or_take(struct creating *creating)
{
	struct json_doc *doc;

	if (creating->generate.len == 0)
		return take_ptr(&creating->wish);
	doc = json_doc_new();
	json_set_root(doc, json_clone(doc, json_root(creating->wish)));
	return doc;
}

static bool make_from_wish(struct changing *change, const struct object *old,
			   struct json_doc **out_doc, struct error *err)
{
	struct request *req = change->of;
	struct creating *creating = req->work;
	struct json_doc *doc = copy_or_take(creating);

	(void)old;
	(void)err;
	face_to_kept(change->face, doc);
	*out_doc = doc;
	return true;
}

static void generate_name(struct creating *creating, struct request *req)
{
	char suffix[6];
	struct str base = creating->generate;

	if (base.len > GENERATE_BASE_MAX)
		base.len = GENERATE_BASE_MAX;
	random_suffix(suffix, 5);
	req->name = str_of(arena_print(req->arena, STR_FMT "%s", STR_ARG(base), suffix));
	creating->change->name = req->name;
}

static void on_created(struct changing *change, const struct object *result,
		       const struct error *err)
{
	struct request *req = change->of;
	struct creating *creating = req->work;
	struct error worded;

	if (err && err->kind == ERROR_EXISTS && creating->generate.len > 0) {
		if (++creating->tries < GENERATE_TRIES) {
			generate_name(creating, req);
			change_run(change);
			return;
		}
		error_set(&worded, ERROR_EXISTS,
			  "%s, the server was not able to generate a unique name for the object",
			  err->text);
		err = &worded;
	}
	json_doc_free(creating->wish);
	change_reply(change, result, err);
}

/* The namespace of the body, if any, must be the URL's. */
static bool check_namespace(struct request *req, struct json *root, struct error *err)
{
	struct str said = meta_str(root, "namespace");

	if (!req->kind->namespaced || said.len == 0 || str_equal(said, req->namespace))
		return true;
	return error_set(err, ERROR_BAD_REQUEST,
			 "the namespace of the provided object does not match the namespace sent "
			 "on the request");
}

static bool take_name(struct request *req, struct creating *creating, struct error *err)
{
	struct json *root = json_root(creating->wish);
	struct str name = meta_str(root, "name"), generate = meta_str(root, "generateName");

	if (!check_namespace(req, root, err))
		return false;
	if (meta_str(root, "resourceVersion").len > 0)
		return error_set(err, ERROR_PLAIN,
				 "resourceVersion should not be set on objects to be created");
	if (name.len > 0) {
		req->name = str_of(str_copy_arena(name, req->arena));
		creating->change->name = req->name;
		return true;
	}
	if (generate.len == 0) {
		/* The rules of metadata say so, with all else that is wrong. */
		creating->change->name = STR("");
		return true;
	}
	creating->generate = str_of(str_copy_arena(generate, req->arena));
	generate_name(creating, req);
	return true;
}

enum step create_pass(struct request *req, struct error *err)
{
	struct body_wish wish = body_wish_of(req->kind, req->arena);
	struct creating *creating = arena_zero(req->arena, sizeof(*creating));

	if (req->kind->namespaced && req->namespace.len == 0) {
		error_set(err, ERROR_METHOD,
			  "the server does not allow this method on the requested resource");
		return STEP_FAIL;
	}
	if (!body_read(req, &wish, &creating->wish, err))
		return STEP_FAIL;
	req->work = creating;
	creating->change = change_of_request(req, CHANGE_CREATE);
	creating->change->make = make_from_wish;
	creating->change->on_done = on_created;
	if (!take_name(req, creating, err)) {
		json_doc_free(creating->wish);
		return STEP_FAIL;
	}
	change_run(creating->change);
	return STEP_DONE;
}
