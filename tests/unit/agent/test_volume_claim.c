/*
 * test_volume_claim.c - from a pod's words to the folder of its volume; which folders are removed.
 */
#include "agent/volume_claim.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

#define CLAIM  "GET /api/v1/namespaces/shop/persistentvolumeclaims/data"
#define VOLUME "GET /api/v1/persistentvolumes/pvc-1"
#define SPEC   "'volumes':[{'name':'v','persistentVolumeClaim':{'claimName':'data'}}]"
#define OWN                                                                                        \
	"'volumes':[{'name':'v','ephemeral':{'volumeClaimTemplate':{'spec':{}}}}],'containers':[]"

struct scene {
	struct loop *loop;
	struct fixture_api api;
	struct json_doc *pod;
	struct sources *sources;
	struct volumes_work work;
	char *claim, *volume; /* the answers */
	bool done;
	struct error err;
};

static void scene_open(struct scene *scene, const char *spec)
{
	auto_free char *text = memory_print(
		"{'metadata':{'name':'web','namespace':'shop','uid':'u-1'},'spec':{%s}}", spec);
	struct error err;

	*scene = (struct scene){ .pod = fixture_json(text) };
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	fixture_api_open(&scene->api, scene->loop);
	scene->sources = fixture_sources(scene->api.client, json_root(scene->pod));
	scene->work = (struct volumes_work){ .folder = harness_folder(),
					     .pod = json_root(scene->pod),
					     .sources = scene->sources };
}

static void scene_close(struct scene *scene)
{
	sources_free(scene->sources);
	fixture_api_close(&scene->api);
	loop_close(scene->loop);
	json_doc_free(scene->pod);
	free(scene->claim);
	free(scene->volume);
}

static void on_done(void *of, const struct error *err)
{
	struct scene *scene = of;

	scene->done = true;
	scene->err = err ? *err : (struct error){ 0 };
}

static void fetch(struct scene *scene)
{
	scene->done = false;
	sources_fetch(scene->sources, on_done, scene);
	fixture_until(scene->loop, &scene->done);
}

static const struct json *volume_of(const struct scene *scene)
{
	return json_at(json_path(json_root(scene->pod), "spec", "volumes", NULL), 0);
}

static void answer(struct scene *scene, const char *phase, const char *folder)
{
	free(scene->claim);
	free(scene->volume);
	scene->claim = memory_print(
		"{'kind':'PersistentVolumeClaim','metadata':{'name':'data','namespace':'shop',"
		"'uid':'c-1'},'spec':{'volumeName':'pvc-1'},'status':{'phase':'%s'}}",
		phase);
	scene->volume = memory_print(
		"{'kind':'PersistentVolume','metadata':{'name':'pvc-1','annotations':{"
		"'pv.kubernetes.io/provisioned-by':'rancher.io/local-path'}},'spec':{'local':{"
		"'path':'%s'},'claimRef':{'uid':'c-1'}}}",
		folder);
	fixture_api_answer(&scene->api, CLAIM, scene->claim);
	fixture_api_answer(&scene->api, "GET /api/v1/namespaces/shop/persistentvolumeclaims/web-v",
			   scene->claim);
	fixture_api_answer(&scene->api, VOLUME, scene->volume);
}

/* Goal: nothing before the claim is bound; then claim and volume, each asked for once and kept. */
static void bound_claims(void)
{
	struct scene scene;
	const struct json *persistent;
	struct error err;

	scene_open(&scene, SPEC);
	answer(&scene, "Pending", "/x/pvc-1_shop_data");
	fetch(&scene);
	CHECK_STR(
		scene.err.text,
		"Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], "
		"failed to process volumes=[v]: error processing PVC shop/data: PVC is not bound");
	CHECK(!sources_complete(scene.sources));
	CHECK(!volume_claim_find(&scene.work, volume_of(&scene), &persistent, &err));
	CHECK_STR(err.text, "PVC data is not bound");
	answer(&scene, "Bound", "/x/pvc-1_shop_data");
	fetch(&scene);
	CHECK_STR(scene.err.text, "");
	CHECK(sources_complete(scene.sources));
	CHECK_INT(scene.api.calls, 3);
	fetch(&scene);
	CHECK_INT(scene.api.calls, 3);
	CHECK_OK(volume_claim_find(&scene.work, volume_of(&scene), &persistent, &err), &err);
	CHECK(str_is(volume_claim_place(persistent), "/x/pvc-1_shop_data"));
	scene_close(&scene);
	/* Without a server, after a restart. */
	scene_open(&scene, SPEC);
	scene.api.down = true;
	CHECK(sources_complete(scene.sources));
	CHECK_OK(volume_claim_find(&scene.work, volume_of(&scene), &persistent, &err), &err);
	scene_close(&scene);
}

static void claims_of_their_own(void)
{
	struct scene scene;
	const struct json *persistent;
	struct error err;

	scene_open(&scene, OWN);
	answer(&scene, "Bound", "/x/pvc-1_shop_data");
	fetch(&scene);
	CHECK(!volume_claim_find(&scene.work, volume_of(&scene), &persistent, &err));
	CHECK_STR(err.text, "PVC shop/data was not created for pod shop/web (pod is not owner)");
	scene_close(&scene);
}

static bool prepare(const char *path, bool provisioned, struct error *err)
{
	auto_free char *text = memory_print(
		"{'metadata':{'annotations':{'pv.kubernetes.io/provisioned-by':'%s'}},'spec':{"
		"'local':{'path':'%s'}}}",
		provisioned ? "rancher.io/local-path" : "somebody", path);
	auto_json_doc doc = fixture_json(text);

	return volume_claim_prepare(json_root(doc), err);
}

/* Goal: promised folders are made, open for all; others have to be there; what was there keeps its
 * mode. */
static void folders(void)
{
	auto_free char *made = fixture_path("storage/deep/pvc-1_a_b");
	auto_free char *other = fixture_path("hand");
	auto_free char *link = fixture_path("storage/deep/pvc-2_a_b");
	struct stat st;
	struct error err;

	CHECK_OK(prepare(made, true, &err), &err);
	CHECK_INT(stat(made, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0777);
	CHECK_INT(chmod(made, 0700), 0);
	CHECK_OK(prepare(made, true, &err), &err);
	CHECK_INT(stat(made, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0700);
	CHECK(!prepare(other, false, &err));
	CHECK_INT(mkdir(other, 0755), 0);
	CHECK_OK(prepare(other, false, &err), &err);
	CHECK(!prepare(other, true, &err)); /* its name is none of ours */
	CHECK_INT(symlink(other, link), 0);
	CHECK(!prepare(link, true, &err));
}

/* Goal: only folders with our names go, and nothing that a link in them points at. */
static void removals(void)
{
	static const char *const refused[] = {
		"/",          "/etc",      "pvc-1",     "/pvc-1",      "/a/../pvc-1",
		"/a/./pvc-1", "/a//pvc-1", "/a/pvc-1/", "/a/pvc-1/..", "",
	};
	auto_free char *made = fixture_path("s/pvc-1_a_b");
	auto_free char *inside = fixture_path("s/pvc-1_a_b/link");
	auto_free char *precious = fixture_path("precious");
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
		CHECK(!volume_claim_remove(refused[i], &err));
		CHECK_INT(err.kind, ERROR_INVALID);
	}
	CHECK_OK(prepare(made, true, &err), &err);
	fixture_write(precious, "x");
	CHECK_INT(symlink(harness_folder(), inside), 0);
	CHECK_OK(volume_claim_remove(made, &err), &err);
	CHECK(!file_exists(made));
	CHECK(file_exists(precious));
	CHECK_OK(volume_claim_remove(made, &err), &err);
}

static const struct test tests[] = {
	{ "bound claims", bound_claims },
	{ "claims of their own", claims_of_their_own },
	{ "folders", folders },
	{ "removals", removals },
};
TEST_MAIN(tests)
