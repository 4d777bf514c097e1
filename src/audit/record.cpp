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
  json::Object body = event_fields(record.event);
  body.set("source_seq", record.source_seq.value());
  body.set("ts", base::format_rfc3339(record.time));
  body.set("v", 1);
  std::string text = json::canonical(std::move(body));
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

crypto::Digest record_identity(const Event& event) {
  return crypto::domain_digest(kIdentityDomain, json::canonical(event_fields(event)));
}

}  // namespace stargraph::audit
