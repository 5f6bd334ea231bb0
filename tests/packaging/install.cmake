include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
file(REMOVE_RECURSE ${SCRATCH})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/prefix)
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${SCRATCH}/build -G ${GENERATOR}
  -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=${CONFIG} -DCMAKE_PREFIX_PATH=${SCRATCH}/prefix
  -DSANITIZE=${SANITIZE})
run(${CMAKE_COMMAND} --build ${SCRATCH}/build)
execute_process(COMMAND ${SCRATCH}/build/consumer OUTPUT_VARIABLE output RESULT_VARIABLE result)
if(NOT result EQUAL 0 OR NOT output STREQUAL "llama of 8030261248 parameters\n")
  message(FATAL_ERROR "the consumer ended with ${result} and said: ${output}")
endif()
# Away from the source tree, the binary finds what was installed beside it.
execute_process(COMMAND ${SCRATCH}/prefix/bin/orrery version OUTPUT_VARIABLE output RESULT_VARIABLE result)
if(NOT result EQUAL 0 OR NOT output MATCHES "presets: ${SCRATCH}/prefix/share/orrery\n")
  message(FATAL_ERROR "the installed binary ended with ${result} and said: ${output}")
endif()
