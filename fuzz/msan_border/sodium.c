/* sodium.c: libsodium as MemorySanitizer may see it. The linker sends calls of these functions here
 * (cmake/msan_border.cmake); libsodium itself is not instrumented. */
#include <sanitizer/msan_interface.h>
#include <sodium.h>

int __real_crypto_generichash_init(crypto_generichash_state *state, const unsigned char *key,
                                   size_t key_size, size_t size);
int __real_crypto_generichash_update(crypto_generichash_state *state, const unsigned char *bytes,
                                     unsigned long long size);
int __real_crypto_generichash_final(crypto_generichash_state *state, unsigned char *out,
                                    size_t size);
int __wrap_crypto_generichash_init(crypto_generichash_state *state, const unsigned char *key,
                                   size_t key_size, size_t size);
int __wrap_crypto_generichash_update(crypto_generichash_state *state, const unsigned char *bytes,
                                     unsigned long long size);
int __wrap_crypto_generichash_final(crypto_generichash_state *state, unsigned char *out,
                                    size_t size);

int
__wrap_crypto_generichash_init(crypto_generichash_state *state, const unsigned char *key,
                               size_t key_size, size_t size)
{
	__msan_check_mem_is_initialized(key, key_size);
	const int status = __real_crypto_generichash_init(state, key, key_size, size);
	__msan_unpoison(state, sizeof *state);
	return status;
}

int
__wrap_crypto_generichash_update(crypto_generichash_state *state, const unsigned char *bytes,
                                 unsigned long long size)
{
	__msan_check_mem_is_initialized(state, sizeof *state);
	__msan_check_mem_is_initialized(bytes, size);
	return __real_crypto_generichash_update(state, bytes, size);
}

int
__wrap_crypto_generichash_final(crypto_generichash_state *state, unsigned char *out, size_t size)
{
	__msan_check_mem_is_initialized(state, sizeof *state);
	const int status = __real_crypto_generichash_final(state, out, size);
	__msan_unpoison(out, size);
	return status;
}
