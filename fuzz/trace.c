/* trace: any bytes are refused as a trace with a place and a documented status, or are read; what
 * is read is written, within bounds, as the same text but for leading zeros, and reads the same
 * again. A trace that the input draws is written and read as it was, and no prefix that ends within
 * a line is one. Nothing leaks, and a failing allocation is reported. */
#include "imago/tier.h"

#include <string.h>

#include "fuzz_decisions.h"
#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"

enum { REFUSAL, WRITTEN, SAME, DRAWN, PREFIX, FAILING_ALLOCATION, NO_LEAK };
static const char *const oracles[] = {
    [REFUSAL] = "refusal",          [WRITTEN] = "written_within_bounds",
    [SAME] = "reads_the_same",      [DRAWN] = "drawn_reads_the_same",
    [PREFIX] = "prefix_is_refused", [FAILING_ALLOCATION] = "failing_allocation",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("trace", oracles);

enum { MOST_DRAWN = 40 };

/* tier.h */
static const fuzz_statuses documented = 1u << IMAGO_EMAGIC | 1u << IMAGO_ESTRUCTURE;

static bool
same_traces(const imago_trace *a, const imago_trace *b)
{
	bool same = a->num_runs == b->num_runs && a->num_entries == b->num_entries &&
	            memcmp(a->identity, b->identity, sizeof a->identity) == 0;
	for (uint64_t i = 0; same && i < a->num_entries; i++) {
		same = a->entries[i].address == b->entries[i].address &&
		       a->entries[i].num_runs == b->entries[i].num_runs &&
		       a->entries[i].runs == b->entries[i].runs;
	}
	return same;
}

/* Writes a trace and reads that again; the text stays in *writer. */
static void
expect_same_again(const imago_trace *trace, imago_writer *writer, imago_allocator *allocator,
                  size_t oracle)
{
	const imago_layout any = {.word_bytes = 8, .byte_order = IMAGO_LITTLE_ENDIAN};
	imago_trace again;
	imago_error error;
	imago_writer_init(writer, allocator, any, &error);
	imago_trace_write(trace, writer);
	FUZZ_ASSERT(writer->status == IMAGO_OK);
	imago_trace_init(&again, allocator);
	FUZZ_ORACLE(oracle, imago_trace_read(&again, writer->bytes, writer->size, &error) == IMAGO_OK);
	FUZZ_ORACLE(oracle, same_traces(trace, &again));
	imago_trace_release(&again);
}

static void
take_as_text(const uint8_t *data, size_t size, imago_allocator *allocator)
{
	imago_trace trace;
	imago_error error = {.status = IMAGO_OK};
	imago_trace_init(&trace, allocator);
	imago_status status = imago_trace_read(&trace, data, size, &error);
	if (status != IMAGO_OK) {
		fuzz_expect_refusal(&error, status, size, documented, REFUSAL);
	} else {
		imago_writer writer;
		expect_same_again(&trace, &writer, allocator, SAME);
		FUZZ_ORACLE(WRITTEN, writer.size <= size);
		imago_writer_release(&writer);
	}
	imago_trace_release(&trace);
}

static void
draw(imago_trace *trace, imago_trace_entry *entries, fuzz_decisions *decisions)
{
	uint64_t address = 0;
	trace->num_runs = 1 + fuzz_decide(decisions, 65535);
	trace->num_entries = fuzz_decide(decisions, MOST_DRAWN);
	for (size_t i = 0; i < sizeof trace->identity; i++) {
		trace->identity[i] = (uint8_t)fuzz_decide(decisions, 256);
	}
	for (uint64_t i = 0; i < trace->num_entries; i++) {
		address += 1 + ((uint64_t)fuzz_decide(decisions, 65536) << fuzz_decide(decisions, 40));
		const uint32_t num_runs = 1 + fuzz_decide(decisions, trace->num_runs);
		const uint32_t first = fuzz_decide(decisions, trace->num_runs < 64 ? trace->num_runs : 64);
		const uint64_t set = fuzz_decide(decisions, 2) != 0 ? UINT64_C(1) << first : 0;
		entries[i] = (imago_trace_entry){address, num_runs, set};
	}
	trace->entries = entries;
}

static void
take_as_decisions(fuzz_decisions *decisions, imago_allocator *allocator)
{
	imago_trace_entry entries[MOST_DRAWN];
	imago_trace drawn = {.allocator = allocator};
	imago_trace read;
	imago_error error;
	imago_writer writer;
	draw(&drawn, entries, decisions);
	expect_same_again(&drawn, &writer, allocator, DRAWN);
	uint64_t cut = fuzz_decide(decisions, (uint32_t)writer.size);
	imago_trace_init(&read, allocator);
	if (cut > 0 && writer.bytes[cut - 1] != '\n') {
		FUZZ_ORACLE(PREFIX, imago_trace_read(&read, writer.bytes, cut, &error) != IMAGO_OK);
		FUZZ_ORACLE(PREFIX, read.num_entries == 0);
	}
	if (drawn.num_entries > 0) {
		allocator->fail_at = allocator->num_calls + 1;
		FUZZ_ORACLE(FAILING_ALLOCATION,
		            imago_trace_read(&read, writer.bytes, writer.size, &error) == IMAGO_ENOMEM);
		allocator->fail_at = 0;
	}
	imago_trace_release(&read);
	imago_writer_release(&writer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_decisions decisions = fuzz_decisions_of(data, size);
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	take_as_text(data, size, &allocator);
	take_as_decisions(&decisions, &allocator);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
	return 0;
}
