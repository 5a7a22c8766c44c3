/* userfault.c: the calls of userfaultfd. Where the system's headers or the system have none,
 * imago_userfault_open says so, and there is another way. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): the C library's own name for it */
#include "userfault.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__linux__) && defined(SYS_userfaultfd)

#include <linux/userfaultfd.h>

/* Newer than the headers that imago is compiled with may be. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

/* The mode has to be asked for first, and all at once. */
static int
open_with(uint64_t features)
{
	const int userfault =
	    (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	if (userfault < 0) {
		return -errno;
	}
	struct uffdio_api api = {.api = UFFD_API, .features = features};
	if (ioctl(userfault, UFFDIO_API, &api) != 0) {
		const int os_error = errno;
		close(userfault);
		return -os_error;
	}
	return userfault;
}

int
imago_userfault_open(void)
{
	const int userfault =
	    open_with(UFFD_FEATURE_SIGBUS | UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);
	return userfault == -EINVAL ? open_with(UFFD_FEATURE_SIGBUS) : userfault;
}

int
imago_userfault_watch(int userfault, const uint8_t *bytes, uint64_t size)
{
	struct uffdio_register range = {
	    .range = {.start = (uintptr_t)bytes, .len = size},
	    .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	return ioctl(userfault, UFFDIO_REGISTER, &range) == 0 ? 0 : -errno;
}

int
imago_userfault_track(int userfault, const uint8_t *bytes, uint64_t size, bool missing)
{
	struct uffdio_register range = {
	    .range = {.start = (uintptr_t)bytes, .len = size},
	    .mode = UFFDIO_REGISTER_MODE_WP | (missing ? UFFDIO_REGISTER_MODE_MISSING : 0),
	};
	struct uffdio_writeprotect protection = {
	    .range = {.start = (uintptr_t)bytes, .len = size},
	    .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	if (ioctl(userfault, UFFDIO_REGISTER, &range) != 0) {
		return -errno;
	}
	int result;
	do {
		result = ioctl(userfault, UFFDIO_WRITEPROTECT, &protection);
	} while (result != 0 && (errno == EAGAIN || errno == EINTR));
	return result == 0 ? 0 : -errno;
}

int
imago_userfault_copy(int userfault, const uint8_t *to, const uint8_t *from, uint64_t size,
                     uint64_t page_size, bool tracked, uint64_t *copied)
{
	for (uint64_t done = 0; done < size;) {
		struct uffdio_copy copy = {
		    .dst = (uintptr_t)(to + done),
		    .src = (uintptr_t)(from + done),
		    .len = size - done,
		    .mode = tracked ? UFFDIO_COPY_MODE_WP : 0,
		};
		if (ioctl(userfault, UFFDIO_COPY, &copy) == 0) {
			*copied += size - done;
			return 0;
		}
		if (copy.copy > 0) {
			*copied += (uint64_t)copy.copy;
			done += (uint64_t)copy.copy;
		} else if (errno == EINVAL && tracked) {
			tracked = false; /* tracking has only just begun */
		} else if (errno == EEXIST) {
			done += page_size; /* another thread was first */
		} else if (errno != EAGAIN && errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

#else

int
imago_userfault_open(void)
{
	return -ENOSYS;
}

int
imago_userfault_watch(int userfault, const uint8_t *bytes, uint64_t size)
{
	(void)userfault;
	(void)bytes;
	(void)size;
	return -ENOSYS;
}

int
imago_userfault_track(int userfault, const uint8_t *bytes, uint64_t size, bool missing)
{
	(void)userfault;
	(void)bytes;
	(void)size;
	(void)missing;
	return -ENOSYS;
}

int
imago_userfault_copy(int userfault, const uint8_t *to, const uint8_t *from, uint64_t size,
                     uint64_t page_size, bool tracked, uint64_t *copied)
{
	(void)userfault;
	(void)to;
	(void)from;
	(void)size;
	(void)page_size;
	(void)tracked;
	(void)copied;
	return -ENOSYS;
}

#endif
