#include "audit/signed_text.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kFirstMember = ",\"key_id\":\"";
constexpr std::size_t kMaxSignatureText = 1'024;

}  // namespace

std::string signature_members(const LineSignature& signature) {
  std::string text(kFirstMember);
  text += signature.key_id.str();
  text += "\",\"alg\":\"";
  text += crypto::algorithm_name(signature.algorithm);
  text += "\",\"signature\":\"";
  text += base::to_base64(signature.signature);
  text += "\"}";
  return text;
}

Result<LineSignature> append_signature(std::string& text, std::string_view domain, const crypto::PrivateKey& key) {
  LineSignature signature{
      .key_id = key.public_key().key_id(), .algorithm = key.public_key().algorithm(), .signature = {}};
  SG_TRY(signature.signature, key.sign(domain, base::as_bytes(text)));
  text += signature_members(signature);
  return signature;
}

Result<std::string_view> covered_text(json::Reader& in, std::string_view text, std::string_view domain,
                                      const crypto::PublicKey& key, std::string_view what) {
  const std::string key_id = in.text("key_id");
  const std::string algorithm_text = in.text("alg");
  const std::string signature_text = in.text("signature", 1, kMaxSignatureText);
  if (in.failed()) return std::unexpected(in.finish().error());
  if (key_id != key.key_id().str()) {
    return fail(Code::kAuditUnknownKey, std::string(what) + ": signed by another key");
  }
  SG_TRY(const crypto::Algorithm algorithm, crypto::algorithm_from_name(algorithm_text));
  SG_TRY(const base::Bytes signature, base::from_base64(signature_text));
  const std::string_view covered = text.substr(0, text.rfind(kFirstMember));
  if (!key.verify(algorithm, domain, base::as_bytes(covered), signature)) {
    return fail(Code::kAuditBadSignature, std::string(what) + ": signature does not verify");
  }
  return covered;
}

}  // namespace stargraph::audit
