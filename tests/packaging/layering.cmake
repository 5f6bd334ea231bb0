# A copy of the tree in which one source of base includes the planner must not build, and must say why; with an
# include that base may have, the same copy builds.
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)
file(REMOVE_RECURSE ${SCRATCH})
foreach(part CMakeLists.txt sim planner profiler runtime tools tests)
  file(COPY ${SOURCE}/${part} DESTINATION ${SCRATCH}/source)
endforeach()
run(${CMAKE_COMMAND} -S ${SCRATCH}/source -B ${SCRATCH}/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX}
  -DCMAKE_BUILD_TYPE=Debug -DORRERY_BUILD_TESTS=OFF -DORRERY_BUILD_BENCHMARKS=OFF)

function(include_in_base header)
  file(READ ${SOURCE}/sim/base/quantity.cc text)
  file(WRITE ${SCRATCH}/source/sim/base/quantity.cc "#include \"${header}\"\n${text}")
endfunction()

include_in_base(sim/base/units.h)
run(${CMAKE_COMMAND} --build ${SCRATCH}/build --target orrery_base)

foreach(wrong planner/search sim/plan/plan sim/scenario tools/disk)
  include_in_base(${wrong}.h)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${SCRATCH}/build --target orrery_base
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result EQUAL 0 OR NOT output MATCHES "must not be included from base")
    message(FATAL_ERROR "base may include ${wrong}.h (result ${result}):\n${output}")
  endif()
endforeach()
