/*
 * fuzz_seccomp_profile.c - profiles as anybody may write them: what is accepted makes a program,
 * and both ways of reading say the same.
 */
#include <assert.h>
#include <stdint.h>
#include <unistd.h>

#include "runtime/seccomp_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	auto_json_doc doc = NULL;
	struct seccomp_program looked;
	struct seccomp_program made;
	struct error err;
	bool fine;

	if (!json_parse(str_from(bytes, size), &doc, NULL, &err))
		return 0;
	fine = seccomp_profile_look(json_root(doc), &looked, &err);
	if (!seccomp_profile_make(json_root(doc), &made, &err))
		return 0;
	assert(fine);
	assert(looked.flags == made.flags);
	assert(looked.notifies == made.notifies);
	close(made.fd);
	return 0;
}
