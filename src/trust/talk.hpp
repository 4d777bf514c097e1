// The part of the ceremony that talks: asks for fingerprints until a decision stands, at most
// kMaxFingerprintTries wrong ones.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "stargraph/trust/ceremony.hpp"

namespace stargraph::trust {

// `decide()` looks at `offer`, to which what a person typed is added when it is the fingerprint of one of `keys`.
template <class Decide>
auto hold_ceremony(const Decide& decide, std::span<const crypto::PublicKey> keys, Offer& offer,
                   const std::function<std::optional<std::string>(int)>& ask) -> decltype(decide()) {
  auto decision = decide();
  if (!ask) return decision;
  for (int attempt = 1; attempt <= kMaxFingerprintTries;) {
    const bool wants_one = !decision && (decision.error().code == base::Code::kFingerprintMissing ||
                                         decision.error().code == base::Code::kSignerNotPinned);
    if (!wants_one) return decision;
    const auto typed = ask(attempt);
    if (!typed) return decision;
    const auto fingerprint = read_fingerprint(*typed);
    const bool fits = fingerprint && std::ranges::any_of(keys, [&](const crypto::PublicKey& key) {
                        return crypto::equal_constant_time(key.fingerprint().bytes(), fingerprint->bytes());
                      });
    // The same again says nothing about another signer.
    if (!fits || std::ranges::find(offer.fingerprints, *fingerprint) != offer.fingerprints.end()) {
      ++attempt;
      continue;
    }
    offer.fingerprints.push_back(*fingerprint);
    decision = decide();
  }
  return base::fail(base::Code::kFingerprintMismatch, "trust: three wrong fingerprints; nothing was changed");
}

}  // namespace stargraph::trust
