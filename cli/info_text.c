/* info_text.c: imago info for people. */
#include <inttypes.h>
#include <stdio.h>

#include "describe.h"
#include "info.h"
#include "measure.h"
#include "output.h"

enum { FLAG_BITS = 12 };

const char *
info_flag_meaning(unsigned bit)
{
	static const char *const meanings[FLAG_BITS] = {
	    "the window was full screen",
	    "floats are stored low word first",
	    "processes have a thread affinity",
	    "interpreted methods are marked by a header bit",
	    "preemption keeps a process's place in its queue",
	    "processes have an OS error variable",
	    "new finalization: weak arrays are queued",
	    "wheel events are delivered as such",
	    "arithmetic primitives refuse mixed operands",
	    "file times are in UTC",
	    "the display is not scaled up",
	    "comparison primitives refuse mixed operands",
	};
	return bit < FLAG_BITS ? meanings[bit] : "not known; VMs keep it";
}

space_total
info_space_total(const imago_heap *heap, imago_space space)
{
	space_total total = {0, 0};
	for (size_t i = 0; i < heap->num_segments; i++) {
		if (heap->segments[i].space == space) {
			total.num_segments++;
			total.num_bytes += heap->segments[i].size + heap->segments[i].bridge_size;
		}
	}
	return total;
}

uint64_t
info_gap_behind(const imago_heap *heap, size_t segment)
{
	if (segment + 1 >= heap->num_segments ||
	    heap->segments[segment + 1].space != heap->segments[segment].space) {
		return 0;
	}
	uint64_t end = heap->segments[segment].start + heap->segments[segment].size +
	               heap->segments[segment].bridge_size;
	uint64_t next = heap->segments[segment + 1].start;
	return next > end ? next - end : 0;
}

static void
print_format(const image_info *info)
{
	const imago_heap *heap = info->image->heap;
	const imago_format_number *number = imago_format_number_find(heap->header.image_format);
	print_name(info->path);
	print(": %s, format number %" PRIu64 ", %s-endian, %" PRIu64 " bytes%s\n",
	      number != NULL ? number->name : "unknown", heap->header.image_format,
	      heap->layout.byte_order == IMAGO_LITTLE_ENDIAN ? "little" : "big", info->image->size,
	      info->image->format == IMAGO_FORMAT_COMPOSED  ? ", composed"
	      : info->image->format == IMAGO_FORMAT_LAYERED ? ", layered"
	                                                    : "");
	if (heap->wrapping.prefix_size > 0) {
		print("  %" PRIu64 " bytes before the header\n", heap->wrapping.prefix_size);
	}
	if (heap->wrapping.trailing_size > 0) {
		print("  %" PRIu64 " bytes behind the last segment\n", heap->wrapping.trailing_size);
	}
}

static void
print_flags(uint64_t flags)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		if (flags >> bit & 1) {
			print("  %44s 0x%-10" PRIx64 " %s\n", "", UINT64_C(1) << bit, info_flag_meaning(bit));
		}
	}
}

static void
print_header(const imago_heap *heap)
{
	int flags = imago_header_field_index("headerFlags");
	print("\nheader fields\n");
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		imago_header_field field = imago_header_field_at(i, heap->layout.word_bytes);
		uint64_t value = imago_header_get(&heap->header, i);
		char hexadecimal[24];
		snprintf(hexadecimal, sizeof hexadecimal, "0x%" PRIx64, value);
		print("  %-24s %20" PRIu64 " %-18s %s\n", field.name, value, hexadecimal, field.meaning);
		if (flags >= 0 && (size_t)flags == i) {
			print_flags(value);
		}
	}
}

static void
print_segments(const imago_heap *heap)
{
	print("\nsegments\n  %5s %-16s %-12s %-18s %12s %6s %10s  %s\n", "#", "part", "offset", "start",
	      "bytes", "bridge", "gap", "space");
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		char offset[24];
		char start[24];
		snprintf(offset, sizeof offset, "0x%" PRIx64, segment->offset);
		snprintf(start, sizeof start, "0x%" PRIx64, segment->start);
		print("  %5zu %-16s %-12s %-18s %12" PRIu64 " %6" PRIu64 " %10" PRIu64 "  %s\n", i,
		      segment->part[0] != '\0' ? segment->part : "-", offset, start, segment->size,
		      segment->bridge_size, info_gap_behind(heap, i), space_name(segment->space));
	}
	print("\nspaces\n");
	for (imago_space space = IMAGO_SPACE_OLD; space <= IMAGO_SPACE_PERM; space++) {
		space_total total = info_space_total(heap, space);
		print("  %-12s %5zu segment%s %14" PRIu64 " bytes\n", space_name(space), total.num_segments,
		      total.num_segments == 1 ? " " : "s", total.num_bytes);
	}
}

/* What a layered image has instead of parts; nothing of other images. */
static void
print_sections(const imago_image *image)
{
	imago_layered_head head;
	if (image->format != IMAGO_FORMAT_LAYERED ||
	    imago_layered_decode(&head, image->data, image->size, NULL) != IMAGO_OK) {
		return;
	}
	print("\nsections\n  %5s %-10s %-10s %-9s %-12s %-18s %12s\n", "#", "kind", "tier", "pointers",
	      "offset", "address", "bytes");
	for (size_t i = 0; i < head.num_sections; i++) {
		const imago_layered_section *section = &head.sections[i];
		const bool mapped = section->kind == IMAGO_LAYERED_OBJECTS;
		char offset[24];
		char address[24] = "-";
		snprintf(offset, sizeof offset, "0x%" PRIx64, section->offset);
		if (mapped) {
			snprintf(address, sizeof address, "0x%" PRIx64, section->address);
		}
		print("  %5zu %-10s %-10s %-9s %-12s %-18s %12" PRIu64 "\n", i,
		      section_kind_name(section->kind), mapped ? tier_name(section->tier) : "-",
		      !mapped                 ? "-"
		      : section->has_pointers ? "yes"
		                              : "no",
		      offset, address, section->size);
	}
	print("  identity ");
	for (size_t i = 0; i < IMAGO_LAYERED_HASH; i++) {
		print("%02x", head.identity[i]);
	}
	print("%s%s\n", head.header_intact && head.table_intact ? "" : ", not that of its bytes",
	      (head.flags & IMAGO_LAYERED_PERM_SAVE) != 0 ? ", to be loaded into permanent space" : "");
}

static void
print_census(const imago_census *census)
{
	const struct {
		const char *name;
		uint64_t count;
	} rows[] = {
	    {"objects", census->num_objects},        {"forwarders", census->num_forwarders},
	    {"hidden", census->num_hidden},          {"class puns", census->num_puns},
	    {"free chunks", census->num_free},       {"free bytes", census->free_bytes},
	    {"pointer slots", census->num_pointers},
	};
	print("\nobjects\n");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print("  %-14s %12" PRIu64 "\n", rows[i].name, rows[i].count);
	}
}

static void
print_classes(const image_info *info)
{
	print("\nclasses: %zu with objects", info->classes.num_rows);
	if (info->num_shown < info->classes.num_rows) {
		print(", the %zu with most bytes", info->num_shown);
	}
	print("\n  %12s %14s  %s\n", "objects", "bytes", "class");
	for (size_t i = 0; i < info->num_shown; i++) {
		const class_total *row = &info->classes.rows[i];
		char name[CLASS_NAME_SIZE] = "(no class)";
		if (row->cls != 0) {
			imago_class_name(info->image->heap, row->cls, name, sizeof name);
		}
		print("  %12" PRIu64 " %14" PRIu64 "  %s\n", row->num_objects, row->num_bytes, name);
	}
}

void
info_print(const image_info *info)
{
	print_format(info);
	print_header(info->image->heap);
	print_segments(info->image->heap);
	print_sections(info->image);
	if (info->counted) {
		print_census(&info->census);
		print_classes(info);
	}
}
