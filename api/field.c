/*
 * field.c - looking up types and fields in the generated tables.
 */
#include "api/field.h"

#include "api/fields_table.h"

const struct type *type_find(struct str name)
{
	size_t low = 0, high = fields_type_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_compare(str_of(fields_types[middle].name), name);

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
	for (size_t i = 0; i < type->field_count; i++) {
		const struct field *field = &type->fields[i];

		if (field->inlined) {
			const struct field *inside = field_find(field->type, name);

			if (inside)
				return inside;
		} else if (str_is(name, field->name)) {
			return field;
		}
	}
	return NULL;
}

const struct type *const *type_list(size_t *out_count)
{
	static const struct type *list[ARRAY_LENGTH(fields_types)];

	for (size_t i = 0; i < fields_type_count; i++)
		list[i] = &fields_types[i];
	*out_count = fields_type_count;
	return list;
}
