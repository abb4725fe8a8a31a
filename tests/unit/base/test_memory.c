/*
 * test_memory.c - allocation, guards and arenas.
 */
#include "base/memory.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/harness.h"

/* Goal: nothing is asked for in vain, not even no bytes at all, and copies are copies. */
static void allocates(void)
{
	auto_free char *empty = memory_get(0);
	auto_free char *zero = memory_zero(100);
	auto_free char *grown = memory_grow(NULL, 3);
	auto_free char *copy = memory_copy("abc", 2);
	auto_free char *none = memory_copy(NULL, 0);
	auto_free char *text = memory_string("text");
	auto_free char *print = memory_print("%s-%d", text, 7);
	auto_free void *tried = memory_try(10);
	auto_free struct {
		int a;
	} *made = memory_new(__typeof__(*made));

	CHECK(empty && none && tried);
	for (int i = 0; i < 100; i++)
		CHECK(zero[i] == 0);
	memcpy(grown, "ab", 3);
	grown = memory_grow(grown, 5000);
	CHECK_STR(grown, "ab");
	CHECK(memcmp(copy, "ab", 2) == 0);
	CHECK_STR(print, "text-7");
	CHECK_INT(made->a, 0);
}

static int freed;

struct thing;
static void thing_free(struct thing *thing)
{
	(void)thing;
	freed++;
}
DEFINE_AUTO(struct thing *, thing_free)

/* Goal: guards close and free at the end of the scope; what was taken out stays. */
static void guards(void)
{
	int kept, gone;
	char *text;

	{
		auto_fd a = open("/dev/null", O_RDONLY | O_CLOEXEC);
		auto_fd b = open("/dev/null", O_RDONLY | O_CLOEXEC);
		auto_fd none = -1;
		auto_free char *taken = memory_string("x");
		AUTO(thing_free) struct thing *thing = NULL;

		(void)none;
		(void)thing;
		gone = a;
		kept = take_fd(&b);
		CHECK_INT(b, -1);
		text = take_ptr(&taken);
		CHECK(taken == NULL);
	}
	CHECK(fcntl(gone, F_GETFD) < 0);
	CHECK(fcntl(kept, F_GETFD) >= 0);
	CHECK_INT(freed, 1);
	close(kept);
	CHECK_STR(text, "x");
	free(text);
}

/* Goal: pieces of all sizes are aligned, do not touch each other, and go together (the leak check
 * sees it if not). */
static void arenas_hold(void)
{
	auto_arena arena = arena_new();
	unsigned char *pieces[300];
	size_t sum = 0;

	for (size_t i = 0; i < 300; i++) {
		size_t size = i % 7 == 0 ? i * 300 : i;

		pieces[i] = arena_get(arena, size);
		CHECK_INT((uintptr_t)pieces[i] % 16, 0);
		memset(pieces[i], (int)i & 0xff, size);
		sum += size;
	}
	CHECK(arena_used(arena) >= sum && arena_used(arena) < sum + 300 * 16);
	for (size_t i = 0; i < 300; i++)
		for (size_t k = 0; k < (i % 7 == 0 ? i * 300 : i); k++)
			CHECK(pieces[i][k] == (i & 0xff));
	arena_free(NULL);
}

/* Goal: the arena's texts are terminated copies; zeroed pieces are zero. */
static void arenas_keep_texts(void)
{
	auto_arena arena = arena_new();
	char *zero;

	memset(arena_get(arena, 1000), 0xff, 1000);
	CHECK_STR(arena_string(arena, "abcdef", 3), "abc");
	CHECK_STR(arena_string(arena, NULL, 0), "");
	CHECK_STR(arena_print(arena, "%05d|%s", 42, "x"), "00042|x");
	zero = arena_zero(arena, 5000);
	for (int i = 0; i < 5000; i++)
		CHECK(zero[i] == 0);
}

/* How a child ends that runs out of memory here. */
static int end_without_memory(bool try)
{
	volatile size_t size = SIZE_MAX - 65536; /* the compiler would know it better */
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		struct rlimit no_core = { 0, 0 };

		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGABRT, SIG_DFL);
		if (try)
			_exit(memory_try(size) ? 1 : 0);
		*(volatile char *)memory_get(size) = 0;
		_exit(2);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

/* Goal: without memory, get aborts and try says so. */
static void runs_out(void)
{
	int status;

	CHECK_INT(end_without_memory(true), 0);
	status = end_without_memory(false);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* The sanitizer's allocator must say no as the real one does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static const struct test tests[] = {
	{ "allocates", allocates },     { "guards", guards },
	{ "arenas hold", arenas_hold }, { "arenas keep texts", arenas_keep_texts },
	{ "runs out", runs_out },
};
TEST_MAIN(tests)
