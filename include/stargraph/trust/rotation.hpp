// Rotation: what rotation.json of a rotation pack says (docs/formats/trust.md): in a scope, one publisher's
// key takes the place of another. The old key signs it. Since a thief has the old key too, that is never
// enough: the new key's fingerprint comes along by another way, or the governors sign as well.
#pragma once

#include <string>
#include <string_view>

#include "stargraph/base/strong.hpp"
#include "stargraph/crypto/signature.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::trust {

inline constexpr std::string_view kRotationFormat = "stargraph.rotation.v1";

struct Rotation {
  std::string scope;
  base::KeyId old_key;
  crypto::PublicKey new_key;
  std::string reason;
};

// {"format":"stargraph.rotation.v1","scope":…,"old_key":"<key id>","new_key":"<base64 of SPKI>","reason":…}.
// kMalformed, kUnknownField, kScopeInvalid, kKeyUnsafe; kConflict when both keys are one.
[[nodiscard]] base::Result<Rotation> decode_rotation(const json::Value& value);
[[nodiscard]] base::Result<Rotation> parse_rotation(std::string_view text);  // json::parse first
[[nodiscard]] json::Object encode_rotation(const Rotation& rotation);

}  // namespace stargraph::trust
