/*
 * launcher.c - the launcher's bytes; the Makefile builds that program first and names its file.
 */
#include "ota/launcher.h"

__asm__(".pushsection .rodata\n"
	".balign 16\n"
	"launcher_begin: .incbin \"" LAUNCHER_FILE "\"\n"
	"launcher_end:\n"
	".popsection\n");

extern const char launcher_begin[] __attribute__((visibility("hidden")));
extern const char launcher_end[] __attribute__((visibility("hidden")));

struct str launcher_program(void)
{
	return str_from(launcher_begin, (size_t)(launcher_end - launcher_begin));
}
