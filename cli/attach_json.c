/* attach_json.c: imago attach for programs. */
#include <inttypes.h>
#include <stdio.h>

#include "attach_run.h"
#include "output.h"

static void
add_number(json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static json_object *
pages_json(const imago_layered_head *head, const measurement *cost)
{
	json_object *array = json_object_new_array();
	size_t index = 0;
	for (size_t i = 0; i < head->num_sections; i++) {
		const imago_layered_section *section = &head->sections[i];
		if (section->kind == IMAGO_LAYERED_OBJECTS) {
			const imago_page_counts *counts = &cost->pages[index++];
			json_object *object = json_object_new_object();
			json_object_object_add(object, "section", json_name(section->name));
			json_object_object_add(object, "tier",
			                       json_object_new_string(tier_name(section->tier)));
			json_object_object_add(object, "pointers",
			                       json_object_new_boolean(section->has_pointers));
			add_number(object, "pages", counts->num_pages);
			add_number(object, "absent", counts->num_absent);
			add_number(object, "shared", counts->num_shared);
			add_number(object, "private", counts->num_private);
			json_object_array_add(array, object);
		}
	}
	return array;
}

static json_object *
memory_json(const imago_memory_use *use)
{
	json_object *object = json_object_new_object();
	add_number(object, "resident", use->resident);
	add_number(object, "proportional", use->proportional);
	add_number(object, "sharedClean", use->shared_clean);
	add_number(object, "sharedDirty", use->shared_dirty);
	add_number(object, "privateClean", use->private_clean);
	add_number(object, "privateDirty", use->private_dirty);
	add_number(object, "swapped", use->swapped);
	return object;
}

static json_object *
blame_json(const blame_totals *blame)
{
	json_object *object = json_object_new_object();
	json_object *classes = json_object_new_array();
	add_number(object, "privatePages", blame->num_private);
	add_number(object, "writtenPages", blame->num_written);
	add_number(object, "objects", blame->num_objects);
	add_number(object, "bytes", blame->num_bytes);
	add_number(object, "falseDirtyBytes", blame->false_dirty);
	add_number(object, "numClasses", blame->num_classes);
	for (uint32_t i = 0; i < blame->num_shown; i++) {
		json_object *row = json_object_new_object();
		json_object_object_add(row, "class", json_name(blame->classes[i].name));
		add_number(row, "pages", blame->classes[i].num_pages);
		add_number(row, "objects", blame->classes[i].num_objects);
		add_number(row, "bytes", blame->classes[i].num_bytes);
		json_object_array_add(classes, row);
	}
	json_object_object_add(object, "classes", classes);
	return object;
}

static void
add_outcome(json_object *object, const workload *work, const process_report *report)
{
	const workload_outcome *outcome = &report->outcome;
	if (work->kind == WORKLOAD_WRITE) {
		add_number(object, "written", outcome->num_written);
	}
	if (work->kind == WORKLOAD_RUN) {
		json_object_object_add(object, "quit",
		                       json_object_new_boolean(outcome->end == IMAGO_VM_QUIT));
		json_object_object_add(object, "exitStatus", json_object_new_int(outcome->exit_status));
		json_object_object_add(object, "reason", json_name(outcome->reason));
		add_number(object, "bytecodes", outcome->statistics.num_bytecodes);
		add_number(object, "sends", outcome->statistics.num_sends);
		add_number(object, "printedBytes", report->num_printed);
		json_object_object_add(object, "printedHash", json_word(report->print_hash));
	}
}

static json_object *
process_json(const attach_run *run, const process_report *report)
{
	json_object *object = json_object_new_object();
	json_object_object_add(object, "moved", json_object_new_boolean(report->cost.moved));
	json_object_object_add(object, "relocation",
	                       json_object_new_string(relocation_name(report->cost.relocation)));
	add_number(object, "faults", report->cost.num_faults);
	add_number(object, "pagesRelocated", report->cost.num_pages_relocated);
	add_outcome(object, &run->work, report);
	if (report->cost.has_pages) {
		json_object_object_add(object, "pages", pages_json(&run->image->idle.head, &report->cost));
	}
	if (report->cost.has_memory) {
		json_object_object_add(object, "memory", memory_json(&report->cost.memory));
	}
	if (report->blame.known) {
		json_object_object_add(object, "blame", blame_json(&report->blame));
	}
	return object;
}

void
attach_print_json(const attach_run *run)
{
	json_object *object = json_object_new_object();
	json_object *processes = json_object_new_array();
	json_object_object_add(object, "file", json_name(run->image->path));
	json_object_object_add(object, "sealed", json_object_new_boolean(run->image->sealed >= 0));
	add_number(object, "copyBytes", attach_copy_bytes(run));
	json_object_object_add(object, "allAlike", json_object_new_boolean(attach_all_alike(run)));
	for (unsigned i = 0; i < run->num_processes; i++) {
		if (run->reports[i].present) {
			json_object_array_add(processes, process_json(run, &run->reports[i]));
		}
	}
	json_object_object_add(object, "processes", processes);
	print_json_line(object);
}
