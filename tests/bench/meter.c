/*
 * meter.c - measures a server from outside with nothing but HTTPS: how long
 * nodes, pods and Deployments take.
 *
 * usage: meter URL CERTIFICATE KEY IMAGE TASK [COUNT [WORD]]
 */
#include "tests/bench/meter.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "net/tls.h"

#define TASK_MS 180000
#define PEM_MAX (64u * 1024)

static const struct task *const tasks[] = {
	&task_ready,   &task_one_by_one, &task_together, &task_deployment, &task_deployment_end,
	&task_watches, &task_lists,      &task_schedule, &task_churn,
};

_Noreturn void meter_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("meter: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

const struct kind *meter_kind(const char *group, const char *plural)
{
	const struct kind *kind = kind_find(str_of(group), STR("v1"), str_of(plural));

	if (!kind)
		meter_fail("there is no kind %s", plural);
	return kind;
}

/* --- waiting --- */

void meter_until(struct meter *meter, const size_t *value, size_t wanted, const char *what)
{
	while (*value < wanted) {
		if (clock_now_ms() > meter->deadline_ms)
			meter_fail("%s: %zu of %zu after %d s", what, *value, wanted,
				   TASK_MS / 1000);
		loop_once(meter->loop, 100);
	}
}

static void on_called(void *of, const struct json *result, const struct error *err)
{
	size_t *done = of;

	(void)result;
	if (err)
		meter_fail("%s", err->text);
	*done = 1;
}

void meter_call(struct meter *meter, struct client_ask ask)
{
	size_t done = 0;

	ask.on_done = on_called;
	ask.of = &done;
	client_call(meter->client, &ask);
	meter_until(meter, &done, 1, "the reply to a call");
}

/* --- samples --- */

void samples_add(struct samples *samples, int64_t micros)
{
	if (samples->count >= METER_MAX)
		meter_fail("too many samples");
	if ((samples->count & (samples->count + 1)) == 0) /* 0, 1, 3, 7, ...: doubles */
		samples->at =
			memory_grow(samples->at, (samples->count + 1) * 2 * sizeof(*samples->at));
	samples->at[samples->count++] = micros;
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

void samples_print(struct samples *samples, const char *name)
{
	static const struct {
		const char *name;
		size_t percent;
	} points[] = { { "p50", 50 }, { "p99", 99 }, { "max", 100 } };

	if (!samples->count)
		meter_fail("%s: no samples", name);
	qsort(samples->at, samples->count, sizeof(*samples->at), compare);
	for (size_t i = 0; i < ARRAY_LENGTH(points); i++)
		printf("%s.%s %.2f ms\n", name, points[i].name,
		       (double)samples->at[points[i].percent * (samples->count - 1) / 100] / 1000);
	free(samples->at);
	*samples = (struct samples){ 0 };
}

/* --- the program --- */

static struct client *connect_to(struct loop *loop, char **argv)
{
	struct tls_config *config;
	struct http_client *http;
	auto_buf chain = BUF_INIT;
	auto_buf key = BUF_INIT;
	struct error err;

	if (!file_read(argv[2], PEM_MAX, &chain, &err) ||
	    !file_read(argv[3], PEM_MAX, &key, &err) ||
	    !tls_client_config(STR_NONE, buf_str(&chain), buf_str(&key), true, &config, &err))
		meter_fail("%s", err.text);
	http = http_client_to(loop, str_of(argv[1]), config, &err);
	if (!http)
		meter_fail("%s", err.text);
	tls_config_unref(config);
	return client_new(loop, http);
}

static _Noreturn void usage(void)
{
	fputs("usage: meter URL CERTIFICATE KEY IMAGE TASK [COUNT [WORD]]\n", stderr);
	for (size_t i = 0; i < ARRAY_LENGTH(tasks); i++)
		fprintf(stderr, "  %-15s %s\n", tasks[i]->name, tasks[i]->help);
	exit(2);
}

int main(int argc, char **argv)
{
	const struct task *task = NULL;
	struct meter meter = { .deadline_ms = clock_now_ms() + TASK_MS };
	int64_t count = 1;
	struct error err;

	for (size_t i = 0; argc > 5 && i < ARRAY_LENGTH(tasks); i++)
		if (strcmp(argv[5], tasks[i]->name) == 0)
			task = tasks[i];
	if (!task || argc > 8 || (argc > 6 && !str_to_i64(str_of(argv[6]), 1, METER_MAX, &count)))
		usage();
	if (!loop_open(&meter.loop, &err))
		meter_fail("%s", err.text);
	meter.image = argv[4];
	meter.client = connect_to(meter.loop, argv);
	task->run(&meter, (size_t)count, argc > 7 ? argv[7] : NULL);
	client_free(meter.client);
	loop_close(meter.loop);
	return 0;
}
