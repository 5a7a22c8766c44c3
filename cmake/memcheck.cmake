# imago_memcheck(TEST LABELS ARGUMENT…): a test program once more, under valgrind. An invalid access, a use of
# an uninitialised value or a leaked block fails the test. Sanitizers see the same and do not mix with it;
# foreign programs have no valgrind here.
find_program(VALGRIND valgrind)
if(NOT VALGRIND)
  message(STATUS "imago: no valgrind: the tests labelled memcheck are left out")
endif()

function(imago_memcheck name labels)
  if(NOT VALGRIND OR IMAGO_SANITIZE OR IMAGO_COVERAGE OR CMAKE_CROSSCOMPILING)
    return()
  endif()
  add_test(NAME memcheck_${name}
           COMMAND ${VALGRIND} --quiet --error-exitcode=99 --leak-check=full --read-inline-info=no
                   --errors-for-leak-kinds=definite,indirect,possible
                   $<TARGET_FILE:${name}> ${ARGN}
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(memcheck_${name} PROPERTIES LABELS "${labels}" SKIP_RETURN_CODE 77
                                                   TIMEOUT 600 COST 100)
endfunction()
