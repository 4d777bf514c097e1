#include "stargraph/trust/rotation.hpp"

#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/trust/act.hpp"

namespace stargraph::trust {

using base::Code;
using base::fail;
using base::Result;

namespace {
constexpr std::size_t kMaxReasonBytes = 1024;
constexpr std::size_t kMaxSpkiText = 1024;
}  // namespace

Result<Rotation> decode_rotation(const json::Value& value) {
  json::Reader in(value, "rotation");
  if (in.text("format", 1, 64) != kRotationFormat) in.refuse("format", Code::kUnsupportedVersion, "not known");
  const std::string old_key = in.text("old_key", 96, 96);
  if (!crypto::Digest::from_hex(old_key)) in.refuse("old_key", Code::kMalformed, "not a key id");
  const std::string spki = in.text("new_key", 1, kMaxSpkiText);
  std::string scope = in.text("scope", 1, 130);
  std::string reason = in.text("reason", 1, kMaxReasonBytes);
  SG_TRY(in.finish());
  SG_TRY(check_scope(scope));
  SG_TRY(const base::Bytes der, base::from_base64(spki));
  SG_TRY(crypto::PublicKey new_key, crypto::PublicKey::from_der(der));
  if (new_key.key_id().str() == old_key) return fail(Code::kConflict, "rotation: the new key is the old one");
  return Rotation{std::move(scope), base::KeyId(old_key), std::move(new_key), std::move(reason)};
}

Result<Rotation> parse_rotation(std::string_view text) {
  SG_TRY(const json::Value value, json::parse(base::as_bytes(text)));
  return decode_rotation(value);
}

json::Object encode_rotation(const Rotation& rotation) {
  return json::Object{{"format", kRotationFormat},
                      {"new_key", base::to_base64(rotation.new_key.der())},
                      {"old_key", rotation.old_key.str()},
                      {"reason", rotation.reason},
                      {"scope", rotation.scope}};
}

}  // namespace stargraph::trust
