# stargraph_module(<name> LINKS <modules> PRIVATE_LINKS <libraries>)
#   src/<name>/*.cpp becomes the static library stargraph_<name>; a module without sources yet is
#   an interface library, so that the table of the top level file is always whole.
function(stargraph_module name)
  cmake_parse_arguments(ARG "" "" "LINKS;PRIVATE_LINKS" ${ARGN})
  set(links ${ARG_LINKS})
  list(TRANSFORM links PREPEND stargraph_)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  if(sources)
    add_library(stargraph_${name} STATIC ${sources})
    target_include_directories(stargraph_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include PRIVATE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(stargraph_${name} PUBLIC ${links} Threads::Threads PRIVATE ${ARG_PRIVATE_LINKS} stargraph_flags)
  else()
    add_library(stargraph_${name} INTERFACE)
    target_include_directories(stargraph_${name} INTERFACE ${CMAKE_SOURCE_DIR}/include)
    target_link_libraries(stargraph_${name} INTERFACE ${links})
  endif()
endfunction()

# stargraph_program(<name> LINKS <modules> PRIVATE_LINKS <libraries>)
#   src/bin/<name>/*.cpp becomes bin/<name>; it may include any module it links.
function(stargraph_program name)
  cmake_parse_arguments(ARG "" "" "LINKS;PRIVATE_LINKS" ${ARGN})
  set(links ${ARG_LINKS})
  list(TRANSFORM links PREPEND stargraph_)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/bin/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_compile_definitions(${name} PRIVATE STARGRAPH_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${name} PRIVATE ${links} ${ARG_PRIVATE_LINKS} stargraph_flags)
endfunction()

# stargraph_carriable(<program>)
#   The program brings what it can with it: on the machine it is carried to it needs libc, libcrypto and libsodium.
#   A test reads its NEEDED entries back.
function(stargraph_carriable name)
  if(STARGRAPH_SANITIZE OR STARGRAPH_COVERAGE)
    return()
  endif()
  target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc)
endfunction()

# stargraph_unit_tests(<module> LINKS <modules> WRAP <C functions>)
#   tests/unit/<module>/*_test.cpp becomes unit_<module>. WRAP names C seams that the tests
#   replace in CMocka's manner (ld --wrap); see tests/support/cmocka.hpp.
function(stargraph_unit_tests module)
  cmake_parse_arguments(ARG "" "" "LINKS;PRIVATE_LINKS;WRAP" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${module}/*.cpp)
  if(NOT sources)
    return()
  endif()
  set(links ${ARG_LINKS})
  list(TRANSFORM links PREPEND stargraph_)
  add_executable(unit_${module} ${sources})
  target_include_directories(unit_${module} PRIVATE ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/src)
  target_compile_definitions(unit_${module} PRIVATE STARGRAPH_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_link_libraries(unit_${module} PRIVATE stargraph_${module} ${links} ${ARG_PRIVATE_LINKS}
    GTest::gmock GTest::gtest GTest::gtest_main stargraph_flags)
  # GCC 12 at -O2 sees array bounds crossed inside inlined std::vector copies of test data (GCC bug 105651).
  target_compile_options(unit_${module} PRIVATE
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:RelWithDebInfo>>:-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread>)
  foreach(function IN LISTS ARG_WRAP)
    target_link_options(unit_${module} PRIVATE -Wl,--wrap=${function})
  endforeach()
  gtest_discover_tests(unit_${module} TEST_PREFIX ${module}. DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT 120 LABELS unit)
endfunction()
