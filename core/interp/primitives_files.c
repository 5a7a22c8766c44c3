/* primitives_files.c: named primitives, and files.
 *
 * An image sees the files that its caller lends it (imago_vm_options.open_file), and may write to
 * any name: what it writes is kept in memory while the machine lives, and nowhere else. */
#include "primitives.h"

enum {
	MAX_FILES = 64,
	HANDLE_BYTES = 8,
	STANDARD_FILES = 3, /* input, output, error: handles 0, 1, 2 */
	MAX_FILE_BYTES = 64 << 20,
};

/* A name with its contents; handles are places in the list of those that are open. */
typedef struct vm_file {
	char name[256];
	uint8_t *bytes;
	uint64_t size, capacity;
} vm_file;

typedef struct vm_handle {
	bool open, writable;
	uint32_t file;
	uint64_t position;
} vm_handle;

struct vm_files {
	vm_file files[MAX_FILES];
	uint32_t num_files;
	vm_handle handles[MAX_FILES];
};

void
vm_release_files(imago_vm *vm)
{
	if (vm->files == NULL) {
		return;
	}
	for (uint32_t i = 0; i < vm->files->num_files; i++) {
		imago_release(vm->allocator, vm->files->files[i].bytes, vm->files->files[i].capacity);
	}
	imago_release(vm->allocator, vm->files, sizeof *vm->files);
}

static bool
get_name(const imago_vm *vm, imago_oop oop, char *name, size_t size)
{
	if (!vm_is_object(vm, oop) || !imago_memory_has_bytes(vm->memory, oop, vm->kind)) {
		return false;
	}
	uint64_t length = imago_memory_num_bytes(vm->memory, oop);
	const uint8_t *bytes = imago_memory_body(vm->memory, oop, vm->kind);
	if (length == 0 || length >= size || memchr(bytes, 0, (size_t)length) != NULL) {
		return false;
	}
	memcpy(name, bytes, (size_t)length);
	name[length] = '\0';
	return true;
}

static bool
grow(imago_vm *vm, vm_file *file, uint64_t size)
{
	if (size <= file->capacity) {
		return true;
	}
	uint64_t capacity = size < 4096 ? 4096 : size * 2;
	uint64_t others = 0; /* MAX_FILE_BYTES holds for all files together */
	for (uint32_t i = 0; i < vm->files->num_files; i++) {
		others += &vm->files->files[i] != file ? vm->files->files[i].size : 0;
	}
	uint8_t *bytes = size <= MAX_FILE_BYTES && others <= MAX_FILE_BYTES - size
	                     ? imago_resize(vm->allocator, file->bytes, file->capacity, capacity,
	                                    "file of the image", NULL)
	                     : NULL;
	if (bytes == NULL) {
		return false;
	}
	file->bytes = bytes;
	file->capacity = capacity;
	return true;
}

/* The file of that name: one that was written, or one that the caller lends. -1: none. */
static int
find_file(imago_vm *vm, const char *name, bool create)
{
	if (vm->files == NULL) {
		vm->files = imago_allocate(vm->allocator, sizeof *vm->files, "files", NULL);
		if (vm->files == NULL) {
			return -1;
		}
	}
	struct vm_files *all = vm->files;
	for (uint32_t i = 0; i < all->num_files; i++) {
		if (strcmp(all->files[i].name, name) == 0) {
			return (int)i;
		}
	}
	if (all->num_files == MAX_FILES) {
		return -1;
	}
	vm_file *file = &all->files[all->num_files];
	const uint8_t *lent = NULL;
	uint64_t size = 0;
	bool found = vm->open_file != NULL && vm->open_file(vm->payload, name, &lent, &size);
	if (!found && !create) {
		return -1;
	}
	*file = (vm_file){.size = 0};
	memcpy(file->name, name, strlen(name) + 1);
	if (found && size > 0) {
		if (!grow(vm, file, size)) {
			return -1;
		}
		memcpy(file->bytes, lent, (size_t)size);
		file->size = size;
	}
	return (int)all->num_files++;
}

/* A handle is a ByteArray that only this machine can have made: its number is checked each time. */
static bool
answer_handle(imago_vm *vm, uint32_t num_args, uint64_t number)
{
	vm->roots[3] = vm_special(vm, IMAGO_SPECIAL_CLASS_BYTE_ARRAY);
	imago_oop handle = primitive_new(vm, vm->roots[3], HANDLE_BYTES);
	if (handle == 0 || !imago_memory_has_bytes(vm->memory, handle, vm->kind)) {
		return vm_fail(vm, NO_MEMORY);
	}
	imago_memory_body(vm->memory, handle, vm->kind)[0] = (uint8_t)number;
	return vm_answer(vm, num_args, handle);
}

/* The number in a handle; false for anything else. */
static bool
handle_number(const imago_vm *vm, imago_oop oop, uint32_t *number)
{
	if (!vm_is_object(vm, oop) || !imago_memory_has_bytes(vm->memory, oop, vm->kind) ||
	    imago_memory_num_bytes(vm->memory, oop) != HANDLE_BYTES) {
		return false;
	}
	*number = imago_memory_body(vm->memory, oop, vm->kind)[0];
	return *number < MAX_FILES;
}

/* An open file of the list, not a standard one. */
static vm_handle *
get_handle(imago_vm *vm, imago_oop oop, vm_file **file)
{
	uint32_t number;
	if (vm->files == NULL || !handle_number(vm, oop, &number) || number < STANDARD_FILES ||
	    !vm->files->handles[number].open) {
		return NULL;
	}
	*file = &vm->files->files[vm->files->handles[number].file];
	return &vm->files->handles[number];
}

/* Handles of standard input, output and error, in an Array. */
static bool
file_stdio_handles(imago_vm *vm, uint32_t num_args)
{
	if (num_args != 0) {
		return vm_fail(vm, BAD_NUM_ARGS);
	}
	const imago_memory_kind kind = vm->kind;
	const uint64_t num_slots = HANDLE_BYTES / imago_word_bytes(kind);
	if (!vm_reserve(vm, STANDARD_FILES * imago_memory_object_bytes(kind, num_slots) +
	                        imago_memory_object_bytes(kind, STANDARD_FILES))) {
		return false;
	}
	imago_oop array = imago_memory_make(vm->memory, vm_special(vm, IMAGO_SPECIAL_CLASS_ARRAY),
	                                    IMAGO_FORMAT_INDEXABLE, STANDARD_FILES);
	for (uint8_t i = 0; array != 0 && i < STANDARD_FILES; i++) {
		imago_oop handle = imago_memory_make(
		    vm->memory, vm_special(vm, IMAGO_SPECIAL_CLASS_BYTE_ARRAY),
		    kind.v3 ? (uint32_t)IMAGO_V3_FORMAT_BITS8 : (uint32_t)IMAGO_FORMAT_BITS8, num_slots);
		if (handle == 0) {
			return vm_fail(vm, NO_MEMORY);
		}
		imago_memory_body(vm->memory, handle, kind)[0] = i;
		vm_set_slot(vm, array, i, handle);
	}
	return array != 0 ? vm_answer(vm, 0, array) : vm_fail(vm, NO_MEMORY);
}

static bool
file_open(imago_vm *vm, uint32_t num_args)
{
	char name[256];
	imago_oop writable = vm_peek(vm, 0);
	if (num_args != 2 || !get_name(vm, vm_peek(vm, 1), name, sizeof name)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	bool writes = writable == vm->memory->true_object;
	vm->statistics.num_outside++;
	int file = find_file(vm, name, writes);
	for (uint32_t i = STANDARD_FILES; file >= 0 && i < MAX_FILES; i++) {
		if (!vm->files->handles[i].open) {
			vm->files->handles[i] =
			    (vm_handle){.open = true, .writable = writes, .file = (uint32_t)file};
			return answer_handle(vm, num_args, i);
		}
	}
	return vm_fail(vm, FAILED);
}

static bool
file_close(imago_vm *vm, uint32_t num_args)
{
	vm_file *file;
	vm_handle *handle = num_args == 1 ? get_handle(vm, vm_peek(vm, 0), &file) : NULL;
	if (handle == NULL) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	handle->open = false;
	return vm_answer(vm, 1, vm_peek(vm, 1));
}

/* file, array, start, count: where in the array, and how many bytes. */
static bool
get_range(imago_vm *vm, uint32_t num_args, uint8_t **bytes, uint64_t *count)
{
	imago_oop array = vm_peek(vm, 2);
	imago_oop start = vm_peek(vm, 1);
	imago_oop wanted = vm_peek(vm, 0);
	if (num_args != 4 || !vm_is_object(vm, array) || !vm_is_integer(vm, start) ||
	    !vm_is_integer(vm, wanted) || !imago_memory_has_bytes(vm->memory, array, vm->kind)) {
		return false;
	}
	uint64_t size = imago_memory_num_bytes(vm->memory, array);
	int64_t first = vm_integer(vm, start) - 1;
	int64_t length = vm_integer(vm, wanted);
	if (first < 0 || length < 0 || (uint64_t)first > size ||
	    (uint64_t)length > size - (uint64_t)first) {
		return false;
	}
	*bytes = imago_memory_body(vm->memory, array, vm->kind) + first;
	*count = (uint64_t)length;
	return true;
}

static bool
file_write(imago_vm *vm, uint32_t num_args)
{
	uint8_t *bytes;
	uint64_t count;
	uint32_t number;
	vm_file *file;
	if (!get_range(vm, num_args, &bytes, &count)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	if (handle_number(vm, vm_peek(vm, 3), &number) && (number == 1 || number == 2)) {
		vm->print(vm->payload, bytes, (size_t)count);
		return vm_answer(vm, 4, vm_integer_oop(vm, (int64_t)count));
	}
	vm_handle *handle = get_handle(vm, vm_peek(vm, 3), &file);
	if (handle == NULL || !handle->writable || !grow(vm, file, handle->position + count)) {
		return vm_fail(vm, FAILED);
	}
	if (count > 0) {
		memcpy(file->bytes + handle->position, bytes, (size_t)count);
	}
	handle->position += count;
	file->size = handle->position > file->size ? handle->position : file->size;
	return vm_answer(vm, 4, vm_integer_oop(vm, (int64_t)count));
}

static bool
file_read(imago_vm *vm, uint32_t num_args)
{
	uint8_t *bytes;
	uint64_t count;
	vm_file *file;
	if (!get_range(vm, num_args, &bytes, &count)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	if (primitive_is_immutable(vm, vm_peek(vm, 2))) {
		return vm_fail(vm, NO_MODIFICATION);
	}
	vm_handle *handle = get_handle(vm, vm_peek(vm, 3), &file);
	if (handle == NULL) {
		return vm_fail(vm, FAILED);
	}
	uint64_t left = handle->position < file->size ? file->size - handle->position : 0;
	count = count < left ? count : left;
	if (count > 0) {
		memcpy(bytes, file->bytes + handle->position, (size_t)count);
	}
	handle->position += count;
	return vm_answer(vm, 4, vm_integer_oop(vm, (int64_t)count));
}

static bool
file_size(imago_vm *vm, uint32_t num_args)
{
	vm_file *file;
	vm_handle *handle = num_args == 1 ? get_handle(vm, vm_peek(vm, 0), &file) : NULL;
	return handle != NULL ? primitive_answer_int64(vm, 1, (int64_t)file->size)
	                      : vm_fail(vm, BAD_ARGUMENT);
}

static bool
file_position(imago_vm *vm, uint32_t num_args)
{
	vm_file *file;
	vm_handle *handle = num_args == 1 ? get_handle(vm, vm_peek(vm, 0), &file) : NULL;
	return handle != NULL ? primitive_answer_int64(vm, 1, (int64_t)handle->position)
	                      : vm_fail(vm, BAD_ARGUMENT);
}

static bool
file_set_position(imago_vm *vm, uint32_t num_args)
{
	vm_file *file;
	int64_t position;
	vm_handle *handle = num_args == 2 ? get_handle(vm, vm_peek(vm, 1), &file) : NULL;
	if (handle == NULL || !primitive_int64(vm, vm_peek(vm, 0), &position) || position < 0 ||
	    (uint64_t)position > file->size) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	handle->position = (uint64_t)position;
	return vm_answer(vm, 2, vm_peek(vm, 2));
}

static bool
file_at_end(imago_vm *vm, uint32_t num_args)
{
	vm_file *file;
	vm_handle *handle = num_args == 1 ? get_handle(vm, vm_peek(vm, 0), &file) : NULL;
	return handle != NULL ? vm_answer(vm, 1, vm_boolean(vm, handle->position >= file->size))
	                      : vm_fail(vm, BAD_ARGUMENT);
}

static bool
file_flush(imago_vm *vm, uint32_t num_args)
{
	return vm_answer(vm, num_args, vm_peek(vm, num_args));
}

static bool
directory_delimiter(imago_vm *vm, uint32_t num_args)
{
	imago_oop slash;
	imago_oop table = vm_special(vm, IMAGO_SPECIAL_CHARACTER_TABLE);
	if (vm->kind.v3 && vm_has_slots(vm, table, '/' + 1)) {
		return vm_answer(vm, num_args, vm_slot(vm, table, '/'));
	}
	return !vm->kind.v3 && imago_oop_from_character(vm->memory->tagging, '/', &slash)
	           ? vm_answer(vm, num_args, slash)
	           : vm_fail(vm, FAILED);
}

/* message, level: a line on the console. */
static bool
console_log(imago_vm *vm, uint32_t num_args)
{
	imago_oop message = vm_peek(vm, 1);
	if (num_args != 2 || !vm_is_object(vm, message) ||
	    !imago_memory_has_bytes(vm->memory, message, vm->kind)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	vm->print(vm->payload, imago_memory_body(vm->memory, message, vm->kind),
	          (size_t)imago_memory_num_bytes(vm->memory, message));
	vm->print(vm->payload, (const uint8_t *)"\n", 1);
	return vm_answer(vm, 2, vm_peek(vm, 2));
}

typedef struct named_primitive {
	const char *module, *name;
	vm_primitive_fn *function;
} named_primitive;

static const named_primitive named[] = {
    {"ConsolePlugin", "primitiveLog:level:", console_log},
    {"FilePlugin", "primitiveFileOpen", file_open},
    {"FilePlugin", "primitiveFileClose", file_close},
    {"FilePlugin", "primitiveFileRead", file_read},
    {"FilePlugin", "primitiveFileWrite", file_write},
    {"FilePlugin", "primitiveFileSize", file_size},
    {"FilePlugin", "primitiveFileGetPosition", file_position},
    {"FilePlugin", "primitiveFileSetPosition", file_set_position},
    {"FilePlugin", "primitiveFileAtEnd", file_at_end},
    {"FilePlugin", "primitiveFileFlush", file_flush},
    {"FilePlugin", "primitiveFileStdioHandles", file_stdio_handles},
    {"FilePlugin", "primitiveDirectoryDelimitor", directory_delimiter},
};

static bool
is_text(const imago_vm *vm, imago_oop oop, const char *text)
{
	return vm_is_object(vm, oop) && imago_memory_has_bytes(vm->memory, oop, vm->kind) &&
	       imago_memory_num_bytes(vm->memory, oop) == strlen(text) &&
	       memcmp(imago_memory_body(vm->memory, oop, vm->kind), text, strlen(text)) == 0;
}

/* 117: the first literal names module and function. Nothing is ever loaded because of it. */
bool
primitive_named(imago_vm *vm, uint32_t num_args)
{
	imago_oop method = vm->roots[0];
	vm_method code;
	imago_oop literal = vm_nil(vm);
	if (vm_decode_method(vm, method, &code) && code.num_literals > 0) {
		literal = vm_slot(vm, method, 1);
	}
	if (!vm_has_slots(vm, literal, 2)) {
		return vm_fail(vm, UNSUPPORTED);
	}
	for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
		if (is_text(vm, vm_slot(vm, literal, 0), named[i].module) &&
		    is_text(vm, vm_slot(vm, literal, 1), named[i].name)) {
			return named[i].function(vm, num_args);
		}
	}
	return vm_fail(vm, UNSUPPORTED);
}

/* The numbered ones of old images: 150 to 163. */
bool
primitive_file_at_end(imago_vm *vm, uint32_t num_args)
{
	return file_at_end(vm, num_args);
}
bool
primitive_file_close(imago_vm *vm, uint32_t num_args)
{
	return file_close(vm, num_args);
}
bool
primitive_file_position(imago_vm *vm, uint32_t num_args)
{
	return file_position(vm, num_args);
}
bool
primitive_file_open(imago_vm *vm, uint32_t num_args)
{
	return file_open(vm, num_args);
}
bool
primitive_file_read(imago_vm *vm, uint32_t num_args)
{
	return file_read(vm, num_args);
}
bool
primitive_file_set_position(imago_vm *vm, uint32_t num_args)
{
	return file_set_position(vm, num_args);
}
bool
primitive_file_size(imago_vm *vm, uint32_t num_args)
{
	return file_size(vm, num_args);
}
bool
primitive_file_write(imago_vm *vm, uint32_t num_args)
{
	return file_write(vm, num_args);
}
