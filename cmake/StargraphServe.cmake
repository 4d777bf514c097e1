# What module serve needs beyond sources: the OpenAPI document compiled in, and the seam through which
# CivetWeb gets its listener (src/serve/adopt.cpp). Every program that links serve links with these wraps.
set(openapi_json ${CMAKE_SOURCE_DIR}/docs/openapi.json)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${openapi_json})
file(READ ${openapi_json} OPENAPI_TEXT)
configure_file(${CMAKE_SOURCE_DIR}/cmake/openapi.cpp.in ${CMAKE_BINARY_DIR}/generated/openapi.cpp @ONLY)
target_sources(stargraph_serve PRIVATE ${CMAKE_BINARY_DIR}/generated/openapi.cpp)
foreach(function socket bind listen getsockname accept)
  target_link_options(stargraph_serve INTERFACE -Wl,--wrap=${function})
endforeach()
