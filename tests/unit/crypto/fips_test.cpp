#include "stargraph/crypto/fips.hpp"

#include <gtest/gtest.h>
#include <openssl/core_dispatch.h>
#include <openssl/provider.h>

#include <cstdio>
#include <cstdlib>

#include "keys.hpp"

namespace stargraph::crypto {
namespace {

using base::Code;

// Whether this machine can enforce at all. Debian 13 can once openssl-provider-fips is installed and OPENSSL_CONF (or
// the system's openssl.cnf) includes what `openssl fipsinstall` wrote; Debian 12 has no such package.
bool module_installed() { return test::run_command({"openssl", "list", "-providers", "-provider", "fips"}).ok(); }

TEST(Fips, OffLeavesCryptographyUsableAndSaysSo) {
  const auto state = initialise(FipsMode::kOff);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(fips_state().enforced, state->enforced);
  EXPECT_EQ(state->enforced, !state->module.empty());
  EXPECT_EQ(sha384("abc").hex().substr(0, 8), "cb00753f");
}

// These start a fresh process each: the switch is thrown once and for good.
class FipsRequiredDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

[[noreturn]] void report_and_exit(const base::Result<FipsState>& state) {
  if (state) {
    std::fprintf(stderr, "enforced=%d module=%s", state->enforced ? 1 : 0, state->module.c_str());
    std::exit(fips_state().enforced && sha384("abc").hex().starts_with("cb00753f") ? 0 : 2);
  }
  const bool still_works = sha384("abc").hex().starts_with("cb00753f") && !fips_state().enforced;
  std::fprintf(stderr, "%s still_works=%d", state.error().message.c_str(), still_works ? 1 : 0);
  std::exit(state.error().code == Code::kFipsUnavailable && still_works ? 1 : 3);
}

TEST_F(FipsRequiredDeathTest, SG_E_HTTP_EnforcedWithAModuleRefusedWithReasonWithout) {
  if (module_installed()) {
    EXPECT_EXIT(report_and_exit(initialise(FipsMode::kRequired)), ::testing::ExitedWithCode(0), "enforced=1");
    return;
  }
  EXPECT_EXIT(report_and_exit(initialise(FipsMode::kRequired)), ::testing::ExitedWithCode(1),
              "fips: provider: OpenSSL cannot load the FIPS module .*still_works=1");
}

// A provider that calls itself "fips" and offers nothing.
extern "C" int hollow_provider(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH*, const OSSL_DISPATCH** out,
                               void** context) {
  static constexpr OSSL_DISPATCH kNothing[] = {{0, nullptr}};
  *out = kNothing;
  *context = const_cast<OSSL_CORE_HANDLE*>(handle);
  return 1;
}

TEST_F(FipsRequiredDeathTest, SG_S_STATE_AProviderThatOnlyBearsTheNameIsRefused) {
  EXPECT_EXIT(
      {
        if (OSSL_PROVIDER_add_builtin(nullptr, "fips", hollow_provider) != 1) std::exit(9);
        report_and_exit(initialise(FipsMode::kRequired));
      },
      ::testing::ExitedWithCode(1), "fips=yes does not lead to the FIPS module.*still_works=1");
}

TEST_F(FipsRequiredDeathTest, SG_E_STATE_RefusesToComeAfterTheFirstDigest) {
  EXPECT_EXIT(
      {
        static_cast<void>(sha384("too early"));
        if (OSSL_PROVIDER_add_builtin(nullptr, "fips", hollow_provider) != 1) std::exit(9);
        report_and_exit(initialise(FipsMode::kRequired));
      },
      ::testing::ExitedWithCode(1), "algorithms were used before the switch");
}

}  // namespace
}  // namespace stargraph::crypto
