/*
 * heap_peak.c - the sanitizer's hooks around malloc and free.
 */
#include "tests/unit/runtime/heap_peak.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "tests/unit/harness.h"

/* sanitizer/allocator_interface.h */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
					      void (*on_free)(const volatile void *))
	__attribute__((weak));
size_t __sanitizer_get_allocated_size(const volatile void *at) __attribute__((weak));

/* What was there before and is freed meanwhile makes it less, never more. */
static atomic_long now, peak;

static void on_malloc(const volatile void *at, size_t size)
{
	long sum = atomic_fetch_add(&now, (long)size) + (long)size;

	(void)at;
	if (sum > peak)
		peak = sum;
}

static void on_free(const volatile void *at)
{
	if (at)
		atomic_fetch_sub(&now, (long)__sanitizer_get_allocated_size(at));
}

void heap_peak_begin(void)
{
	static bool installed;

	if (!installed && __sanitizer_install_malloc_and_free_hooks)
		installed = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) != 0;
	now = peak = 0;
}

size_t heap_peak_check(size_t max)
{
	size_t most = (size_t)peak;

	if (most > max)
		harness_fail(__FILE__, __LINE__, "%zu KiB were allocated at once, not %zu",
			     most / 1024, max / 1024);
	if (most == 0 && __sanitizer_install_malloc_and_free_hooks)
		harness_fail(__FILE__, __LINE__, "nothing was counted");
	return most;
}
