# System libraries through pkg-config; the pinned sources (third_party/sources.lock) as
# static libraries that scripts/setup left under build/third_party.
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)

set(STARGRAPH_THIRD_PARTY ${CMAKE_SOURCE_DIR}/build/third_party CACHE PATH "Prefix of the pinned static libraries")
foreach(name sqlcipher civetweb clips cjson qrcodegen)
  if(NOT EXISTS ${STARGRAPH_THIRD_PARTY}/lib/lib${name}.a)
    message(FATAL_ERROR "pinned libraries: lib${name}.a: not found under ${STARGRAPH_THIRD_PARTY}; run scripts/setup first")
  endif()
  add_library(Stargraph::${name} STATIC IMPORTED)
  set_target_properties(Stargraph::${name} PROPERTIES
    IMPORTED_LOCATION ${STARGRAPH_THIRD_PARTY}/lib/lib${name}.a
    INTERFACE_INCLUDE_DIRECTORIES ${STARGRAPH_THIRD_PARTY}/include)
endforeach()
set_property(TARGET Stargraph::sqlcipher APPEND PROPERTY INTERFACE_LINK_LIBRARIES OpenSSL::Crypto Threads::Threads m)
set_property(TARGET Stargraph::sqlcipher APPEND PROPERTY INTERFACE_COMPILE_DEFINITIONS SQLITE_HAS_CODEC)
set_property(TARGET Stargraph::civetweb APPEND PROPERTY INTERFACE_LINK_LIBRARIES OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
set_property(TARGET Stargraph::clips APPEND PROPERTY INTERFACE_LINK_LIBRARIES m)
