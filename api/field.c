/*
 * field.c - looking up types and fields in the generated tables.
 */
#include "api/field.h"

const struct type *type_find(struct str name)
{
	size_t low = 0, high = fields_type_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_compare(str_of(type_name(&fields_types[middle])), name);

		if (order == 0)
			return &fields_types[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct field *field_find(const struct type *type, struct str name)
{
	const struct field *field = type_fields(type), *end = field + type->field_count;

	for (; field < end; field++) {
		if (field->inlined) {
			const struct field *inside = field_find(field_type(field), name);

			if (inside)
				return inside;
		} else if (str_equal(field_name_str(field), name)) {
			return field;
		}
	}
	return NULL;
}
