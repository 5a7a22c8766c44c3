/* save_faults: whatever the system does to a save, the old image or the new one is there, whole.
 *
 * What can be read as an image is saved in its format or, a Spur one, as a folder; other bytes as a
 * file or as a folder of two. The disk is a model (faults/model_disk.h). It is saved three times:
 * without a fault; with one, at a call that the tail chooses; and with up to four. Faults are
 * errors, errors of what was done all the same, cut reads and writes, and the end of the process.
 * Before a call that the tail chooses, and at the end, power is lost in several ways. Descriptors
 * and memory come back, a failure is reported with its noun and its errno exactly when the new
 * image is not there (or may not stay: save.h names the two steps), nothing is left beside the
 * image, and after a kill the next save is as good as any. */
#include <errno.h>
#include <string.h>

#include "faults/fault_plan.h"
#include "faults/model_disk.h"
#include "fuzz_decisions.h"
#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/save.h"

enum {
	WHOLE,
	REPORTED,
	NAMED,
	GOES_ON,
	TIDY,
	RESOURCES,
	POWER_LOSS,
	DURABLE,
	NEXT_SAVE,
	READS_BACK,
};
static const char *const oracles[] = {
    [WHOLE] = "old_or_new_whole",
    [REPORTED] = "error_exactly_when_not_new",
    [NAMED] = "error_has_noun_and_errno",
    [GOES_ON] = "interrupted_and_cut_calls_go_on",
    [TIDY] = "nothing_left_behind",
    [RESOURCES] = "resources_back",
    [POWER_LOSS] = "whole_after_power_loss",
    [DURABLE] = "saved_stays_after_power_loss",
    [NEXT_SAVE] = "next_save_after_a_kill",
    [READS_BACK] = "saved_reads_back",
};
FUZZ_DECLARE_ORACLES("save_faults", oracles);

#define PARENT "work"
#define PATH   "work/x.image"

enum { POWER_LOSSES = 8, MAX_FAULTS = 4 };

/* A file, or a folder of files. */
typedef struct contents {
	bool is_folder;
	const uint8_t *bytes;
	uint64_t size;
	imago_folder folder;
} contents;

typedef struct saving {
	fuzz_subject *subject;
	const uint8_t *data;
	size_t size;
	fuzz_decisions choices;
	contents new, old;
	bool has_old;
	imago_format_id format;
	fuzz_output output; /* what the image is written as */
	uint8_t *old_bytes; /* what the old contents are made of */
	uint64_t old_size;

	model_disk *disk; /* of the save under way */
	fault_plan plan;
	uint64_t lose_power_at;
	bool must_be_new;
} saving;

static void
add_file(saving *work, imago_folder *folder, const char *name, const uint8_t *bytes, uint64_t size)
{
	FUZZ_ASSERT(imago_folder_add(folder, name, bytes, size, NULL, &work->subject->error) ==
	            IMAGO_OK);
}

/* What is to be saved: the image, or else the bytes. */
static void
choose_new(saving *work, bool is_image)
{
	imago_allocator *allocator = &work->subject->allocator;
	work->new.is_folder = fuzz_decide(&work->choices, 2) != 0;
	imago_folder_init(&work->new.folder, allocator);
	if (is_image) {
		bool spur = work->subject->heap->model == IMAGO_SPUR;
		work->format = work->subject->image.format;
		if (work->new.is_folder && spur) {
			work->format = IMAGO_FORMAT_COMPOSED;
		}
		work->new.is_folder = work->format == IMAGO_FORMAT_COMPOSED;
		if (fuzz_output_try(&work->output, work->subject->heap, work->format) == IMAGO_OK) {
			work->new.bytes = work->output.writer.bytes;
			work->new.size = work->output.writer.size;
			if (work->new.is_folder) {
				FUZZ_ASSERT(imago_folder_unpack(&work->new.folder, work->new.bytes, work->new.size,
				                                &work->subject->error) == IMAGO_OK);
			}
			return;
		}
		work->subject->heap = NULL; /* cannot be expressed there: its bytes will do */
		work->new.is_folder = true;
	}
	work->new.bytes = work->data;
	work->new.size = work->size;
	if (work->new.is_folder) {
		uint64_t half = work->size / 2;
		add_file(work, &work->new.folder, "header.ston", work->data, half);
		add_file(work, &work->new.folder, "seg0.data", work->data + half, work->size - half);
	}
}

/* What is there before: other bytes throughout, and of a folder another number of files. */
static void
choose_old(saving *work)
{
	imago_folder_init(&work->old.folder, &work->subject->allocator);
	work->has_old = fuzz_decide(&work->choices, 4) != 0;
	work->old.is_folder = work->new.is_folder;
	work->old_size = work->new.size + 1;
	work->old_bytes = imago_allocate(&work->subject->allocator, work->old_size, "old", NULL);
	FUZZ_ASSERT(work->old_bytes != NULL);
	for (uint64_t i = 0; i < work->old_size; i++) {
		work->old_bytes[i] = (uint8_t) ~(i < work->new.size ? work->new.bytes[i] : 0);
	}
	work->old.bytes = work->old_bytes;
	work->old.size = work->old_size;
	/* One file more than the new folder, or one less where the name is taken. */
	const bool taken = imago_folder_find(&work->new.folder, "seg65535.data") != NULL;
	for (size_t i = taken ? 1 : 0; i < work->new.folder.num_files; i++) {
		const imago_folder_file *file = &work->new.folder.files[i];
		add_file(work, &work->old.folder, file->name, work->old_bytes, file->size / 2);
	}
	if (work->old.is_folder && !taken) {
		add_file(work, &work->old.folder, "seg65535.data", work->old_bytes, 1);
	}
}

static void
put_contents(model_disk *disk, const contents *what)
{
	if (!what->is_folder) {
		model_disk_put(disk, PATH, what->bytes, (size_t)what->size);
		return;
	}
	model_disk_put_folder(disk, PATH);
	for (size_t i = 0; i < what->folder.num_files; i++) {
		const imago_folder_file *file = &what->folder.files[i];
		char path[sizeof PATH + IMAGO_PART_SIZE + 1] = PATH "/";
		strncat(path, file->name, IMAGO_PART_SIZE);
		model_disk_put(disk, path, file->bytes, (size_t)file->size);
	}
}

static bool
disk_holds(const model_disk *disk, const contents *what)
{
	return what->is_folder ? model_disk_holds_folder(disk, PATH, &what->folder)
	                       : model_disk_holds_file(disk, PATH, what->bytes, what->size);
}

static bool
is_new(const saving *work, const model_disk *disk)
{
	return disk_holds(disk, &work->new);
}

static bool
is_old(const saving *work, const model_disk *disk)
{
	return work->has_old ? disk_holds(disk, &work->old)
	                     : model_disk_kind(disk, PATH) == IMAGO_PATH_MISSING;
}

static bool
look_after_power_loss(const model_disk *after, void *payload)
{
	saving *work = payload;
	if (work->must_be_new) {
		FUZZ_ORACLE(DURABLE, is_new(work, after));
	} else {
		FUZZ_ORACLE(POWER_LOSS, is_new(work, after) || is_old(work, after));
	}
	return true;
}

static void
lose_power(saving *work)
{
	model_disk_each_power_loss(work->disk, POWER_LOSSES, work->choices.state, look_after_power_loss,
	                           work);
}

static void
before_call(void *payload)
{
	saving *work = payload;
	if (work->plan.num_calls + 1 == work->lose_power_at) {
		lose_power(work);
	}
}

static imago_status
save(saving *work, const imago_file_system *files, imago_error *error)
{
	imago_allocator allocator;
	imago_status status;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_error_set_part(error, "");
	if (work->subject->heap != NULL) {
		status =
		    imago_image_save_in(work->subject->heap, work->format, files, PATH, &allocator, error);
	} else if (work->new.is_folder) {
		status = imago_save_folder_in(files, PATH, &work->new.folder, error);
	} else {
		status = imago_save_file_in(files, PATH, work->new.bytes, work->new.size, error);
	}
	FUZZ_ORACLE(RESOURCES, allocator.used == 0);
	return status;
}

/* Faults that met a call and are failures: not EINTR, not a cut. */
static unsigned
num_failures_met(const fault_plan *plan)
{
	unsigned count = 0;
	for (size_t i = 0; i < FAULT_PLAN_SIZE; i++) {
		const fault *met = &plan->faults[i];
		count += plan->met[i] && met->kind != FAULT_CUTS && met->os_error != EINTR;
	}
	return count;
}

/* What a rename that was interrupted and yet done, or an interrupted exchange, has left is looked
 * for: then the look may fail as well. */
static bool
may_be_unknown(const fault_plan *plan)
{
	for (size_t i = 0; i < FAULT_PLAN_SIZE; i++) {
		const fault *met = &plan->faults[i];
		if (plan->met[i] && met->os_error == EINTR &&
		    (met->kind == FAULT_FAILS_LATE || plan->met_in[i] == FAULT_CALL_EXCHANGE)) {
			return true;
		}
	}
	return false;
}

static bool
was_planned(const fault_plan *plan, int os_error)
{
	for (size_t i = 0; i < FAULT_PLAN_SIZE; i++) {
		if (plan->met[i] && plan->faults[i].os_error == os_error) {
			return true;
		}
	}
	return false;
}

/* The two steps behind which the new image is in place (save.h). */
static bool
is_behind_the_new_image(const imago_error *error)
{
	return strcmp(error->what, "fsync of the parent folder") == 0 ||
	       strcmp(error->what, "removing the old folder") == 0;
}

static void
expect_tidy(const saving *work)
{
	bool there = model_disk_kind(work->disk, PATH) != IMAGO_PATH_MISSING;
	FUZZ_ORACLE(TIDY, model_disk_num_names(work->disk, PARENT) == (size_t)there);
}

/* With one failure everything is known; with more, tidying up may have been the second. */
static void
expect_sound_end(saving *work, imago_status status, const imago_error *error)
{
	const bool now_new = is_new(work, work->disk);
	const unsigned num_failures = num_failures_met(&work->plan);
	FUZZ_ORACLE(WHOLE, now_new || is_old(work, work->disk));
	FUZZ_ORACLE(RESOURCES, model_disk_num_open(work->disk) == 0);
	if (num_failures == 0 && work->plan.num_calls > 0) {
		FUZZ_ORACLE(GOES_ON, status == IMAGO_OK);
	}
	if (status == IMAGO_OK) {
		FUZZ_ORACLE(REPORTED, now_new);
		expect_tidy(work);
		return;
	}
	FUZZ_ORACLE(NAMED, status == IMAGO_EIO && error->status == IMAGO_EIO);
	FUZZ_ORACLE(NAMED, error->what != NULL && error->what[0] != '\0');
	FUZZ_ORACLE(NAMED, was_planned(&work->plan, error->os_error));
	if (is_behind_the_new_image(error)) {
		FUZZ_ORACLE(REPORTED, now_new);
	} else if (num_failures == 1 && !may_be_unknown(&work->plan)) {
		FUZZ_ORACLE(REPORTED, !now_new);
		expect_tidy(work);
	}
}

static void
expect_reads_back(saving *work, const imago_file_system *files)
{
	imago_image image;
	imago_error error = {.status = IMAGO_OK};
	imago_allocator *allocator = &work->subject->allocator;
	FUZZ_ORACLE(READS_BACK,
	            imago_image_open_in(&image, files, PATH, allocator, &error) == IMAGO_OK);
	FUZZ_ORACLE(READS_BACK, fuzz_same_file(image.heap, work->subject->heap, work->format));
	imago_image_close(&image);
}

/* Saves once under the plan that is in work; returns the number of calls. */
static uint64_t
save_once(saving *work, const fault *faults, size_t num_faults)
{
	imago_error error = {.status = IMAGO_OK};
	work->disk = model_disk_create();
	model_disk_put_folder(work->disk, PARENT);
	if (work->has_old) {
		put_contents(work->disk, &work->old);
	}
	const imago_file_system below = model_disk_files(work->disk);
	fault_plan_init(&work->plan, &below);
	memcpy(work->plan.faults, faults, num_faults * sizeof *faults);
	work->plan.before = before_call;
	work->plan.payload = work;
	work->must_be_new = false;
	const imago_file_system files = fault_plan_files(&work->plan);
	const imago_status status = save(work, &files, &error);
	if (work->plan.dead) {
		FUZZ_ORACLE(WHOLE, is_new(work, work->disk) || is_old(work, work->disk));
		lose_power(work);
		FUZZ_ORACLE(NEXT_SAVE, save(work, &below, &error) == IMAGO_OK);
		FUZZ_ORACLE(NEXT_SAVE, is_new(work, work->disk));
	} else {
		expect_sound_end(work, status, &error);
		work->must_be_new = status == IMAGO_OK;
		lose_power(work);
	}
	if (num_faults == 0 && work->subject->heap != NULL) {
		expect_reads_back(work, &below);
	}
	const uint64_t num_calls = work->plan.num_calls;
	model_disk_destroy(work->disk);
	return num_calls;
}

static fault
choose_fault(fuzz_decisions *choices, uint64_t num_calls)
{
	static const int errors[] = {EIO, ENOSPC, EINTR, EDQUOT, EACCES, EMFILE, EROFS, ENOMEM, EFBIG};
	fault chosen;
	chosen.call = 1 + fuzz_decide(choices, (uint32_t)(num_calls < 60000 ? num_calls + 4 : 60000));
	chosen.kind = (fault_kind)fuzz_decide(choices, FAULT_NUM_KINDS);
	chosen.os_error = errors[fuzz_decide(choices, sizeof errors / sizeof errors[0])];
	chosen.length = fuzz_decide(choices, 4096);
	return chosen;
}

static void
save_with_faults(saving *work)
{
	fault faults[MAX_FAULTS];
	const uint64_t num_calls = save_once(work, faults, 0);
	for (unsigned round = 0; round < 2; round++) {
		size_t num_faults = round == 0 ? 1 : 1 + fuzz_decide(&work->choices, MAX_FAULTS);
		for (size_t i = 0; i < num_faults; i++) {
			faults[i] = choose_fault(&work->choices, num_calls);
		}
		work->lose_power_at = 1 + fuzz_decide(&work->choices, 65536) % (num_calls + 1);
		save_once(work, faults, num_faults);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	const bool is_image = fuzz_subject_open(&subject, data, size);
	saving work = {.subject = &subject,
	               .data = data,
	               .size = size,
	               .choices = fuzz_decisions_of(data, size),
	               .lose_power_at = 1};
	if (!is_image) {
		subject.heap = NULL;
	}
	imago_allocator_init(&work.output.allocator, IMAGO_UNLIMITED);
	imago_writer_init(&work.output.writer, &work.output.allocator,
	                  (imago_layout){.word_bytes = 4, .byte_order = IMAGO_LITTLE_ENDIAN}, NULL);
	choose_new(&work, is_image);
	choose_old(&work);
	save_with_faults(&work);
	imago_folder_release(&work.old.folder);
	imago_folder_release(&work.new.folder);
	imago_release(&subject.allocator, work.old_bytes, work.old_size);
	fuzz_output_release(&work.output);
	fuzz_subject_close(&subject, RESOURCES);
	return 0;
}
