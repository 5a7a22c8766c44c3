/* faults.h: who answers for the faults of this process in attached memory; private to the room. */
#ifndef CORE_SHARE_FAULTS_H
#define CORE_SHARE_FAULTS_H

#include "attachment.h"
#include "windows.h"

/* From now on faults inside the attachment are looked at. IMAGO_ELIMIT (1,024 attachments in one
 * process), IMAGO_EIO. */
imago_status imago_faults_join(imago_attachment *attachment, imago_error *error) IMAGO_NODISCARD;
void imago_faults_leave(imago_attachment *attachment);

/* Runs a function that may touch the attachment's pages. False and *lost when one cannot be had;
 * the function was left in the middle. */
bool imago_faults_run(imago_attachment *attachment, void (*function)(void *payload), void *payload,
                      imago_lost *lost);

#endif
