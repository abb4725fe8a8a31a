/*
 * test_image_getter.c - who waits for which pull, and what each is told.
 *
 * The file under test is included, with the store in the test's hands; pulls run on real threads
 * and wait there until the test lets them go.
 */
#include <pthread.h>
#include <stdio.h>

#include "agent/image_getter.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int allowed; /* pulls that may end */
	int begun, ended;
	bool works, here; /* what a pull does; is the image in the store? */
	bool closed;      /* what is there is for password "p" only */
	bool damaged;     /* what is there */
	enum error_kind kind;
	const char *good; /* the one password that works; NULL: any */
	char last[300];   /* "name user password" */
	int images;       /* that are held; loop thread */
	int removed;      /* times that what is unneeded was taken away */
	bool by_servant;  /* the last time */
	void (*wake)(void *of);
	void *wake_of;
	pthread_t loop_thread;
} store = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static bool fake_pull(struct images *images, const struct images_pull_plan *plan, struct error *err)
{
	bool works;

	(void)images;
	pthread_mutex_lock(&store.lock);
	store.begun++;
	snprintf(store.last, sizeof(store.last), STR_FMT " " STR_FMT " " STR_FMT,
		 STR_ARG(plan->name), STR_ARG(plan->login.username), STR_ARG(plan->login.password));
	while (store.ended >= store.allowed)
		pthread_cond_wait(&store.changed, &store.lock);
	store.ended++;
	works = store.works && (!store.good || str_is(plan->login.password, store.good));
	store.here = store.here || works;
	error_set(err, store.kind, "cannot pull");
	pthread_mutex_unlock(&store.lock);
	return works;
}

static bool fake_find(struct images *images, struct str name, struct image **out, struct error *err)
{
	(void)images;
	if (!store.here)
		return error_set(err, ERROR_NOT_FOUND, "no image " STR_FMT, STR_ARG(name));
	*out = memory_new(struct image);
	(*out)->damaged = store.damaged;
	store.images++;
	return true;
}

static void fake_free(struct images *images, struct image *image)
{
	(void)images;
	store.images -= image != NULL;
	free(image);
}

static bool fake_allows(struct images *images, struct str name, const struct image_login *logins,
			size_t count)
{
	(void)images;
	(void)name;
	for (size_t i = 0; i < count; i++)
		if (str_is(logins[i].password, "p"))
			return store.here;
	return store.here && !store.closed;
}

static void fake_leave(struct images *images, void (*wake)(void *of), void *of)
{
	(void)images;
	store.wake = wake;
	store.wake_of = of;
}

static void fake_remove(struct images *images)
{
	(void)images;
	pthread_mutex_lock(&store.lock);
	store.removed++;
	store.by_servant = !pthread_equal(pthread_self(), store.loop_thread);
	pthread_mutex_unlock(&store.lock);
}

static bool fake_import(struct images *images, const char *path, char ***out_names,
			struct error *err)
{
	(void)images;
	(void)path;
	(void)err;
	*out_names = NULL;
	pthread_mutex_lock(&store.lock);
	store.here = true;
	pthread_mutex_unlock(&store.lock);
	return true;
}

#define images_leave_removing  fake_leave
#define images_remove_unneeded fake_remove
#define images_allows          fake_allows
#define images_import          fake_import
#define images_pull            fake_pull
#define images_find            fake_find
#define image_free             fake_free
#include "agent/image_getter.c"
#undef images_leave_removing
#undef images_remove_unneeded
#undef images_allows
#undef images_import
#undef images_pull
#undef images_find
#undef image_free

struct want {
	struct image_want *handle;
	bool done, has_image;
	bool by_pull; /* it came by one */
	enum error_kind kind;
	char fallback[64];
	struct want *cancels;
};

static void on_done(void *of, struct image *image, const struct error *err, const char *fallback)
{
	struct want *want = of;

	CHECK(!want->done);
	want->done = true;
	want->by_pull = image_want_is_pulling(want->handle);
	want->handle = NULL;
	want->has_image = image != NULL;
	want->kind = err ? err->kind : ERROR_NONE;
	CHECK((image != NULL) == (err == NULL));
	snprintf(want->fallback, sizeof(want->fallback), "%s", fallback ? fallback : "");
	fake_free(NULL, image);
	if (want->cancels) {
		image_want_cancel(want->cancels->handle);
		want->cancels->handle = NULL;
	}
}

static struct loop *loop;
static struct image_getter *getter;

static void open_getter(bool works, bool here)
{
	struct error err;

	store.works = works;
	store.here = here;
	store.kind = ERROR_UNAVAILABLE;
	CHECK_OK(loop_open(&loop, &err), &err);
	CHECK_OK(image_getter_open(loop, NULL, NULL, &getter, &err), &err);
}

static void close_getter(void)
{
	image_getter_close(getter);
	loop_close(loop);
	CHECK_INT(store.images, 0);
}

/* password: NULL, one, or two with a blank between */
static void start(struct want *want, const char *name, enum image_policy policy,
		  const char *password)
{
	struct image_login logins[2] = { { STR("u"), STR_NONE, STR_NONE },
					 { STR("v"), STR_NONE, STR_NONE } };
	struct image_want_plan plan = { .name = str_of(name), .policy = policy, .logins = logins };

	*want = (struct want){ 0 };
	for (struct str rest = str_of(password ? password : ""); rest.len > 0;)
		logins[plan.login_count++].password = str_cut(&rest, ' ');
	want->handle = image_want_start(getter, &plan, on_done, want);
	CHECK(!want->done);
}

static void let_go(int pulls)
{
	pthread_mutex_lock(&store.lock);
	store.allowed += pulls;
	pthread_cond_broadcast(&store.changed);
	pthread_mutex_unlock(&store.lock);
}

/* --- policies --- */

static void what_is_here_is_not_pulled(void)
{
	struct want want, never;

	open_getter(true, true);
	start(&want, "web", IMAGE_IF_NOT_PRESENT, NULL);
	start(&never, "web", IMAGE_NEVER, NULL);
	CHECK(!image_want_is_pulling(want.handle));
	fixture_until(loop, &never.done);
	CHECK(want.done && want.has_image && never.has_image);
	CHECK_INT(store.begun, 0);
	close_getter();
}

static void what_is_not_here_may_not_be_pulled(void)
{
	struct want want;

	open_getter(true, false);
	start(&want, "web", IMAGE_NEVER, NULL);
	fixture_until(loop, &want.done);
	CHECK_INT(want.kind, ERROR_NOT_FOUND);
	start(&want, "", IMAGE_ALWAYS, NULL);
	fixture_until(loop, &want.done);
	CHECK(!want.has_image);
	start(&want, "NOT a name", IMAGE_ALWAYS, NULL);
	fixture_until(loop, &want.done);
	CHECK(!want.has_image);
	CHECK_INT(store.begun, 0);
	close_getter();
}

static void what_is_missing_is_pulled(void)
{
	struct want want;

	open_getter(true, false);
	start(&want, "web", IMAGE_IF_NOT_PRESENT, "p");
	CHECK(image_want_is_pulling(want.handle));
	let_go(1);
	fixture_until(loop, &want.done);
	CHECK(want.has_image);
	CHECK(want.by_pull);
	CHECK_STR(want.fallback, "");
	CHECK_STR(store.last, "docker.io/library/web:latest u p");
	start(&want, "web", IMAGE_ALWAYS, NULL);
	CHECK(image_want_is_pulling(want.handle));
	let_go(1);
	fixture_until(loop, &want.done);
	CHECK_INT(store.begun, 2);
	close_getter();
}

static void an_unreachable_registry_is_excused(void)
{
	struct want want;

	open_getter(false, true);
	start(&want, "web", IMAGE_ALWAYS, NULL);
	let_go(1);
	fixture_until(loop, &want.done);
	CHECK(want.has_image);
	CHECK_STR(want.fallback, "cannot pull");
	store.kind = ERROR_UNAUTHORIZED; /* a refusal is not */
	start(&want, "web", IMAGE_ALWAYS, NULL);
	let_go(1);
	fixture_until(loop, &want.done);
	CHECK(!want.has_image);
	CHECK_INT(want.kind, ERROR_UNAUTHORIZED);
	close_getter();
}

static void what_is_damaged_is_pulled_if_that_can_be(void)
{
	struct want want;

	open_getter(false, true);
	store.damaged = true;
	CHECK(!image_getter_has(getter, STR("web")));
	start(&want, "web", IMAGE_IF_NOT_PRESENT, NULL);
	CHECK(image_want_is_pulling(want.handle));
	let_go(1);
	fixture_until(loop, &want.done);
	CHECK(want.has_image);
	CHECK_STR(want.fallback, "cannot pull");
	start(&want, "web", IMAGE_NEVER, NULL);
	fixture_until(loop, &want.done);
	CHECK(want.has_image);
	close_getter();
}

static void a_failure_is_told(void)
{
	struct want want;

	open_getter(false, false);
	start(&want, "web", IMAGE_IF_NOT_PRESENT, NULL);
	let_go(1);
	fixture_until(loop, &want.done);
	CHECK_INT(want.kind, ERROR_UNAVAILABLE);
	close_getter();
}

/* --- sharing --- */

static void one_pull_serves_all(void)
{
	struct want wants[4];

	open_getter(true, false);
	start(&wants[0], "web", IMAGE_IF_NOT_PRESENT, "p");
	start(&wants[1], "docker.io/library/web:latest", IMAGE_ALWAYS, "p");
	start(&wants[2], "web:latest", IMAGE_IF_NOT_PRESENT, "p");
	start(&wants[3], "web", IMAGE_IF_NOT_PRESENT, "p");
	image_want_cancel(wants[2].handle);
	let_go(1);
	fixture_until(loop, &wants[3].done);
	CHECK(wants[0].has_image && wants[1].has_image && !wants[2].done);
	CHECK_INT(store.begun, 1);
	close_getter();
}

/* Nobody gets an image, or a refusal, by another one's password. */
static void logins_are_not_shared(void)
{
	struct want mine, yours, nobodys;

	open_getter(true, false);
	start(&mine, "web", IMAGE_ALWAYS, "p");
	start(&yours, "web", IMAGE_ALWAYS, "q");
	start(&nobodys, "web", IMAGE_ALWAYS, NULL);
	let_go(3);
	fixture_until(loop, &mine.done);
	fixture_until(loop, &yours.done);
	fixture_until(loop, &nobodys.done);
	CHECK_INT(store.begun, 3);
	close_getter();
}

static void every_login_is_tried(void)
{
	struct want want;

	open_getter(true, false);
	store.kind = ERROR_UNAUTHORIZED;
	store.good = "right";
	start(&want, "web", IMAGE_IF_NOT_PRESENT, "wrong right");
	let_go(2);
	fixture_until(loop, &want.done);
	CHECK(want.has_image);
	CHECK_STR(store.last, "docker.io/library/web:latest v right");
	store.kind = ERROR_UNAVAILABLE; /* no login helps against that */
	start(&want, "web", IMAGE_ALWAYS, "wrong other");
	let_go(1);
	fixture_until(loop, &want.done);
	CHECK_INT(store.begun, 3);
	close_getter();
}

/* What another one's login brought here is asked for at its registry first. */
static void what_is_here_for_others_is_asked_for(void)
{
	struct want want;

	open_getter(false, true);
	store.closed = true;
	store.kind = ERROR_UNAUTHORIZED;
	start(&want, "web", IMAGE_IF_NOT_PRESENT, "q");
	CHECK(image_want_is_pulling(want.handle));
	let_go(1);
	fixture_until(loop, &want.done);
	CHECK_INT(want.kind, ERROR_UNAUTHORIZED);
	start(&want, "web", IMAGE_NEVER, "q");
	fixture_until(loop, &want.done);
	CHECK_INT(want.kind, ERROR_NOT_FOUND);
	start(&want, "sha256:0123456789012345678901234567890123456789012345678901234567890123",
	      IMAGE_IF_NOT_PRESENT, NULL);
	fixture_until(loop, &want.done);
	CHECK_INT(want.kind, ERROR_UNAUTHORIZED);
	store.kind = ERROR_UNAVAILABLE; /* no excuse for who might not */
	start(&want, "web", IMAGE_ALWAYS, "q");
	let_go(1);
	fixture_until(loop, &want.done);
	CHECK_INT(want.kind, ERROR_UNAVAILABLE);
	start(&want, "web", IMAGE_IF_NOT_PRESENT, "q p");
	CHECK(!image_want_is_pulling(want.handle));
	fixture_until(loop, &want.done);
	CHECK(want.has_image);
	CHECK_INT(store.begun, 2);
	close_getter();
}

static void on_imported(void *of, char **names, const struct error *err)
{
	CHECK(!names && !err);
	*(bool *)of = true;
}

/* Goal: an archive that comes while the registry is asked in vain serves those who may have it, and
 * the others wait on; however many are asked, it comes. */
static void what_comes_meanwhile_serves_who_waits(void)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };
	struct want want, login, always, other, busy[ARRAY_LENGTH(names)];
	bool imported = false;

	open_getter(false, false);
	store.closed = true;
	start(&want, "web", IMAGE_IF_NOT_PRESENT, "p");
	start(&always, "web", IMAGE_ALWAYS, "p");
	start(&login, "web", IMAGE_IF_NOT_PRESENT, "q p");
	start(&other, "web", IMAGE_IF_NOT_PRESENT, "q");
	for (size_t i = 0; i < ARRAY_LENGTH(busy); i++)
		start(&busy[i], names[i], IMAGE_ALWAYS, NULL);
	image_getter_import(getter, "web.tar", on_imported, &imported);
	fixture_until(loop, &want.done);
	fixture_until(loop, &login.done);
	CHECK(imported);
	CHECK(want.has_image && login.has_image);
	CHECK(!want.by_pull);
	CHECK_STR(want.fallback, "");
	CHECK(!always.done && !other.done);
	let_go(20);
	fixture_until(loop, &always.done);
	fixture_until(loop, &other.done);
	for (size_t i = 0; i < ARRAY_LENGTH(busy); i++)
		fixture_until(loop, &busy[i].done);
	CHECK_INT(other.kind, ERROR_UNAVAILABLE);
	close_getter();
}

static void a_callback_may_cancel_its_neighbours(void)
{
	struct want wants[3];

	open_getter(true, false);
	for (size_t i = 0; i < 3; i++)
		start(&wants[i], "web", IMAGE_ALWAYS, NULL);
	wants[0].cancels = &wants[1];
	let_go(1);
	fixture_until(loop, &wants[2].done);
	CHECK(wants[0].done && !wants[1].done);
	close_getter();
}

static void cancelled_at_any_time(void)
{
	struct want want;

	open_getter(true, true);
	start(&want, "web", IMAGE_IF_NOT_PRESENT, NULL);
	image_want_cancel(want.handle);
	start(&want, "web", IMAGE_ALWAYS, NULL);
	image_want_cancel(want.handle);
	image_want_cancel(NULL);
	let_go(1);
	close_getter(); /* waits for the pull that nobody wants */
	CHECK(!want.done);
	CHECK_INT(store.ended, 1);
}

/* Woken several times at once it is one job; what comes later is another. */
static void servants_remove_what_is_unneeded(void)
{
	store.loop_thread = pthread_self();
	open_getter(true, true);
	for (int round = 1; round <= 2; round++) {
		store.wake(store.wake_of);
		store.wake(store.wake_of);
		CHECK_INT(store.removed, round - 1);
		loop_once(loop, 1000);
		while (image_getter_is_busy(getter))
			loop_once(loop, 1000);
		CHECK_INT(store.removed, round);
		CHECK(store.by_servant);
	}
	/* One on its way at the end is heard, too. */
	store.wake(store.wake_of);
	close_getter();
	CHECK_INT(store.removed, 3);
	CHECK(store.wake == NULL);
}

static const struct test tests[] = {
	{ "what is here is not pulled", what_is_here_is_not_pulled },
	{ "what is not here may not be pulled", what_is_not_here_may_not_be_pulled },
	{ "what is missing is pulled", what_is_missing_is_pulled },
	{ "an unreachable registry is excused", an_unreachable_registry_is_excused },
	{ "what is damaged is pulled if that can be", what_is_damaged_is_pulled_if_that_can_be },
	{ "a failure is told", a_failure_is_told },
	{ "one pull serves all", one_pull_serves_all },
	{ "logins are not shared", logins_are_not_shared },
	{ "every login is tried", every_login_is_tried },
	{ "what is here for others is asked for", what_is_here_for_others_is_asked_for },
	{ "what comes meanwhile serves who waits", what_comes_meanwhile_serves_who_waits },
	{ "a callback may cancel its neighbours", a_callback_may_cancel_its_neighbours },
	{ "cancelled at any time", cancelled_at_any_time },
	{ "servants remove what is unneeded", servants_remove_what_is_unneeded },
};

TEST_MAIN(tests)
