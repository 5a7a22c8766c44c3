# What "cmake --install" puts where: command, libraries, headers, and both ways to find them:
# find_package(imago) gives imago::static and imago::shared, pkg-config gives imago.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS imago_static imago_shared EXPORT imago
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET imago)
  install(TARGETS imago RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/core/include/imago
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.def")

set(imago_cmake_folder ${CMAKE_INSTALL_LIBDIR}/cmake/imago)
install(EXPORT imago NAMESPACE imago:: FILE imago-targets.cmake DESTINATION ${imago_cmake_folder})
configure_package_config_file(cmake/imago-config.cmake.in imago-config.cmake
                              INSTALL_DESTINATION ${imago_cmake_folder})
write_basic_package_version_file(imago-config-version.cmake COMPATIBILITY SameMinorVersion)
# The prefix as seen from the .pc file, so that what is installed may be moved.
file(RELATIVE_PATH imago_pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/imago.pc.in imago.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/imago-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/imago-config-version.cmake
        DESTINATION ${imago_cmake_folder})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/imago.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
