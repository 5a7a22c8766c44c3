# imago_options: the one place for warnings, sanitizers and instrumentation. Everything links it.
add_library(imago_options INTERFACE)
target_compile_options(imago_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wmissing-prototypes
  -Wstrict-prototypes -Wundef -Wwrite-strings -Wvla -Wformat=2)
target_include_directories(imago_options INTERFACE ${PROJECT_SOURCE_DIR}/core/include)
target_compile_definitions(imago_options INTERFACE _POSIX_C_SOURCE=200809L)
if(CMAKE_SIZEOF_VOID_P EQUAL 4)
  # Files and positions in folders need not fit 32 bits, where words do.
  target_compile_definitions(imago_options INTERFACE _FILE_OFFSET_BITS=64)
endif()
if(IMAGO_PLANTED STREQUAL "observe")
  target_compile_definitions(imago_options INTERFACE IMAGO_PLANTED_OBSERVE)
elseif(IMAGO_PLANTED)
  target_compile_definitions(imago_options INTERFACE IMAGO_PLANTED=${IMAGO_PLANTED})
endif()
if(IMAGO_WERROR)
  target_compile_options(imago_options INTERFACE -Werror)
endif()

# Optimised, with assertions: a build without them has to be asked for (Release).
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

if(IMAGO_SANITIZE)
  # A target with the property IMAGO_WITHOUT_UBSAN leaves that one out. It cannot ask for that by an option:
  # its own come first, and the last one decides.
  string(REGEX REPLACE ",?undefined" "" imago_sanitize_less "${IMAGO_SANITIZE}")
  string(REPLACE "," "$<COMMA>" imago_sanitize_all "${IMAGO_SANITIZE}")
  target_compile_options(imago_options INTERFACE
    -fsanitize=$<IF:$<BOOL:$<TARGET_PROPERTY:IMAGO_WITHOUT_UBSAN>>,${imago_sanitize_less},${imago_sanitize_all}>
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(imago_options INTERFACE -fsanitize=${IMAGO_SANITIZE})
endif()
if(IMAGO_STATIC_DEPENDENCIES)
  # For programs that run where this machine's libraries are not (.clusterfuzzlite/build.sh).
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
endif()
if(IMAGO_FUZZ_ENGINE STREQUAL "libfuzzer")
  # The library itself is instrumented, not only the target; fuzz/CMakeLists.txt links the engine.
  # A target with the property IMAGO_UNOBSERVED is not.
  target_compile_options(imago_options INTERFACE
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:IMAGO_UNOBSERVED>>>:-fsanitize=fuzzer-no-link>)
endif()
if(IMAGO_COVERAGE)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "IMAGO_COVERAGE needs clang: cmake --preset coverage")
  endif()
  # -O1: branches stay where the source has them.
  target_compile_options(imago_options INTERFACE -O1 -fprofile-instr-generate -fcoverage-mapping)
  if(IMAGO_COVERAGE STREQUAL "MCDC") # whether each condition decides, too: clang 18 or newer
    target_compile_options(imago_options INTERFACE -fcoverage-mcdc)
  endif()
  target_link_options(imago_options INTERFACE -fprofile-instr-generate)
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(JSON_C IMPORTED_TARGET json-c)
# Not under MemorySanitizer: libpng calls back, and nothing of it is instrumented.
if(NOT "${CMAKE_C_FLAGS} -fsanitize=${IMAGO_SANITIZE}" MATCHES "-fsanitize=memory")
  set(imago_png libpng)
  if(IMAGO_STATIC_DEPENDENCIES)
    list(APPEND imago_png zlib)
  endif()
  pkg_check_modules(PNG IMPORTED_TARGET ${imago_png})
endif()
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
