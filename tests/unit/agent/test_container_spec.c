/*
 * test_container_spec.c - a container of a pod's spec and its image become a plan for the runtime.
 */
#include "agent/container_spec.h"

#include <signal.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/container_plan.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

#define GIB (1024ll * 1024 * 1024)

static const char *pod_folder = "/pod";

struct scene {
	struct json_doc *pod;
	struct image image;
	struct sources *sources;
	struct arena *arena;
	struct downward_facts facts;
	struct volumes_work volumes;
	struct container_plan plan;
	bool planned;
	struct error err;
};

/* `container`: its fields beside the name; `pod`: what follows in the spec, and after it; `image`:
 * the image's "config". */
static void scene_plan(struct scene *scene, const char *container, const char *pod,
		       const char *image)
{
	static char *layers[] = { (char *)"/layer/one", (char *)"/layer/two", NULL };
	auto_free char *text =
		memory_print("{'metadata':{'name':'web','namespace':'shop'},'spec':{'volumes':[{"
			     "'name':'d','emptyDir':{}},{'name':'s','secret':{'secretName':'s'}},"
			     "{'name':'h','hostPath':{'path':'/host'}},{'name':'n','nfs':{'server':"
			     "'s','path':'/x'}}],'containers':[{'name':"
			     "'main'%s}]%s}",
			     container, *pod ? pod : "}");
	auto_free char *config = memory_print("{'config':{%s}}", image);
	struct container_spec_work work;

	*scene = (struct scene){ .pod = fixture_json(text), .arena = arena_new() };
	scene->image.config = fixture_json(config);
	scene->image.layers = layers;
	scene->sources = fixture_sources(NULL, json_root(scene->pod));
	scene->volumes = (struct volumes_work){ .folder = pod_folder,
						.pod = json_root(scene->pod),
						.sources = scene->sources,
						.facts = &scene->facts };
	work = (struct container_spec_work){
		.pod = json_root(scene->pod),
		.container =
			json_at(json_path(json_root(scene->pod), "spec", "containers", NULL), 0),
		.image = &scene->image,
		.volumes = &scene->volumes,
		.id = "main.0",
		.log_path = "/log",
		.hostname = "web",
		.agent_folder = harness_folder(),
		.node_memory = 4 * GIB,
	};
	scene->planned = container_spec_plan(&work, scene->arena, &scene->plan, &scene->err);
}

static void scene_clear(struct scene *scene)
{
	sources_free(scene->sources);
	arena_free(scene->arena);
	json_doc_free(scene->image.config);
	json_doc_free(scene->pod);
}

static void check_refused(const char *container, const char *pod, const char *want)
{
	struct scene scene;

	scene_plan(&scene, container, pod, "'Cmd':['x']");
	CHECK(!scene.planned);
	CHECK_STR(scene.err.text, want);
	scene_clear(&scene);
}

/* --- what to run --- */

static void check_command(const char *container, const char *image, const char *want)
{
	struct scene scene;
	auto_buf have = BUF_INIT;

	scene_plan(&scene, container, "", image);
	CHECK_OK(scene.planned, &scene.err);
	for (const char *const *arg = scene.plan.argv; *arg; arg++)
		buf_add_print(&have, "%s|", *arg);
	CHECK_STR(buf_text(&have), want);
	scene_clear(&scene);
}

static void commands_follow_the_table(void)
{
	static const char image[] = "'Entrypoint':['/ep','e1'],'Cmd':['c1','c2']";

	check_command("", image, "/ep|e1|c1|c2|");
	check_command(",'command':['/own']", image, "/own|");
	check_command(",'args':['a']", image, "/ep|e1|a|");
	check_command(",'command':['/own','x'],'args':['a']", image, "/own|x|a|");
	check_command(",'command':[],'args':[]", image, "/ep|e1|c1|c2|");
	check_command("", "'Cmd':['c1']", "c1|");
	check_command(",'args':['a']", "'Cmd':['c1']", "a|");
	check_command("", "'Entrypoint':['/ep'],'Cmd':null", "/ep|");
}

static void only_the_pods_words_are_expanded(void)
{
	check_command(",'env':[{'name':'A','value':'1'}],'command':['$(A)','$(NO)','$$(A)'],"
		      "'args':['$(A)$(A)']",
		      "", "1|$(NO)|$(A)|11|");
	check_command(",'env':[{'name':'A','value':'1'}]", "'Cmd':['$(A)']", "$(A)|");
}

static void something_must_be_run(void)
{
	struct scene scene;

	scene_plan(&scene, "", "", "");
	CHECK(!scene.planned);
	CHECK_INT(scene.err.kind, ERROR_INVALID);
	scene_clear(&scene);
}

static void plain_fields_are_taken(void)
{
	struct scene scene;

	scene_plan(&scene, ",'stdin':true,'stdinOnce':true,'tty':true,'workingDir':'/w'", "",
		   "'Cmd':['x'],'WorkingDir':'/image','StopSignal':'SIGQUIT','Env':['E=1']");
	CHECK_OK(scene.planned, &scene.err);
	CHECK_STR(scene.plan.id, "main.0");
	CHECK_STR(scene.plan.cwd, "/w");
	CHECK_STR(scene.plan.log_path, "/log");
	CHECK_STR(scene.plan.termination_path, "/dev/termination-log");
	CHECK_STR(scene.plan.layers[1], "/layer/two");
	CHECK_STR(scene.plan.env[0], "E=1");
	CHECK(scene.plan.stdin_open);
	CHECK(scene.plan.stdin_once);
	CHECK(scene.plan.tty);
	CHECK_INT(scene.plan.stop_signal, SIGQUIT);
	scene_clear(&scene);
	scene_plan(&scene, ",'terminationMessagePath':'/t'", "",
		   "'Cmd':['x'],'WorkingDir':'/image'");
	CHECK_OK(scene.planned, &scene.err);
	CHECK_STR(scene.plan.cwd, "/image");
	CHECK_STR(scene.plan.termination_path, "/t");
	CHECK(!scene.plan.stdin_open);
	CHECK_INT(scene.plan.stop_signal, 0);
	scene_clear(&scene);
}

static void signals_have_names(void)
{
	static const struct {
		const char *name;
		int want;
	} rows[] = {
		{ "SIGTERM", 15 }, { "TERM", 15 },
		{ "9", 9 },        { "SIGRTMIN+3", 37 },
		{ "RTMIN", 34 },   { "SIGRTMIN+99", 0 },
		{ "0", 0 },        { "65", 0 },
		{ "SIGNONE", 0 },  { "", 0 },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_free char *image = memory_print("'Cmd':['x'],'StopSignal':'%s'", rows[i].name);
		struct scene scene;

		scene_plan(&scene, "", "", image);
		CHECK_OK(scene.planned, &scene.err);
		CHECK_INT(scene.plan.stop_signal, rows[i].want);
		scene_clear(&scene);
	}
}

/* --- users and rights --- */

static void the_containers_user_wins(void)
{
	struct scene scene;

	scene_plan(&scene, ",'securityContext':{'runAsUser':0,'runAsNonRoot':false}",
		   ",'securityContext':{'runAsUser':5,'runAsGroup':6,'runAsNonRoot':true,"
		   "'fsGroup':9,'supplementalGroups':[7,8]}}",
		   "'Cmd':['x'],'User':'app:grp'");
	CHECK_OK(scene.planned, &scene.err);
	CHECK_STR(scene.plan.user, "app:grp");
	CHECK_INT(scene.plan.uid, 0);
	CHECK_INT(scene.plan.gid, 6);
	CHECK(!scene.plan.run_as_non_root);
	CHECK_INT(scene.plan.group_count, 3);
	CHECK_INT(scene.plan.groups[0], 7);
	CHECK_INT(scene.plan.groups[2], 9);
	scene_clear(&scene);
	scene_plan(&scene, "", ",'securityContext':{'runAsNonRoot':true}}",
		   "'Cmd':['x'],'User':'app'");
	CHECK_OK(scene.planned, &scene.err);
	CHECK_STR(scene.plan.user, "app");
	CHECK_INT(scene.plan.uid, -1);
	CHECK_INT(scene.plan.gid, -1);
	CHECK(scene.plan.run_as_non_root);
	CHECK_INT(scene.plan.group_count, 0);
	scene_clear(&scene);
}

/* Said before the start: starting again would not help. */
static void root_is_refused_where_it_must_not_be(void)
{
	static const char *const images[] = { "'Cmd':['x']", "'Cmd':['x'],'User':'0:5'",
					      "'Cmd':['x'],'User':'root'" };
	struct scene scene;

	for (size_t i = 0; i < ARRAY_LENGTH(images); i++) {
		scene_plan(&scene, "", ",'securityContext':{'runAsNonRoot':true}}", images[i]);
		CHECK(!scene.planned);
		CHECK_STR(scene.err.text, "container has runAsNonRoot and image will run as root");
		scene_clear(&scene);
	}
	scene_plan(&scene, ",'securityContext':{'runAsUser':0}",
		   ",'securityContext':{'runAsNonRoot':true}}", "'Cmd':['x'],'User':'app'");
	CHECK(!scene.planned);
	scene_clear(&scene);
}

/* More groups than a plan holds: the group of the files is among those that stay. */
static void groups_are_limited(void)
{
	auto_buf pod = BUF_INIT;
	struct scene scene;

	buf_add_text(&pod, ",'securityContext':{'fsGroup':9,'supplementalGroups':[1");
	for (int i = 0; i < 500; i++)
		buf_add_text(&pod, ",2");
	buf_add_text(&pod, "]}}");
	scene_plan(&scene, "", buf_text(&pod), "'Cmd':['x']");
	CHECK_OK(scene.planned, &scene.err);
	CHECK_INT(scene.plan.group_count, 128);
	CHECK_INT(scene.plan.groups[127], 9);
	scene_clear(&scene);
}

static void rights_are_taken(void)
{
	struct scene scene;

	scene_plan(&scene,
		   ",'securityContext':{'privileged':true,'readOnlyRootFilesystem':true,"
		   "'allowPrivilegeEscalation':false,'capabilities':{'add':['NET_ADMIN'],'drop':["
		   "'ALL','X']}}",
		   "", "'Cmd':['x']");
	CHECK_OK(scene.planned, &scene.err);
	CHECK(scene.plan.privileged);
	CHECK(scene.plan.read_only_root);
	CHECK(scene.plan.no_new_privs);
	CHECK(scene.plan.seccomp_unconfined);
	CHECK_STR(scene.plan.caps_add[0], "NET_ADMIN");
	CHECK_STR(scene.plan.caps_add[1], NULL);
	CHECK_STR(scene.plan.caps_drop[1], "X");
	CHECK_STR(scene.plan.caps_drop[2], NULL);
	scene_clear(&scene);
	scene_plan(&scene, ",'securityContext':{'allowPrivilegeEscalation':true}", "",
		   "'Cmd':['x']");
	CHECK_OK(scene.planned, &scene.err);
	CHECK(!scene.plan.privileged);
	CHECK(!scene.plan.read_only_root);
	CHECK(!scene.plan.no_new_privs);
	CHECK_STR(scene.plan.caps_add[0], NULL);
	scene_clear(&scene);
}

static bool is_unconfined(const char *container, const char *pod)
{
	struct scene scene;
	bool unconfined;

	scene_plan(&scene, container, pod, "'Cmd':['x']");
	CHECK_OK(scene.planned, &scene.err);
	unconfined = scene.plan.seccomp_unconfined;
	scene_clear(&scene);
	return unconfined;
}

static void system_calls_are_filtered(void)
{
	static const char loose[] = ",'securityContext':{'seccompProfile':{'type':'Unconfined'}}";
	static const char strict[] =
		",'securityContext':{'seccompProfile':{'type':'RuntimeDefault'}}";
	auto_free char *loose_pod = memory_print("%s}", loose);

	CHECK(!is_unconfined("", ""));
	CHECK(is_unconfined(loose, ""));
	CHECK(is_unconfined("", loose_pod));
	CHECK(!is_unconfined(strict, loose_pod));
}

static void print_with(const char *image, struct buf *out)
{
	struct scene scene;

	scene_plan(&scene, "", "", image);
	CHECK_OK(scene.planned, &scene.err);
	container_plan_print(&scene.plan, out);
	scene_clear(&scene);
}

/* Labels, annotations, hooks and mounts that an image speaks of are words, nothing more. */
static void images_do_not_configure_the_runtime(void)
{
	auto_buf plain = BUF_INIT, evil = BUF_INIT;

	print_with("'Cmd':['x'],'User':'7'", &plain);
	print_with(
		"'Cmd':['x'],'User':'7','Labels':{'io.kubernetes.cri-o.TrySkipVolumeSELinuxLabel':"
		"'true','org.systemd.property.User':'root','run.oci.hooks.stdout':'/etc/x',"
		"'io.kubernetes.container.hostNetwork':'true'},'Annotations':{'run.oci.handler':"
		"'krun','org.opencontainers.image.stopSignal':'9'},'Hooks':{'prestart':[{'path':"
		"'/bin/sh'}]},'Mounts':[{'source':'/','destination':'/host'}],'Privileged':true,"
		"'CapAdd':['ALL'],'SecurityOpt':['seccomp=unconfined'],'Devices':['/dev/sda'],"
		"'Volumes':{'/../../etc':{}},'ExposedPorts':{'22/tcp':{}}",
		&evil);
	CHECK_STR(buf_text(&evil), buf_text(&plain));
}

#define LOCALHOST(name)                                                                            \
	",'securityContext':{'seccompProfile':{'type':'Localhost','localhostProfile':'" name "'}}"

static void profiles_are_below_their_folder(void)
{
	static const char *const outside[] = {
		LOCALHOST("../secret"),
		LOCALHOST("/etc/hostname"),
		LOCALHOST("a/../../secret"),
		LOCALHOST("out/secret"),
		LOCALHOST("link"),
		LOCALHOST(""),
		LOCALHOST("missing"),
		LOCALHOST("folder"),
		",'securityContext':{'seccompProfile':{'type':'Localhost'}}",
	};
	auto_free char *folder = memory_print("%s/kubelet/seccomp/folder", harness_folder());
	auto_free char *good = memory_print("%s/kubelet/seccomp/good", harness_folder());
	auto_free char *link = memory_print("%s/kubelet/seccomp/link", harness_folder());
	auto_free char *out = memory_print("%s/kubelet/seccomp/out", harness_folder());
	auto_free char *secret = memory_print("%s/kubelet/secret", harness_folder());
	struct scene scene;
	struct error err;

	CHECK_OK(file_make_dirs(folder, 0755, &err), &err);
	CHECK_OK(file_replace(good, STR("{}"), 0600, &err), &err);
	CHECK_OK(file_replace(secret, STR("{}"), 0600, &err), &err);
	CHECK(symlink("../secret", link) == 0);
	CHECK(symlink("..", out) == 0);
	scene_plan(&scene, LOCALHOST("good"), "", "'Cmd':['x']");
	CHECK_OK(scene.planned, &scene.err);
	CHECK_STR(scene.plan.seccomp_profile, "{}");
	CHECK(!scene.plan.seccomp_unconfined);
	scene_clear(&scene);
	for (size_t i = 0; i < ARRAY_LENGTH(outside); i++) {
		scene_plan(&scene, outside[i], "", "'Cmd':['x']");
		if (scene.planned)
			harness_fail(__FILE__, __LINE__, "taken: %s", outside[i]);
		scene_clear(&scene);
	}
}

/* --- mounts --- */

static void check_mount(const struct container_mount *mount, const char *source, const char *target,
			const char *sub_path)
{
	CHECK_STR(mount->source, source);
	CHECK_STR(mount->target, target);
	CHECK_STR(mount->sub_path, sub_path);
	CHECK_STR(mount->type, "bind");
}

static void volumes_are_mounted(void)
{
	struct scene scene;
	const struct container_mount *mounts;

	scene_plan(&scene,
		   ",'env':[{'name':'A','value':'x'}],'volumeMounts':[{'name':'d','mountPath':"
		   "'/data','subPath':'$(A)'},{'name':'s','mountPath':'/etc/hosts'},{'name':'h',"
		   "'mountPath':'rel','readOnly':true,'mountPropagation':'HostToContainer'},"
		   "{'name':'h','mountPath':'/b','subPathExpr':'p/$(A)','mountPropagation':"
		   "'Bidirectional'}]",
		   "", "'Cmd':['x']");
	CHECK_OK(scene.planned, &scene.err);
	mounts = scene.plan.mounts;
	CHECK_INT(scene.plan.mount_count, 6);
	check_mount(&mounts[0], "/pod/volumes/d", "/data", "$(A)");
	CHECK(!mounts[0].read_only);
	CHECK_INT(mounts[0].propagation, 0);
	check_mount(&mounts[1], "/pod/volumes/s", "/etc/hosts", NULL);
	CHECK(mounts[1].read_only);
	check_mount(&mounts[2], "/host", "/rel", NULL);
	CHECK(mounts[2].read_only);
	CHECK_INT(mounts[2].propagation, 1);
	CHECK_INT(mounts[2].source_kind, 0);
	check_mount(&mounts[3], "/host", "/b", "p/x");
	CHECK_INT(mounts[3].propagation, 2);
	/* hosts is the pod's own, so only the other two are ours */
	check_mount(&mounts[4], "/pod/etc/resolv.conf", "/etc/resolv.conf", NULL);
	check_mount(&mounts[5], "/pod/etc/hostname", "/etc/hostname", NULL);
	scene_clear(&scene);
}

/* A share whose server is away would keep who looks. */
static void sub_paths_of_shares_are_left_to_the_runtime(void)
{
	auto_free char *share = fixture_path("volumes/n"), *made = fixture_path("volumes/d/deep");
	auto_free char *empty = fixture_path("volumes/d"), *left = fixture_path("volumes/n/deep");
	struct scene scene;
	struct error err;

	pod_folder = harness_folder();
	CHECK_OK(file_make_dirs(share, 0755, &err) && file_make_dirs(empty, 0755, &err), &err);
	scene_plan(&scene,
		   ",'volumeMounts':[{'name':'d','mountPath':'/d','subPath':'deep'},"
		   "{'name':'n','mountPath':'/n','subPath':'deep'}]",
		   "", "'Cmd':['x']");
	CHECK_OK(scene.planned, &scene.err);
	check_mount(&scene.plan.mounts[1], share, "/n", "deep");
	CHECK(file_exists(made));
	CHECK(!file_exists(left));
	scene_clear(&scene);
}

static void bad_mounts_are_refused(void)
{
	check_refused(",'volumeMounts':[{'name':'no','mountPath':'/x'}]", "",
		      "the pod has no volume \"no\"");
	check_refused(",'volumeMounts':[{'name':'d','mountPath':'/x','subPathExpr':'$(NO)'}]", "",
		      "missing value for \"NO\"");
	check_refused(",'env':[{'name':'A','value':'..'}],'volumeMounts':[{'name':'d','mountPath':"
		      "'/x','subPathExpr':'a/$(A)/$(A)/b'}]",
		      "", "unable to provision SubPath `a/../../b`: must not contain '..'");
	check_refused(
		",'env':[{'name':'A','value':'/etc'}],'volumeMounts':[{'name':'d','mountPath':"
		"'/x','subPathExpr':'$(A)'}]",
		"", "error SubPath `/etc` must not be an absolute path");
}

/* --- limits --- */

static struct resources_plan resources_of(const char *text)
{
	auto_json_doc doc = fixture_json(text);
	struct resources_plan plan;

	container_spec_resources(json_root(doc), &plan);
	return plan;
}

static void check_cpu(const char *text, uint64_t shares, int64_t quota)
{
	struct resources_plan plan = resources_of(text);

	CHECK_INT(plan.cpu_shares, shares);
	CHECK_INT(plan.cpu_quota_us, quota);
	CHECK_INT(plan.cpu_period_us, quota ? 100000 : 0);
}

static void processors_are_shared(void)
{
	check_cpu("{}", 2, 0);
	check_cpu("{'requests':{'cpu':'1'}}", 1024, 0);
	check_cpu("{'requests':{'cpu':'100m'},'limits':{'cpu':'500m'}}", 102, 50000);
	check_cpu("{'limits':{'cpu':'2'}}", 2048, 200000);
	check_cpu("{'limits':{'cpu':'1m'}}", 2, 1000);
	check_cpu("{'requests':{'cpu':'9000000000000000'}}", 262144, 0);
	check_cpu("{'limits':{'cpu':'9000000000000000'}}", 262144, 25600000);
	check_cpu("{'limits':{'cpu':'x'}}", 2, 0);
	check_cpu("{'requests':{'cpu':'-1'},'limits':{'cpu':'-1'}}", 2, 0);
}

static void memory_is_limited(void)
{
	CHECK_INT(resources_of("{}").memory_bytes, 0);
	CHECK_INT(resources_of("{'requests':{'memory':'1Gi'}}").memory_bytes, 0);
	CHECK_INT(resources_of("{'limits':{'memory':'64Mi'}}").memory_bytes, 64 << 20);
}

static void check_score(const char *container, const char *after, int want)
{
	struct scene scene;

	scene_plan(&scene, container, after, "'Cmd':['x']");
	CHECK_OK(scene.planned, &scene.err);
	CHECK_INT(scene.plan.oom_score_adj, want);
	scene_clear(&scene);
}

#define CLASS(word) "},'status':{'qosClass':'" word "'}"

static void the_kernel_kills_in_order(void)
{
	check_score("", CLASS("Guaranteed"), -997);
	check_score("", CLASS("BestEffort"), 1000);
	check_score("", CLASS("Burstable"), 999);
	check_score(",'resources':{'requests':{'memory':'1Gi'}}", CLASS("Burstable"), 750);
	check_score(",'resources':{'requests':{'memory':'4Gi'}}", CLASS("Burstable"), 3);
	check_score(",'resources':{'requests':{'memory':'900Gi'}}", CLASS("Burstable"), 3);
	check_score("", ",'priorityClassName':'system-node-critical'" CLASS("Burstable"), -997);
}

/* --- names --- */

static void check_hostname(const char *name, const char *spec, const char *want)
{
	auto_free char *text = memory_print("{'metadata':{'name':'%s'},'spec':{%s}}", name, spec);
	auto_json_doc doc = fixture_json(text);
	char have[64];

	container_spec_hostname(json_root(doc), have);
	CHECK_STR(have, want);
}

static void hostnames_are_cut(void)
{
	static const char long_name[] =
		"a23456789-123456789-123456789-123456789-123456789-123456789ab-.-tail";

	check_hostname("web", "", "web");
	check_hostname("web", "'hostname':'own'", "own");
	check_hostname(long_name, "",
		       "a23456789-123456789-123456789-123456789-123456789-123456789ab");
	check_hostname("a.b", "", "a.b");
}

static const struct test tests[] = {
	{ "commands follow the table", commands_follow_the_table },
	{ "only the pod's words are expanded", only_the_pods_words_are_expanded },
	{ "something must be run", something_must_be_run },
	{ "plain fields are taken", plain_fields_are_taken },
	{ "signals have names", signals_have_names },
	{ "the container's user wins", the_containers_user_wins },
	{ "root is refused where it must not be", root_is_refused_where_it_must_not_be },
	{ "groups are limited", groups_are_limited },
	{ "rights are taken", rights_are_taken },
	{ "system calls are filtered", system_calls_are_filtered },
	{ "images do not configure the runtime", images_do_not_configure_the_runtime },
	{ "profiles are below their folder", profiles_are_below_their_folder },
	{ "volumes are mounted", volumes_are_mounted },
	{ "sub-paths of shares are left to the runtime",
	  sub_paths_of_shares_are_left_to_the_runtime },
	{ "bad mounts are refused", bad_mounts_are_refused },
	{ "processors are shared", processors_are_shared },
	{ "memory is limited", memory_is_limited },
	{ "the kernel kills in order", the_kernel_kills_in_order },
	{ "hostnames are cut", hostnames_are_cut },
};

TEST_MAIN(tests)
