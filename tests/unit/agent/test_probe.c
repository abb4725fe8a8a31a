/*
 * test_probe.c - when probes ask, how they count, what waits for the startup probe.
 *
 * The file under test is included, with its timers and actions in the test's hands: nothing is
 * waited for and nothing is asked.
 */
#include "agent/action.h"
#include "base/clock.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

static int64_t now_ms = 1000000;

static int64_t fake_now_ms(void)
{
	return now_ms;
}

/* The loop's timers are marked as set; the test finds them in the probes. */
static void fake_timer_set(struct loop *loop, struct loop_timer *timer, int64_t after_ms)
{
	CHECK(loop);
	timer->due_ms = now_ms + after_ms;
	timer->heap_at = 1;
}

static void fake_timer_stop(struct loop_timer *timer)
{
	timer->heap_at = 0;
}

struct action {
	void (*on_done)(void *of, enum action_result result, struct str said);
	void *of;
	const struct json *handler;
	int64_t timeout_ms;
};

static size_t actions; /* that live */

static struct action *
fake_action_start(const struct action_work *work,
		  void (*on_done)(void *of, enum action_result result, struct str said), void *of)
{
	struct action *action = memory_new(struct action);

	*action = (struct action){ on_done, of, work->handler, work->timeout_ms };
	actions++;
	return action;
}

static void fake_action_cancel(struct action *action)
{
	actions -= action != NULL;
	free(action);
}

#define clock_now_ms    fake_now_ms
#define loop_timer_set  fake_timer_set
#define loop_timer_stop fake_timer_stop
#define action_start    fake_action_start
#define action_cancel   fake_action_cancel
#include "agent/probe.c"
#undef clock_now_ms
#undef loop_timer_set
#undef loop_timer_stop
#undef action_start
#undef action_cancel

struct scene {
	struct loop *loop;
	struct json_doc *container;
	struct probes *probes;
	int changes, deaths, failures, warnings, errors;
	enum probe_type dead;
	bool stop_on_failure, stop_on_death, stop_on_change;
};

static void stop(struct scene *scene)
{
	probes_stop(scene->probes);
	probes_stop(scene->probes); /* again is harmless while we are inside */
	scene->probes = NULL;
}

static void on_change(void *owner)
{
	struct scene *scene = owner;

	scene->changes++;
	if (scene->stop_on_change)
		stop(scene);
}

static void on_dead(void *owner, enum probe_type type, struct str said)
{
	struct scene *scene = owner;

	CHECK(str_is(said, "why"));
	scene->deaths++;
	scene->dead = type;
	if (scene->stop_on_death)
		stop(scene);
}

static void on_trouble(void *owner, enum probe_type type, enum action_result result,
		       struct str said)
{
	struct scene *scene = owner;

	(void)type;
	CHECK(str_is(said, "why"));
	scene->failures += result == ACTION_FAILED;
	scene->warnings += result == ACTION_WARNED;
	scene->errors += result == ACTION_ERRORED;
	if (scene->stop_on_failure)
		stop(scene);
}

static void scene_open(struct scene *scene, const char *container, int64_t age_ms)
{
	static const struct probe_events events = { on_change, on_dead, on_trouble };
	struct action_work work;
	struct error err;

	*scene = (struct scene){ .container = fixture_json(container) };
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	work = (struct action_work){ .loop = scene->loop,
				     .container = json_root(scene->container) };
	scene->probes = probes_start(&work, age_ms, &events, scene);
}

static void scene_close(struct scene *scene)
{
	probes_stop(scene->probes);
	fixture_turn(scene->loop, 2);
	CHECK_INT(actions, 0);
	loop_close(scene->loop);
	json_doc_free(scene->container);
}

/* Milliseconds until the probe asks; -1 = it does not. */
static int64_t due_in(const struct scene *scene, enum probe_type type)
{
	const struct loop_timer *timer = &scene->probes->probe[type].timer;

	return timer->heap_at ? timer->due_ms - now_ms : -1;
}

/* Time passes to the probe's next question. */
static void ask(struct scene *scene, enum probe_type type)
{
	struct loop_timer *timer = &scene->probes->probe[type].timer;

	CHECK(timer->heap_at);
	now_ms = timer->due_ms;
	timer->heap_at = 0;
	timer->on_timer(timer);
	CHECK(scene->probes->probe[type].action);
}

static void answer_with(struct scene *scene, enum probe_type type, enum action_result result)
{
	struct action action, *slot = scene->probes->probe[type].action;

	CHECK(slot);
	action = *slot;
	actions--;
	free(slot);
	action.on_done(action.of, result, result == ACTION_WORKED ? STR("") : STR("why"));
	fixture_turn(scene->loop, 2);
}

static void answer(struct scene *scene, enum probe_type type, bool worked)
{
	answer_with(scene, type, worked ? ACTION_WORKED : ACTION_FAILED);
}

static void ask_and_answer(struct scene *scene, enum probe_type type, bool worked)
{
	ask(scene, type);
	answer(scene, type, worked);
}

#define TCP "'tcpSocket':{'port':1}"

static void without_probes_all_is_well(void)
{
	struct scene scene;

	scene_open(&scene, "{}", 0);
	CHECK(probes_started(scene.probes));
	CHECK(probes_ready(scene.probes));
	for (int i = 0; i < PROBE_TYPES; i++)
		CHECK_INT(due_in(&scene, (enum probe_type)i), -1);
	scene_close(&scene);
	probes_stop(NULL);
}

static void readiness_needs_an_answer(void)
{
	struct scene scene;

	scene_open(&scene,
		   "{'readinessProbe':{" TCP ",'initialDelaySeconds':5,'timeoutSeconds':7}}", 2000);
	CHECK(probes_started(scene.probes));
	CHECK(!probes_ready(scene.probes));
	CHECK_INT(due_in(&scene, PROBE_READINESS), 3000);
	ask(&scene, PROBE_READINESS);
	CHECK_INT(scene.probes->probe[PROBE_READINESS].action->timeout_ms, 7000);
	CHECK_INT(due_in(&scene, PROBE_READINESS), -1); /* one question at a time */
	answer(&scene, PROBE_READINESS, true);
	CHECK(probes_ready(scene.probes));
	CHECK_INT(scene.changes, 1);
	CHECK_INT(due_in(&scene, PROBE_READINESS), 10000);
	scene_close(&scene);
}

static void thresholds_are_counted_in_a_row(void)
{
	static const struct {
		bool worked, ready;
		int changes;
	} rows[] = {
		{ true, false, 0 }, { false, false, 0 }, { true, false, 0 },  { true, true, 1 },
		{ false, true, 1 }, { false, true, 1 },  { true, true, 1 },   { false, true, 1 },
		{ false, true, 1 }, { false, false, 2 }, { false, false, 2 }, { true, false, 2 },
		{ true, true, 3 },
	};
	struct scene scene;

	scene_open(&scene, "{'readinessProbe':{" TCP ",'periodSeconds':2,'successThreshold':2}}",
		   0);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		ask_and_answer(&scene, PROBE_READINESS, rows[i].worked);
		CHECK_INT(probes_ready(scene.probes), rows[i].ready);
		CHECK_INT(scene.changes, rows[i].changes);
		CHECK_INT(due_in(&scene, PROBE_READINESS), 2000);
	}
	CHECK_INT(scene.deaths, 0);
	CHECK_INT(scene.failures, 7);
	scene_close(&scene);
}

static void liveness_kills_after_its_threshold(void)
{
	struct scene scene;

	scene_open(&scene, "{'livenessProbe':{" TCP ",'failureThreshold':2}}", 0);
	CHECK(probes_ready(scene.probes));
	ask_and_answer(&scene, PROBE_LIVENESS, false);
	ask_and_answer(&scene, PROBE_LIVENESS, true);
	ask_and_answer(&scene, PROBE_LIVENESS, false);
	CHECK_INT(scene.deaths, 0);
	ask_and_answer(&scene, PROBE_LIVENESS, false);
	CHECK_INT(scene.deaths, 1);
	CHECK_INT(scene.dead, PROBE_LIVENESS);
	CHECK_INT(scene.failures, 3);
	CHECK_INT(due_in(&scene, PROBE_LIVENESS), -1); /* once is enough */
	scene_close(&scene);
}

static void the_others_wait_for_startup(void)
{
	struct scene scene;

	scene_open(&scene,
		   "{'startupProbe':{" TCP ",'periodSeconds':3,'failureThreshold':9},"
		   "'readinessProbe':{" TCP ",'initialDelaySeconds':5},"
		   "'livenessProbe':{" TCP ",'initialDelaySeconds':30}}",
		   0);
	CHECK(!probes_started(scene.probes));
	CHECK_INT(due_in(&scene, PROBE_STARTUP), 0);
	CHECK_INT(due_in(&scene, PROBE_READINESS), -1);
	CHECK_INT(due_in(&scene, PROBE_LIVENESS), -1);
	for (int i = 0; i < 4; i++)
		ask_and_answer(&scene, PROBE_STARTUP, false);
	CHECK(!probes_started(scene.probes));
	ask_and_answer(&scene, PROBE_STARTUP, true); /* twelve seconds after the start */
	CHECK(probes_started(scene.probes));
	CHECK(!probes_ready(scene.probes));
	CHECK_INT(scene.changes, 1);
	CHECK_INT(due_in(&scene, PROBE_STARTUP), -1); /* never again */
	/* delays are counted from the start, not from now */
	CHECK_INT(due_in(&scene, PROBE_READINESS), 0);
	CHECK_INT(due_in(&scene, PROBE_LIVENESS), 18000);
	ask_and_answer(&scene, PROBE_READINESS, true);
	CHECK(probes_ready(scene.probes));
	scene_close(&scene);
}

static void a_failed_startup_kills(void)
{
	struct scene scene;

	scene_open(&scene,
		   "{'startupProbe':{" TCP ",'failureThreshold':1},'livenessProbe':{" TCP "}}", 0);
	ask_and_answer(&scene, PROBE_STARTUP, false);
	CHECK_INT(scene.deaths, 1);
	CHECK_INT(scene.dead, PROBE_STARTUP);
	CHECK_INT(due_in(&scene, PROBE_STARTUP), -1);
	CHECK_INT(due_in(&scene, PROBE_LIVENESS), -1);
	scene_close(&scene);
}

/* Told each time, never counted. */
static void what_cannot_be_asked_kills_nobody(void)
{
	struct scene scene;

	scene_open(&scene, "{'livenessProbe':{" TCP ",'failureThreshold':1}}", 0);
	for (int i = 0; i < 3; i++) {
		ask(&scene, PROBE_LIVENESS);
		answer_with(&scene, PROBE_LIVENESS, ACTION_ERRORED);
	}
	CHECK_INT(scene.errors, 3);
	CHECK_INT(scene.failures + scene.deaths, 0);
	CHECK_INT(due_in(&scene, PROBE_LIVENESS), 10000);
	scene_close(&scene);
}

static void a_warning_is_a_success(void)
{
	struct scene scene;

	scene_open(&scene, "{'readinessProbe':{" TCP "}}", 0);
	ask(&scene, PROBE_READINESS);
	answer_with(&scene, PROBE_READINESS, ACTION_WARNED);
	CHECK(probes_ready(scene.probes));
	CHECK_INT(scene.warnings, 1);
	CHECK_INT(scene.failures, 0);
	scene_close(&scene);
}

/* Asked every ten seconds, and not ten seconds after each answer; a late answer does not make two.
 */
static void periods_are_kept(void)
{
	struct scene scene;

	scene_open(&scene, "{'livenessProbe':{" TCP "}}", 0);
	ask(&scene, PROBE_LIVENESS);
	now_ms += 4000;
	answer(&scene, PROBE_LIVENESS, true);
	CHECK_INT(due_in(&scene, PROBE_LIVENESS), 6000);
	ask(&scene, PROBE_LIVENESS);
	now_ms += 25000;
	answer(&scene, PROBE_LIVENESS, true);
	CHECK_INT(due_in(&scene, PROBE_LIVENESS), 0);
	scene_close(&scene);
}

/* After a restart of the agent: somewhere in the period, not all at once. */
static void old_containers_are_asked_at_any_time(void)
{
	struct scene scene;

	scene_open(&scene, "{'livenessProbe':{" TCP ",'periodSeconds':60}}", 3600000);
	CHECK(due_in(&scene, PROBE_LIVENESS) >= 0);
	CHECK(due_in(&scene, PROBE_LIVENESS) < 60000);
	scene_close(&scene);
}

static void numbers_are_limited(void)
{
	struct scene scene;

	scene_open(&scene,
		   "{'livenessProbe':{" TCP ",'initialDelaySeconds':9223372036854775807,"
		   "'periodSeconds':-1,'timeoutSeconds':9223372036854775807}}",
		   0);
	CHECK_INT(due_in(&scene, PROBE_LIVENESS), 30ll * 86400 * 1000);
	ask_and_answer(&scene, PROBE_LIVENESS, true);
	CHECK_INT(due_in(&scene, PROBE_LIVENESS), 10000);
	scene_close(&scene);
}

/* --- stopping --- */

static void stopped_while_waiting(void)
{
	struct scene scene;

	scene_open(&scene, "{'readinessProbe':{" TCP "},'livenessProbe':{" TCP "}}", 0);
	scene_close(&scene);
}

static void stopped_while_asking(void)
{
	struct scene scene;

	scene_open(&scene, "{'readinessProbe':{" TCP "},'livenessProbe':{" TCP "}}", 0);
	ask(&scene, PROBE_READINESS);
	ask(&scene, PROBE_LIVENESS);
	CHECK_INT(actions, 2);
	scene_close(&scene);
	CHECK_INT(scene.changes + scene.failures + scene.deaths, 0);
}

static void stopped_inside_of_callbacks(void)
{
	static const char text[] = "{'livenessProbe':{" TCP ",'failureThreshold':1},"
				   "'readinessProbe':{" TCP "}}";
	struct scene scene;

	scene_open(&scene, text, 0);
	scene.stop_on_failure = true;
	ask(&scene, PROBE_READINESS);
	ask_and_answer(&scene, PROBE_LIVENESS, false);
	CHECK_INT(scene.deaths, 0);
	scene_close(&scene);
	scene_open(&scene, text, 0);
	scene.stop_on_death = true;
	ask(&scene, PROBE_READINESS);
	ask_and_answer(&scene, PROBE_LIVENESS, false);
	CHECK_INT(scene.deaths, 1);
	scene_close(&scene);
	scene_open(&scene, text, 0);
	scene.stop_on_change = true;
	ask(&scene, PROBE_LIVENESS);
	ask_and_answer(&scene, PROBE_READINESS, true);
	CHECK_INT(scene.changes, 1);
	scene_close(&scene);
}

static const struct test tests[] = {
	{ "without probes all is well", without_probes_all_is_well },
	{ "readiness needs an answer", readiness_needs_an_answer },
	{ "thresholds are counted in a row", thresholds_are_counted_in_a_row },
	{ "liveness kills after its threshold", liveness_kills_after_its_threshold },
	{ "the others wait for startup", the_others_wait_for_startup },
	{ "a failed startup kills", a_failed_startup_kills },
	{ "what cannot be asked kills nobody", what_cannot_be_asked_kills_nobody },
	{ "a warning is a success", a_warning_is_a_success },
	{ "periods are kept", periods_are_kept },
	{ "old containers are asked at any time", old_containers_are_asked_at_any_time },
	{ "numbers are limited", numbers_are_limited },
	{ "stopped while waiting", stopped_while_waiting },
	{ "stopped while asking", stopped_while_asking },
	{ "stopped inside of callbacks", stopped_inside_of_callbacks },
};

TEST_MAIN(tests)
