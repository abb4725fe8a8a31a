/*
 * pod_runtime_class.c - which runtime a pod wants.
 *
 * There is one here, "mote"; classes that were written for nodes with containerd
 * call the usual one "runc".  A class whose handler is another name, or that is gone, keeps the pod
 * from starting, with the words of kubelets; it is asked for again, as it may come.  What was found
 * good is noted in the pod's folder, so that a boot without the server needs no answer.
 */
#include <stdio.h>

#include "agent/pod_inside.h"
#include "base/file.h"

#define AGAIN_FIRST_MS 1000
#define AGAIN_MAX_MS   60000

static const char *const handlers[] = { "", "mote", "runc" };

static struct str class_of(const struct pod *pod)
{
	return json_str(json_get(pod_spec(pod), "runtimeClassName"));
}

static char *note_path(const struct pod *pod)
{
	return memory_print("%s/runtime-class", pod->folder);
}

static bool is_noted(const struct pod *pod)
{
	auto_free char *path = note_path(pod);
	auto_buf text = BUF_INIT;
	struct error ignored;

	return file_read(path, 256, &text, &ignored) && str_equal(buf_str(&text), class_of(pod));
}

static bool is_ours(struct str handler)
{
	for (size_t i = 0; i < ARRAY_LENGTH(handlers); i++)
		if (str_is(handler, handlers[i]))
			return true;
	return false;
}

static void again_later(struct pod *pod)
{
	pod->class_wait_ms = pod->class_wait_ms ? pod->class_wait_ms * 2 : AGAIN_FIRST_MS;
	if (pod->class_wait_ms > AGAIN_MAX_MS)
		pod->class_wait_ms = AGAIN_MAX_MS;
	pod->class_due_ms = clock_now_ms() + pod->class_wait_ms;
}

static void accept(struct pod *pod)
{
	auto_free char *path = note_path(pod);
	struct error ignored;

	pod->class_known = true;
	/* A full disk costs a question at the next boot, not the pod. */
	(void)!file_put(path, class_of(pod), 0600, &ignored);
}

static void on_answer(void *of, const struct json *result, const struct error *err)
{
	struct pod *pod = of;
	struct str handler = json_str(json_get(result, "handler"));

	pod->class_call = NULL;
	if (!err && is_ours(handler)) {
		accept(pod);
	} else {
		again_later(pod);
		if (!err)
			pod_say(pod, NULL, "Warning", "FailedCreatePodSandBox",
				"Failed to create pod sandbox: failed to get sandbox runtime: no "
				"runtime for \"" STR_FMT "\" is configured",
				STR_ARG(handler));
		else if (err->kind == ERROR_NOT_FOUND)
			pod_say(pod, NULL, "Warning", "FailedCreatePodSandBox",
				"Failed to create pod sandbox: RuntimeClass \"" STR_FMT
				"\" not found",
				STR_ARG(class_of(pod)));
	}
	pod_again(pod);
}

bool pod_runtime_class_step(struct pod *pod)
{
	struct client_ask ask = { .verb = CLIENT_GET,
				  .kind = kind_find_name(STR("node.k8s.io/v1"),
							 STR("RuntimeClass")),
				  .name = class_of(pod),
				  .on_done = on_answer,
				  .of = pod };

	if (pod->class_known || class_of(pod).len == 0)
		return true;
	if (pod->class_call)
		return false;
	if (is_noted(pod)) {
		pod->class_known = true;
		return true;
	}
	if (clock_now_ms() < pod->class_due_ms)
		pod_again_at(pod, pod->class_due_ms);
	else
		pod->class_call = client_call(pod->node->client, &ask);
	return false;
}
