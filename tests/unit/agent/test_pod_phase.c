/*
 * test_pod_phase.c - the phase of a pod from what its containers are, and the words of its
 * conditions.
 *
 * Containers are words: "new" (never ran), "run", "start" (runs, not started yet), "backN" (ended
 * with N, waits to start again), "endN" (ended with N).
 */
#include "agent/pod_inside.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

static struct container_state running_state = { .phase = CONTAINER_RUNNING };

const struct container_state *pod_container_state(const struct pod_container *c)
{
	return c->created ? &running_state : NULL;
}

bool pod_container_running(const struct pod_container *c)
{
	return c->created;
}

int pod_container_exit_code(const struct pod_container *c)
{
	return (int)json_int(
		json_path(c->over ? json_root(c->over) : NULL, "terminated", "exitCode", NULL));
}

bool pod_container_started(const struct pod_container *c)
{
	return c->created && c->started_hook_done;
}

bool pod_container_ready(const struct pod_container *c)
{
	if (c->is_init && !c->is_sidecar)
		return c->over && pod_container_exit_code(c) == 0;
	return pod_container_started(c);
}

const struct json *pod_spec(const struct pod *pod)
{
	return json_get(json_root(pod->specs[0]), "spec");
}

struct scene {
	struct pod pod;
	struct pod_container containers[8];
	struct json_doc *spec;
};

static void become(struct pod_container *c, const char *word)
{
	size_t len = strlen(word);
	auto_free char *over = memory_print("{'terminated':{'exitCode':%c}}", word[len - 1]);

	c->created = strcmp(word, "run") == 0 || strcmp(word, "start") == 0;
	c->started_hook_done = strcmp(word, "run") == 0;
	if (strncmp(word, "end", 3) == 0 || strncmp(word, "back", 4) == 0)
		c->over = fixture_json(over);
	if (strncmp(word, "back", 4) == 0)
		c->waiting_reason = memory_string("CrashLoopBackOff");
}

/* "i:end0 s:run a:run b:new": init container, sidecar, others. */
static void scene_open(struct scene *scene, const char *policy, const char *words)
{
	auto_free char *spec =
		memory_print("{'metadata':{},'spec':{'restartPolicy':'%s'}}", policy);
	auto_free char *copy = memory_string(words);
	struct str rest = str_of(copy);

	*scene = (struct scene){ .spec = fixture_json(spec) };
	scene->pod.specs = &scene->spec;
	scene->pod.now = scene->spec;
	scene->pod.phase = SANDBOX_READY;
	scene->pod.containers = scene->containers;
	while (rest.len > 0) {
		struct str one = str_cut(&rest, ' '), name = str_cut(&one, ':');
		struct pod_container *c = &scene->containers[scene->pod.container_count++];
		auto_free char *word = str_copy(one);

		c->pod = &scene->pod;
		c->name = str_copy(name);
		c->is_init = name.at[0] == 'i' || name.at[0] == 's';
		c->is_sidecar = name.at[0] == 's';
		become(c, word);
	}
}

static void scene_close(struct scene *scene)
{
	for (size_t i = 0; i < scene->pod.container_count; i++) {
		free((char *)scene->containers[i].name);
		free(scene->containers[i].waiting_reason);
		json_doc_free(scene->containers[i].over);
	}
	json_doc_free(scene->spec);
}

static void phases(void)
{
	static const struct {
		const char *policy, *words, *phase, *left; /* left: when it has left the machine */
	} rows[] = {
		{ "Always", "a:new", "Pending", "Pending" },
		{ "Always", "a:run", "Running", NULL },
		{ "Always", "a:run b:new", "Pending", NULL },
		{ "Always", "a:run b:back1", "Running", NULL },
		{ "Always", "a:back1", "Running", "Failed" },
		{ "Always", "a:end0", "Running", "Succeeded" },
		{ "Always", "a:end1 b:end0", "Running", "Failed" },
		{ "Never", "a:end0 b:end0", "Succeeded", "Succeeded" },
		{ "Never", "a:end0 b:end1", "Failed", "Failed" },
		{ "Never", "a:end1 b:run", "Running", NULL },
		{ "OnFailure", "a:end0", "Succeeded", "Succeeded" },
		{ "OnFailure", "a:end1", "Running", "Failed" },
		{ "OnFailure", "a:back1 b:end0", "Running", "Failed" },
		{ "Always", "i:run a:new", "Pending", NULL },
		{ "Always", "i:end0 a:new", "Pending", NULL },
		{ "Always", "i:back1 a:new", "Pending", "Pending" },
		{ "Never", "i:end1 a:new", "Failed", "Failed" },
		{ "OnFailure", "i:end1 a:new", "Pending", "Pending" },
		{ "Always", "i:end0 a:run", "Running", NULL },
		{ "Always", "s:start a:new", "Pending", NULL },
		{ "Always", "s:run a:run", "Running", NULL },
		/* once begun, a sidecar that starts again does not send the pod back */
		{ "Always", "s:start a:run", "Running", NULL },
		{ "Never", "s:run a:end0", "Running", NULL },
		{ "Never", "s:end0 a:end0", "Succeeded", "Succeeded" },
		{ "Never", "s:end1 a:end0", "Succeeded", "Succeeded" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct scene scene;

		scene_open(&scene, rows[i].policy, rows[i].words);
		if (strcmp(pod_phase(&scene.pod), rows[i].phase) != 0)
			harness_fail(__FILE__, __LINE__, "%s %s: %s", rows[i].policy, rows[i].words,
				     pod_phase(&scene.pod));
		scene.pod.leaving = true;
		scene.pod.phase = SANDBOX_NONE;
		if (rows[i].left && strcmp(pod_phase(&scene.pod), rows[i].left) != 0)
			harness_fail(__FILE__, __LINE__, "%s %s, left: %s", rows[i].policy,
				     rows[i].words, pod_phase(&scene.pod));
		scene_close(&scene);
	}
}

/* Failed is told when nothing of it runs any more. */
static void failures_wait_for_the_end(void)
{
	struct scene scene;

	scene_open(&scene, "Always", "a:run");
	scene.pod.failed_reason = memory_string("Evicted");
	CHECK_STR(pod_phase(&scene.pod), "Running");
	become(&scene.containers[0], "end1");
	CHECK_STR(pod_phase(&scene.pod), "Failed");
	free(scene.pod.failed_reason);
	scene_close(&scene);
}

static void condition(struct scene *scene, const char *type, const char *want)
{
	auto_json_doc doc = json_doc_new();
	struct json *status = json_new_object(doc);
	auto_buf have = BUF_INIT;

	scene->pod.attached = true;
	pod_conditions(&scene->pod, doc, status, pod_phase(&scene->pod));
	for (struct json_iter it = json_iter(json_get(status, "conditions")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), type))
			buf_add_print(&have, STR_FMT " " STR_FMT " " STR_FMT,
				      STR_ARG(json_str(json_get(it.value, "status"))),
				      STR_ARG(json_str(json_get(it.value, "reason"))),
				      STR_ARG(json_str(json_get(it.value, "message"))));
	CHECK_STR(buf_text(&have), want);
}

static void conditions(void)
{
	static const struct {
		const char *policy, *words, *type, *want;
	} rows[] = {
		{ "Always", "a:run b:run", "Ready", "True  " },
		{ "Always", "a:start b:run c:back1", "Ready",
		  "False ContainersNotReady containers with unready status: [a c]" },
		{ "Always", "s:start a:run", "ContainersReady",
		  "False ContainersNotReady containers with unready status: [s]" },
		{ "Always", "i:run s:new a:new", "Initialized",
		  "False ContainersNotInitialized containers with incomplete status: [i s]" },
		{ "Always", "i:end0 a:new", "Initialized", "True  " },
		{ "Always", "s:start a:run", "Initialized", "True  " },
		{ "Never", "a:end0", "Initialized", "True PodCompleted " },
		{ "Never", "a:end0", "Ready", "False PodCompleted " },
		{ "Never", "a:end1", "ContainersReady", "False PodFailed " },
		{ "Always", "a:run", "PodScheduled", "True  " },
		{ "Always", "a:run", "PodReadyToStartContainers", "True  " },
		{ "Always", "a:run", "DisruptionTarget", "" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct scene scene;

		scene_open(&scene, rows[i].policy, rows[i].words);
		condition(&scene, rows[i].type, rows[i].want);
		scene_close(&scene);
	}
}

static const struct test tests[] = {
	{ "phases", phases },
	{ "failures wait for the end", failures_wait_for_the_end },
	{ "conditions", conditions },
};

TEST_MAIN(tests)
