/*
 * runtime_meter.c - how long an OCI runtime takes from "create" until the container's program runs.
 *
 * usage: runtime_meter BUNDLE COUNT RUNTIME [ARGUMENT...]    one runtime; prints "p50 p99" in ms
 *        runtime_meter began                                 the container's program: tells the
 * time
 *
 * The container's standard output is a pipe of ours; its program writes the monotonic clock into it
 * and ends.  Between two containers everything is deleted, which is not counted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT_MAX 10000
#define ARGS_MAX  32

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void call(char **argv, int output)
{
	int status = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		if (dup2(output, 1) == 1)
			execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0) {
		perror("vfork");
		exit(1);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (status != 0) {
		fprintf(stderr, "%s fails\n", argv[0]);
		exit(1);
	}
}

static int compare(const void *a, const void *b)
{
	int64_t one = *(const int64_t *)a;
	int64_t two = *(const int64_t *)b;

	return one < two ? -1 : one > two;
}

/* RUNTIME ARGUMENTS verb [more...] ID */
static void call_verb(char **runtime, int count, const char *const *words, char *id, int output)
{
	char *argv[ARGS_MAX];
	int at = 0;

	while (at < count && at < ARGS_MAX - 8) {
		argv[at] = runtime[at];
		at++;
	}
	for (; *words; words++)
		argv[at++] = (char *)(uintptr_t)*words;
	argv[at++] = id;
	argv[at] = NULL;
	call(argv, output);
}

static int64_t measure(char **runtime, int count, const char *bundle, int number, int *pipe_ends)
{
	const char *const create[] = { "create", "--bundle", bundle, NULL };
	const char *const start[] = { "start", NULL };
	const char *const remove[] = { "delete", "--force", NULL };
	char id[32];
	int64_t begin;
	int64_t began;

	snprintf(id, sizeof(id), "meter-%d-%d", (int)getpid(), number);
	begin = now_ns();
	call_verb(runtime, count, create, id, pipe_ends[1]);
	call_verb(runtime, count, start, id, 2);
	if (read(pipe_ends[0], &began, sizeof(began)) != (ssize_t)sizeof(began)) {
		perror("read");
		exit(1);
	}
	call_verb(runtime, count, remove, id, 2);
	return began - begin;
}

int main(int argc, char **argv)
{
	static int64_t took[COUNT_MAX];
	int pipe_ends[2];
	int count;

	if (argc == 2 && strcmp(argv[1], "began") == 0) {
		int64_t now = now_ns();

		return write(1, &now, sizeof(now)) != (ssize_t)sizeof(now);
	}
	count = argc > 3 ? (int)strtol(argv[2], NULL, 10) : 0;
	if (count < 1 || count > COUNT_MAX || argc - 3 > ARGS_MAX - 8) {
		fprintf(stderr, "usage: runtime_meter BUNDLE COUNT RUNTIME [ARGUMENT...]\n");
		return 2;
	}
	if (pipe2(pipe_ends, O_CLOEXEC) != 0)
		return 1;
	measure(argv + 3, argc - 3, argv[1], count, pipe_ends); /* caches are warm then */
	for (int i = 0; i < count; i++)
		took[i] = measure(argv + 3, argc - 3, argv[1], i, pipe_ends);
	qsort(took, (size_t)count, sizeof(*took), compare);
	printf("%.2f %.2f\n", (double)took[count / 2] / 1e6, (double)took[count * 99 / 100] / 1e6);
	return 0;
}
