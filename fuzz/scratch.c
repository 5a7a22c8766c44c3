/* scratch.c: a temporary folder in memory. */
#include "scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz_target.h"

#define RUN_FOLDER "run"

enum { PATH_SIZE = 4096 };

static char outer_path[PATH_SIZE];
static scratch the_scratch;
static int outer = -1;
static pid_t maker;

static DIR *
open_listing(int at, const char *name)
{
	const int descriptor = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *listing = descriptor >= 0 ? fdopendir(descriptor) : NULL;
	if (listing == NULL && descriptor >= 0) {
		close(descriptor);
	}
	return listing;
}

static bool
is_real(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Removes what is in a folder. Ends at depth 0: commands make folders of files, no deeper. */
static void
remove_contents(int at, const char *name, unsigned depth)
{
	DIR *listing = open_listing(at, name);
	const struct dirent *entry;
	while (listing != NULL && (entry = readdir(listing)) != NULL) {
		if (!is_real(entry) || unlinkat(dirfd(listing), entry->d_name, 0) == 0) {
			continue;
		}
		if (depth > 0) {
			remove_contents(dirfd(listing), entry->d_name, depth - 1);
		}
		(void)unlinkat(dirfd(listing), entry->d_name, AT_REMOVEDIR);
	}
	if (listing != NULL) {
		closedir(listing);
	}
}

static void
remove_all(void)
{
	if (getpid() == maker) { /* not a child that an engine forked */
		remove_contents(AT_FDCWD, outer_path, 2);
		(void)rmdir(outer_path);
	}
}

static bool
make_outer(const char *where)
{
	snprintf(outer_path, sizeof outer_path, "%s/imago-fuzz-XXXXXX", where);
	return mkdtemp(outer_path) != NULL;
}

const scratch *
scratch_folder(void)
{
	if (outer >= 0) {
		return &the_scratch;
	}
	const char *temporary = getenv("TMPDIR");
	FUZZ_ASSERT(make_outer("/dev/shm") || (temporary != NULL && make_outer(temporary)) ||
	            make_outer("/tmp"));
	maker = getpid();
	FUZZ_ASSERT(atexit(remove_all) == 0);
	outer = open(outer_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FUZZ_ASSERT(outer >= 0 && mkdirat(outer, RUN_FOLDER, 0700) == 0);
	the_scratch.folder = openat(outer, RUN_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	the_scratch.home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FUZZ_ASSERT(the_scratch.folder >= 0 && the_scratch.home >= 0);
	return &the_scratch;
}

void
scratch_empty(void)
{
	remove_contents(scratch_folder()->folder, ".", 1);
}

void
scratch_write(const char *name, const uint8_t *bytes, size_t size)
{
	const int file =
	    openat(scratch_folder()->folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_ASSERT(file >= 0);
	while (size > 0) {
		const ssize_t written = write(file, bytes, size);
		FUZZ_ASSERT(written > 0);
		bytes += written;
		size -= (size_t)written;
	}
	FUZZ_ASSERT(close(file) == 0);
}

void
scratch_make_folder(const char *name)
{
	FUZZ_ASSERT(mkdirat(scratch_folder()->folder, name, 0700) == 0);
}

bool
scratch_holds(const char *name, const uint8_t *bytes, size_t size)
{
	uint8_t chunk[16384];
	const int file = openat(scratch_folder()->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool same = file >= 0;
	size_t at = 0;
	while (same) {
		const ssize_t length = read(file, chunk, sizeof chunk);
		if (length <= 0) {
			same = length == 0 && at == size;
			break;
		}
		same = (size_t)length <= size - at && memcmp(chunk, bytes + at, (size_t)length) == 0;
		at += (size_t)length;
	}
	if (file >= 0) {
		close(file);
	}
	return same;
}

static uint64_t
size_of(int at, const char *name, unsigned depth)
{
	DIR *listing = open_listing(at, name);
	const struct dirent *entry;
	struct stat facts;
	uint64_t sum = 0;
	while (listing != NULL && (entry = readdir(listing)) != NULL) {
		if (!is_real(entry) ||
		    fstatat(dirfd(listing), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0) {
			continue;
		}
		if (S_ISREG(facts.st_mode)) {
			sum += (uint64_t)facts.st_size;
		} else if (depth > 0) {
			sum += size_of(dirfd(listing), entry->d_name, depth - 1);
		}
	}
	if (listing != NULL) {
		closedir(listing);
	}
	return sum;
}

uint64_t
scratch_size(void)
{
	return size_of(scratch_folder()->folder, ".", 1);
}

static bool
names_of(int at, const char *name, scratch_visitor *visit, void *payload)
{
	DIR *listing = open_listing(at, name);
	FUZZ_ASSERT(listing != NULL);
	const struct dirent *entry;
	bool wanted = true;
	while (wanted && (entry = readdir(listing)) != NULL) {
		wanted = !is_real(entry) || visit(entry->d_name, payload);
	}
	closedir(listing);
	return wanted;
}

bool
scratch_names(scratch_visitor *visit, void *payload)
{
	return names_of(scratch_folder()->folder, ".", visit, payload);
}

static bool
is_run_folder(const char *name, void *payload)
{
	(void)payload;
	return strcmp(name, RUN_FOLDER) == 0;
}

bool
scratch_is_alone(void)
{
	(void)scratch_folder();
	return names_of(outer, ".", is_run_folder, NULL);
}

void
scratch_enter(void)
{
	FUZZ_ASSERT(fchdir(scratch_folder()->folder) == 0);
}

void
scratch_leave(void)
{
	FUZZ_ASSERT(fchdir(scratch_folder()->home) == 0);
}

/* libFuzzer asks this before it looks at its arguments. A crash happens in the scratch folder, and
 * what it leaves must not: a relative -artifact_prefix becomes an absolute one. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

int
/* libFuzzer says what it is like. NOLINTNEXTLINE(readability-non-const-parameter) */
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char option[] = "-artifact_prefix=";
	static char absolute[2 * PATH_SIZE];
	const size_t length = sizeof option - 1;
	for (int i = 1; i < *argc; i++) {
		const char *prefix = (*argv)[i] + length;
		char home[PATH_SIZE];
		if (strncmp((*argv)[i], option, length) == 0 && prefix[0] != '/' &&
		    getcwd(home, sizeof home) != NULL) {
			snprintf(absolute, sizeof absolute, "%s%s/%s", option, home, prefix);
			(*argv)[i] = absolute;
		}
	}
	return 0;
}
