// Reads the build flags of the release back from the programs with readelf, and what each may be linked with.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "support/command.hpp"

namespace stargraph {
namespace {

std::string readelf(const std::string& option, const std::string& program) {
  const test::CommandResult result = test::run_command({"readelf", "-W", option, STARGRAPH_PROGRAMS "/" + program});
  EXPECT_TRUE(result.ok()) << result.err;
  return result.out;
}

std::set<std::string> libraries(const std::string& program) {
  std::set<std::string> out;
  std::istringstream lines(readelf("-d", program));
  for (std::string line; std::getline(lines, line);) {
    if (line.find("(NEEDED)") == std::string::npos) continue;
    const std::size_t open = line.find('[');
    out.insert(line.substr(open + 1, line.find(".so", open) - open - 1));
  }
  return out;
}

class Program : public ::testing::TestWithParam<const char*> {};

TEST_P(Program, SG_E_STATE_IsPositionIndependentWithReadOnlyRelocations) {
  EXPECT_NE(readelf("-h", GetParam()).find("DYN (Position-Independent Executable"), std::string::npos);
  EXPECT_NE(readelf("-l", GetParam()).find("GNU_RELRO"), std::string::npos);
  EXPECT_NE(readelf("-d", GetParam()).find("BIND_NOW"), std::string::npos);
}

TEST_P(Program, SG_E_STATE_HasNoExecutableStackAndNoWritableCode) {
  std::istringstream lines(readelf("-l", GetParam()));
  bool stack_seen = false;
  for (std::string line; std::getline(lines, line);) {
    const bool segment = line.find(" LOAD ") != std::string::npos || line.find("GNU_STACK") != std::string::npos;
    if (!segment) continue;
    stack_seen = stack_seen || line.find("GNU_STACK") != std::string::npos;
    EXPECT_EQ(line.find("RWE"), std::string::npos) << line;
  }
  EXPECT_TRUE(stack_seen);
}

TEST_P(Program, SG_E_STATE_HasStackProtectionAndCheckedCopies) {
  const std::string symbols = readelf("--dyn-syms", GetParam());
  EXPECT_NE(symbols.find("__stack_chk_fail"), std::string::npos);
#ifdef STARGRAPH_FORTIFIED
  EXPECT_NE(symbols.find("_chk@"), std::string::npos) << "no fortified function";
#endif
}

// No run path: a library cannot be slipped in beside the program.
TEST_P(Program, SG_T_PACK_LooksForLibrariesOnlyWhereTheSystemHasThem) {
  const std::string dynamic = readelf("-d", GetParam());
  EXPECT_EQ(dynamic.find("RPATH"), std::string::npos);
  EXPECT_EQ(dynamic.find("RUNPATH"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(All, Program,
                         ::testing::Values("stargraphd", "stargraph-auditd", "stargraph-pack", "stargraph",
                                           "stargraph-audit", "stargraph-worker"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(Libraries, SG_E_HTTP_TheDaemonAndTheImporterLinkNoClient) {
  for (const char* program : {"stargraphd", "stargraph-auditd", "stargraph-pack", "stargraph-audit"}) {
    EXPECT_FALSE(libraries(program).contains("libcurl")) << program;
    EXPECT_FALSE(libraries(program).contains("libcurl-gnutls")) << program;
  }
}

TEST(Libraries, RC_E_AUDIT_TheVerifierNeedsNoDatabaseRulesNetworkOrSystemd) {
  const std::set<std::string> allowed = {"libc",      "libm",     "libcrypto",      "libsodium",
                                         "libstdc++", "libgcc_s", "ld-linux-x86-64"};
  for (const std::string& library : libraries("stargraph-audit")) EXPECT_TRUE(allowed.contains(library)) << library;
}

}  // namespace
}  // namespace stargraph
