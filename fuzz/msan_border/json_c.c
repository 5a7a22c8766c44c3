/* json_c.c: json-c as MemorySanitizer may see it (cmake/msan_border.cmake): the text that is parsed
 * must be initialised, and the text that is made is. In between json-c hands its own buffers, which
 * were never seen to be written, to functions of the C library that would check them. */
#include <json-c/json.h>
#include <sanitizer/msan_interface.h>
#include <string.h>

const char *__real_json_object_to_json_string_ext(struct json_object *object, int flags);
const char *__wrap_json_object_to_json_string_ext(struct json_object *object, int flags);
struct json_object *__real_json_tokener_parse_ex(struct json_tokener *parser, const char *text,
                                                 int length);
struct json_object *__wrap_json_tokener_parse_ex(struct json_tokener *parser, const char *text,
                                                 int length);

const char *
__wrap_json_object_to_json_string_ext(struct json_object *object, int flags)
{
	__msan_scoped_disable_interceptor_checks();
	const char *text = __real_json_object_to_json_string_ext(object, flags);
	if (text != NULL) {
		__msan_unpoison(text, strlen(text) + 1);
	}
	__msan_scoped_enable_interceptor_checks();
	return text;
}

struct json_object *
__wrap_json_tokener_parse_ex(struct json_tokener *parser, const char *text, int length)
{
	__msan_check_mem_is_initialized(text, length < 0 ? strlen(text) + 1 : (size_t)length);
	__msan_scoped_disable_interceptor_checks();
	struct json_object *object = __real_json_tokener_parse_ex(parser, text, length);
	__msan_scoped_enable_interceptor_checks();
	return object;
}
