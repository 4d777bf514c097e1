// A Bosun token, as a whole and as a payload under a good signature: what is accepted can be made again, and a key
// id is one that may stand in a file name.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "stargraph/base/check.hpp"
#include "stargraph/pack/bosun_token.hpp"

namespace pack = stargraph::pack;
namespace base = stargraph::base;
namespace crypto = stargraph::crypto;

namespace {

const crypto::PrivateKey& signer() {
  static const auto key = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  SG_CHECK(key.has_value());
  return *key;
}

void check_payload(base::BytesView payload) {
  const std::string header = R"({"alg":"EdDSA","kid":"dev-soc-1cdb9c59","typ":"JWT"})";
  pack::BosunToken token;
  token.kid = "dev-soc-1cdb9c59";
  token.payload = base::to_base64url(payload);
  token.signed_text = base::to_base64url(base::as_bytes(header)) + "." + token.payload;
  const auto signature = signer().sign_raw(base::as_bytes(token.signed_text));
  SG_CHECK(signature.has_value());
  token.signature = base::to_base64url(*signature);
  const auto claims = pack::open_token(token, signer().public_key());
  if (!claims) return;
  const auto made = pack::make_token(*claims, signer());
  const auto parsed = made ? pack::parse_token(*made) : pack::BosunResult<pack::BosunToken>(token);
  if (!made || !parsed || parsed->kid != claims->key_id) std::abort();
  const auto again = pack::open_token(*parsed, signer().public_key());
  if (!again || again->tree_hash != claims->tree_hash || again->issued_at != claims->issued_at) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView bytes = std::as_bytes(std::span(data, size));
  const auto token = pack::parse_token(base::as_text(bytes));
  if (token && !pack::is_bosun_key_id(token->kid)) std::abort();
  if (token && pack::open_token(*token, signer().public_key())) std::abort();  // nobody else can have signed
  check_payload(bytes);
  return 0;
}
