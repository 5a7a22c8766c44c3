# fuzz_engine: what drives the targets of this build (IMAGO_FUZZ_ENGINE), and
# imago_fuzz_engine(TARGET), which links it.
#   standalone     a plain main over files and folders
#   libfuzzer      libFuzzer with the mutator's adapter
#   afl++          AFL++'s driver; needs its compiler (cmake --preset afl). The mutator is a module
#                  that afl-fuzz loads: target imago_afl_mutator of a build by a plain compiler
#   anything else  flags or libraries to link, as OSS-Fuzz hands them over in LIB_FUZZING_ENGINE;
#                  engines are C++, so the C++ compiler links
set(imago_fuzz_linker C)
if(NOT IMAGO_FUZZ_ENGINE STREQUAL "standalone")
  add_library(fuzz_engine INTERFACE)
endif()
if(IMAGO_FUZZ_ENGINE STREQUAL "standalone")
  add_library(fuzz_engine OBJECT standalone_driver.c)
  target_link_libraries(fuzz_engine PUBLIC imago_options)
elseif(IMAGO_FUZZ_ENGINE STREQUAL "afl++")
  if(NOT CMAKE_C_COMPILER MATCHES "afl-")
    message(FATAL_ERROR "IMAGO_FUZZ_ENGINE=afl++ needs AFL++'s compiler: cmake --preset afl")
  endif()
  target_link_options(fuzz_engine INTERFACE -fsanitize=fuzzer)
elseif(IMAGO_FUZZ_ENGINE STREQUAL "libfuzzer")
  target_link_options(fuzz_engine INTERFACE -fsanitize=fuzzer)
else()
  enable_language(CXX)
  set(imago_fuzz_linker CXX)
  separate_arguments(imago_engine_words NATIVE_COMMAND "${IMAGO_FUZZ_ENGINE}")
  target_link_libraries(fuzz_engine INTERFACE ${imago_engine_words})
endif()
if(IMAGO_FUZZ_ENGINE MATCHES "^libfuzzer$|-fsanitize=fuzzer")
  target_sources(fuzz_engine INTERFACE ${CMAKE_CURRENT_SOURCE_DIR}/mutator/libfuzzer_adapter.c
    ${CMAKE_CURRENT_SOURCE_DIR}/mutator/parents.c)
endif()

function(imago_fuzz_engine target)
  target_link_libraries(${target} PRIVATE fuzz_engine)
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE ${imago_fuzz_linker})
endfunction()
