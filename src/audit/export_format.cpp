// The lines of an export: encode and decode of its header and of an entry's path.
#include "audit/digests.hpp"
#include "stargraph/audit/export.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kFormat = "stargraph.audit.export.v1";
constexpr json::ParseLimits kParse{.max_bytes = kMaxLineBytes, .max_depth = 4};

json::Object encode_end(const ExportHeader& header) {
  json::Object proof;
  if (header.head) {
    proof.set("count", static_cast<std::int64_t>(header.head->count));
    proof.set("index", static_cast<std::int64_t>(header.head->index));
    proof.set("kind", "head");
    proof.set("path", hex_of(header.head->path));
  } else {
    proof.set("kind", "inclusion");
    proof.set("path", hex_of(header.path));
  }
  return proof;
}

Result<> read_end(const json::Value& value, ExportHeader& header) {
  json::Reader in(value, "audit: export");
  const std::string kind = in.text("kind");
  SG_TRY(const std::vector<crypto::Digest> path, digests_from_hex(in.texts("path", kMaxPath)));
  if (kind == "head") {
    TenantProof head;
    head.count = static_cast<std::uint64_t>(in.integer("count", 1, json::kMaxInteger));
    head.index = static_cast<std::uint64_t>(in.integer("index", 0, json::kMaxInteger));
    head.path = path;
    header.head = std::move(head);
  } else if (kind == "inclusion") {
    header.path = path;
  } else {
    in.refuse("kind", Code::kMalformed, "neither head nor inclusion");
  }
  return in.finish();
}

Result<> read_chain(json::Reader& in, ExportHeader& header) {
  header.first = TenantSeq(in.integer("first", 1, json::kMaxInteger));
  header.last = TenantSeq(in.integer("last", header.first.value(), json::kMaxInteger));
  const json::Value& end = in.value("proof");
  if (in.failed()) return {};
  SG_TRY(read_end(end, header));
  const auto span = static_cast<std::uint64_t>(header.last.value() - header.first.value()) + 1;
  if (header.entries != span) in.refuse("entries", Code::kMalformed, "not what stands between first and last");
  return {};
}

Result<ExportHeader> read(std::string_view line) {
  SG_TRY(const json::Value value, json::parse(line, kParse));
  json::Reader in(value, "audit: export");
  ExportHeader header;
  header.checkpoint = in.text("checkpoint", 1, kMaxLineBytes - 1);
  header.entries = static_cast<std::uint64_t>(in.integer("entries", 1, json::kMaxInteger));
  if (in.text("format") != kFormat) in.refuse("format", Code::kUnsupportedVersion, "not an export this program knows");
  header.install_id = in.text("install_id", 1, 128);
  header.key_id = base::KeyId(in.text("key_id", 96, 96));
  const std::string kind = in.text("kind");
  const json::Value& run = in.value("run_id");
  if (run.string() != nullptr) {
    header.run = base::RunId(*run.string());
  } else if (!run.is_null()) {
    in.refuse("run_id", Code::kMalformed, "expected text or null");
  }
  header.tenant = base::TenantId(in.text("tenant", 1, 64));
  if (kind == "chain") {
    SG_TRY(read_chain(in, header));
  } else if (kind == "entries" && header.run) {
    header.kind = ExportKind::kEntries;
  } else {
    in.refuse("kind", Code::kMalformed, "neither a chain nor the entries of a run");
  }
  SG_TRY(in.finish());
  return header;
}

}  // namespace

std::string encode_export_header(const ExportHeader& header) {
  json::Object out;
  out.set("checkpoint", header.checkpoint);
  out.set("entries", static_cast<std::int64_t>(header.entries));
  out.set("format", kFormat);
  out.set("install_id", header.install_id);
  out.set("key_id", header.key_id.str());
  out.set("kind", header.kind == ExportKind::kChain ? "chain" : "entries");
  out.set("run_id", header.run ? json::Value(header.run->str()) : json::Value(nullptr));
  out.set("tenant", header.tenant.str());
  if (header.kind == ExportKind::kChain) {
    out.set("first", header.first.value());
    out.set("last", header.last.value());
    out.set("proof", encode_end(header));
  }
  return json::canonical(std::move(out));
}

Result<ExportHeader> decode_export_header(std::string_view line) {
  Result<ExportHeader> header = read(line);
  if (!header) return fail(Code::kAuditMalformed, "audit: export: " + std::string(header.error().name()));
  if (encode_export_header(*header) != line) {
    return fail(Code::kAuditMalformed, "audit: export: its first line is not in canonical form");
  }
  return header;
}

std::string encode_entry_path(LogSeq seq, const std::vector<crypto::Digest>& path) {
  json::Object out;
  out.set("path", hex_of(path));
  out.set("seq", seq.value());
  return json::canonical(std::move(out));
}

}  // namespace stargraph::audit
