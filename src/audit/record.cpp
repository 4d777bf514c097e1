#include "stargraph/audit/record.hpp"

#include "audit/event_fields.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kIdentityDomain = "stargraph.audit.identity.v1";
constexpr json::ParseLimits kParse{.max_bytes = kMaxRecordBytes, .max_depth = 24};

}  // namespace

Result<std::string> encode_record(const Record& record) {
  SG_TRY(check_event(record.event));
  std::string text = encode_head_fields(record.event);
  text += ",\"run_id\":" + encode_run(record.event);
  text += ",\"source_seq\":" + std::to_string(record.source_seq.value());
  text += ",\"tenant\":" + json::quoted(record.event.tenant.str());
  text += ",\"ts\":\"" + base::format_rfc3339(record.time) + "\",\"v\":1}";
  if (text.size() > kMaxRecordBytes) return fail(Code::kTooLarge, "audit: record: longer than a log line holds");
  return text;
}

Result<Record> decode_record(std::string_view text) {
  SG_TRY(const json::Value value, json::parse(text, kParse));
  json::Reader in(value, "audit: record");
  Record record;
  record.event = read_event_fields(in);
  record.source_seq = SourceSeq(in.integer("source_seq", 1, json::kMaxInteger));
  const std::string time = in.text("ts");
  if (in.integer("v", 1, 1) != 1) return fail(Code::kUnsupportedVersion, "audit: record: v: not 1");
  SG_TRY(in.finish());
  SG_TRY(record.time, base::parse_rfc3339(time));
  SG_TRY(const std::string again, encode_record(record));
  if (again != text) return fail(Code::kMalformed, "audit: record: not in canonical form");
  return record;
}

crypto::Digest record_identity(const Event& event) { return record_identity_after(encode_head_fields(event), event); }

crypto::Digest record_identity_after(std::string text, const Event& event) {
  text += ",\"run_id\":" + encode_run(event) + ",\"tenant\":" + json::quoted(event.tenant.str()) + "}";
  return crypto::domain_digest(kIdentityDomain, text);
}

}  // namespace stargraph::audit
