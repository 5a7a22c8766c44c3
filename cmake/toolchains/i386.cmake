# A 32-bit x86 program, run by the 64-bit kernel itself, or by qemu-user where the kernel cannot (some
# virtual machines). Packages: ci/setup --cross.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_C_COMPILER i686-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE i386-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/i386-linux-gnu/pkgconfig:/usr/share/pkgconfig)
execute_process(COMMAND /lib/ld-linux.so.2 --version
                RESULT_VARIABLE imago_kernel_status OUTPUT_QUIET ERROR_QUIET)
if(NOT imago_kernel_status EQUAL 0)
  set(CMAKE_CROSSCOMPILING_EMULATOR qemu-i386)
endif()
