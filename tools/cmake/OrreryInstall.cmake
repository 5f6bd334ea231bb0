# The installed package: find_package(orrery) gives a target a room (orrery::engine), headers under include/orrery,
# presets under share/orrery. It needs no other package: third parties stay inside the rooms' sources.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
include(OrreryLayering)

orrery_enforce_layering()

set(orrery_package ${CMAKE_INSTALL_LIBDIR}/cmake/orrery)
install(EXPORT orreryTargets NAMESPACE orrery:: DESTINATION ${orrery_package})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/orreryConfig.cmake.in
  ${PROJECT_BINARY_DIR}/orreryConfig.cmake INSTALL_DESTINATION ${orrery_package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/orreryConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/orreryConfig.cmake ${PROJECT_BINARY_DIR}/orreryConfigVersion.cmake
  DESTINATION ${orrery_package})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/scenarios/ DESTINATION ${CMAKE_INSTALL_DATADIR}/orrery)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
