#include "stargraph/audit/entry.hpp"

#include "audit/event_fields.hpp"
#include "audit/signed_text.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kHashMember = ",\"entry_hash\":\"";
constexpr std::size_t kHexBytes = 2 * crypto::Digest::kSize;
constexpr json::ParseLimits kParse{.max_bytes = kMaxLineBytes, .max_depth = 24};

// After what encode_head_fields gives, in canonical order, which is the fixed order of the format; without its "}".
std::string encode_body(std::string text, const Entry& entry) {
  text += ",\"previous_hash\":\"" + entry.previous_hash.hex();
  text += "\",\"run_id\":" + encode_run(entry.event);
  text += ",\"seq\":" + std::to_string(entry.seq.value());
  text += ",\"source\":\"";
  text += source_name(entry.source);
  text += "\",\"source_seq\":" + std::to_string(entry.source_seq.value());
  text += ",\"tenant\":" + json::quoted(entry.event.tenant.str());
  text += ",\"tenant_previous_hash\":\"" + entry.tenant_previous_hash.hex();
  text += "\",\"tenant_seq\":" + std::to_string(entry.tenant_seq.value());
  text += ",\"ts\":\"" + base::format_rfc3339(entry.time) + "\",\"v\":1";
  return text;
}

base::Error malformed(std::string why) { return {Code::kAuditMalformed, "audit: line: " + std::move(why)}; }

Result<crypto::Digest> read_digest(json::Reader& in, std::string_view name) {
  const std::string hex = in.text(name, kHexBytes, kHexBytes);
  if (in.failed()) return crypto::Digest();
  return crypto::Digest::from_hex(hex);
}

Result<Entry> read_body(const json::Value& value) {
  json::Reader in(value, "body");
  Entry entry;
  entry.event = read_event_fields(in);
  SG_TRY(entry.previous_hash, read_digest(in, "previous_hash"));
  entry.seq = LogSeq(in.integer("seq", 1, json::kMaxInteger));
  const auto source = source_from_name(in.text("source"));
  if (!source) in.refuse("source", Code::kMalformed, "not a source");
  entry.source = source.value_or(Source::kWriter);
  entry.source_seq = SourceSeq(in.integer("source_seq", 1, json::kMaxInteger));
  SG_TRY(entry.tenant_previous_hash, read_digest(in, "tenant_previous_hash"));
  entry.tenant_seq = TenantSeq(in.integer("tenant_seq", 1, json::kMaxInteger));
  const std::string time = in.text("ts");
  if (in.integer("v", 1, 1) != 1) in.refuse("v", Code::kUnsupportedVersion, "not 1");
  SG_TRY(in.finish());
  SG_TRY(entry.time, base::parse_rfc3339(time));
  SG_TRY(check_event(entry.event));
  return entry;
}

// `tail` is what follows the hash's closing quote in a checkpoint line.
Result<LineSignature> read_signature(std::string_view tail) {
  std::string text = "{" + std::string(tail.empty() ? tail : tail.substr(1));
  SG_TRY(const json::Value value, json::parse(text, kParse));
  json::Reader in(value, "signature");
  LineSignature signature;
  SG_TRY(const crypto::Digest key_id, read_digest(in, "key_id"));
  signature.key_id = base::KeyId(key_id.hex());
  const std::string algorithm = in.text("alg");
  const std::string base64 = in.text("signature", 1, 1024);
  SG_TRY(in.finish());
  SG_TRY(signature.algorithm, crypto::algorithm_from_name(algorithm));
  SG_TRY(signature.signature, base::from_base64(base64));
  if (signature_members(signature) != tail) return fail(Code::kMalformed, "signature: not in canonical form");
  return signature;
}

struct Parts {
  std::string_view body;     // without "}"
  std::string_view hash;     // 96 digits
  std::string_view tail;     // after the hash's closing quote: "}" or the signature
  std::string_view covered;  // what a checkpoint's signature covers
};

Result<Parts> split(std::string_view line) {
  const std::size_t at = line.rfind(kHashMember);
  if (at == std::string_view::npos) return std::unexpected(malformed("no entry_hash"));
  const std::size_t hash = at + kHashMember.size();
  if (line.size() < hash + kHexBytes + 2 || line[hash + kHexBytes] != '"') {
    return std::unexpected(malformed("entry_hash is not 96 digits"));
  }
  const std::size_t end = hash + kHexBytes + 1;
  return Parts{line.substr(0, at), line.substr(hash, kHexBytes), line.substr(end), line.substr(0, end)};
}

Result<Entry> decode_parts(const Parts& parts) {
  std::string body(parts.body);
  body += '}';
  SG_TRY(const json::Value value, json::parse(body, kParse));
  SG_TRY(Entry entry, read_body(value));
  if (encode_body(encode_head_fields(entry.event), entry) != parts.body)
    return fail(Code::kMalformed, "not in canonical form");
  SG_TRY(entry.entry_hash, crypto::Digest::from_hex(parts.hash));
  if (entry.event.name == EventName::kAuditCheckpoint) {
    SG_TRY(entry.signature, read_signature(parts.tail));
  } else if (parts.tail != "}") {
    return fail(Code::kMalformed, "bytes after entry_hash");
  }
  return entry;
}

}  // namespace

Result<std::string> encode_entry(Entry& entry) {
  SG_TRY(check_event(entry.event));
  return encode_entry_after(encode_head_fields(entry.event), entry);
}

Result<std::string> encode_entry_after(std::string head, Entry& entry) {
  std::string line = encode_body(std::move(head), entry);
  entry.entry_hash = crypto::domain_digest(kEntryDomain, line);
  line += kHashMember;
  line += entry.entry_hash.hex();
  line += '"';
  if (entry.event.name != EventName::kAuditCheckpoint) line += '}';
  if (line.size() > kMaxLineBytes - 1) return fail(Code::kTooLarge, "audit: line: longer than 64 KiB");
  return line;
}

Result<> sign_line(std::string& line, Entry& entry, const crypto::PrivateKey& key) {
  SG_TRY(entry.signature, append_signature(line, kCheckpointDomain, key));
  if (line.size() > kMaxLineBytes - 1) return fail(Code::kTooLarge, "audit: line: longer than 64 KiB");
  return {};
}

Result<Entry> decode_entry(std::string_view line) {
  if (line.size() > kMaxLineBytes - 1) return std::unexpected(malformed("longer than 64 KiB"));
  SG_TRY(const Parts parts, split(line));
  Result<Entry> entry = decode_parts(parts);
  if (!entry) return std::unexpected(malformed(std::string(entry.error().name())));
  if (crypto::domain_digest(kEntryDomain, parts.body) != entry->entry_hash) {
    return fail(Code::kAuditHashMismatch, "audit: line: entry_hash is not the digest of the line");
  }
  return entry;
}

Result<> verify_line_signature(std::string_view line, const Entry& entry, const crypto::PublicKey& key) {
  if (!entry.signature) return fail(Code::kAuditBadSignature, "audit: line: not signed");
  if (entry.signature->key_id != key.key_id()) {
    return fail(Code::kAuditUnknownKey, "audit: checkpoint: signed by another key");
  }
  SG_TRY(const Parts parts, split(line));
  if (!key.verify(entry.signature->algorithm, kCheckpointDomain, base::as_bytes(parts.covered),
                  entry.signature->signature)) {
    return fail(Code::kAuditBadSignature, "audit: checkpoint: signature does not verify");
  }
  return {};
}

crypto::Digest genesis_hash(std::string_view install_id, const base::KeyId& key_id) {
  const json::Object parts{{"install_id", install_id}, {"key_id", key_id.str()}};
  return crypto::domain_digest(kGenesisDomain, json::canonical(parts));
}

crypto::Digest tenant_genesis_hash(const crypto::Digest& genesis, const base::TenantId& tenant) {
  const json::Object parts{{"genesis", genesis.hex()}, {"tenant", tenant.str()}};
  return crypto::domain_digest(kTenantGenesisDomain, json::canonical(parts));
}

}  // namespace stargraph::audit
