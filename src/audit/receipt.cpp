#include "stargraph/audit/receipt.hpp"

#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kFormat = "stargraph.audit.receipt.v1";
constexpr json::ParseLimits kParse{.max_bytes = 2 * kMaxLineBytes + 2'048, .max_depth = 4};

Result<Receipt> read(std::string_view text) {
  SG_TRY(const json::Value value, json::parse(text, kParse));
  json::Reader in(value, "audit: receipt");
  Receipt receipt;
  const std::string algorithm = in.text("alg");
  receipt.line = in.text("entry", 1, kMaxLineBytes - 1);
  const std::string format = in.text("format");
  if (format != kFormat) in.refuse("format", Code::kUnsupportedVersion, "not a receipt this program knows");
  receipt.signature.key_id = base::KeyId(in.text("key_id", 96, 96));
  const std::string signature = in.text("signature", 1, 1024);
  SG_TRY(in.finish());
  SG_TRY(receipt.signature.algorithm, crypto::algorithm_from_name(algorithm));
  SG_TRY(receipt.signature.signature, base::from_base64(signature));
  return receipt;
}

}  // namespace

Result<Receipt> make_receipt(std::string line, const crypto::PrivateKey& key) {
  Receipt receipt;
  SG_TRY(receipt.signature.signature, key.sign(kReceiptDomain, base::as_bytes(line)));
  receipt.signature.key_id = key.public_key().key_id();
  receipt.signature.algorithm = key.public_key().algorithm();
  receipt.line = std::move(line);
  return receipt;
}

std::string encode_receipt(const Receipt& receipt) {
  json::Object object;
  object.set("alg", crypto::algorithm_name(receipt.signature.algorithm));
  object.set("entry", receipt.line);
  object.set("format", kFormat);
  object.set("key_id", receipt.signature.key_id.str());
  object.set("signature", base::to_base64(receipt.signature.signature));
  return json::canonical(std::move(object));
}

Result<Receipt> decode_receipt(std::string_view text) {
  Result<Receipt> receipt = read(text);
  if (!receipt || encode_receipt(*receipt) != text) return fail(Code::kReceiptInvalid, "audit: receipt: not a receipt");
  return receipt;
}

Result<Entry> verify_receipt(const Receipt& receipt, const crypto::PublicKey& audit_key) {
  if (receipt.signature.key_id != audit_key.key_id()) {
    return fail(Code::kReceiptInvalid, "audit: receipt: signed by another key");
  }
  if (!audit_key.verify(receipt.signature.algorithm, kReceiptDomain, base::as_bytes(receipt.line),
                        receipt.signature.signature)) {
    return fail(Code::kReceiptInvalid, "audit: receipt: signature does not verify");
  }
  Result<Entry> entry = decode_entry(receipt.line);
  if (!entry) return fail(Code::kReceiptInvalid, "audit: receipt: its line is no entry");
  return entry;
}

}  // namespace stargraph::audit
