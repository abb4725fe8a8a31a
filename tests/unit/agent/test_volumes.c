/*
 * test_volumes.c - each type of volume on a real file system: what is made, refused, kept.
 */
#include "agent/volumes.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

static const struct downward_facts facts = { .node_ip = "192.0.2.1", .pod_ip = "10.1.0.5" };

/* Of a pod with one volume "v"; `more` goes into the spec. */
struct scene {
	struct json_doc *pod;
	struct sources *sources;
	struct volumes_work work;
};

/* Of the pods of the scenes. */
static uint32_t users;
#define USERS (3u * 65536)

static void scene_open(struct scene *scene, const char *volume, const char *more)
{
	if (strstr(volume, "'secret") || strstr(volume, "'projected"))
		harness_own_mounts();
	auto_free char *text = memory_print(
		"{'metadata':{'name':'web','namespace':'shop','labels':{'app':'x'}},'spec':{"
		"'serviceAccountName':'sa',"
		"'volumes':[{'name':'v',%s}],'containers':[{'name':'main'}]%s}}",
		volume, more);

	scene->pod = fixture_json(text);
	scene->sources = fixture_sources(NULL, json_root(scene->pod));
	scene->work = (struct volumes_work){ .folder = harness_folder(),
					     .pod = json_root(scene->pod),
					     .sources = scene->sources,
					     .facts = &facts,
					     .user_base = users };
}

static void scene_close(struct scene *scene)
{
	sources_free(scene->sources);
	json_doc_free(scene->pod);
}

static void prepare_with(const char *volume, const char *more)
{
	struct scene scene;
	struct error err;

	scene_open(&scene, volume, more);
	CHECK_OK(volumes_prepare(&scene.work, &err), &err);
	scene_close(&scene);
}

static void prepare(const char *volume)
{
	prepare_with(volume, "");
}

/* The test's folder is in the words where %s is. */
static void check_refused(const char *volume, const char *want)
{
	struct scene scene;
	struct error err;

	scene_open(&scene, volume, "");
	CHECK(!volumes_prepare(&scene.work, &err));
	CHECK_STR(err.text, want);
	scene_close(&scene);
}

static void check_file(const char *name, const char *want)
{
	auto_free char *below = memory_print("volumes/v/%s", name);
	auto_free char *path = fixture_path(below);
	auto_free char *text = fixture_read(path);

	CHECK_STR(text, want);
}

static struct stat stat_of(const char *name)
{
	auto_free char *path = fixture_path(name);
	struct stat st = { 0 };

	CHECK(stat(path, &st) == 0);
	return st;
}

static unsigned mode_of(const char *name)
{
	return stat_of(name).st_mode & 07777;
}

/* --- emptyDir --- */

static void empty_folders_are_for_all(void)
{
	auto_free char *file = fixture_path("volumes/v/kept");

	prepare("'emptyDir':{}");
	CHECK_INT(mode_of("volumes/v"), 0777);
	fixture_write(file, "pod's");
	CHECK(chmod(file, 0600) == 0);
	prepare("'emptyDir':{}");
	check_file("kept", "pod's");
}

/* What the pod made of its folder is left as it is; what a kill left is completed. */
static void empty_folders_keep_their_mode(void)
{
	auto_free char *path = fixture_path("volumes/v");

	prepare("'emptyDir':{}");
	CHECK(chmod(path, 0700) == 0);
	prepare("'emptyDir':{}");
	CHECK_INT(mode_of("volumes/v"), 0700);
	CHECK(chmod(path, 01000) == 0);
	prepare("'emptyDir':{}");
	CHECK_INT(mode_of("volumes/v"), 0777);
}

static void a_group_owns_empty_folders(void)
{
	if (geteuid() != 0)
		harness_skip("needs root");
	prepare_with("'emptyDir':{}", ",'securityContext':{'fsGroup':4242}");
	CHECK_INT(mode_of("volumes/v"), 02777);
	CHECK_INT(stat_of("volumes/v").st_gid, 4242);
}

static void memory_is_mounted_once(void)
{
	auto_free char *path = fixture_path("volumes/v");

	harness_own_mounts();
	prepare("'emptyDir':{'medium':'Memory','sizeLimit':'64Ki'}");
	prepare("'emptyDir':{'medium':'Memory','sizeLimit':'64Ki'}");
	CHECK(stat_of("volumes/v").st_dev != stat_of("volumes").st_dev);
	CHECK_INT(mode_of("volumes/v"), 0777);
	volumes_release(harness_folder());
	CHECK(stat_of("volumes/v").st_dev == stat_of("volumes").st_dev);
	volumes_release(harness_folder()); /* again is harmless */
	prepare("'emptyDir':{'medium':'Memory'}");
	CHECK(stat_of("volumes/v").st_dev != stat_of("volumes").st_dev);
	CHECK(umount2(path, MNT_DETACH) == 0);
}

/* --- hostPath --- */

static void check_host(const char *name, const char *type, const char *want)
{
	auto_free char *path = fixture_path(name);
	auto_free char *volume = memory_print("'hostPath':{'path':'%s','type':'%s'}", path, type);
	auto_free char *text = want ? memory_print("MountVolume.SetUp failed for volume \"v\" : "
						   "hostPath type check failed: %s "
						   "is not %s",
						   path, want)
				    : NULL;

	if (want)
		check_refused(volume, text);
	else
		prepare(volume);
}

static void host_paths_are_checked(void)
{
	auto_free char *folder = fixture_path("d"), *file = fixture_path("f");

	CHECK(mkdir(folder, 0700) == 0);
	fixture_write(file, "");
	check_host("d", "", NULL);
	check_host("d", "Directory", NULL);
	check_host("d", "DirectoryOrCreate", NULL);
	check_host("f", "", NULL);
	check_host("f", "File", NULL);
	check_host("f", "FileOrCreate", NULL);
	check_host("f", "Directory", "a directory");
	check_host("f", "DirectoryOrCreate", "a directory");
	check_host("d", "File", "a file");
	check_host("d", "FileOrCreate", "a file");
	check_host("d", "Socket", "a socket file");
	check_host("d", "CharDevice", "a character device");
	check_host("d", "BlockDevice", "a block device");
	check_host("none", "Directory", "a directory");
	check_host("none", "File", "a file");
	CHECK_INT(mode_of("d"), 0700); /* untouched */
	check_refused("'hostPath':{'path':'/','type':'Else'}",
		      "MountVolume.SetUp failed for volume \"v\" : Else is an invalid volume type");
}

static void host_paths_are_made_on_demand(void)
{
	check_host("new/deep", "DirectoryOrCreate", NULL);
	CHECK_INT(mode_of("new/deep"), 0755);
	check_host("new/file", "FileOrCreate", NULL);
	CHECK_INT(mode_of("new/file"), 0644);
	check_host("plain", "", NULL); /* as runtimes do */
	CHECK(S_ISDIR(stat_of("plain").st_mode));
}

/* Nothing is opened that is there: a pipe would let us wait for ever. */
static void pipes_are_no_files(void)
{
	auto_free char *pipe = fixture_path("pipe");

	CHECK(mkfifo(pipe, 0600) == 0);
	check_host("pipe", "FileOrCreate", "a file");
}

/* --- files of the API --- */

static void config_maps_are_files(void)
{
	fixture_keep(harness_folder(), "ConfigMap", "cm", 0,
		     "{'data':{'a':'1','b.txt':'2'},'binaryData':{'bin':'AAE='}}");
	prepare("'configMap':{'name':'cm'}");
	check_file("a", "1");
	check_file("b.txt", "2");
	CHECK_INT(stat_of("volumes/v/bin").st_size, 2);
	CHECK_INT(mode_of("volumes/v/a"), 0644);
}

static void items_are_chosen(void)
{
	fixture_keep(harness_folder(), "ConfigMap", "cm", 0, "{'data':{'a':'1','b':'2'}}");
	prepare("'configMap':{'name':'cm','defaultMode':288,'items':[{'key':'b','path':'x/y'},"
		"{'key':'a','path':'z','mode':256}]}");
	check_file("x/y", "2");
	check_file("z", "1");
	check_file("a", NULL);
	CHECK_INT(mode_of("volumes/v/x/y"), 0440);
	CHECK_INT(mode_of("volumes/v/z"), 0400);
	check_refused("'configMap':{'name':'cm','items':[{'key':'no','path':'x'}]}",
		      "MountVolume.SetUp failed for volume \"v\" : references non-existent config "
		      "key: no");
	check_refused("'configMap':{'name':'cm','items':[{'key':'a','path':'../x'}]}",
		      "MountVolume.SetUp failed for volume \"v\" : the path \"../x\" does not stay "
		      "in its volume");
	check_file("z", "1"); /* a refusal leaves what was there */
	prepare("'configMap':{'name':'cm','optional':true,'items':[{'key':'no','path':'x'},"
		"{'key':'a','path':'q'}]}");
	check_file("q", "1");
	check_file("z", NULL);
}

static void secrets_are_decoded(void)
{
	fixture_keep(harness_folder(), "Secret", "s", 0, "{'data':{'k':'aGk='}}");
	fixture_keep(harness_folder(), "Secret", "bad", 0, "{'data':{'k':'*'}}");
	prepare("'secret':{'secretName':'s','defaultMode':256}");
	check_file("k", "hi");
	CHECK_INT(mode_of("volumes/v/k"), 0400);
	check_refused("'secret':{'secretName':'bad'}",
		      "MountVolume.SetUp failed for volume \"v\" : the value of k is not base64");
	check_refused("'secret':{'secretName':'s','items':[{'key':'no','path':'x'}]}",
		      "MountVolume.SetUp failed for volume \"v\" : references non-existent secret "
		      "key: no");
}

static void what_is_missing_is_named(void)
{
	check_refused("'configMap':{'name':'no'}",
		      "MountVolume.SetUp failed for volume \"v\" : configmap \"no\" not found");
	check_refused("'secret':{'secretName':'no'}",
		      "MountVolume.SetUp failed for volume \"v\" : secret \"no\" not found");
	check_refused("'projected':{'sources':[{'secret':{'name':'no'}}]}",
		      "MountVolume.SetUp failed for volume \"v\" : secret \"no\" not found");
	prepare("'configMap':{'name':'no','optional':true}");
	CHECK(S_ISDIR(stat_of("volumes/v").st_mode));
	prepare("'secret':{'secretName':'no','optional':true,'items':[{'key':'a','path':'a'}]}");
	check_file("a", NULL);
}

static void the_pod_is_shown_to_itself(void)
{
	prepare("'downwardAPI':{'items':[{'path':'name','fieldRef':{'fieldPath':'metadata.name'}},"
		"{'path':'labels','mode':256,'fieldRef':{'fieldPath':'metadata.labels'}},"
		"{'path':'cpu','resourceFieldRef':{'containerName':'main','resource':"
		"'requests.cpu'}}]}");
	check_file("name", "web");
	check_file("labels", "app=\"x\"");
	check_file("cpu", "0");
	CHECK_INT(mode_of("volumes/v/labels"), 0400);
	check_refused(
		"'downwardAPI':{'items':[{'path':'x','fieldRef':{'fieldPath':'spec'}}]}",
		"MountVolume.SetUp failed for volume \"v\" : the field path \"spec\" is not known");
	check_refused("'downwardAPI':{'items':[{'path':'x','resourceFieldRef':{'containerName':"
		      "'no','resource':'limits.cpu'}}]}",
		      "MountVolume.SetUp failed for volume \"v\" : container no not found");
}

#define TOKEN "{'serviceAccountToken':{'path':'token','expirationSeconds':3607}}"

static void sources_are_put_together(void)
{
	fixture_keep(harness_folder(), "ConfigMap", "ca", 0, "{'data':{'ca.crt':'PEM'}}");
	fixture_keep(harness_folder(), "Token", "", 3607, "{'status':{'token':'t1'}}");
	prepare("'projected':{'defaultMode':416,'sources':[" TOKEN ",{'configMap':{'name':'ca',"
		"'items':[{'key':'ca.crt','path':'ca.crt'}]}},{'downwardAPI':{'items':[{'path':"
		"'namespace','fieldRef':{'fieldPath':'metadata.namespace'}}]}}]}");
	check_file("token", "t1");
	check_file("ca.crt", "PEM");
	check_file("namespace", "shop");
	CHECK_INT(mode_of("volumes/v/token"), 0640);
	check_refused("'projected':{'sources':[{'serviceAccountToken':{'path':'t','audience':'no'"
		      "}}]}",
		      "MountVolume.SetUp failed for volume \"v\" : the service account's token is "
		      "not there");
}

/* A token is for its reader only, when it is known who that is. */
static void tokens_are_private(void)
{
	if (geteuid() != 0)
		harness_skip("needs root");
	fixture_keep(harness_folder(), "Token", "", 3607, "{'status':{'token':'t1'}}");
	prepare_with("'projected':{'sources':[" TOKEN "]}", ",'securityContext':{'runAsUser':77}");
	CHECK_INT(mode_of("volumes/v/token"), 0600);
	CHECK_INT(stat_of("volumes/v/token").st_uid, 77);
	prepare_with("'projected':{'sources':[" TOKEN "]}", ",'securityContext':{'fsGroup':88}");
	CHECK_INT(mode_of("volumes/v/token"), 0640);
	CHECK_INT(stat_of("volumes/v/token").st_gid, 88);
	prepare_with("'projected':{'sources':[" TOKEN "]}",
		     ",'securityContext':{'runAsUser':77},'initContainers':[{'name':'first',"
		     "'securityContext':{'runAsUser':78}}]");
	CHECK_INT(mode_of("volumes/v/token"), 0644);
	CHECK_INT(stat_of("volumes/v/token").st_uid, 0);
}

/* --- users of the pod's own --- */

static uint32_t own_ids(const char *volume)
{
	struct scene scene;
	uint32_t ids;

	scene_open(&scene, volume, "");
	ids = volumes_own_ids(&scene.work, STR("v"));
	scene_close(&scene);
	return ids;
}

#define SECRET "'secret':{'secretName':'s','defaultMode':256}"

/* Goal: a script that a chart hands out as a secret starts. */
static void programs_start_from_memory(void)
{
	auto_free char *path = fixture_path("volumes/v");
	struct statvfs place;

	if (geteuid() != 0)
		harness_skip("needs root");
	fixture_keep(harness_folder(), "Secret", "s", 0, "{'data':{'a':'b2xk'}}");
	prepare_with(SECRET, "");
	CHECK(statvfs(path, &place) == 0);
	CHECK_INT(place.f_flag & (ST_NOEXEC | ST_NOSUID), ST_NOSUID);
	volumes_release(harness_folder());
}

static void files_in_memory_are_the_pod_s(void)
{
	if (geteuid() != 0)
		harness_skip("needs root");
	users = USERS;
	fixture_keep(harness_folder(), "Secret", "s", 0, "{'data':{'a':'b2xk'}}");
	prepare_with(SECRET, ",'securityContext':{'fsGroup':88}");
	CHECK_INT(own_ids(SECRET), USERS);
	CHECK_INT(stat_of("volumes/v").st_uid, USERS);
	CHECK_INT(stat_of("volumes/v").st_gid, USERS);
	CHECK_INT(stat_of("volumes/v/a").st_uid, USERS);
	CHECK_INT(stat_of("volumes/v/a").st_gid, USERS + 88);
	CHECK_INT(mode_of("volumes/v/a"), 0440);
	fixture_keep(harness_folder(), "Secret", "s", 0, "{'data':{'a':'bmV3'}}");
	prepare_with(SECRET, ",'securityContext':{'runAsUser':77}");
	check_file("a", "new");
	CHECK_INT(stat_of("volumes/v/a").st_uid, USERS);
	CHECK_INT(mode_of("volumes/v/a"), 0400);
	fixture_keep(harness_folder(), "Token", "", 3607, "{'status':{'token':'t1'}}");
	prepare_with("'projected':{'sources':[" TOKEN "]}", ",'securityContext':{'runAsUser':77}");
	CHECK_INT(stat_of("volumes/v/token").st_uid, USERS + 77);
	CHECK_INT(stat_of("volumes/v/token").st_gid, USERS);
	volumes_release(harness_folder());
}

static void memory_is_the_pod_s(void)
{
	auto_free char *path = fixture_path("volumes/v");

	harness_own_mounts();
	users = USERS;
	prepare_with("'emptyDir':{'medium':'Memory'}", ",'securityContext':{'fsGroup':88}");
	CHECK_INT(stat_of("volumes/v").st_uid, USERS);
	CHECK_INT(stat_of("volumes/v").st_gid, USERS + 88);
	CHECK_INT(mode_of("volumes/v"), 02777);
	/* The pod may give it to another of its users: its ids are no others for that. */
	CHECK(chown(path, USERS + 1000, USERS + 1000) == 0);
	CHECK_INT(own_ids("'emptyDir':{'medium':'Memory'}"), USERS);
	volumes_release(harness_folder());
}

/* Of those the mounts of containers map the ids. */
static void files_of_the_host_stay_the_host_s(void)
{
	auto_free char *host = fixture_path("host"), *path = fixture_path("volumes/v");
	auto_free char *volume = memory_print("'hostPath':{'path':'%s'}", host);

	harness_own_mounts();
	users = USERS;
	fixture_keep(harness_folder(), "ConfigMap", "c", 0, "{'data':{'a':'1'}}");
	prepare("'configMap':{'name':'c'}");
	CHECK_INT(own_ids("'configMap':{'name':'c'}"), 0);
	CHECK_INT(stat_of("volumes/v/a").st_uid, 0);
	CHECK(mkdir(host, 0755) == 0 && chown(host, USERS, USERS) == 0);
	CHECK_INT(own_ids(volume), 0);
	/* Mounted by an agent of before: running containers map it. */
	CHECK(file_remove_tree(path, &(struct error){ 0 }) && mkdir(path, 0755) == 0);
	CHECK(mount("tmpfs", path, "tmpfs", 0, "mode=0755") == 0);
	fixture_keep(harness_folder(), "Secret", "s", 0, "{'data':{'a':'b2xk'}}");
	prepare(SECRET);
	CHECK_INT(own_ids(SECRET), 0);
	CHECK_INT(stat_of("volumes/v/a").st_uid, 0);
	volumes_release(harness_folder());
}

/* --- paths --- */

static void paths_are_told(void)
{
	auto_free char *own = fixture_path("volumes/v"), *path = NULL, *none = NULL, *host = NULL;
	struct scene scene;

	scene_open(&scene, "'secret':{'secretName':'s'}", "");
	path = volumes_path(&scene.work, STR("v"));
	none = volumes_path(&scene.work, STR("w"));
	CHECK_STR(path, own);
	CHECK(none == NULL);
	CHECK(volumes_is_read_only(&scene.work, STR("v")));
	CHECK(!volumes_is_read_only(&scene.work, STR("w")));
	scene_close(&scene);
	scene_open(&scene, "'hostPath':{'path':'/etc'}", "");
	host = volumes_path(&scene.work, STR("v"));
	CHECK_STR(host, "/etc");
	CHECK(!volumes_is_read_only(&scene.work, STR("v")));
	CHECK_INT(volumes_source_kind(&scene.work, STR("v")), 0);
	scene_close(&scene);
	scene_open(&scene, "'hostPath':{'path':'/etc','type':'FileOrCreate'}", "");
	CHECK_INT(volumes_source_kind(&scene.work, STR("v")), S_IFREG);
	CHECK_INT(volumes_source_kind(&scene.work, STR("w")), 0);
	scene_close(&scene);
}

static void other_types_are_refused(void)
{
	check_refused("'iscsi':{'server':'x'}", "MountVolume.SetUp failed for volume \"v\" : this "
						"node has no volumes of the type iscsi");
}

static const struct test tests[] = {
	{ "empty folders are for all", empty_folders_are_for_all },
	{ "empty folders keep their mode", empty_folders_keep_their_mode },
	{ "a group owns empty folders", a_group_owns_empty_folders },
	{ "memory is mounted once", memory_is_mounted_once },
	{ "host paths are checked", host_paths_are_checked },
	{ "host paths are made on demand", host_paths_are_made_on_demand },
	{ "pipes are no files", pipes_are_no_files },
	{ "config maps are files", config_maps_are_files },
	{ "items are chosen", items_are_chosen },
	{ "secrets are decoded", secrets_are_decoded },
	{ "what is missing is named", what_is_missing_is_named },
	{ "the pod is shown to itself", the_pod_is_shown_to_itself },
	{ "sources are put together", sources_are_put_together },
	{ "tokens are private", tokens_are_private },
	{ "programs start from memory", programs_start_from_memory },
	{ "files in memory are the pod's", files_in_memory_are_the_pod_s },
	{ "memory is the pod's", memory_is_the_pod_s },
	{ "files of the host stay the host's", files_of_the_host_stay_the_host_s },
	{ "paths are told", paths_are_told },
	{ "other types are refused", other_types_are_refused },
};

TEST_MAIN(tests)
