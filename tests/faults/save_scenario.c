/* save_scenario.c: what is saved over what. */
#include "save_scenario.h"

#include <string.h>

#include "assertions.h"
#include "imago/save.h"

#define STRANGER_PATH  "work/other.image"
#define STRANGER_BYTES "of somebody else"

const save_scenario save_scenarios[NUM_SAVE_SCENARIOS] = {
    {"a new file", false, {{NULL, NULL}}, {{NULL, "the new image"}}},
    {"a file over another", false, {{NULL, "the old image"}}, {{NULL, "the new image, longer"}}},
    {"an empty file over another", false, {{NULL, "the old image"}}, {{NULL, ""}}},
    {"a new folder",
     true,
     {{NULL, NULL}},
     {{"header.ston", "new header"}, {"permSpace.data", ""}, {"seg0.data", "new objects"}}},
    {"a folder over another",
     true,
     {{"header.ston", "old header"}, {"permSpace.data", "old"}, {"seg0.data", "old objects"}},
     {{"header.ston", "new header"}, {"permSpace.data", ""}, {"seg0.data", "new objects"}}},
    {"a folder over one with other files",
     true,
     {{"header.ston", "old header"}, {"seg0.data", "old"}, {"seg1.data", "old"}, {"seg1.ston", ""}},
     {{"header.ston", "new header"}, {"seg0.data", "new objects"}}},
};

/* Borrows the scenario's bytes; release it. */
static void
make_folder(imago_folder *folder, const saved_file *files, imago_allocator *allocator)
{
	imago_folder_init(folder, allocator);
	for (size_t i = 0; i < MAX_SAVED_FILES && files[i].bytes != NULL; i++) {
		imago_error error = {0};
		assert_ok(imago_folder_add(folder, files[i].name, (const uint8_t *)files[i].bytes,
		                           strlen(files[i].bytes), NULL, &error),
		          &error);
	}
}

model_disk *
scenario_disk(const save_scenario *scenario)
{
	model_disk *disk = model_disk_create();
	model_disk_put_folder(disk, SAVE_PARENT);
	model_disk_put(disk, STRANGER_PATH, STRANGER_BYTES, strlen(STRANGER_BYTES));
	if (scenario->old[0].bytes == NULL) {
		return disk;
	}
	if (!scenario->is_folder) {
		model_disk_put(disk, SAVE_PATH, scenario->old[0].bytes, strlen(scenario->old[0].bytes));
		return disk;
	}
	model_disk_put_folder(disk, SAVE_PATH);
	for (size_t i = 0; i < MAX_SAVED_FILES && scenario->old[i].bytes != NULL; i++) {
		char path[64] = SAVE_PATH "/";
		strncat(path, scenario->old[i].name, 32);
		model_disk_put(disk, path, scenario->old[i].bytes, strlen(scenario->old[i].bytes));
	}
	return disk;
}

imago_status
scenario_save(const save_scenario *scenario, const imago_file_system *files, imago_error *error)
{
	if (!scenario->is_folder) {
		const char *bytes = scenario->new[0].bytes;
		return imago_save_file_in(files, SAVE_PATH, (const uint8_t *)bytes, strlen(bytes), error);
	}
	imago_allocator allocator;
	imago_folder folder;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	make_folder(&folder, scenario->new, &allocator);
	imago_status status = imago_save_folder_in(files, SAVE_PATH, &folder, error);
	imago_folder_release(&folder);
	assert_int_equal(allocator.used, 0);
	return status;
}

static bool
disk_holds(const save_scenario *scenario, const model_disk *disk, const saved_file *files)
{
	if (files[0].bytes == NULL) {
		return model_disk_kind(disk, SAVE_PATH) == IMAGO_PATH_MISSING;
	}
	if (!scenario->is_folder) {
		return model_disk_holds_file(disk, SAVE_PATH, (const uint8_t *)files[0].bytes,
		                             strlen(files[0].bytes));
	}
	imago_allocator allocator;
	imago_folder folder;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	make_folder(&folder, files, &allocator);
	bool holds = model_disk_holds_folder(disk, SAVE_PATH, &folder);
	imago_folder_release(&folder);
	return holds;
}

/* The new image has the permissions of the old one, if there was one. */
static bool
keeps_permissions(const save_scenario *scenario, const model_disk *disk)
{
	const uint32_t kept = scenario->is_folder ? MODEL_PUT_FOLDER : MODEL_PUT_FILE;
	return scenario->old[0].bytes == NULL || model_disk_permissions(disk, SAVE_PATH) == kept;
}

save_outcome
scenario_outcome(const save_scenario *scenario, const model_disk *disk)
{
	if (disk_holds(scenario, disk, scenario->old)) {
		return SAVE_OLD;
	}
	return disk_holds(scenario, disk, scenario->new) && keeps_permissions(scenario, disk)
	           ? SAVE_NEW
	           : SAVE_TORN;
}

bool
scenario_is_tidy(const save_scenario *scenario, const model_disk *disk)
{
	(void)scenario;
	bool there = model_disk_kind(disk, SAVE_PATH) != IMAGO_PATH_MISSING;
	return model_disk_num_names(disk, SAVE_PARENT) == 1 + (size_t)there &&
	       model_disk_holds_file(disk, STRANGER_PATH, (const uint8_t *)STRANGER_BYTES,
	                             strlen(STRANGER_BYTES));
}
