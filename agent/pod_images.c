/*
 * pod_images.c - the image of a container: asking for it, failures and their back-off, events.
 *
 * Reasons and words are those of kubelets: people's scripts read them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/pod_inside.h"
#include "agent/pull_secret.h"

static struct str image_name(const struct pod_container *c)
{
	return json_str(json_get(c->spec, "image"));
}

enum image_policy pod_image_policy(const struct pod_container *c)
{
	struct str word = json_str(json_get(c->spec, "imagePullPolicy"));

	return str_is(word, "Always")  ? IMAGE_ALWAYS
	       : str_is(word, "Never") ? IMAGE_NEVER
				       : IMAGE_IF_NOT_PRESENT;
}

/* --- failures --- */

/* Each further failure waits twice as long. */
static void set_back_off(struct pod_container *c)
{
	c->image_back_off_ms = c->image_back_off_ms ? c->image_back_off_ms * 2 : BACK_OFF_FIRST_MS;
	if (c->image_back_off_ms > BACK_OFF_MAX_MS)
		c->image_back_off_ms = BACK_OFF_MAX_MS;
	c->image_due_ms = clock_now_ms() + c->image_back_off_ms;
}

static void failed(struct pod_container *c, const struct error *err)
{
	struct str name = image_name(c);
	const char *reason = "ErrImagePull";

	if (err->kind == ERROR_INVALID && !c->pulling) { /* not even a name */
		reason = "InvalidImageName";
		pod_say(c->pod, c, "Warning", "InspectFailed",
			"Failed to apply default image tag \"" STR_FMT "\": %s", STR_ARG(name),
			err->text);
	} else if (pod_image_policy(c) == IMAGE_NEVER) {
		reason = "ErrImageNeverPull";
		pod_say(c->pod, c, "Warning", reason,
			"Container image \"" STR_FMT "\" is not present with pull policy of Never",
			STR_ARG(name));
	} else {
		pod_say(c->pod, c, "Warning", "Failed", "Failed to pull image \"" STR_FMT "\": %s",
			STR_ARG(name), err->text);
	}
	set_back_off(c);
	pod_container_wait(c, reason, err->text);
	pod_say(c->pod, c, "Warning", "Failed", "Error: %s", reason);
}

/* The second look at a failure is the waiting for the next try. */
static void wait_with_image(struct pod_container *c)
{
	struct str name = image_name(c);
	auto_free char *why =
		memory_print("Back-off pulling image \"" STR_FMT "\": ErrImagePull: %s",
			     STR_ARG(name), c->waiting_message ? c->waiting_message : "");

	pod_container_wait(c, "ImagePullBackOff", why);
	pod_say(c->pod, c, "Normal", "BackOff", "Back-off pulling image \"" STR_FMT "\"",
		STR_ARG(name));
	pod_say(c->pod, c, "Warning", "Failed", "Error: ImagePullBackOff");
}

/* --- success --- */

/* "1.5s", "230ms", "2m3.4s": as Go prints a duration of milliseconds. */
static void print_duration(int64_t ms, char out[32])
{
	int len = 0;

	if (ms < 1000) {
		snprintf(out, 32, "%" PRId64 "ms", ms);
		return;
	}
	if (ms >= 60000)
		len = snprintf(out, 32, "%" PRId64 "m", ms / 60000);
	len += snprintf(out + len, 32 - (size_t)len, "%d.%03d", (int)(ms / 1000 % 60),
			(int)(ms % 1000));
	while (out[len - 1] == '0' && out[len - 2] != '.')
		len--;
	snprintf(out + len, 32 - (size_t)len, "s");
}

static void say_pulled(struct pod_container *c)
{
	char took[32];

	print_duration(clock_now_ms() - c->pull_begun_ms, took);
	pod_say(c->pod, c, "Normal", "Pulled",
		"Successfully pulled image \"" STR_FMT
		"\" in %s (%s including waiting). Image size: %" PRIu64 " bytes.",
		STR_ARG(image_name(c)), took, took, c->image->size);
}

static void say_image(struct pod_container *c, const char *fallback)
{
	if (fallback)
		pod_say(c->pod, c, "Warning", "FailedToPullImage",
			"Using the image that is here: %s", fallback);
	else if (c->pulling)
		say_pulled(c);
	else
		pod_say(c->pod, c, "Normal", "Pulled",
			"Container image \"" STR_FMT "\" already present on machine",
			STR_ARG(image_name(c)));
}

static void on_image(void *of, struct image *image, const struct error *err, const char *fallback)
{
	struct pod_container *c = of;

	c->pulling = image_want_is_pulling(c->want);
	c->want = NULL;
	if (!image) {
		failed(c, err);
	} else {
		image_free(c->pod->node->images, c->image);
		c->image = image;
		c->image_back_off_ms = 0;
		pod_container_wait(c, NULL, NULL);
		say_image(c, fallback);
	}
	pod_again(c->pod);
}

/* --- asking --- */

static void say_missing_secrets(struct pod_container *c)
{
	const struct json *list = json_get(pod_spec(c->pod), "imagePullSecrets");
	auto_buf names = BUF_INIT;

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));

		if (name.len > 0 && !sources_secret(c->pod->sources, name))
			buf_add_print(&names, "%s" STR_FMT, names.len > 0 ? ", " : "",
				      STR_ARG(name));
	}
	if (names.len > 0)
		pod_say(c->pod, NULL, "Warning", "FailedToRetrieveImagePullSecret",
			"Unable to retrieve some image pull secrets (%s); attempting to pull the "
			"image may not succeed.",
			buf_text(&names));
}

static void start_want(struct pod_container *c, struct image_want_plan *plan)
{
	struct pull_logins logins;

	pull_secret_find(json_root(c->pod->now), c->pod->sources, plan->name, &logins);
	plan->logins = logins.at;
	plan->login_count = logins.count;
	c->want = image_want_start(c->pod->node->getter, plan, on_image, c);
	pull_logins_clear(&logins);
}

void pod_image_want(struct pod_container *c)
{
	struct image_want_plan plan = { .name = image_name(c), .policy = pod_image_policy(c) };

	if (clock_now_ms() < c->image_due_ms) {
		if (c->waiting_reason && strcmp(c->waiting_reason, "ErrImagePull") == 0)
			wait_with_image(c);
		pod_again_at(c->pod, c->image_due_ms);
		return;
	}
	/* It ran before the power went, and the server has not been heard yet: no registry needs to
	 * answer for it to run again. */
	if (c->pod->adopted && plan.policy == IMAGE_ALWAYS)
		plan.policy = IMAGE_IF_NOT_PRESENT;
	start_want(c, &plan);
	c->pulling = image_want_is_pulling(c->want);
	c->pull_begun_ms = clock_now_ms();
	if (!c->pulling)
		return;
	say_missing_secrets(c);
	pod_say(c->pod, c, "Normal", "Pulling", "Pulling image \"" STR_FMT "\"",
		STR_ARG(plan.name));
}
