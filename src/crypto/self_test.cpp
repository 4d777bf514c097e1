#include "crypto/self_test.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/self_test.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace stargraph::crypto {
namespace {

const char* text(const OSSL_PARAM* params, const char* name) {
  const OSSL_PARAM* const found = OSSL_PARAM_locate_const(params, name);
  const char* value = nullptr;
  return found != nullptr && OSSL_PARAM_get_utf8_string_ptr(found, &value) == 1 ? value : "";
}

extern "C" int on_self_test(const OSSL_PARAM params[], void* watch) {
  static_cast<SelfTestWatch*>(watch)->hear(text(params, OSSL_PROV_PARAM_SELF_TEST_PHASE),
                                           text(params, OSSL_PROV_PARAM_SELF_TEST_TYPE));
  return 1;  // go on
}

}  // namespace

SelfTestWatch::SelfTestWatch() { OSSL_SELF_TEST_set_callback(nullptr, &on_self_test, this); }
SelfTestWatch::~SelfTestWatch() { OSSL_SELF_TEST_set_callback(nullptr, nullptr, nullptr); }

void SelfTestWatch::hear(const char* phase, const char* type) {
  if (std::string_view(phase) == OSSL_SELF_TEST_PHASE_PASS) passed_.emplace(type);
  if (std::string_view(phase) == OSSL_SELF_TEST_PHASE_FAIL) failed_ = true;
}

bool SelfTestWatch::saw_it_pass() const {
  constexpr std::array kKinds = {OSSL_SELF_TEST_TYPE_MODULE_INTEGRITY,
                                 OSSL_SELF_TEST_TYPE_KAT_DIGEST,
                                 OSSL_SELF_TEST_TYPE_KAT_CIPHER,
                                 OSSL_SELF_TEST_TYPE_KAT_SIGNATURE,
                                 OSSL_SELF_TEST_TYPE_KAT_KDF,
                                 OSSL_SELF_TEST_TYPE_KAT_KA,
                                 OSSL_SELF_TEST_TYPE_DRBG};
  return !failed_ &&
         std::ranges::all_of(kKinds, [this](const char* kind) { return passed_.contains(std::string_view(kind)); });
}

}  // namespace stargraph::crypto
