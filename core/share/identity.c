/* identity.c: by what the file system says about it. */
#include "identity.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

imago_status
imago_identity_take(imago_identity *identity, int descriptor, imago_error *error)
{
	struct stat facts;
	if (fstat(descriptor, &facts) != 0) {
		return imago_fail_os(error, "descriptor", errno);
	}
	if (!S_ISREG(facts.st_mode)) {
		return imago_fail(error, IMAGO_EUSAGE, "regular file", IMAGO_NO_OFFSET, 0, 0);
	}
	*identity = (imago_identity){
	    .device = (uint64_t)facts.st_dev,
	    .number = (uint64_t)facts.st_ino,
	    .size = (uint64_t)facts.st_size,
	    .num_links = (uint64_t)facts.st_nlink,
	    .written = {(int64_t)facts.st_mtim.tv_sec, (int64_t)facts.st_mtim.tv_nsec},
	    .changed = {(int64_t)facts.st_ctim.tv_sec, (int64_t)facts.st_ctim.tv_nsec},
	};
	return IMAGO_OK;
}

static bool
same_moment(imago_moment a, imago_moment b)
{
	return a.seconds == b.seconds && a.nanoseconds == b.nanoseconds;
}

/* The time of change catches those who write and put the time of writing back. A name that comes or
 * goes, as when a newer image takes this one's, changes it too, and is no harm. */
static bool
was_written(const imago_identity *then, const imago_identity *now)
{
	return !same_moment(then->written, now->written) ||
	       (!same_moment(then->changed, now->changed) && then->num_links == now->num_links);
}

imago_status
imago_identity_check(const imago_identity *identity, int descriptor, imago_error *error)
{
	imago_identity now;
	const imago_status status = imago_identity_take(&now, descriptor, error);
	if (status != IMAGO_OK) {
		return status;
	}
	if (now.device != identity->device || now.number != identity->number) {
		return imago_fail(error, IMAGO_EIO, "attached file, which is another", IMAGO_NO_OFFSET, 0,
		                  0);
	}
	if (now.size < identity->size) {
		return imago_fail(error, IMAGO_EIO, "attached file, which was cut", now.size, now.size,
		                  identity->size);
	}
	if (now.size > identity->size || was_written(identity, &now)) {
		return imago_fail(error, IMAGO_EIO, "attached file, which was written", IMAGO_NO_OFFSET,
		                  now.size, identity->size);
	}
	return IMAGO_OK;
}
