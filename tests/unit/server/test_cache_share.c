/*
 * test_cache_share.c - caches in the process that serves the API.
 *
 * Goal: such a cache has the very object that the store has, in every state of it, and a copy where
 * the store has it in another version.  Method: a whole server, and caches beside those of its
 * controllers.
 */
#include "client/cache.h"
#include "server/registry/registry.h"
#include "server/server.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define MAPS    "/api/v1/namespaces/default/configmaps"
#define SCALERS "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"

static void on_change(void *owner, const struct object *before, const struct object *after)
{
	(void)owner;
	(void)before;
	(void)after;
}

static const struct cache_events events = { .on_change = on_change };

static const struct object *find_kept(void *of, const struct kind *kind, struct str namespace,
				      struct str name)
{
	return registry_find(of, kind, namespace, name);
}

struct look {
	const struct cache *cache;
	const struct kind *kind;
	struct str name;
};

static const struct object *cached(const struct look *look)
{
	return cache_find(look->cache, STR("default"), look->name);
}

static const struct object *kept(const struct look *look)
{
	return registry_find(server_registry(cluster_server()), look->kind, STR("default"),
			     look->name);
}

/* The cache has heard of the newest state, be it none. */
static bool has_heard(const void *of)
{
	const struct object *here = cached(of), *there = kept(of);

	return cache_is_synced(((const struct look *)of)->cache) && !here == !there &&
	       (!here || object_revision(here) == object_revision(there));
}

static struct cache *start(struct client *client, const struct kind *kind)
{
	struct cache *cache = cache_start(client, kind, NULL, &events, NULL);

	cache_share(cache, find_kept, server_registry(cluster_server()));
	return cache;
}

static void expect_shared(const struct look *look)
{
	CHECK(cluster_await(has_heard, look));
	CHECK(cached(look) != NULL);
	CHECK(cached(look) == kept(look));
}

static void has_what_the_store_has(void)
{
	const struct kind *kind = kind_find_name(STR("v1"), STR("ConfigMap"));
	struct client *client;
	struct cache *cache;
	struct look look;

	cluster_start(NULL);
	client = client_new(cluster_loop(),
			    server_local_client(cluster_server(), "system:apiserver"));
	cluster_create(MAPS, "{\"metadata\":{\"name\":\"listed\"},\"data\":{\"a\":\"1\"}}");
	cache = start(client, kind);
	look = (struct look){ cache, kind, STR("listed") };
	expect_shared(&look);
	cluster_patch(MAPS "/listed", "{\"data\":{\"a\":\"2\"}}");
	expect_shared(&look);
	cluster_create(MAPS, "{\"metadata\":{\"name\":\"told\"}}");
	look.name = STR("told");
	expect_shared(&look);
	cluster_delete(MAPS "/told");
	CHECK(cluster_await(has_heard, &look));
	CHECK(!cached(&look));
	cache_rest(cache);
	client_free(client);
	cache_stop(cache);
	cluster_stop();
}

/* Who asks for autoscaling/v1 is not given what is kept as autoscaling/v2. */
static void has_its_own_version(void)
{
	const struct kind *kind =
		kind_find_name(STR("autoscaling/v1"), STR("HorizontalPodAutoscaler"));
	struct client *client;
	struct cache *cache;
	struct look look;

	cluster_start(NULL);
	client = client_new(cluster_loop(),
			    server_local_client(cluster_server(), "system:apiserver"));
	cluster_create(SCALERS, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"maxReplicas\":3,"
				"\"scaleTargetRef\":{\"apiVersion\":\"apps/v1\",\"kind\":"
				"\"Deployment\",\"name\":\"none\"}}}");
	cache = start(client, kind);
	look = (struct look){ cache, kind, STR("a") };
	CHECK(cluster_await(has_heard, &look));
	CHECK(cached(&look) != NULL);
	CHECK(str_is(object_api_version(cached(&look)), "autoscaling/v1"));
	cache_rest(cache);
	client_free(client);
	cache_stop(cache);
	cluster_stop();
}

static const struct test tests[] = {
	{ "has what the store has", has_what_the_store_has },
	{ "has its own version", has_its_own_version },
};
TEST_MAIN(tests)
