/*
 * oci_tell.c - see oci_tell.h.
 */
#include "runtime/oci_tell.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX 1024

void oci_tell(const struct oci_listener *listener, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list values;

	if (!listener->tell)
		return;
	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	listener->tell(listener->of, text);
}
