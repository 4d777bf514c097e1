// Where the real inputs of the two systems we re-implement lie: the folder named by
// STARGRAPH_UPSTREAM_DIR, else ../shared/upstream beside the project's root. A test that needs them
// is skipped with a line that says so when neither exists, and must run when one does:
//
//   SG_UPSTREAM_OR_SKIP(upstream);
//   const auto graph = support::read_upstream(upstream / "stargraph/graphs/hello.yaml");
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace stargraph::support {

inline std::optional<std::filesystem::path> upstream_dir() {
  const char* named = std::getenv("STARGRAPH_UPSTREAM_DIR");
  std::filesystem::path folder = std::filesystem::path(STARGRAPH_SOURCE_DIR) / ".." / "shared" / "upstream";
  if (named != nullptr && *named != '\0') folder = named;
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) return std::nullopt;
  return folder.lexically_normal();
}

// The bytes of a file; a failure of the test when it cannot be read.
inline std::string read_upstream(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in.is_open()) << file << ": cannot be read";
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace stargraph::support

#define SG_UPSTREAM_OR_SKIP(name)                                                          \
  const auto name##_found = ::stargraph::support::upstream_dir();                          \
  if (!name##_found) {                                                                     \
    GTEST_SKIP() << "upstream data: not found; name its folder in STARGRAPH_UPSTREAM_DIR"; \
  }                                                                                        \
  const std::filesystem::path& name = *name##_found
