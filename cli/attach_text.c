/* attach_text.c: the table of imago attach. */
#include <inttypes.h>
#include <stdio.h>

#include "attach_run.h"
#include "output.h"

enum { KIB = 1024 };

static uint64_t
pages_of(const process_report *report, size_t section)
{
	return report->cost.pages[section].num_pages;
}

static uint64_t
absent_of(const process_report *report, size_t section)
{
	return report->cost.pages[section].num_absent;
}

static uint64_t
shared_of(const process_report *report, size_t section)
{
	return report->cost.pages[section].num_shared;
}

static uint64_t
private_of(const process_report *report, size_t section)
{
	return report->cost.pages[section].num_private;
}

static uint64_t
resident_of(const process_report *report, size_t section)
{
	(void)section;
	return report->cost.memory.resident;
}

static uint64_t
proportional_of(const process_report *report, size_t section)
{
	(void)section;
	return report->cost.memory.proportional;
}

static uint64_t
dirty_of(const process_report *report, size_t section)
{
	(void)section;
	return report->cost.memory.private_dirty;
}

static void
print_section(const attach_run *run, const imago_layered_section *section, size_t index)
{
	const spread absent = attach_spread(run, absent_of, index);
	const spread shared = attach_spread(run, shared_of, index);
	const spread private = attach_spread(run, private_of, index);
	print("%-16s %-9s %-8s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "  %8" PRIu64 " %8" PRIu64
	      " %8" PRIu64 " %10" PRIu64 "\n",
	      section->name, tier_name(section->tier), section->has_pointers ? "yes" : "no",
	      attach_spread(run, pages_of, index).median, absent.median, shared.median, private.least,
	      private.median, private.most, private.sum);
}

static void
print_pages(const attach_run *run)
{
	const imago_layered_head *head = &run->image->idle.head;
	size_t index = 0;
	print("\n%-16s %-9s %-8s %8s %8s %8s  %8s %8s %8s %10s\n", "section", "tier", "pointers",
	      "pages", "absent", "shared", "private:", "median", "most", "sum");
	for (size_t i = 0; i < head->num_sections; i++) {
		if (head->sections[i].kind == IMAGO_LAYERED_OBJECTS) {
			print_section(run, &head->sections[i], index++);
		}
	}
}

static void
print_amount(const attach_run *run, const char *name, attach_number *number)
{
	const spread s = attach_spread(run, number, 0);
	print("%-16s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %12" PRIu64 "\n", name, s.least / KIB,
	      s.median / KIB, s.most / KIB, s.sum / KIB);
}

static void
print_memory(const attach_run *run)
{
	const uint64_t copies = attach_copy_bytes(run) * run->num_processes;
	const uint64_t proportional = attach_spread(run, proportional_of, 0).sum;
	print("\n%-16s %10s %10s %10s %12s\n", "KiB of a process", "least", "median", "most", "sum");
	print_amount(run, "resident", resident_of);
	print_amount(run, "PSS", proportional_of);
	print_amount(run, "private dirty", dirty_of);
	print("All together hold %" PRIu64 " KiB, with their room; %u cop%s of the image would be "
	      "%" PRIu64 " KiB: ratio %.3f\n",
	      proportional / KIB, run->num_processes, run->num_processes == 1 ? "y" : "ies",
	      copies / KIB, (double)proportional / (double)copies);
}

static void
print_blame(const blame_totals *blame)
{
	print("\nPrivate pages of the first process: %" PRIu64 ", of which %" PRIu64
	      " differ from the file.\nOn these, %" PRIu64 " object%s that differ%s (%" PRIu64
	      " bytes), and %" PRIu64 " bytes of others: false-dirty.\n",
	      blame->num_private, blame->num_written, blame->num_objects, plural(blame->num_objects),
	      blame->num_objects == 1 ? "s" : "", blame->num_bytes, blame->false_dirty);
	if (blame->num_shown > 0) {
		print("%8s %10s %12s  %s\n", "pages", "objects", "bytes", "class");
	}
	for (uint32_t i = 0; i < blame->num_shown; i++) {
		const blamed_class *row = &blame->classes[i];
		print("%8" PRIu64 " %10" PRIu64 " %12" PRIu64 "  %s\n", row->num_pages, row->num_objects,
		      row->num_bytes, row->name);
	}
	if (blame->num_classes > blame->num_shown) {
		print("%34s(and %u more)\n", "", (unsigned)(blame->num_classes - blame->num_shown));
	}
}

static void
print_work(const attach_run *run, const process_report *first)
{
	const char *alike = run->num_processes == 1 ? ""
	                    : attach_all_alike(run) ? "; all alike"
	                                            : "; the processes differ";
	const workload_outcome *outcome = &first->outcome;
	switch (run->work.kind) {
	case WORKLOAD_RUN:
		print("run: %" PRIu64 " bytecodes, %" PRIu64 " sends, %" PRIu64 " bytes printed%s\n",
		      outcome->statistics.num_bytecodes, outcome->statistics.num_sends, first->num_printed,
		      alike);
		break;
	case WORKLOAD_WRITE:
		print("write: %" PRIu64 " objects%s\n", outcome->num_written, alike);
		break;
	default:
		print("%s\n", run->work.kind == WORKLOAD_READ ? "read: each page" : "idle");
		break;
	}
}

static void
print_statistics(const process_report *first)
{
	tell("relocation: %s; faults %" PRIu64 ", pages relocated %" PRIu64 "\n",
	     relocation_name(first->cost.relocation), first->cost.num_faults,
	     first->cost.num_pages_relocated);
	if (first->outcome.statistics.num_bytecodes > 0) {
		const imago_vm_statistics *s = &first->outcome.statistics;
		tell("bytecodes %" PRIu64 ", sends %" PRIu64 ", primitives %" PRIu64
		     ", method cache misses %" PRIu64 "\nscavenges %" PRIu64
		     ", old-space collections %" PRIu64 ", global %" PRIu64 "\n",
		     s->num_bytecodes, s->num_sends, s->num_primitives, s->num_cache_misses,
		     s->num_scavenges, s->num_old_collections, s->num_global_collections);
	}
}

void
attach_print(const attach_run *run, bool statistics)
{
	const process_report *first = attach_first(run);
	if (first == NULL) {
		return;
	}
	print_name(run->image->path);
	print(": %u process%s, %s\n", run->num_processes, run->num_processes == 1 ? "" : "es",
	      run->image->sealed >= 0 ? "attached to a sealed copy"
	      : first->cost.moved     ? "attached elsewhere"
	                              : "attached where it is wanted");
	print_work(run, first);
	if (first->cost.has_pages) {
		print_pages(run);
	}
	if (first->cost.has_memory) {
		print_memory(run);
	}
	if (first->blame.known) {
		print_blame(&first->blame);
	}
	if (statistics) {
		flush_output();
		print_statistics(first);
	}
}
