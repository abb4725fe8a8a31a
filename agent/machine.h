/*
 * machine.h - what this machine is: processors, memory, disk, kernel, ids.
 */
#ifndef AGENT_MACHINE_H
#define AGENT_MACHINE_H

#include <stdint.h>

struct machine {
	int64_t cpu_milli, memory, ephemeral; /* bytes                                       */
	char kernel[128], os_image[128], architecture[16];
	char machine_id[64], boot_id[64], system_uuid[64]; /* "" where unknown               */
	char hostname[64];                                 /* lower case, as node names are  */
};
/* `folder`: on the file system whose size counts. */
void machine_look(const char *folder, struct machine *out);

#endif
