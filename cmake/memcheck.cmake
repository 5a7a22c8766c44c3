# imago_memcheck(TEST…): each named test program once more, under valgrind. An invalid access, a use of
# an uninitialised value or a leaked block fails the test. Sanitizers do the same and do not mix with it.
find_program(VALGRIND valgrind)

function(imago_memcheck)
  if(IMAGO_SANITIZE OR CMAKE_CROSSCOMPILING OR IMAGO_COVERAGE)
    return()
  endif()
  if(NOT VALGRIND)
    message(STATUS "imago: no valgrind: tests labelled memcheck are left out")
    return()
  endif()
  foreach(name ${ARGN})
    if(NOT TARGET ${name})
      message(FATAL_ERROR "imago_memcheck: no such test program: ${name}")
    endif()
    add_test(NAME memcheck_${name}
             COMMAND ${VALGRIND} --quiet --error-exitcode=99 --leak-check=full
                     --errors-for-leak-kinds=definite,indirect,possible --track-origins=no
                     $<TARGET_FILE:${name}>
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(memcheck_${name} PROPERTIES LABELS memcheck SKIP_RETURN_CODE 77
                                                     TIMEOUT 300)
  endforeach()
endfunction()
