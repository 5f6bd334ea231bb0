include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
run(${CMAKE_COMMAND} --build ${BUILD} --target all_verify_interface_header_sets)
