/* json_c.c: json-c as MemorySanitizer may see it (cmake/msan_border.cmake). Only the text that it
 * makes is looked at; what is put into it are numbers, by value, and strings, which the C library's
 * functions that it calls check. */
#include <json-c/json.h>
#include <sanitizer/msan_interface.h>
#include <string.h>

const char *__real_json_object_to_json_string_ext(struct json_object *object, int flags);
const char *__wrap_json_object_to_json_string_ext(struct json_object *object, int flags);

const char *
__wrap_json_object_to_json_string_ext(struct json_object *object, int flags)
{
	/* json-c's own buffers were never seen to be written. */
	__msan_scoped_disable_interceptor_checks();
	const char *text = __real_json_object_to_json_string_ext(object, flags);
	if (text != NULL) {
		__msan_unpoison(text, strlen(text) + 1);
	}
	__msan_scoped_enable_interceptor_checks();
	return text;
}
