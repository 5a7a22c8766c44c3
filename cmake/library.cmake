# libimago: the rooms joined, static and shared. Public symbols are those marked IMAGO_API.
set(imago_rooms imago_base imago_memory imago_pocket imago_check imago_interp imago_share imago_formats imago_mutator)
foreach(kind STATIC SHARED)
  string(TOLOWER ${kind} suffix)
  add_library(imago_${suffix} ${kind})
  set_target_properties(imago_${suffix} PROPERTIES OUTPUT_NAME imago EXPORT_NAME ${suffix})
  foreach(room ${imago_rooms})
    target_sources(imago_${suffix} PRIVATE $<TARGET_OBJECTS:${room}>)
  endforeach()
  target_include_directories(imago_${suffix} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/core/include> $<INSTALL_INTERFACE:include>)
  target_link_libraries(imago_${suffix} PRIVATE $<BUILD_INTERFACE:imago_options>
                        PUBLIC PkgConfig::SODIUM Threads::Threads m)
endforeach()
set_target_properties(imago_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0)

# Comparisons steer the engine to magic numbers and limits: worth their price where formats are read. In
# the rooms that loop over every object they were two thirds of a run (perf over 60 runs of fuzz_check_heap
# on corpus/valid/spur/small.spur64.image).
if(IMAGO_FUZZ_ENGINE MATCHES "^libfuzzer$|-fsanitize=fuzzer")
  target_compile_options(imago_memory PRIVATE -fno-sanitize-coverage=trace-cmp)
  target_compile_options(imago_check PRIVATE -fno-sanitize-coverage=trace-cmp)
  # Texts are compared character by character, each an edge of its own, their words by memcmp, which the
  # engine sees; growing an output is no news at all. A third of a run of fuzz_read_composed.
  foreach(source formats/common/ston.c formats/common/folder.c formats/common/folder_names.c
                 formats/composed/line_reader.c)
    set_property(SOURCE ${PROJECT_SOURCE_DIR}/${source} TARGET_DIRECTORY imago_formats
                 APPEND PROPERTY COMPILE_OPTIONS -fno-sanitize-coverage=trace-cmp)
  endforeach()
  foreach(source core/base/allocator.c core/base/writer.c)
    set_property(SOURCE ${PROJECT_SOURCE_DIR}/${source} TARGET_DIRECTORY imago_base
                 APPEND PROPERTY COMPILE_OPTIONS -fno-sanitize-coverage=trace-cmp)
  endforeach()
  # What the mutator compares is no news about the input.
  target_compile_options(imago_mutator PRIVATE -fno-sanitize-coverage=trace-cmp)
endif()
