# One target a room. Includes start at the project's root ("sim/engine/replay.h"); a room sees
# only the rooms that it USES, so that a wrong include does not build.
#
#   orrery_module(engine SOURCES a.cc HEADERS a.h USES cost program PRIVATE Boost::headers)

option(ORRERY_SANITIZE "Sanitizers, for instance address,undefined or thread" "")

add_library(orrery_options INTERFACE)
target_compile_features(orrery_options INTERFACE cxx_std_20)
target_compile_options(orrery_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
  -ffp-contract=off                       # the same bytes from every compiler and build
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # false alarms on std::string in GCC 12 (GCC bug 105651)
  $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion>
  # libstdc++ 12's own std::stable_sort, as clang 16 and later see it
  $<$<AND:$<CXX_COMPILER_ID:Clang>,$<VERSION_GREATER_EQUAL:$<CXX_COMPILER_VERSION>,16>>:-Wno-deprecated-declarations>)
if(ORRERY_SANITIZE)
  add_compile_options(-fsanitize=${ORRERY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ORRERY_SANITIZE})
  # Instrumented <regex> looks uninitialized to GCC 12 (GCC manual: sanitizers cause false warnings).
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()

function(orrery_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;USES;PRIVATE" ${ARGN})
  add_library(orrery_${name} STATIC ${ARG_SOURCES})
  add_library(orrery::${name} ALIAS orrery_${name})
  set_target_properties(orrery_${name} PROPERTIES
    CXX_EXTENSIONS OFF EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON
    VERIFY_INTERFACE_HEADER_SETS ON)
  target_sources(orrery_${name} PUBLIC FILE_SET HEADERS
    BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${ARG_HEADERS})
  target_compile_features(orrery_${name} PUBLIC cxx_std_20)
  target_link_libraries(orrery_${name} PRIVATE $<BUILD_INTERFACE:orrery_options>)
  foreach(room ${ARG_USES})
    target_link_libraries(orrery_${name} PUBLIC orrery_${room})
  endforeach()
  foreach(library ${ARG_PRIVATE})
    target_link_libraries(orrery_${name} PRIVATE $<BUILD_INTERFACE:${library}>)
  endforeach()
  install(TARGETS orrery_${name} EXPORT orreryTargets
    FILE_SET HEADERS DESTINATION include/orrery)
  set_property(GLOBAL APPEND PROPERTY ORRERY_MODULES ${name})
endfunction()
