#include "stargraph/crypto/fips.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <array>

#include "crypto/openssl.hpp"
#include "crypto/self_test.hpp"
#include "crypto/sodium.hpp"
#include "crypto/take.hpp"

namespace stargraph::crypto {
namespace {

using Provider = std::unique_ptr<OSSL_PROVIDER, Free<OSSL_PROVIDER_unload>>;
using FetchedDigest = std::unique_ptr<EVP_MD, Free<EVP_MD_free>>;

// Written once, before threads; a forked process keeps what it was forked with, the tested module too.
FipsState current;
bool required = false;

std::unexpected<base::Error> unavailable(std::string reason) {
  std::array<char, 256> detail{};
  if (const unsigned long error = ERR_peek_last_error(); error != 0) {
    ERR_error_string_n(error, detail.data(), detail.size());
    reason += std::string(" (") + detail.data() + ")";
  }
  return base::fail(base::Code::kFipsUnavailable, "fips: provider: " + reason);
}

FipsState describe(const OSSL_PROVIDER* provider) {
  char* name = nullptr;
  char* version = nullptr;
  std::array params{
      OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_NAME, &name, 0),
      OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_VERSION, &version, 0),
      OSSL_PARAM_construct_end(),
  };
  OSSL_PROVIDER_get_params(provider, params.data());
  return {.enforced = EVP_default_properties_is_fips_enabled(nullptr) == 1,
          .module = name == nullptr ? "" : name,
          .version = version == nullptr ? "" : version};
}

// Under the default properties an approved digest must come from `fips`, and MD5 from nowhere.
bool properties_hold(const OSSL_PROVIDER* fips) {
  const FetchedDigest approved(EVP_MD_fetch(nullptr, "SHA2-384", nullptr));
  const FetchedDigest unapproved(EVP_MD_fetch(nullptr, "MD5", nullptr));
  return approved != nullptr && EVP_MD_get0_provider(approved.get()) == fips && unapproved == nullptr;
}

// After a provider was loaded by name alone OpenSSL loads none by itself any more. A process that goes on without the
// switch needs that one.
std::unexpected<base::Error> go_on_without(std::string reason) {
  EVP_default_properties_enable_fips(nullptr, 0);
  auto refused = unavailable(std::move(reason));
  static_cast<void>(OSSL_PROVIDER_load(nullptr, "default"));
  return refused;
}

base::Result<FipsState> require() {
  if (anything_taken()) return unavailable("algorithms were used before the switch");
  const SelfTestWatch watch;
  Provider fips(OSSL_PROVIDER_try_load(nullptr, "fips", 1));
  if (fips == nullptr) return unavailable("OpenSSL cannot load the FIPS module");
  // A module tests itself when it is loaded. One that its configuration excuses (3.0: tested at installation), or that
  // openssl.cnf loaded before this program could see it, does so now.
  if (!watch.saw_it_pass() && OSSL_PROVIDER_self_test(fips.get()) != 1) {
    return unavailable("the self-test of the FIPS module failed");
  }
  // From here on OpenSSL does not load its default provider by itself.
  Provider encoders(OSSL_PROVIDER_load(nullptr, "base"));
  if (encoders == nullptr) return go_on_without("OpenSSL cannot load the base provider");
  const bool enabled = EVP_default_properties_enable_fips(nullptr, 1) == 1;
  if (!enabled || !properties_hold(fips.get())) return go_on_without("fips=yes does not lead to the FIPS module");
  FipsState state = describe(fips.get());
  // Both stay loaded as long as the process lives.
  static_cast<void>(fips.release());
  static_cast<void>(encoders.release());
  return state;
}

// Without the switch of ours the system's openssl.cnf may have enforced FIPS: say what is true.
FipsState as_configured() {
  if (EVP_default_properties_is_fips_enabled(nullptr) != 1) return {};
  const FetchedDigest digest(EVP_MD_fetch(nullptr, "SHA2-384", nullptr));
  return digest == nullptr ? FipsState{.enforced = true, .module = "", .version = ""}
                           : describe(EVP_MD_get0_provider(digest.get()));
}

}  // namespace

base::Result<FipsState> initialise(FipsMode mode) {
  start_sodium();
  const ErrorScope errors;
  if (mode == FipsMode::kOff) return current = as_configured();
  if (!required) {
    SG_TRY(current, require());
    required = true;
  }
  return current;
}

FipsState fips_state() { return current; }

}  // namespace stargraph::crypto
