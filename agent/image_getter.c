/*
 * image_getter.c - one job a name and login; the wants that wait for it.
 */
#include "agent/image_getter.h"

#include <pthread.h>

#include <assert.h>

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "runtime/image_name.h"

/* They wait for the network most of the time; unpacking is one at a time.  A registry that does not
 * answer must not keep the images of others waiting. */
#define PULLS_AT_ONCE 4
#define LOCAL_AT_ONCE 2 /* imports and removals: a dead registry does not hold them up */

struct pull {
	struct work_job job;
	struct image_getter *getter;
	char *key, *name;
	struct arena *arena; /* has the logins */
	struct image_login *logins;
	size_t login_count;
	bool worked;
	struct error err;
	struct list wants;
};

struct image_want {
	struct image_getter *getter;
	struct pull *pull; /* NULL: only looked up, or served without it */
	char *name;
	enum image_policy policy;
	bool allowed; /* to use what is here */
	struct list link;
	struct loop_task told;
	void (*on_done)(void *of, struct image *image, const struct error *err,
			const char *fallback);
	void *of;
};

struct image_getter {
	struct loop *loop;
	struct images *images;
	const struct json *registries;
	struct work_pool *pool;  /* what asks registries */
	struct work_pool *local; /* what does not */
	struct map *pulls;       /* name and login -> struct pull */
	size_t chores;           /* under way */
	/* What the last holder of an image let go of is removed by a servant. */
	pthread_mutex_t lock;
	bool woken; /* under the lock: wake is on its way to the loop */
	struct loop_post wake;
};

static void on_unneeded(void *of);
static void on_wake(struct loop_post *post);

bool image_getter_open(struct loop *loop, struct images *images, const struct json *registries,
		       struct image_getter **out, struct error *err)
{
	struct image_getter *getter = memory_new(struct image_getter);

	getter->loop = loop;
	getter->images = images;
	getter->registries = registries;
	if (!work_open(loop, PULLS_AT_ONCE, &getter->pool, err) ||
	    !work_open(loop, LOCAL_AT_ONCE, &getter->local, err)) {
		work_close(getter->pool);
		free(getter);
		return false;
	}
	getter->pulls = map_new();
	getter->wake.on_post = on_wake;
	pthread_mutex_init(&getter->lock, NULL);
	images_leave_removing(images, on_unneeded, getter);
	*out = getter;
	return true;
}

void image_getter_close(struct image_getter *getter)
{
	if (!getter)
		return;
	images_leave_removing(getter->images, NULL, NULL);
	while (getter->woken) /* nobody wakes us any more */
		loop_once(getter->loop, -1);
	work_close(getter->pool);
	work_close(getter->local);
	pthread_mutex_destroy(&getter->lock);
	map_free(getter->pulls);
	free(getter);
}

bool image_getter_is_busy(const struct image_getter *getter)
{
	return getter->chores > 0 || map_count(getter->pulls) > 0;
}

/* --- a want's end --- */

/* Words of kubelets where they have some. */
static bool refuse(const struct image_want *want, struct error *err)
{
	if (want->policy == IMAGE_NEVER)
		return error_set(err, ERROR_NOT_FOUND,
				 "Container image \"%s\" is not present with pull policy of Never",
				 want->name);
	return error_set(err, ERROR_UNAUTHORIZED,
			 "the image \"%s\" is here for who can log in to its registry only",
			 want->name);
}

/* A pull that worked has shown that its login is good for the image. */
static bool find(struct image_want *want, bool pulled, struct image **out, struct error *err)
{
	struct image *image;

	if (!images_find(want->getter->images, str_of(want->name), &image, err))
		return false;
	if (pulled || want->allowed) {
		*out = image;
		return true;
	}
	image_free(want->getter->images, image);
	return refuse(want, err);
}

static void want_end(struct image_want *want, const struct error *pull_err)
{
	struct image *image = NULL;
	struct error err;
	bool found = find(want, want->pull && !pull_err, &image, &err);
	bool excused = found && pull_err && pull_err->kind == ERROR_UNAVAILABLE &&
		       (want->policy == IMAGE_ALWAYS || image->damaged);
	const struct error *why = pull_err ? pull_err : &err;

	if (pull_err && !excused && image) {
		image_free(want->getter->images, image);
		image = NULL;
	}
	want->on_done(want->of, image, image ? NULL : why, excused ? pull_err->text : NULL);
	free(want->name);
	free(want);
}

static void on_told(struct loop_task *task)
{
	want_end(CONTAINER_OF(task, struct image_want, told), NULL);
}

/* --- pulls --- */

/* Another login may help. */
static bool is_refusal(const struct error *err)
{
	return err->kind == ERROR_UNAUTHORIZED || err->kind == ERROR_FORBIDDEN ||
	       err->kind == ERROR_NOT_FOUND;
}

/* Each login in turn; what the first was told is told. */
static void run_pull(struct work_job *job)
{
	struct pull *pull = CONTAINER_OF(job, struct pull, job);
	struct images_pull_plan plan = { .name = str_of(pull->name),
					 .registries = pull->getter->registries };
	struct error err;
	size_t tries = pull->login_count > 0 ? pull->login_count : 1;

	for (size_t i = 0; i < tries && !pull->worked; i++) {
		if (pull->login_count > 0)
			plan.login = pull->logins[i];
		pull->worked = images_pull(pull->getter->images, &plan, &err);
		if (!pull->worked && (i == 0 || !is_refusal(&err)))
			pull->err = err;
		if (!pull->worked && !is_refusal(&err))
			return;
	}
}

static void pull_free(struct pull *pull)
{
	free(pull->key);
	free(pull->name);
	arena_free(pull->arena);
	free(pull);
}

/* Images came: who waits for one that is here now, and may use it, need not wait for its registry.
 */
static void serve_waiting(struct image_getter *getter)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_next(getter->pulls, &i, &key, &value);) {
		struct pull *pull = value;

		LIST_EACH_SAFE(&pull->wants, link)
		{
			struct image_want *want = LIST_OWNER(link, struct image_want, link);

			if (want->policy != IMAGE_IF_NOT_PRESENT ||
			    !images_allows(getter->images, str_of(want->name), pull->logins,
					   pull->login_count) ||
			    !image_getter_has(getter, str_of(want->name)))
				continue;
			list_remove(&want->link);
			want->pull = NULL;
			want->allowed = true;
			loop_defer(getter->loop, &want->told);
		}
	}
}

static void pull_done(struct work_job *job)
{
	struct pull *pull = CONTAINER_OF(job, struct pull, job);

	map_remove(pull->getter->pulls, str_of(pull->key));
	while (!list_is_empty(&pull->wants)) { /* a callback may cancel others */
		struct image_want *want = LIST_OWNER(pull->wants.next, struct image_want, link);

		list_remove(&want->link);
		want_end(want, pull->worked ? NULL : &pull->err);
	}
	if (pull->worked)
		serve_waiting(pull->getter);
	pull_free(pull);
}

/* Who has another password does not get what this one may have, nor its refusal. */
static char *pull_key(const struct image_want_plan *plan, const char *name)
{
	auto_buf key = BUF_INIT;

	buf_add_text(&key, name);
	for (size_t i = 0; i < plan->login_count; i++)
		buf_add_print(&key, "\n" STR_FMT "\n" STR_FMT "\n" STR_FMT,
			      STR_ARG(plan->logins[i].username), STR_ARG(plan->logins[i].password),
			      STR_ARG(plan->logins[i].secret));
	return buf_take(&key);
}

static void copy_logins(struct pull *pull, const struct image_want_plan *plan)
{
	pull->arena = arena_new();
	pull->login_count = plan->login_count;
	pull->logins = arena_get(pull->arena, (plan->login_count + 1) * sizeof(*pull->logins));
	for (size_t i = 0; i < plan->login_count; i++)
		pull->logins[i] = (struct image_login){
			.username = str_of(str_copy_arena(plan->logins[i].username, pull->arena)),
			.password = str_of(str_copy_arena(plan->logins[i].password, pull->arena)),
			.secret = str_of(str_copy_arena(plan->logins[i].secret, pull->arena)),
		};
}

static struct pull *pull_of(struct image_getter *getter, const struct image_want_plan *plan,
			    const char *name)
{
	auto_free char *key = pull_key(plan, name);
	struct pull *pull = map_find(getter->pulls, str_of(key));

	if (pull)
		return pull;
	pull = memory_new(struct pull);
	pull->getter = getter;
	pull->key = take_ptr(&key);
	pull->name = memory_string(name);
	copy_logins(pull, plan);
	list_init(&pull->wants);
	pull->job = (struct work_job){ .run = run_pull, .on_done = pull_done };
	map_put(getter->pulls, str_of(pull->key), pull);
	work_start(getter->pool, &pull->job);
	return pull;
}

bool image_getter_has(struct image_getter *getter, struct str name)
{
	struct image *image;
	struct error ignored;
	bool whole;

	if (!images_find(getter->images, name, &image, &ignored))
		return false;
	whole = !image->damaged;
	image_free(getter->images, image);
	return whole;
}

struct image_want *image_want_start(struct image_getter *getter, const struct image_want_plan *plan,
				    void (*on_done)(void *of, struct image *image,
						    const struct error *err, const char *fallback),
				    void *of)
{
	struct image_want *want = memory_new(struct image_want);
	struct error ignored;
	auto_buf whole = BUF_INIT;
	bool is_name;

	want->getter = getter;
	want->policy = plan->policy;
	want->told.on_task = on_told;
	want->on_done = on_done;
	want->of = of;
	list_init(&want->link);
	is_name = !image_name_is_digest(plan->name) &&
		  image_name_normalise(plan->name, &whole, &ignored);
	/* What is no name is looked up all the same: images_find words the error. */
	want->name = is_name ? buf_take(&whole) : str_copy(plan->name);
	want->allowed =
		images_allows(getter->images, str_of(want->name), plan->logins, plan->login_count);
	if (plan->policy == IMAGE_NEVER || !is_name ||
	    (plan->policy == IMAGE_IF_NOT_PRESENT && want->allowed &&
	     image_getter_has(getter, str_of(want->name)))) {
		loop_defer(getter->loop, &want->told);
		return want;
	}
	want->pull = pull_of(getter, plan, want->name);
	list_add(&want->pull->wants, &want->link);
	return want;
}

bool image_want_is_pulling(const struct image_want *want)
{
	return want->pull != NULL;
}

void image_want_cancel(struct image_want *want)
{
	if (!want)
		return;
	list_remove(&want->link);
	loop_task_cancel(&want->told);
	free(want->name);
	free(want);
}

/* --- jobs by hand: import, remove, pull --- */

struct chore {
	struct work_job job;
	struct image_getter *getter;
	char *what;
	char **names;
	bool worked;
	struct error err;
	void (*on_done)(void *of, char **names, const struct error *err);
	void *of;
};

static void chore_done(struct work_job *job)
{
	struct chore *chore = CONTAINER_OF(job, struct chore, job);

	chore->getter->chores--;
	if (chore->worked)
		serve_waiting(chore->getter);
	chore->on_done(chore->of, chore->names, chore->worked ? NULL : &chore->err);
	for (size_t i = 0; chore->names && chore->names[i]; i++)
		free(chore->names[i]);
	free(chore->names);
	free(chore->what);
	free(chore);
}

static void start_chore(struct image_getter *getter, struct work_pool *pool, struct str what,
			void (*run)(struct work_job *job),
			void (*on_done)(void *of, char **names, const struct error *err), void *of)
{
	struct chore *chore = memory_new(struct chore);

	chore->getter = getter;
	chore->what = str_copy(what);
	chore->on_done = on_done;
	chore->of = of;
	chore->job = (struct work_job){ .run = run, .on_done = chore_done };
	getter->chores++;
	work_start(pool, &chore->job);
}

static void run_import(struct work_job *job)
{
	struct chore *chore = CONTAINER_OF(job, struct chore, job);

	chore->worked =
		images_import(chore->getter->images, chore->what, &chore->names, &chore->err);
}

static void run_remove(struct work_job *job)
{
	struct chore *chore = CONTAINER_OF(job, struct chore, job);

	chore->worked = images_remove(chore->getter->images, str_of(chore->what), &chore->err);
}

static void run_chore_pull(struct work_job *job)
{
	struct chore *chore = CONTAINER_OF(job, struct chore, job);
	struct images_pull_plan plan = { .name = str_of(chore->what),
					 .registries = chore->getter->registries };

	chore->worked = images_pull(chore->getter->images, &plan, &chore->err);
}

void image_getter_import(struct image_getter *getter, const char *path,
			 void (*on_done)(void *of, char **names, const struct error *err), void *of)
{
	start_chore(getter, getter->local, str_of(path), run_import, on_done, of);
}

void image_getter_remove(struct image_getter *getter, struct str name,
			 void (*on_done)(void *of, char **names, const struct error *err), void *of)
{
	start_chore(getter, getter->local, name, run_remove, on_done, of);
}

void image_getter_pull(struct image_getter *getter, struct str name,
		       void (*on_done)(void *of, char **names, const struct error *err), void *of)
{
	start_chore(getter, getter->pool, name, run_chore_pull, on_done, of);
}

static void run_sweep(struct work_job *job)
{
	struct chore *chore = CONTAINER_OF(job, struct chore, job);

	chore->worked = images_sweep(chore->getter->images, &chore->err);
}

static void on_swept(void *of, char **names, const struct error *err)
{
	(void)of;
	(void)names;
	if (err)
		log_warn("agent.images", "unneeded layers cannot be removed", "why=\"%s\"",
			 err->text);
}

void image_getter_sweep(struct image_getter *getter)
{
	start_chore(getter, getter->local, STR(""), run_sweep, on_swept, NULL);
}

static void run_unneeded(struct work_job *job)
{
	struct chore *chore = CONTAINER_OF(job, struct chore, job);

	images_remove_unneeded(chore->getter->images);
	chore->worked = true;
}

static void on_wake(struct loop_post *post)
{
	struct image_getter *getter = CONTAINER_OF(post, struct image_getter, wake);

	pthread_mutex_lock(&getter->lock);
	getter->woken = false;
	pthread_mutex_unlock(&getter->lock);
	start_chore(getter, getter->local, STR(""), run_unneeded, on_swept, NULL);
}

/* Any thread. */
static void on_unneeded(void *of)
{
	struct image_getter *getter = of;

	pthread_mutex_lock(&getter->lock);
	if (!getter->woken)
		loop_post(getter->loop, &getter->wake);
	getter->woken = true;
	pthread_mutex_unlock(&getter->lock);
}
