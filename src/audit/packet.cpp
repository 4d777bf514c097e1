#include "stargraph/audit/packet.hpp"

#include <algorithm>
#include <limits>

#include "audit/signed_text.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr json::ParseLimits kParse{.max_bytes = kMaxReplyBytes, .max_depth = 8};
constexpr std::int64_t kMaxSegment = std::numeric_limits<std::int32_t>::max();
constexpr std::string_view kSubmissionEnd = ",\"type\":\"record\",\"v\":1}";

std::string_view submission_begin(bool want_receipt) {
  return want_receipt ? "{\"receipt\":true,\"record\":" : "{\"receipt\":false,\"record\":";
}

bool is_nonce(std::string_view text) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == 2 * kNonceBytes && std::ranges::all_of(text, hex);
}

// Reads "type" and "v", which every packet has.
void read_kind(json::Reader& in, std::string_view type) {
  if (in.text("type") != type) in.refuse("type", Code::kMalformed, "not the packet expected here");
  if (in.integer("v", 1, 1) != 1) in.refuse("v", Code::kUnsupportedVersion, "not 1");
}

Result<crypto::Digest> read_digest(json::Reader& in, std::string_view name) {
  const std::string hex = in.text(name);
  if (in.failed()) return crypto::Digest();
  return crypto::Digest::from_hex(hex);
}

std::string head_body(const Head& head, Source source, std::string_view nonce) {
  json::Object body;
  body.set("daemon_seq", head.daemon_seq.value());
  body.set("entry_hash", head.entry_hash.hex());
  body.set("first_segment", std::int64_t{head.first_segment});
  body.set("floors", head.floors.hex());
  body.set("install_id", head.install_id);
  body.set("last_segment", std::int64_t{head.last_segment});
  body.set("nonce", nonce);
  body.set("revocation_number", head.revocation_number);
  body.set("seq", head.seq.value());
  body.set("source", source_name(source));
  body.set("source_seq", head.source_seq.value());
  body.set("trust_act", head.trust_act.value());
  body.set("trust_acts", head.trust_acts);
  body.set("type", "head");
  body.set("v", 1);
  std::string text = json::canonical(std::move(body));
  text.pop_back();  // "}"
  return text;
}

Result<Head> read_head(json::Reader& in, Source source, std::string_view nonce) {
  read_kind(in, "head");
  Head head;
  head.daemon_seq = SourceSeq(in.integer("daemon_seq", 0, json::kMaxInteger));
  SG_TRY(head.entry_hash, read_digest(in, "entry_hash"));
  head.first_segment = static_cast<std::uint32_t>(in.integer("first_segment", 1, kMaxSegment));
  SG_TRY(head.floors, read_digest(in, "floors"));
  head.install_id = in.text("install_id", 1, 64);
  head.last_segment = static_cast<std::uint32_t>(in.integer("last_segment", head.first_segment, kMaxSegment));
  if (in.text("nonce") != nonce) in.refuse("nonce", Code::kAuditBadSignature, "not of this connection");
  head.revocation_number = in.integer("revocation_number", 0, json::kMaxInteger);
  head.seq = LogSeq(in.integer("seq", 0, json::kMaxInteger));
  if (in.text("source") != source_name(source)) in.refuse("source", Code::kAuditBadSignature, "not of this connection");
  head.source_seq = SourceSeq(in.integer("source_seq", 0, json::kMaxInteger));
  head.trust_act = SourceSeq(in.integer("trust_act", 0, json::kMaxInteger));
  head.trust_acts = in.integer("trust_acts", 0, json::kMaxInteger);
  return head;
}

// `packet` is the head's text, `value` the same parsed.
Result<Head> decode_head(std::string_view packet, const json::Value& value, Source source, std::string_view nonce,
                         const crypto::PublicKey& key) {
  json::Reader in(value, "audit: head");
  SG_TRY(Head head, read_head(in, source, nonce));
  SG_TRY(covered_text(in, packet, kHeadDomain, key, "audit: head"));
  SG_TRY(in.finish());
  return head;
}

Result<Receipt> decode_receipt_packet(const json::Value& value) {
  json::Reader in(value, "audit: receipt packet");
  read_kind(in, "receipt");
  const json::Value& receipt = in.value("receipt");
  SG_TRY(in.finish());
  return decode_receipt(json::canonical(receipt));
}

Result<Reply> decode_refusal(const json::Value& value) {
  json::Reader in(value, "audit: refusal");
  read_kind(in, "refused");
  const std::string name = in.text("code");
  SG_TRY(in.finish());
  return fail(base::code_from_name(name).value_or(Code::kAuditUnavailable), "audit: the audit writer refused: " + name);
}

}  // namespace

std::string encode_hello(const Hello& hello) {
  json::Object body;
  body.set("nonce", hello.nonce);
  body.set("source", source_name(hello.source));
  body.set("type", "hello");
  body.set("v", 1);
  return json::canonical(std::move(body));
}

Result<Hello> decode_hello(std::string_view packet) {
  SG_TRY(const json::Value value, json::parse(packet, kParse));
  json::Reader in(value, "audit: hello");
  read_kind(in, "hello");
  Hello hello;
  hello.nonce = in.text("nonce");
  const auto source = source_from_name(in.text("source"));
  SG_TRY(in.finish());
  if (!is_nonce(hello.nonce)) return fail(Code::kMalformed, "audit: hello: nonce: not 64 hex digits");
  if (!source) return fail(Code::kMalformed, "audit: hello: source: not a source");
  hello.source = *source;
  return hello;
}

std::string encode_submission(std::string_view record, bool want_receipt) {
  std::string packet(submission_begin(want_receipt));
  packet += record;
  packet += kSubmissionEnd;
  return packet;
}

Result<SubmittedText> split_submission(std::string_view packet) {
  const bool want_receipt = packet.starts_with(submission_begin(true));
  const std::string_view begin = submission_begin(want_receipt);
  if (!packet.starts_with(begin) || packet.size() < begin.size() + kSubmissionEnd.size() ||
      !packet.ends_with(kSubmissionEnd)) {
    return fail(Code::kMalformed, "audit: packet: not a record");
  }
  packet.remove_prefix(begin.size());
  packet.remove_suffix(kSubmissionEnd.size());
  return SubmittedText{packet, want_receipt};
}

Result<Submission> decode_submission(std::string_view packet) {
  SG_TRY(const SubmittedText text, split_submission(packet));
  Submission submission;
  submission.want_receipt = text.want_receipt;
  SG_TRY(submission.record, decode_record(text.record));
  return submission;
}

std::string encode_open(const OpenRequest& request) {
  json::Object body;
  body.set("part", part_name(request.part));
  body.set("segment", std::int64_t{request.segment});
  body.set("type", "open");
  body.set("v", 1);
  return json::canonical(std::move(body));
}

Result<OpenRequest> decode_open(std::string_view packet) {
  SG_TRY(const json::Value value, json::parse(packet, kParse));
  json::Reader in(value, "audit: open");
  read_kind(in, "open");
  const auto part = part_from_name(in.text("part"));
  const std::int64_t segment = in.integer("segment", 0, kMaxSegment);
  SG_TRY(in.finish());
  if (!part) return fail(Code::kMalformed, "audit: open: part: none");
  return OpenRequest{*part, static_cast<std::uint32_t>(segment)};
}

std::string encode_prune(const Prune& prune) {
  json::Array digests;
  for (const crypto::Digest& digest : prune.digests) digests.emplace_back(digest.hex());
  json::Object body;
  body.set("digests", std::move(digests));
  body.set("first_segment", std::int64_t{prune.first_segment});
  body.set("type", "prune");
  body.set("v", 1);
  return json::canonical(std::move(body));
}

Result<Prune> decode_prune(std::string_view packet) {
  SG_TRY(const json::Value value, json::parse(packet, kParse));
  json::Reader in(value, "audit: prune");
  read_kind(in, "prune");
  Prune prune;
  const std::vector<std::string> digests = in.texts("digests", kMaxPruned);
  prune.first_segment = static_cast<std::uint32_t>(in.integer("first_segment", 1, kMaxSegment));
  SG_TRY(in.finish());
  for (const std::string& text : digests) {
    SG_TRY(const crypto::Digest digest, crypto::Digest::from_hex(text));
    prune.digests.push_back(digest);
  }
  if (digests.empty()) return fail(Code::kMalformed, "audit: prune: no segment");
  return prune;
}

RequestKind request_kind(std::string_view packet) {
  if (packet.starts_with("{\"receipt\":")) return RequestKind::kRecord;
  if (packet.starts_with("{\"part\":")) return RequestKind::kOpen;
  if (packet.starts_with("{\"digests\":")) return RequestKind::kPrune;
  return RequestKind::kUnknown;
}

std::string encode_part(const OpenedPart& part) {
  json::Object body;
  body.set("first_seq", part.first_seq.value());
  body.set("part", part_name(part.part));
  body.set("segment", std::int64_t{part.segment});
  body.set("size", static_cast<std::int64_t>(part.size));
  body.set("type", "part");
  body.set("v", 1);
  return json::canonical(std::move(body));
}

std::string encode_unopened(const OpenRequest& request, Code code) {
  json::Object body;
  body.set("code", base::reason(code).name);
  body.set("part", part_name(request.part));
  body.set("segment", std::int64_t{request.segment});
  body.set("type", "unopened");
  body.set("v", 1);
  return json::canonical(std::move(body));
}

Result<OpenedPart> decode_part(std::string_view packet, const OpenRequest& request) {
  SG_TRY(const json::Value value, json::parse(packet, kParse));
  const json::Object* object = value.object();
  const json::Value* type = object == nullptr ? nullptr : object->find("type");
  if (type != nullptr && type->string() != nullptr && *type->string() == "refused") {
    SG_TRY(const Reply refused, decode_refusal(value));
    return fail(Code::kMalformed, "audit: part: not an answer");
  }
  const bool opened = type != nullptr && type->string() != nullptr && *type->string() == "part";
  json::Reader in(value, "audit: part");
  read_kind(in, opened ? "part" : "unopened");
  if (in.text("part") != part_name(request.part)) in.refuse("part", Code::kMalformed, "not the one asked for");
  if (in.integer("segment", 0, kMaxSegment) != std::int64_t{request.segment}) {
    in.refuse("segment", Code::kMalformed, "not the one asked for");
  }
  OpenedPart part;
  part.part = request.part;
  part.segment = request.segment;
  if (opened) {
    part.first_seq = LogSeq(in.integer("first_seq", 1, json::kMaxInteger));
    part.size = static_cast<std::uint64_t>(in.integer("size", 0, json::kMaxInteger));
    SG_TRY(in.finish());
    return part;
  }
  const std::string name = in.text("code");
  SG_TRY(in.finish());
  return fail(base::code_from_name(name).value_or(Code::kAuditUnavailable), "audit: the audit writer did not open it");
}

Result<std::string> encode_head(const Head& head, Source source, std::string_view nonce,
                                const crypto::PrivateKey& key) {
  std::string text = head_body(head, source, nonce);
  SG_TRY(append_signature(text, kHeadDomain, key));
  return text;
}

std::string encode_receipt_packet(const Receipt& receipt) {
  return "{\"receipt\":" + encode_receipt(receipt) + ",\"type\":\"receipt\",\"v\":1}";
}

std::string encode_refusal(base::Code code) {
  json::Object body;
  body.set("code", base::reason(code).name);
  body.set("type", "refused");
  body.set("v", 1);
  return json::canonical(std::move(body));
}

Result<Reply> decode_reply(std::string_view packet, Source source, std::string_view nonce,
                           const crypto::PublicKey& key) {
  SG_TRY(const json::Value value, json::parse(packet, kParse));
  const json::Object* object = value.object();
  const json::Value* type = object == nullptr ? nullptr : object->find("type");
  const std::string name = type == nullptr || type->string() == nullptr ? "" : *type->string();
  Reply reply;
  if (name == "head") {
    SG_TRY(reply.head, decode_head(packet, value, source, nonce, key));
    return reply;
  }
  if (name == "receipt") {
    SG_TRY(reply.receipt, decode_receipt_packet(value));
    return reply;
  }
  if (name == "refused") return decode_refusal(value);
  return fail(Code::kMalformed, "audit: reply: not a packet of the protocol");
}

}  // namespace stargraph::audit
