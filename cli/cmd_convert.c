/* cmd_convert.c: the same objects in another format, byte order, word size, base or segmenting. */
#include <inttypes.h>

#include "command.h"
#include "files.h"
#include "imago/rebuild.h"
#include "output.h"
#include "packfile_file.h"
#include "progress.h"

enum {
	OPTION_TO,
	OPTION_BYTE_ORDER,
	OPTION_BASE,
	OPTION_SEGMENTS,
	OPTION_GAP,
	OPTION_PERM_SAVE,
	OPTION_FLOAT,
	OPTION_LONG_DOUBLE,
};

/* The words of --to, in the order of its table row. */
enum target {
	TARGET_SPUR32,
	TARGET_SPUR64,
	TARGET_COMPOSED,
	TARGET_V3,
	TARGET_LAYERED,
	TARGET_PACKFILE4,
	TARGET_PACKFILE8,
};

static const option_spec convert_options[] = {
    [OPTION_TO] = {"to", "spur32|spur64|composed|v3|layered|packfile4|packfile8",
                   "format of OUT (default: that of IN)", OPTION_CHOICE, 0, 0},
    [OPTION_BYTE_ORDER] = {"byte-order", "little|big", "byte order of OUT (default: that of IN)",
                           OPTION_CHOICE, 0, 0},
    [OPTION_BASE] = {"base", "ADDR", "address of the first byte of the heap", OPTION_NUMBER, 0, 0},
    [OPTION_SEGMENTS] = {"segments", "N", "cut the heap into N segments (default: as in IN)",
                         OPTION_NUMBER, 1, 65536},
    [OPTION_GAP] = {"gap", "BYTES", "leave so much room between the addresses of segments",
                    OPTION_SIZE, 0, 0},
    [OPTION_PERM_SAVE] = {"perm-save", NULL,
                          "OUT, layered, is to be loaded into permanent space (a perm save)",
                          OPTION_FLAG, 0, 0},
    [OPTION_FLOAT] = {"float", "double|x87-12|x87|quad|double-double",
                      "form of a packfile's numbers (default: its floattype)", OPTION_CHOICE, 0, 0},
    [OPTION_LONG_DOUBLE] = {"long-double", LONG_DOUBLE_WORDS, LONG_DOUBLE_HELP, OPTION_CHOICE, 0,
                            0},
};

static void
tell_count(uint64_t count, const char *noun, const char *fate)
{
	if (count > 0) {
		complain("convert: %" PRIu64 " %s%s %s", count, noun, plural(count), fate);
	}
}

/* Says what the way back would not restore. */
static void
tell_report(const imago_rebuild_report *report)
{
	tell_count(report->num_free_dropped, "free chunk", "dropped");
	tell_count(report->num_forwarders_followed, "forwarder", "followed and dropped");
	tell_count(report->num_integers_unboxed, "large integer", "made immediate");
	tell_count(report->num_integers_boxed, "immediate integer", "boxed");
	tell_count(report->num_floats_unboxed, "boxed float", "made immediate");
	tell_count(report->num_floats_boxed, "immediate float", "boxed");
	if (report->float_order_normalised) {
		complain("convert: floats had their words in an order that is unusual for the byte order; "
		         "they have the usual one now (headerFlags bit 1)");
	}
}

/* Says what of the header a composed image has no place for. */
static void
tell_composed(const imago_heap *in)
{
	const imago_wrapping *wrapping = &in->wrapping;
	uint64_t num_used = 0;
	for (uint64_t i = 0; i < wrapping->header_tail_size; i++) {
		num_used += wrapping->header_tail[i] != 0;
	}
	tell_count(num_used, "byte", "behind the header's fields dropped");
	if (in->header.saved_window_size != 0) {
		complain("convert: savedWindowSize dropped: a composed image does not keep it");
	}
}

/* Says which bytes around the heap the result does not have. */
static void
tell_wrapping(const imago_image *in, const imago_heap *out, imago_format_id format)
{
	static const imago_wrapping none = {0};
	const imago_wrapping *had = &in->heap->wrapping;
	const imago_wrapping *has = format == IMAGO_FORMAT_COMPOSED ? &none : &out->wrapping;
	if (had->prefix_size > has->prefix_size) {
		tell_count(had->prefix_size - has->prefix_size, "byte", "before the header dropped");
	}
	if (had->trailing_size > has->trailing_size) {
		tell_count(had->trailing_size - has->trailing_size, "byte",
		           "behind the last segment dropped");
	}
	if (format == IMAGO_FORMAT_COMPOSED && in->format != IMAGO_FORMAT_COMPOSED) {
		tell_composed(in->heap);
	}
}

/* The format of the result, or a message and false. */
static bool
choose_format(const command_line *line, const imago_image *in, imago_format_id *format,
              uint8_t *word_bytes)
{
	const option_value *to = &line->values[OPTION_TO];
	*format = in->format;
	*word_bytes = in->heap->layout.word_bytes;
	if (!to->given) {
		return true;
	}
	enum target target = (enum target)to->number;
	if (target >= TARGET_PACKFILE4) {
		complain("%s: packfiles cannot be made from images", line->names[0]);
		return false;
	}
	if ((target == TARGET_V3) != (in->format == IMAGO_FORMAT_V3)) {
		complain("%s: %s images cannot be made from %s ones: their objects differ in kind",
		         line->names[0], target == TARGET_V3 ? "v3" : "Spur",
		         target == TARGET_V3 ? "Spur" : "v3");
		return false;
	}
	switch (target) {
	case TARGET_V3:
		break;
	case TARGET_COMPOSED:
		*format = IMAGO_FORMAT_COMPOSED;
		break;
	case TARGET_LAYERED:
		*format = IMAGO_FORMAT_LAYERED;
		break;
	default:
		*format = IMAGO_FORMAT_SPUR;
		*word_bytes = target == TARGET_SPUR64 ? 8 : 4;
		break;
	}
	return true;
}

static imago_rebuild_options
rebuild_options(const command_line *line, const imago_heap *heap, imago_format_id format,
                uint8_t word_bytes)
{
	const option_value *values = line->values;
	imago_rebuild_options options = {
	    .layout = {word_bytes, heap->layout.byte_order},
	    .set_base = values[OPTION_BASE].given,
	    .base = values[OPTION_BASE].number,
	    .num_segments = (uint32_t)values[OPTION_SEGMENTS].number,
	    .gap = values[OPTION_GAP].number,
	};
	if (values[OPTION_BYTE_ORDER].given) {
		options.layout.byte_order =
		    values[OPTION_BYTE_ORDER].number == 0 ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN;
	}
	/* Sections have a base of their own, and the heap that they are made of keeps its. */
	options.set_base = options.set_base && format != IMAGO_FORMAT_LAYERED;
	return options;
}

static exit_status
save_result(const command_line *line, const imago_heap *out, imago_format_id format)
{
	const imago_addr start = line->values[OPTION_BASE].number;
	if (line->values[OPTION_PERM_SAVE].given) {
		return save_perm_save(out, start, line->names[1], line->allocator);
	}
	return format == IMAGO_FORMAT_LAYERED
	           ? save_layered(out, start, line->names[1], line->allocator)
	           : save_image(out, format, line->names[1], line->allocator);
}

static exit_status
convert_image(const command_line *line, const imago_image *in)
{
	imago_format_id format;
	uint8_t word_bytes;
	if (!choose_format(line, in, &format, &word_bytes)) {
		return EXIT_IMAGE;
	}
	if (line->values[OPTION_PERM_SAVE].given && format != IMAGO_FORMAT_LAYERED) {
		complain("convert: --perm-save needs a layered OUT: --to layered");
		return EXIT_TROUBLE;
	}
	imago_rebuild_options options = rebuild_options(line, in->heap, format, word_bytes);
	imago_rebuild_report report = {0};
	imago_heap *out = NULL;
	imago_error error = {0};
	progress step;
	progress_begin(&step, "converting", line->names[0]);
	imago_status status = imago_rebuild(&out, in->heap, &options, line->allocator, &report, &error);
	progress_end(&step);
	exit_status result = EXIT_DONE;
	if (status != IMAGO_OK) {
		result = complain_of_error(line->names[0], &error);
		if (status == IMAGO_EUNSUPPORTED && error.offset != IMAGO_NO_OFFSET) {
			complain("convert: 'imago dump %s 0x%" PRIx64 "' shows the object", line->names[0],
			         error.found);
		}
	} else {
		result = save_result(line, out, format);
	}
	if (result == EXIT_DONE) {
		tell_report(&report);
		tell_wrapping(in, out, format);
	}
	imago_heap_destroy(out);
	return result;
}

/* The heap that a layered image was made of in place of the one that it is: nothing of the sections
 * is to be seen in another format. */
static exit_status
undo_layers(const command_line *line, imago_image *in)
{
	const option_value *to = &line->values[OPTION_TO];
	imago_heap *restored;
	imago_error error = {0};
	if (in->format != IMAGO_FORMAT_LAYERED || !to->given || to->number == TARGET_LAYERED) {
		return EXIT_DONE;
	}
	imago_status status = imago_image_restore(&restored, in, line->allocator, &error);
	if (status == IMAGO_EUNSUPPORTED) {
		complain("convert: %s does not say what it was made of; its sections become segments",
		         line->names[0]);
		return EXIT_DONE;
	}
	if (status != IMAGO_OK) {
		return complain_of_error(line->names[0], &error);
	}
	imago_heap_destroy(in->heap);
	in->heap = restored;
	return EXIT_DONE;
}

static exit_status
run_convert_of_packfile(const command_line *line)
{
	const option_value *values = line->values;
	const option_value *to = &values[OPTION_TO];
	static const int of_images[] = {OPTION_BASE, OPTION_SEGMENTS, OPTION_GAP, OPTION_PERM_SAVE};
	for (size_t i = 0; i < sizeof of_images / sizeof of_images[0]; i++) {
		if (values[of_images[i]].given) {
			complain("convert: --%s is for images, and %s is a packfile",
			         line->command->options[of_images[i]].name, line->names[0]);
			return EXIT_TROUBLE;
		}
	}
	if (to->given && to->number < TARGET_PACKFILE4) {
		complain("%s: images cannot be made from packfiles", line->names[0]);
		return EXIT_IMAGE;
	}
	packfile_file file;
	imago_error error;
	exit_status result =
	    open_packfile(&file, line->names[0], long_double_of(&values[OPTION_LONG_DOUBLE]),
	                  line->allocator, &error);
	if (result == EXIT_DONE) {
		const uint8_t word_bytes = to->number == TARGET_PACKFILE8 ? 8 : 4;
		result = packfile_convert(line, &file, to->given ? word_bytes : 0,
		                          &values[OPTION_BYTE_ORDER], &values[OPTION_FLOAT]);
	}
	close_packfile(&file);
	return result;
}

static exit_status
run_convert(const command_line *line)
{
	if (is_packfile(line->names[0])) {
		return run_convert_of_packfile(line);
	}
	if (line->values[OPTION_GAP].given && !line->values[OPTION_SEGMENTS].given) {
		complain("convert: --gap needs --segments");
		return EXIT_TROUBLE;
	}
	imago_image in;
	imago_error error;
	exit_status result = open_image(&in, line->names[0], line->allocator, &error);
	if (result == EXIT_DONE) {
		result = undo_layers(line, &in);
	}
	if (result == EXIT_DONE) {
		result = convert_image(line, &in);
	}
	imago_image_close(&in);
	return result;
}

const struct command convert_command = {
    .name = "convert",
    .arguments = "IN OUT",
    .summary = "change format, byte order, word size, base or segments",
    .description =
        "Writes the image IN as OUT, atomically: OUT is whole or untouched; it may be IN itself.\n"
        "Any mix of the options is allowed. With the word size unchanged every object stays, so\n"
        "that the way back gives the same bytes; across word sizes the objects are laid out anew,\n"
        "and what does not fit is refused, naming the object. Standard error tells what was\n"
        "dropped or normalised. --to composed makes a folder, or one file when OUT ends in\n"
        "\".bundle\". --to layered makes sections that can be mapped, and keeps what leads back to "
        "the\n"
        "very bytes of IN; with --perm-save it is a perm save, whose second half is 'imago run'.\n"
        "v3 images are made from v3 images only.\n\n"
        "A Parrot packfile IN becomes one of --to packfile4 or packfile8, in either --byte-order, "
        "so\n"
        "that the way back gives the same bytes; what would be lost is refused, naming it. "
        "Numbers\n"
        "of 16 bytes are x87 in little-endian files and double-double in big-endian ones unless\n"
        "--long-double (of IN) or --float (of OUT) says otherwise.",
    .examples = "  imago convert --to layered --perm-save in.image perm.image\n"
                "  imago convert le.image be.image --byte-order big\n"
                "  imago convert --to spur64 old32.image new64.image\n"
                "  imago convert --to composed classic.image folder.image\n"
                "  imago convert in.image out.image --base 0x10000000000 --segments 3 --gap 64K\n"
                "  imago convert --to packfile4 --byte-order big in.pbc out.pbc",
    .options = convert_options,
    .num_options = sizeof convert_options / sizeof convert_options[0],
    .min_names = 2,
    .max_names = 2,
    .run = run_convert,
};
