/* dump.c: an object's header, slots, elements and code. */
#include "dump.h"

#include <inttypes.h>

#include "imago/known_objects.h"
#include "imago/method.h"
#include "output.h"

enum {
	BYTES_A_LINE = 16,
	NUM_FORMATS = 32,
};

static const char *
format_meaning(imago_object_model model, uint8_t format)
{
	static const char *const spur[NUM_FORMATS] = {
	    "no slots",   "fixed slots",     "indexable slots", "fixed and indexable slots",
	    "weak slots", "ephemeron",       "not used",        "forwarder",
	    "not used",   "64-bit elements",
	};
	static const char *const v3[] = {
	    "no slots",   "fixed slots", "indexable slots", "fixed and indexable slots",
	    "weak slots", "not used",    "32-bit elements", "64-bit elements",
	};
	if (model == IMAGO_V3) {
		return format < IMAGO_V3_FORMAT_BITS8    ? v3[format]
		       : format < IMAGO_V3_FORMAT_METHOD ? "bytes"
		                                         : "compiled code";
	}
	return format < IMAGO_FORMAT_BITS32   ? spur[format]
	       : format < IMAGO_FORMAT_BITS16 ? "32-bit elements"
	       : format < IMAGO_FORMAT_BITS8  ? "16-bit elements"
	       : format < IMAGO_FORMAT_METHOD ? "bytes"
	                                      : "compiled code";
}

static const char *
kind_name(imago_object_kind kind)
{
	static const char *const names[] = {
	    [IMAGO_OBJECT_ORDINARY] = "object",
	    [IMAGO_OBJECT_FREE] = "free chunk",
	    [IMAGO_OBJECT_FORWARDER] = "forwarder",
	    [IMAGO_OBJECT_HIDDEN] = "hidden object of the VM",
	    [IMAGO_OBJECT_PUN] = "object with a class index that no object may carry",
	};
	return names[kind];
}

static void
dump_bits(const imago_object *object)
{
	static const char *const names[] = {
	    "unused 22", "immutable", "remembered", "pinned", "grey", "unused 54", "marked",
	};
	if (object->bits == 0) {
		return;
	}
	print("  bits           ");
	for (size_t bit = 0; bit < sizeof names / sizeof names[0]; bit++) {
		if (object->bits >> bit & 1) {
			print(" %s", names[bit]);
		}
	}
	print("\n");
}

static void
dump_class(const struct describer *describer, const imago_object *object)
{
	char name[CLASS_NAME_SIZE];
	describe_class_of(describer, object, name, sizeof name);
	print("  class           %s", name);
	imago_addr cls = imago_class_of_object(&describer->classes, object);
	if (cls != 0) {
		print(" at 0x%" PRIx64, cls);
	}
	if (describer->heap->model == IMAGO_SPUR) {
		print(", class index %" PRIu32, object->class_index);
	} else if (object->class_index != 0) {
		print(", compact class %" PRIu32, object->class_index);
	}
	print("\n");
}

static void
dump_header(const struct describer *describer, const imago_object *object)
{
	const imago_heap *heap = describer->heap;
	const imago_segment *segment = &heap->segments[object->segment];
	print("%s 0x%" PRIx64 "\n", kind_name(object->kind), object->oop);
	print("  file            %s%soffset 0x%" PRIx64 "\n", segment->part,
	      segment->part[0] != '\0' ? " " : "", imago_heap_offset_of(heap, object->oop));
	print("  space           %s, segment %" PRIu32 "\n", space_name(segment->space),
	      object->segment);
	if (object->kind == IMAGO_OBJECT_ORDINARY || object->kind == IMAGO_OBJECT_PUN) {
		dump_class(describer, object);
	} else if (heap->model == IMAGO_SPUR) {
		print("  class index     %" PRIu32 "\n", object->class_index);
	}
	if (heap->model == IMAGO_V3) {
		print("  header type     %u\n", object->v3_type);
	}
	print("  format          %u: %s\n", object->format,
	      format_meaning(heap->model, object->format));
	print("  identity hash   %" PRIu32 " (0x%" PRIx32 ")\n", object->identity_hash,
	      object->identity_hash);
	dump_bits(object);
	print("  size            %" PRIu64 " bytes from 0x%" PRIx64 ", %" PRIu64
	      " slot%s from 0x%" PRIx64,
	      object->total_bytes, object->chunk, object->num_slots, plural(object->num_slots),
	      object->body);
	if (object->unused_tail > 0) {
		print(", %u byte%s at the end unused", object->unused_tail, plural(object->unused_tail));
	}
	print("\n");
}

static bool
is_special_objects(const imago_heap *heap, const imago_object *object)
{
	return object->oop == heap->header.special_objects_oop;
}

/* Slots that hold oops; more than two equal words in a row are shown once. */
static void
dump_slots(const struct describer *describer, const imago_object *object)
{
	const imago_heap *heap = describer->heap;
	uint64_t num_slots = imago_heap_num_pointer_slots(heap, object);
	int digits = heap->layout.word_bytes * 2;
	bool special = is_special_objects(heap, object);
	if (num_slots == 0) {
		return;
	}
	print("slots\n");
	for (uint64_t i = 0; i < num_slots; i++) {
		imago_oop word = imago_heap_fetch_slot(heap, object, i);
		char text[DESCRIPTION_SIZE];
		describe_oop(describer, word, text, sizeof text);
		const char *name = special ? imago_special_name(i) : NULL;
		print("  %6" PRIu64 "  0x%0*" PRIx64 "  %s%s%s\n", i, digits, word, text,
		      name != NULL ? "  " : "", name != NULL ? name : "");
		uint64_t last = i;
		while (last + 1 < num_slots && imago_heap_fetch_slot(heap, object, last + 1) == word) {
			last++;
		}
		if (last - i > 2 && !special) {
			print("     ...  the same up to slot %" PRIu64 "\n", last);
			i = last;
		}
	}
}

/* Bytes from first to end, as in the file. */
static void
dump_bytes(const uint8_t *bytes, uint64_t first, uint64_t end)
{
	for (uint64_t at = first; at < end; at += BYTES_A_LINE) {
		uint64_t left = end - at;
		size_t length = left < BYTES_A_LINE ? (size_t)left : BYTES_A_LINE;
		uint8_t text[BYTES_A_LINE];
		print("  %6" PRIu64 " ", at);
		for (size_t i = 0; i < BYTES_A_LINE; i++) {
			if (i < length) {
				uint8_t byte = bytes[at + i];
				print(" %02x", byte);
				text[i] = byte >= 0x20 && byte < 0x7f ? byte : '.';
			} else {
				print("   ");
			}
		}
		print("  %.*s\n", (int)length, (const char *)text);
	}
}

static uint64_t
load_element(const imago_heap *heap, const uint8_t *bytes, imago_body body)
{
	switch (body) {
	case IMAGO_BODY_BITS16:
		return imago_load_u16(bytes, heap->layout.byte_order);
	case IMAGO_BODY_BITS32:
		return imago_load_u32(bytes, heap->layout.byte_order);
	default:
		return imago_load_u64(bytes, heap->layout.byte_order);
	}
}

static void
dump_elements(const imago_heap *heap, const imago_object *object)
{
	size_t width = object->body_kind == IMAGO_BODY_BITS16   ? 2
	               : object->body_kind == IMAGO_BODY_BITS32 ? 4
	                                                        : 8;
	uint64_t num_elements = imago_object_num_elements(heap, object);
	const uint8_t *bytes = imago_object_bytes(heap, object);
	if (num_elements == 0) {
		return;
	}
	print("elements\n");
	for (uint64_t i = 0; i < num_elements; i++) {
		uint64_t element = load_element(heap, bytes + i * width, object->body_kind);
		print("  %6" PRIu64 "  0x%0*" PRIx64 "  %" PRIu64 "\n", i, (int)(2 * width), element,
		      element);
		uint64_t last = i;
		while (last + 1 < num_elements &&
		       load_element(heap, bytes + (last + 1) * width, object->body_kind) == element) {
			last++;
		}
		if (last - i > 2) {
			print("     ...  the same up to element %" PRIu64 "\n", last);
			i = last;
		}
	}
}

static void
dump_method(const struct describer *describer, const imago_object *object)
{
	const imago_heap *heap = describer->heap;
	imago_method method = imago_method_decode(heap, object);
	print("method header\n");
	if (!method.header_is_integer) {
		print("  slot 0 is no integer: nothing of it can be told\n");
		dump_bytes(imago_object_bytes(heap, object), 0, imago_object_body_bytes(heap, object));
		return;
	}
	print("  arguments       %u\n  temporaries     %u\n  literals        %u\n", method.num_args,
	      method.num_temps, method.num_literals);
	if (method.primitive_call_missing) {
		print("  primitive       announced, but there is no callPrimitive bytecode\n");
	} else if (method.has_primitive) {
		print("  primitive       %u\n", method.primitive);
	}
	print("  frame           %s\n", method.large_frame ? "large" : "small");
	if (heap->model == IMAGO_SPUR) {
		print("  bytecode set    %s\n", method.sista ? "Sista (alternate)" : "V3 (primary)");
	}
	dump_slots(describer, object);
	if (method.first_bytecode > method.end) {
		print("the literals pass the end of the object\n");
	} else {
		print("bytecodes and trailer\n");
		dump_bytes(imago_object_bytes(heap, object), method.first_bytecode, method.end);
	}
}

static void
dump_float(const struct describer *describer, const imago_object *object)
{
	uint64_t bits;
	if (boxed_float_bits(describer, object, &bits)) {
		char text[DESCRIPTION_SIZE];
		describe_oop(describer, object->oop, text, sizeof text);
		print("  value           %s (0x%016" PRIx64 ")\n", text, bits);
	}
}

/* The words of a body that holds no oops to follow. */
static void
dump_words(const imago_heap *heap, const imago_object *object)
{
	int digits = heap->layout.word_bytes * 2;
	print("words\n");
	for (uint64_t i = 0; i < object->num_slots; i++) {
		print("  %6" PRIu64 "  0x%0*" PRIx64 "\n", i, digits,
		      imago_heap_fetch_slot(heap, object, i));
	}
}

/* The links of a free chunk (spur.md §11); what lies behind them is litter of dead objects. */
static void
dump_free_chunk(const imago_heap *heap, const imago_object *object)
{
	static const char *const links[] = {"next", "previous", "parent", "smaller", "larger"};
	enum { LIST_LINKS = 2, TREE_LINKS = 5 };
	/* There is a list for each multiple of 8 bytes up to this; larger chunks form a tree. */
	uint64_t tree_bytes = heap->layout.word_bytes == 8 ? 512 : 256;
	uint64_t num_links = object->total_bytes >= tree_bytes ? TREE_LINKS : LIST_LINKS;
	if (heap->model != IMAGO_SPUR) {
		return;
	}
	print("links\n");
	for (uint64_t i = 0; i < num_links && i < object->num_slots; i++) {
		print("  %-14s  0x%0*" PRIx64 "\n", links[i], heap->layout.word_bytes * 2,
		      imago_heap_fetch_slot(heap, object, i));
	}
}

void
dump_object(const struct describer *describer, const imago_object *object)
{
	const imago_heap *heap = describer->heap;
	dump_header(describer, object);
	dump_float(describer, object);
	if (object->kind == IMAGO_OBJECT_FREE) {
		dump_free_chunk(heap, object);
		return;
	}
	switch (object->body_kind) {
	case IMAGO_BODY_METHOD:
		dump_method(describer, object);
		break;
	case IMAGO_BODY_POINTERS:
		dump_slots(describer, object);
		break;
	case IMAGO_BODY_BITS8:
		if (imago_object_num_elements(heap, object) > 0) {
			print("bytes\n");
			dump_bytes(imago_object_bytes(heap, object), 0,
			           imago_object_num_elements(heap, object));
		}
		break;
	case IMAGO_BODY_INVALID:
		dump_words(heap, object);
		break;
	default:
		dump_elements(heap, object);
		break;
	}
}
