# IMAGO_RUN: a path that runs the command on this host: the command itself or, for a foreign build, a
# script that starts it under the emulator.
set(IMAGO_RUN $<TARGET_FILE:imago>)
if(CMAKE_CROSSCOMPILING_EMULATOR)
  set(IMAGO_RUN ${CMAKE_BINARY_DIR}/run/imago)
  list(JOIN CMAKE_CROSSCOMPILING_EMULATOR " " emulator)
  # CMake 3.25 runs out of memory when FILE_PERMISSIONS stands before CONTENT.
  file(GENERATE OUTPUT ${IMAGO_RUN} CONTENT "#!/bin/sh\nexec ${emulator} $<TARGET_FILE:imago> \"$@\"\n"
       FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
endif()
