# The naive second implementation, for tests and for the fuzz target that compares. It shares no code
# with the library: it is compiled without imago's include folder.
include_guard(GLOBAL)
add_library(imago_test_oracle STATIC
  ${CMAKE_CURRENT_LIST_DIR}/oracle_bundle.c
  ${CMAKE_CURRENT_LIST_DIR}/oracle_collect.c
  ${CMAKE_CURRENT_LIST_DIR}/oracle_compare.c
  ${CMAKE_CURRENT_LIST_DIR}/oracle_read.c
  ${CMAKE_CURRENT_LIST_DIR}/oracle_relocate.c)
target_compile_options(imago_test_oracle PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
target_include_directories(imago_test_oracle PUBLIC ${CMAKE_CURRENT_LIST_DIR})
if(IMAGO_SANITIZE)
  target_compile_options(imago_test_oracle PRIVATE
    -fsanitize=${IMAGO_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
endif()
