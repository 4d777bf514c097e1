#include "stargraph/crypto/fips.hpp"

#include <gtest/gtest.h>
#include <openssl/core_dispatch.h>
#include <openssl/provider.h>
#include <openssl/self_test.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "keys.hpp"
#include "support/fips_module.hpp"

namespace stargraph::crypto {
namespace {

using base::Code;

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
  if (test::fips_module_installed()) {
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

// A provider that calls itself "fips", and what it does about its self-test.
struct Module {
  std::vector<const char*> passes_while_loading = {};
  std::vector<const char*> fails_while_loading = {};
  int answer = 1;  // when it is told to test itself
  int told = 0;
};
Module module;

const std::vector<const char*> kAllKinds = {OSSL_SELF_TEST_TYPE_MODULE_INTEGRITY,
                                            OSSL_SELF_TEST_TYPE_KAT_DIGEST,
                                            OSSL_SELF_TEST_TYPE_KAT_CIPHER,
                                            OSSL_SELF_TEST_TYPE_KAT_SIGNATURE,
                                            OSSL_SELF_TEST_TYPE_KAT_KDF,
                                            OSSL_SELF_TEST_TYPE_KAT_KA,
                                            OSSL_SELF_TEST_TYPE_DRBG};

void known_answers(OSSL_SELF_TEST* test, const std::vector<const char*>& kinds, int good) {
  for (const char* kind : kinds) {
    OSSL_SELF_TEST_onbegin(test, kind, "one");
    OSSL_SELF_TEST_onend(test, good);
  }
}

extern "C" int test_itself(void*) {
  ++module.told;
  return module.answer;
}

extern "C" int testing_provider(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH*, const OSSL_DISPATCH** out,
                                void** context) {
  static const OSSL_DISPATCH kSelfTest[] = {{OSSL_FUNC_PROVIDER_SELF_TEST, reinterpret_cast<void (*)()>(&test_itself)},
                                            {0, nullptr}};
  OSSL_CALLBACK* heard = nullptr;
  void* by = nullptr;
  OSSL_SELF_TEST_get_callback(nullptr, &heard, &by);
  OSSL_SELF_TEST* const test = OSSL_SELF_TEST_new(heard, by);
  known_answers(test, module.passes_while_loading, 1);
  known_answers(test, module.fails_while_loading, 0);
  OSSL_SELF_TEST_free(test);
  *out = kSelfTest;
  *context = const_cast<OSSL_CORE_HANDLE*>(handle);
  return 1;
}

// It offers nothing either, so what was said of its self-test shows in why it is refused.
[[noreturn]] void require_of(Module which) {
  module = std::move(which);
  if (OSSL_PROVIDER_add_builtin(nullptr, "fips", testing_provider) != 1) std::exit(9);
  const auto state = initialise(FipsMode::kRequired);
  std::fprintf(stderr, "%s told=%d", state ? "enforced" : state.error().message.c_str(), module.told);
  std::exit(0);
}

TEST_F(FipsRequiredDeathTest, SG_E_STATE_ASelfTestThatWasSeenToPassWhileLoadingIsNotRunAgain) {
  EXPECT_EXIT(require_of({.passes_while_loading = kAllKinds, .answer = 0}), ::testing::ExitedWithCode(0),
              "fips=yes does not lead to the FIPS module.*told=0");
}

TEST_F(FipsRequiredDeathTest, SG_E_STATE_OneThatDidNotRunOrLeftSomethingOutIsRun) {
  const auto is_run_after = [](const std::vector<const char*>& seen, const std::string& without) {
    EXPECT_EXIT(require_of({.passes_while_loading = seen}), ::testing::ExitedWithCode(0), "told=1") << without;
    EXPECT_EXIT(require_of({.passes_while_loading = seen, .answer = 0}), ::testing::ExitedWithCode(0),
                "the self-test of the FIPS module failed.*told=1")
        << without;
  };
  is_run_after({}, "all");
  for (const char* kind : kAllKinds) {
    std::vector<const char*> others = kAllKinds;
    std::erase(others, kind);
    is_run_after(others, kind);
  }
}

TEST_F(FipsRequiredDeathTest, SG_E_STATE_AWrongAnswerAmongThemIsNotOverlooked) {
  EXPECT_EXIT(
      require_of(
          {.passes_while_loading = kAllKinds, .fails_while_loading = {OSSL_SELF_TEST_TYPE_KAT_SIGNATURE}, .answer = 0}),
      ::testing::ExitedWithCode(0), "the self-test of the FIPS module failed.*told=1");
}

// With the real one: again in the same process, and in one that was forked from it, nothing is left to do.
[[noreturn]] void require_twice() {
  const auto first = initialise(FipsMode::kRequired);
  static_cast<void>(sha384("abc"));
  const auto second = initialise(FipsMode::kRequired);
  const bool again = first && second && second->enforced && second->version == first->version;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto forked = initialise(FipsMode::kRequired);
    ::_exit(forked && forked->enforced && sha384("abc").hex().starts_with("cb00753f") ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  std::exit(again && status == 0 ? 0 : 1);
}

TEST_F(FipsRequiredDeathTest, RequiredTwiceIsRequiredOnce) {
  if (!test::fips_module_installed()) GTEST_SKIP() << "this machine has no FIPS module";
  EXPECT_EXIT(require_twice(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace stargraph::crypto
