/* model_disk.h: a disk in memory that can lose power.
 *
 * Every call changes at once what a process sees, and goes into a log as well: a write as a new
 * size and up to three pieces of bytes, a change of names as one step (POSIX: rename is atomic).
 * What sync covers is on the disk for good; of all the rest, losing power keeps any part and loses
 * any other, in any combination. That is what POSIX allows, and more than most file systems do.
 * Left out: sectors that come back with other bytes than were ever written.
 */
#ifndef FUZZ_FAULTS_MODEL_DISK_H
#define FUZZ_FAULTS_MODEL_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/file_system.h"
#include "imago/folder.h"

typedef struct model_disk model_disk;

/* An empty disk: its root is the working folder. Memory is the program's own; without any, it
 * aborts. */
model_disk *model_disk_create(void);
void model_disk_destroy(model_disk *disk);

/* The calls on it. */
imago_file_system model_disk_files(model_disk *disk);

/* Permissions of what is put on a disk: others than those of what is created there. */
enum { MODEL_PUT_FILE = 0640, MODEL_PUT_FOLDER = 0750 };

/* Puts a file, or an empty folder, on the disk for good; its folder must be there. */
void model_disk_put(model_disk *disk, const char *path, const void *bytes, size_t size);
void model_disk_put_folder(model_disk *disk, const char *path);

/* What is there, as a process sees it. Bytes are borrowed. */
imago_path_kind model_disk_kind(const model_disk *disk, const char *path);
const uint8_t *model_disk_bytes(const model_disk *disk, const char *path, size_t *size);
uint32_t model_disk_permissions(const model_disk *disk, const char *path);
size_t model_disk_num_names(const model_disk *disk, const char *folder);

/* True when path is a folder that holds just these files. */
bool model_disk_holds_folder(const model_disk *disk, const char *path, const imago_folder *folder);
bool model_disk_holds_file(const model_disk *disk, const char *path, const uint8_t *bytes,
                           uint64_t size);

/* Descriptors and listings that were opened and not closed. */
size_t model_disk_num_open(const model_disk *disk);

/* Changes that losing power might lose. */
size_t model_disk_num_pending(const model_disk *disk);

/* The disk after losing power: of the pending changes, in their order, those survive whose element
 * of survives is true. */
model_disk *model_disk_lose_power(const model_disk *disk, const bool *survives);

/* Calls visit with the disk after each way to lose power, until it returns false: with all ways
 * when there are at most limit of them; else with none and all, each alone and each alone lost, and
 * ways drawn from seed, limit in all. Returns how many were visited. */
typedef bool model_disk_visitor(const model_disk *after, void *payload);
uint64_t model_disk_each_power_loss(const model_disk *disk, uint64_t limit, uint64_t seed,
                                    model_disk_visitor *visit, void *payload);

#endif
