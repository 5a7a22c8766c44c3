# Libraries of the system are not instrumented for MemorySanitizer: it would call what they write
# uninitialised, and not see what they read. Their functions that imago calls pass through a border
# (fuzz/msan_border/), which asks that what goes in is initialised and says that what comes out is.
string(FIND "${CMAKE_C_FLAGS} -fsanitize=${IMAGO_SANITIZE}" "-fsanitize=memory" imago_memory_sanitizer)
if(NOT imago_memory_sanitizer EQUAL -1)
  add_library(imago_msan_border STATIC fuzz/msan_border/sodium.c fuzz/msan_border/json_c.c)
  target_link_libraries(imago_msan_border PRIVATE imago_options PUBLIC PkgConfig::SODIUM)
  if(TARGET PkgConfig::JSON_C)
    target_link_libraries(imago_msan_border PUBLIC PkgConfig::JSON_C)
  else()
    set_source_files_properties(fuzz/msan_border/json_c.c PROPERTIES HEADER_FILE_ONLY ON)
  endif()
  foreach(wrapped crypto_generichash_init crypto_generichash_update crypto_generichash_final
                  json_object_to_json_string_ext json_tokener_parse_ex)
    target_link_options(imago_msan_border INTERFACE -Wl,--wrap=${wrapped})
  endforeach()
  target_link_libraries(imago_static PRIVATE $<BUILD_INTERFACE:imago_msan_border>)
endif()
