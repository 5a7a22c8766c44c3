/* killed_save.h: a process that saves on the real disk, and is killed at a system call. */
#ifndef IMAGO_TESTS_KILLED_SAVE_H
#define IMAGO_TESTS_KILLED_SAVE_H

#include <stdbool.h>
#include <stddef.h>

#include "../../fuzz/faults/fault_plan.h"
#include "imago/error.h"

typedef imago_status killed_save_fn(const imago_file_system *files, const char *path, void *payload,
                                    imago_error *error);

/* Saves in a child that is killed, by SIGKILL, at a call. Returns false when the save has fewer
 * calls, and was done. */
bool killed_save(killed_save_fn *save, void *payload, const char *path, const fault *kill_at);

/* Told of one kill, at a point that was not tried before; false when the save had no such call. */
typedef bool killed_once_fn(bool over_old, const fault *kill_at, void *payload);

/* Tries every point of a save, without and with an old file: before each call, behind it, and in
 * the middle of each write in several ways. */
void killed_everywhere(killed_once_fn *kill_once, void *payload);

#endif
