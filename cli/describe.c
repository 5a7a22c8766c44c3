/* describe.c: what a slot's word stands for, for people. */
#include "describe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imago/known_objects.h"
#include "output.h"

enum { SHOWN_STRING = 48 };

imago_status
describer_create(struct describer *describer, const imago_heap *heap, imago_allocator *allocator,
                 imago_error *error)
{
	memset(describer, 0, sizeof *describer);
	describer->heap = heap;
	describer->nil = imago_heap_nil(heap);
	describer->false_oop = imago_special_object_at(heap, IMAGO_SPECIAL_FALSE);
	describer->true_oop = imago_special_object_at(heap, IMAGO_SPECIAL_TRUE);
	describer->index_status =
	    imago_object_index_create(&describer->index, heap, allocator, &describer->index_error);
	if (describer->index_status == IMAGO_ENOMEM) {
		*error = describer->index_error;
		return IMAGO_ENOMEM;
	}
	return imago_class_table_create(&describer->classes, heap, allocator, error);
}

void
describer_release(struct describer *describer)
{
	imago_class_table_release(&describer->classes);
	imago_object_index_release(&describer->index);
}

void
describe_class_of(const struct describer *describer, const imago_object *object, char *text,
                  size_t size)
{
	imago_addr cls = imago_class_of_object(&describer->classes, object);
	if (cls == 0) {
		snprintf(text, size, "(no class)");
	} else {
		imago_class_name(describer->heap, cls, text, size);
	}
}

bool
boxed_float_bits(const struct describer *describer, const imago_object *object, uint64_t *bits)
{
	const imago_heap *heap = describer->heap;
	imago_addr cls = imago_class_of_object(&describer->classes, object);
	if (object->kind != IMAGO_OBJECT_ORDINARY || cls == 0 ||
	    cls != imago_special_object_at(heap, IMAGO_SPECIAL_CLASS_FLOAT) ||
	    object->num_slots * heap->layout.word_bytes != 8 ||
	    (object->body_kind != IMAGO_BODY_BITS32 && object->body_kind != IMAGO_BODY_BITS64)) {
		return false;
	}
	const uint8_t *body = imago_object_bytes(heap, object);
	uint64_t first = imago_load_u32(body, heap->layout.byte_order);
	uint64_t second = imago_load_u32(body + 4, heap->layout.byte_order);
	*bits = imago_heap_floats_low_word_first(heap) ? first | second << 32 : first << 32 | second;
	return true;
}

/* As few digits as give the same float again; never the look of an integer. */
static void
describe_float(uint64_t bits, char *text, size_t size)
{
	enum { MOST_DIGITS = 17 };
	double value = 0;
	char digits[40];
	memcpy(&value, &bits, sizeof value);
	for (int precision = 6; precision <= MOST_DIGITS; precision++) {
		snprintf(digits, sizeof digits, "%.*g", precision, value);
		double again = strtod(digits, NULL);
		uint64_t again_bits = 0;
		memcpy(&again_bits, &again, sizeof again);
		if (again_bits == bits) {
			break;
		}
	}
	bool like_integer = digits[strspn(digits, "-0123456789")] == '\0';
	snprintf(text, size, "%s%s", digits, like_integer ? ".0" : "");
}

static void
describe_character(uint32_t code, char *text, size_t size)
{
	if (code > 0x20 && code < 0x7f) {
		snprintf(text, size, "$%c", (int)code);
	} else {
		snprintf(text, size, "character %" PRIu32, code);
	}
}

/* A string in quotes, cut with dots behind it; false for bytes that are hardly text. */
static bool
describe_text(const imago_heap *heap, const imago_object *object, char *text, size_t size)
{
	const uint8_t *bytes = imago_object_bytes(heap, object);
	uint64_t length = imago_object_num_elements(heap, object);
	size_t shown = length < SHOWN_STRING ? (size_t)length : SHOWN_STRING;
	size_t odd = 0;
	for (size_t i = 0; i < shown; i++) {
		bool printable =
		    (bytes[i] >= 0x20 && bytes[i] < 0x7f) || (bytes[i] >= '\t' && bytes[i] <= '\r');
		odd += !printable;
	}
	if (odd > 0) {
		return false;
	}
	char escaped[SHOWN_STRING * 4 + 1];
	escape_text(bytes, shown, escaped, sizeof escaped);
	snprintf(text, size, "'%.100s'%s", escaped, length > shown ? "..." : "");
	return true;
}

/* "CompiledMethod (12 slots)", or what kind of chunk it is. */
static void
describe_kind(const struct describer *describer, const imago_object *object, char *text,
              size_t size)
{
	char name[CLASS_NAME_SIZE];
	switch (object->kind) {
	case IMAGO_OBJECT_FREE:
		snprintf(text, size, "(a free chunk)");
		return;
	case IMAGO_OBJECT_FORWARDER:
		snprintf(text, size, "(a forwarder to 0x%" PRIx64 ")",
		         object->num_slots > 0 ? imago_heap_fetch_slot(describer->heap, object, 0) : 0);
		return;
	case IMAGO_OBJECT_HIDDEN:
		snprintf(text, size, "(a hidden object, %" PRIu64 " slots)", object->num_slots);
		return;
	case IMAGO_OBJECT_PUN:
		snprintf(text, size, "(class index %" PRIu32 ", which no object may carry)",
		         object->class_index);
		return;
	default:
		break;
	}
	describe_class_of(describer, object, name, sizeof name);
	if (object->body_kind == IMAGO_BODY_POINTERS) {
		snprintf(text, size, "%s (%" PRIu64 " slot%s)", name, object->num_slots,
		         plural(object->num_slots));
	} else {
		uint64_t elements = imago_object_num_elements(describer->heap, object);
		snprintf(text, size, "%s (%" PRIu64 " element%s)", name, elements, plural(elements));
	}
}

/* A class is an instance of a metaclass: "Point" is the only instance of "Point class". */
static bool
describe_as_class(const struct describer *describer, const imago_object *object, char *text,
                  size_t size)
{
	if (object->kind != IMAGO_OBJECT_ORDINARY || object->body_kind != IMAGO_BODY_POINTERS ||
	    !imago_class_shape_of(describer->heap, object).is_class) {
		return false;
	}
	imago_addr cls = imago_class_of_object(&describer->classes, object);
	imago_object metaclass;
	imago_error ignored;
	if (cls == 0 ||
	    imago_heap_decode_object(describer->heap, cls, &metaclass, &ignored) != IMAGO_OK ||
	    !imago_class_shape_of(describer->heap, &metaclass).is_class) {
		return false;
	}
	char name[CLASS_NAME_SIZE];
	imago_class_name(describer->heap, object->oop, name, sizeof name);
	if (strcmp(name, "?") == 0) {
		return false;
	}
	snprintf(text, size, "class %s", name);
	return true;
}

static void
describe_object(const struct describer *describer, const imago_object *object, char *text,
                size_t size)
{
	uint64_t bits = 0;
	if (boxed_float_bits(describer, object, &bits)) {
		describe_float(bits, text, size);
		return;
	}
	if (object->kind == IMAGO_OBJECT_ORDINARY && object->body_kind == IMAGO_BODY_BITS8 &&
	    describe_text(describer->heap, object, text, size)) {
		return;
	}
	if (!describe_as_class(describer, object, text, size)) {
		describe_kind(describer, object, text, size);
	}
}

static void
describe_pointer(const struct describer *describer, imago_oop oop, char *text, size_t size)
{
	imago_object object;
	imago_error ignored;
	if (oop != 0 && oop == describer->nil) {
		snprintf(text, size, "nil");
	} else if (oop != 0 && oop == describer->false_oop) {
		snprintf(text, size, "false");
	} else if (oop != 0 && oop == describer->true_oop) {
		snprintf(text, size, "true");
	} else if (imago_heap_decode_object(describer->heap, oop, &object, &ignored) != IMAGO_OK) {
		snprintf(text, size, "(no object)");
	} else if (describer->index_status == IMAGO_OK && object.kind != IMAGO_OBJECT_FREE &&
	           !imago_object_index_has(&describer->index, oop)) {
		snprintf(text, size, "(no live object starts there)");
	} else {
		describe_object(describer, &object, text, size);
	}
}

void
describe_oop(const struct describer *describer, imago_oop oop, char *text, size_t size)
{
	imago_tagging tagging = describer->heap->tagging;
	switch (imago_oop_kind_of(tagging, oop)) {
	case IMAGO_OOP_INTEGER:
		snprintf(text, size, "%" PRId64, imago_oop_integer(tagging, oop));
		break;
	case IMAGO_OOP_CHARACTER:
		describe_character(imago_oop_character(tagging, oop), text, size);
		break;
	case IMAGO_OOP_FLOAT:
		describe_float(imago_oop_float_bits(oop), text, size);
		break;
	case IMAGO_OOP_POINTER:
		describe_pointer(describer, oop, text, size);
		break;
	default:
		snprintf(text, size, "(invalid tag)");
		break;
	}
}

const char *
section_kind_name(imago_layered_kind kind)
{
	static const char *const names[] = {
	    [IMAGO_LAYERED_OBJECTS] = "objects",
	    [IMAGO_LAYERED_FIXUPS] = "fixups",
	    [IMAGO_LAYERED_ORIGIN] = "origin",
	    [IMAGO_LAYERED_REMEMBERED] = "remembered",
	};
	return names[kind];
}

const char *
space_name(imago_space space)
{
	return space == IMAGO_SPACE_PERM ? "permanent" : "old";
}
