# Compiler and linker flags: warnings are errors; release builds carry the hardening flags that
# tests/integration reads back from the binaries.
add_library(stargraph_flags INTERFACE)
target_compile_options(stargraph_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Wold-style-cast -Woverloaded-virtual -Wnull-dereference -Wimplicit-fallthrough -Werror
  -fstack-protector-strong -fno-strict-overflow -fno-delete-null-pointer-checks)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports std::expected and std::string internals as maybe-uninitialized or overlapping
  # (GCC bugs 105562, 105651): those three stay warnings of Clang and of the sanitizers.
  target_compile_options(stargraph_flags INTERFACE
    -Wno-maybe-uninitialized -Wno-restrict -Wno-null-dereference -ftrivial-auto-var-init=zero
    -fstack-clash-protection)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(stargraph_flags INTERFACE -fcf-protection=full)
endif()
target_compile_definitions(stargraph_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_link_options(stargraph_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  # Tests set STARGRAPH_PLAIN: their own text is run once, and compiles in half the time without the optimiser. What
  # they test is the optimised and hardened code.
  define_property(TARGET PROPERTY STARGRAPH_PLAIN INITIALIZE_FROM_VARIABLE STARGRAPH_PLAIN)
  target_compile_options(stargraph_flags INTERFACE
    "$<IF:$<BOOL:$<TARGET_PROPERTY:STARGRAPH_PLAIN>>,-O0;-g1,-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
endif()
if(STARGRAPH_SANITIZE)
  target_compile_options(stargraph_flags INTERFACE -fsanitize=${STARGRAPH_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(stargraph_flags INTERFACE -fsanitize=${STARGRAPH_SANITIZE})
endif()
if(STARGRAPH_COVERAGE)
  target_compile_options(stargraph_flags INTERFACE --coverage -O0)
  target_compile_definitions(stargraph_flags INTERFACE STARGRAPH_COVERAGE)  # counts are written when a program ends
  target_link_options(stargraph_flags INTERFACE --coverage)
endif()
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
