/* packfile: any bytes, and packfiles that the input draws, sound or with one word changed, are
 * refused by name or read within 24 bytes for each byte; findings lie inside, and are the same the
 * second time; in its own layout a packfile is written as it was; in any other it comes back the
 * same, and prints the same, or is refused by name; a run ends within its fuel, with a reason where
 * it was stopped, and a program without a finding ends by itself. Failing allocations are reported
 * and leave nothing. What is drawn sound has no finding, and in another layout it is the file that
 * is drawn there. */
#include <string.h>

#include "../tests/support/packfile/packfile_draft.h"
#include "fuzz_decisions.h"
#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/packfile_check.h"
#include "imago/packfile_convert.h"
#include "imago/packfile_run.h"

enum {
	REFUSAL,
	MEMORY,
	FAILING_ALLOCATION,
	FINDINGS,
	WRITTEN,
	COMES_BACK,
	SAME_PROGRAM,
	RUN_ENDS,
	CLEAN_PROGRAM_ENDS,
	DRAWN_IS_CLEAN,
	DRAWN_CONVERTS,
	NO_LEAK,
};
static const char *const oracles[] = {
    [REFUSAL] = "refusal",
    [MEMORY] = "memory",
    [FAILING_ALLOCATION] = "failing_allocation",
    [FINDINGS] = "findings",
    [WRITTEN] = "written_as_read",
    [COMES_BACK] = "comes_back",
    [SAME_PROGRAM] = "same_program",
    [RUN_ENDS] = "run_ends",
    [CLEAN_PROGRAM_ENDS] = "clean_program_ends",
    [DRAWN_IS_CLEAN] = "drawn_is_clean",
    [DRAWN_CONVERTS] = "drawn_converts",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("packfile", oracles);

enum { FUEL = 4096, SPARE_MEMORY = 4096 };

/* packfile.h, packfile_convert.h */
static const fuzz_statuses reader_statuses = 1u << IMAGO_EMAGIC | 1u << IMAGO_EVERSION |
                                             1u << IMAGO_ETRUNCATED | 1u << IMAGO_ERANGE |
                                             1u << IMAGO_EALIGN | 1u << IMAGO_ESTRUCTURE;
static const fuzz_statuses writer_statuses = 1u << IMAGO_EUNSUPPORTED | 1u << IMAGO_ESTRUCTURE;

/* What was printed, as a sum that tells two outputs apart. */
typedef struct output {
	uint64_t hash, size;
	imago_packfile_result result;
} output;

static void
add_output(const uint8_t *bytes, size_t size, void *payload)
{
	output *out = payload;
	for (size_t i = 0; i < size; i++) {
		out->hash = (out->hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	}
	out->size += size;
}

static void
run(const imago_packfile *packfile, output *out)
{
	imago_allocator allocator;
	imago_packfile_machine machine;
	imago_error error = {.status = IMAGO_OK};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_packfile_machine_init(&machine, &allocator);
	*out = (output){.hash = 1};
	FUZZ_ASSERT(imago_packfile_run(packfile, FUEL, add_output, out, &machine, &out->result,
	                               &error) == IMAGO_OK);
	imago_packfile_machine_release(&machine);
	const imago_packfile_result *result = &out->result;
	FUZZ_ORACLE(RUN_ENDS, result->num_ops <= FUEL);
	FUZZ_ORACLE(RUN_ENDS, (result->end == IMAGO_PACKFILE_STOPPED) == (result->reason != NULL));
	FUZZ_ORACLE(RUN_ENDS, result->end != IMAGO_PACKFILE_FUEL || result->num_ops == FUEL);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
}

typedef struct findings {
	uint64_t size, count, sum;
	bool only_infos;
} findings;

static bool
note(const imago_finding *finding, void *payload)
{
	findings *found = payload;
	FUZZ_ORACLE(FINDINGS, finding->offset < found->size);
	found->count++;
	found->sum = found->sum * 31 + finding->offset + finding->found;
	found->only_infos = found->only_infos && finding->rule->severity == IMAGO_INFO;
	return true;
}

static findings
check(const imago_packfile *packfile)
{
	findings found = {.size = packfile->size, .only_infos = true};
	findings again = found;
	imago_check_sink sink;
	imago_check_sink_init(&sink, NULL, note, &found);
	imago_packfile_check(packfile, &sink);
	imago_check_sink_init(&sink, NULL, note, &again);
	imago_packfile_check(packfile, &sink);
	FUZZ_ORACLE(FINDINGS, found.count == again.count && found.sum == again.sum);
	return found;
}

/* With the forms of numbers that the packfile has. */
static imago_status
write_own(const imago_packfile *packfile, const imago_packfile *like, imago_writer *writer,
          imago_error *error)
{
	const imago_packfile_target target = {
	    .layout = like->layout, .number_form = like->number_form, .number_size = like->number_size};
	return imago_packfile_write(packfile, &target, writer, error);
}

static bool
is_file_of(const imago_writer *writer, const imago_packfile *packfile)
{
	return writer->size == packfile->size &&
	       memcmp(writer->bytes, packfile->bytes, (size_t)packfile->size) == 0;
}

static void
expect_written(const imago_packfile *packfile, imago_allocator *allocator)
{
	imago_error error = {.status = IMAGO_OK};
	imago_writer writer;
	imago_writer_init(&writer, allocator, packfile->layout, &error);
	const imago_status status = write_own(packfile, packfile, &writer, &error);
	if (status == IMAGO_OK) {
		FUZZ_ORACLE(WRITTEN, is_file_of(&writer, packfile));
	} else {
		fuzz_expect_refusal(&error, status, packfile->size, writer_statuses, REFUSAL);
		FUZZ_ORACLE(WRITTEN, writer.size == 0);
	}
	imago_writer_release(&writer);
}

/* A string that is text in its file's byte order is text in any; others may print what they like.
 */
static void
expect_comes_back(const imago_packfile *packfile, const imago_packfile_target *target,
                  const output *printed, imago_allocator *allocator)
{
	imago_error error = {.status = IMAGO_OK};
	imago_writer there;
	imago_writer back;
	imago_writer_init(&there, allocator, target->layout, &error);
	imago_writer_init(&back, allocator, target->layout, &error);
	const imago_status status = imago_packfile_write(packfile, target, &there, &error);
	if (status == IMAGO_OK) {
		imago_packfile other;
		output again;
		const imago_packfile_options options = {
		    .long_double = target->number_form != IMAGO_NUMBER_DOUBLE ? target->number_form
		                                                              : IMAGO_NUMBER_AUTO};
		FUZZ_ORACLE(COMES_BACK, imago_packfile_read(&other, there.bytes, there.size, &options,
		                                            allocator, &error) == IMAGO_OK);
		FUZZ_ORACLE(COMES_BACK, write_own(&other, packfile, &back, &error) == IMAGO_OK);
		FUZZ_ORACLE(COMES_BACK, is_file_of(&back, packfile));
		run(&other, &again);
		FUZZ_ORACLE(SAME_PROGRAM, again.hash == printed->hash && again.size == printed->size);
		FUZZ_ORACLE(SAME_PROGRAM, again.result.end == printed->result.end &&
		                              again.result.reason == printed->result.reason &&
		                              again.result.num_ops == printed->result.num_ops &&
		                              again.result.place == printed->result.place);
		imago_packfile_close(&other);
	} else {
		fuzz_expect_refusal(&error, status, packfile->size, writer_statuses, REFUSAL);
	}
	imago_writer_release(&there);
	imago_writer_release(&back);
}

static void
expect_failing_allocation(const uint8_t *bytes, uint64_t size, uint64_t num_calls,
                          fuzz_decisions *decisions)
{
	imago_packfile packfile;
	imago_allocator allocator;
	imago_error error = {.status = IMAGO_OK};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	allocator.fail_at = 1 + fuzz_decide(decisions, 65536) % num_calls;
	const imago_status status =
	    imago_packfile_read(&packfile, bytes, size, NULL, &allocator, &error);
	FUZZ_ORACLE(FAILING_ALLOCATION, status == IMAGO_ENOMEM && error.what != NULL);
	imago_packfile_close(&packfile);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
}

/* One decision for each statement: the order of those within one is the compiler's. */
static imago_layout
draw_layout(fuzz_decisions *decisions)
{
	const uint32_t choice = fuzz_decide(decisions, 4);
	return (imago_layout){choice % 2 == 0 ? 4 : 8,
	                      choice / 2 == 0 ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN};
}

static imago_packfile_target
draw_target(const imago_packfile *packfile, fuzz_decisions *decisions)
{
	static const imago_number_form forms[] = {IMAGO_NUMBER_AUTO,   IMAGO_NUMBER_AUTO,
	                                          IMAGO_NUMBER_DOUBLE, IMAGO_NUMBER_X87,
	                                          IMAGO_NUMBER_QUAD,   IMAGO_NUMBER_DOUBLE_DOUBLE};
	imago_packfile_target target = {.layout = draw_layout(decisions)};
	target.number_form = forms[fuzz_decide(decisions, 6)];
	target.number_size = fuzz_decide(decisions, 2) == 0 ? 12 : 16;
	/* Who decided what the numbers of the source are decides what they become. */
	if (target.number_form == IMAGO_NUMBER_AUTO &&
	    (packfile->number_form == IMAGO_NUMBER_QUAD || packfile->number_size == 16)) {
		target.number_form = packfile->number_form;
		target.number_size = packfile->number_size;
	}
	return target;
}

static imago_number_form
draw_form(fuzz_decisions *decisions)
{
	static const imago_number_form forms[] = {IMAGO_NUMBER_AUTO, IMAGO_NUMBER_AUTO,
	                                          IMAGO_NUMBER_X87, IMAGO_NUMBER_QUAD,
	                                          IMAGO_NUMBER_DOUBLE_DOUBLE};
	return forms[fuzz_decide(decisions, 5)];
}

/* What holds of any bytes. Returns what was found, only_infos false where they are refused. */
static findings
take(const uint8_t *bytes, uint64_t size, imago_number_form long_double, fuzz_decisions *decisions)
{
	const imago_packfile_options options = {.long_double = long_double};
	imago_packfile packfile;
	imago_allocator allocator;
	imago_error error = {.status = IMAGO_OK};
	findings found = {.only_infos = false};
	imago_allocator_init(&allocator, 24 * size + SPARE_MEMORY);
	const imago_status status =
	    imago_packfile_read(&packfile, bytes, size, &options, &allocator, &error);
	FUZZ_ORACLE(MEMORY, status != IMAGO_ENOMEM);
	if (status != IMAGO_OK) {
		fuzz_expect_refusal(&error, status, size, reader_statuses, REFUSAL);
	} else {
		output printed;
		const uint64_t num_calls = allocator.num_calls;
		allocator.budget = IMAGO_UNLIMITED;
		found = check(&packfile);
		run(&packfile, &printed);
		if (found.only_infos) {
			FUZZ_ORACLE(CLEAN_PROGRAM_ENDS, printed.result.end != IMAGO_PACKFILE_STOPPED);
		}
		expect_written(&packfile, &allocator);
		const imago_packfile_target target = draw_target(&packfile, decisions);
		expect_comes_back(&packfile, &target, &printed, &allocator);
		expect_failing_allocation(bytes, size, num_calls, decisions);
	}
	imago_packfile_close(&packfile);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
	return found;
}

/* Instructions of any kind, with operands within bounds. */
static void
draw_code(draft *d, fuzz_decisions *decisions)
{
	static const uint8_t num_operands[] = {1, 1, 1, 0, 1, 2, 2}; /* by the draft's opcodes */
	const uint32_t count = fuzz_decide(decisions, 24);
	d->num_code = 0;
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t opcode = fuzz_decide(decisions, 7);
		d->code[d->num_code++] = opcode;
		for (uint8_t k = 0; k < num_operands[opcode]; k++) {
			const bool last = k + 1 == num_operands[opcode];
			const uint32_t limit = opcode == 0           ? 65536
			                       : opcode == 4         ? (uint32_t)d->num_strings
			                       : opcode == 5 && last ? (uint32_t)d->num_numbers
			                       : opcode == 6 && last ? (uint32_t)d->num_strings
			                                             : 2;
			/* Any integer, also below 0. */
			d->code[d->num_code++] =
			    (int64_t)fuzz_decide(decisions, limit) - (opcode == 0 ? 32768 : 0);
		}
	}
	d->code[d->num_code++] = 3;
	d->pmcs[0].words[3] = (int64_t)d->num_code;
	d->num_lines = 25;
	d->num_files = d->num_pairs = d->num_keys = 0;
}

static void
draw_constants(draft *d, fuzz_decisions *decisions)
{
	static char text[64];
	const uint32_t num_numbers = 1 + fuzz_decide(decisions, 8);
	for (uint32_t i = 0; i < num_numbers; i++) {
		draft_number(d, (double)fuzz_decide(decisions, 65536) / 8 - 100, d->numbers[i]);
	}
	d->num_numbers = num_numbers;
	for (size_t i = 0; i < sizeof text; i++) {
		text[i] = (char)('a' + i % 26);
	}
	const uint32_t more = fuzz_decide(decisions, 8);
	for (uint32_t i = 0; i < more; i++) {
		draft_string *string = &d->strings[d->num_strings++];
		string->flags = fuzz_decide(decisions, 4);
		string->flags |= (int64_t)fuzz_decide(decisions, 4) << 8;
		string->length = fuzz_decide(decisions, sizeof text);
		string->bytes = text;
		if (fuzz_decide(decisions, 8) == 0) {
			*string = (draft_string){.flags = -1};
		}
	}
}

/* The same decisions for two layouts make the same packfile, in these. */
static void
draw(draft *d, imago_layout layout, uint8_t float_type, fuzz_decisions *decisions)
{
	draft_init(d, layout, float_type);
	draw_constants(d, decisions);
	draw_code(d, decisions);
	d->has[DRAFT_EXTRA] = fuzz_decide(decisions, 2) == 0;
	d->has[DRAFT_ANNOTATIONS] = fuzz_decide(decisions, 2) == 0;
	d->num_tags = fuzz_decide(decisions, 2);
	d->uuid_type = (uint8_t)fuzz_decide(decisions, 2);
	d->uuid_size = d->uuid_type == 0 ? 0 : (uint8_t)fuzz_decide(decisions, 256);
}

/* Of layout to, with the x87 numbers of little-endian files and the pairs of big-endian ones. */
static void
expect_drawn_in(const imago_writer *file, const imago_writer *expected, imago_layout to)
{
	imago_allocator allocator;
	imago_packfile packfile;
	imago_writer out;
	imago_error error = {.status = IMAGO_OK};
	const imago_packfile_target target = {.layout = to};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_writer_init(&out, &allocator, to, &error);
	FUZZ_ASSERT(imago_packfile_read(&packfile, file->bytes, file->size, NULL, &allocator, &error) ==
	            IMAGO_OK);
	FUZZ_ORACLE(DRAWN_CONVERTS, imago_packfile_write(&packfile, &target, &out, &error) == IMAGO_OK);
	FUZZ_ORACLE(DRAWN_CONVERTS, out.size == expected->size &&
	                                memcmp(out.bytes, expected->bytes, (size_t)out.size) == 0);
	imago_packfile_close(&packfile);
	imago_writer_release(&out);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
}

static int64_t
draw_value(fuzz_decisions *decisions)
{
	switch (fuzz_decide(decisions, 4)) {
	case 0:
		return (int64_t)fuzz_decide(decisions, 65536) - 32;
	case 1:
		return (int64_t)fuzz_decide(decisions, 16) - 4;
	case 2:
		return (int64_t)(UINT64_C(1) << fuzz_decide(decisions, 64));
	default:
		break;
	}
	const int64_t high = fuzz_decide(decisions, 65536);
	return high << 16 | fuzz_decide(decisions, 65536);
}

static void
take_drawn(fuzz_decisions *decisions)
{
	static draft d;
	static draft other;
	imago_allocator allocator;
	imago_writer file;
	imago_writer expected;
	const imago_layout from = draw_layout(decisions);
	const imago_layout to = draw_layout(decisions);
	const uint8_t float_type = (uint8_t)fuzz_decide(decisions, 3);
	fuzz_decisions same = *decisions;
	draw(&d, from, float_type, decisions);
	draw(&other, to, float_type, &same);
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_writer_init(&file, &allocator, from, NULL);
	imago_writer_init(&expected, &allocator, to, NULL);
	draft_write(&d, &file);
	draft_write(&other, &expected);
	FUZZ_ASSERT(file.status == IMAGO_OK && expected.status == IMAGO_OK);
	FUZZ_ORACLE(DRAWN_IS_CLEAN,
	            take(file.bytes, file.size, IMAGO_NUMBER_AUTO, decisions).count == 0);
	expect_drawn_in(&file, &expected, to);
	const uint32_t num_changes = 1 + fuzz_decide(decisions, 3);
	for (uint32_t i = 0; i < num_changes; i++) {
		const uint64_t num_words = (file.size - 32) / from.word_bytes;
		const uint64_t place = fuzz_decide(decisions, (uint32_t)num_words);
		draft_patch(&d, &file, 32 + place * from.word_bytes, draw_value(decisions));
	}
	(void)take(file.bytes, file.size, draw_form(decisions), decisions);
	imago_writer_release(&file);
	imago_writer_release(&expected);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_decisions decisions = fuzz_decisions_of(data, size);
	(void)take(data, size, draw_form(&decisions), &decisions);
	take_drawn(&decisions);
	return 0;
}
