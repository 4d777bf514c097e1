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

// Functions that a program takes from libraries.
std::set<std::string> imports(const std::string& program) {
  std::set<std::string> out;
  std::istringstream lines(readelf("--dyn-syms", program));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t undefined = line.find(" UND ");
    if (undefined == std::string::npos) continue;
    const std::string name = line.substr(undefined + 5);
    out.insert(name.substr(0, name.find('@')));
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

// libsodium has no validation, so nothing that FIPS would call a security function may be its work: it guards memory,
// and refuses Ed25519 points that a module would take (docs/fips.md).
TEST(Libraries, SG_E_STATE_LibsodiumGuardsMemoryAndChecksPointsAndDoesNothingElse) {
  const std::set<std::string> allowed = {"sodium_init", "sodium_malloc", "sodium_free", "sodium_memzero",
                                         "crypto_core_ed25519_is_valid_point"};
  bool seen = false;
  for (const char* program : {"stargraphd", "stargraph-auditd", "stargraph-pack", "stargraph-audit"}) {
    for (const std::string& name : imports(program)) {
      const bool of_sodium =
          name.starts_with("sodium_") || name.starts_with("crypto_") || name.starts_with("randombytes");
      seen = seen || of_sodium;
      EXPECT_TRUE(!of_sodium || allowed.contains(name)) << program << ": " << name;
    }
  }
  EXPECT_TRUE(seen);
}

// fips=yes reaches EVP and libssl; what goes round them (fips_module(7)) would be computed outside of the module.
TEST(Libraries, SG_E_STATE_NoProgramCallsCryptographyBelowEvp) {
  for (const char* program : {"stargraphd", "stargraph-auditd", "stargraph-pack", "stargraph-audit"}) {
    for (const std::string& name : imports(program)) {
      for (const char* low : {"SHA1_",
                              "SHA224_",
                              "SHA256_",
                              "SHA384_",
                              "SHA512_",
                              "MD5",
                              "MD4",
                              "HMAC",
                              "CMAC_",
                              "AES_",
                              "DES_",
                              "RC4",
                              "RSA_",
                              "EC_",
                              "ECDH_",
                              "DH_",
                              "DSA_",
                              "ED25519_",
                              "X25519",
                              "ENGINE_",
                              "EVP_MD_meth_",
                              "EVP_CIPHER_meth_",
                              "EVP_PKEY_meth_",
                              "RAND_set_",
                              "RAND_bytes_ex"})
        EXPECT_FALSE(name.starts_with(low)) << program << ": " << name;
    }
  }
}

}  // namespace
}  // namespace stargraph
