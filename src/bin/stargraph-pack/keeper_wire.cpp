#include "keeper_wire.hpp"

#include <array>

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxReceiptText = std::size_t{4} << 20;
constexpr std::size_t kMaxName = 1024;
constexpr std::size_t kMaxMessage = 65'536;
constexpr std::size_t kMaxSignature = 1024;

}  // namespace

Encoder& Encoder::u32(std::uint32_t value) {
  base::append_u32_be(out_, value);
  return *this;
}
Encoder& Encoder::u64(std::uint64_t value) {
  base::append_u64_be(out_, value);
  return *this;
}
Encoder& Encoder::text(std::string_view value) {
  u32(static_cast<std::uint32_t>(value.size()));
  const base::BytesView bytes = base::as_bytes(value);
  out_.insert(out_.end(), bytes.begin(), bytes.end());
  return *this;
}
Encoder& Encoder::digest(const crypto::Digest& value) {
  out_.insert(out_.end(), value.bytes().begin(), value.bytes().end());
  return *this;
}

base::BytesView Decoder::take(std::size_t size) {
  good_ = good_ && size <= rest_.size();
  if (!good_) return {};
  const base::BytesView taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}
std::uint8_t Decoder::u8() {
  const base::BytesView taken = take(1);
  return taken.empty() ? 0 : static_cast<std::uint8_t>(taken.front());
}
std::uint32_t Decoder::u32() {
  const base::BytesView taken = take(4);
  return taken.empty() ? 0 : base::read_u32_be(taken);
}
std::uint64_t Decoder::u64() {
  const base::BytesView taken = take(8);
  return taken.empty() ? 0 : base::read_u64_be(taken);
}
std::string Decoder::text(std::size_t most) {
  const std::size_t size = u32();
  good_ = good_ && size <= most;
  return base::to_text(take(size));
}
crypto::Digest Decoder::digest() {
  const auto read = crypto::Digest::from_bytes(take(crypto::Digest::kSize));
  good_ = good_ && read.has_value();
  return good_ ? *read : crypto::Digest();
}
base::BytesView Decoder::rest() { return take(rest_.size()); }
Result<> Decoder::finish() const {
  if (good_ && rest_.empty()) return {};
  return fail(Code::kMalformed, "trust store: a message that is none");
}

void encode(Encoder& out, const audit::Receipt& receipt) {
  out.text(crypto::algorithm_name(receipt.signature.algorithm))
      .text(receipt.signature.key_id.str())
      .text(base::as_text(receipt.signature.signature))
      .text(receipt.line);
}

audit::Receipt decode_receipt(Decoder& in) {
  audit::Receipt receipt;
  // An algorithm that is none becomes one under which nothing verifies: the signature says the rest.
  receipt.signature.algorithm = crypto::algorithm_from_name(in.text(kMaxName)).value_or(crypto::Algorithm::kEd25519);
  receipt.signature.key_id = base::KeyId(in.text(kMaxName));
  receipt.signature.signature = base::to_bytes(in.text(kMaxSignature));
  receipt.line = in.text(audit::kMaxLineBytes);
  return receipt;
}

base::Bytes encode_rows(const std::vector<trust::ActRow>& rows) {
  Encoder out;
  out.u32(static_cast<std::uint32_t>(rows.size()));
  for (const trust::ActRow& row : rows) out.u64(static_cast<std::uint64_t>(row.number)).text(row.receipt);
  return out.bytes();
}

Result<std::vector<trust::ActRow>> decode_rows(base::BytesView bytes) {
  Decoder in(bytes);
  std::vector<trust::ActRow> rows;
  for (std::uint32_t left = in.u32(); left > 0; --left) {
    trust::ActRow row;
    row.number = static_cast<std::int64_t>(in.u64());
    row.receipt = in.text(kMaxReceiptText);
    rows.push_back(std::move(row));
    if (rows.size() > bytes.size()) break;  // more than there can be: finish() says so
  }
  SG_TRY(in.finish());
  return rows;
}

base::Bytes encode_runs(const Runs& runs) {
  Encoder out;
  out.u32(static_cast<std::uint32_t>(runs.size()));
  for (const auto& [graph, count] : runs) out.text(graph.str()).u64(static_cast<std::uint64_t>(count));
  return out.bytes();
}

Result<Runs> decode_runs(base::BytesView bytes) {
  Decoder in(bytes);
  Runs runs;
  std::size_t left = in.u32();
  for (; left > 0 && runs.size() < bytes.size(); --left) {
    base::GraphId graph(in.text(kMaxName));
    const auto count = static_cast<std::int64_t>(in.u64());
    if (!runs.emplace(std::move(graph), count).second) break;
  }
  SG_TRY(in.finish());
  if (left > 0) return fail(Code::kMalformed, "trust store: a message that is none");
  return runs;
}

base::Bytes encode_verdict(const std::optional<trust::ReloadVerdict>& verdict) {
  Encoder out;
  if (!verdict) return out.bytes();
  out.u64(static_cast<std::uint64_t>(verdict->acts))
      .u64(static_cast<std::uint64_t>(verdict->serial))
      .text(verdict->reason ? base::reason(*verdict->reason).name : std::string_view())
      .text(verdict->message);
  return out.bytes();
}

Result<std::optional<trust::ReloadVerdict>> decode_reload_verdict(base::BytesView bytes) {
  if (bytes.empty()) return std::optional<trust::ReloadVerdict>();
  Decoder in(bytes);
  trust::ReloadVerdict verdict;
  verdict.acts = static_cast<std::int64_t>(in.u64());
  verdict.serial = static_cast<std::int64_t>(in.u64());
  const std::string reason = in.text(kMaxName);
  verdict.message = in.text(kMaxMessage);
  SG_TRY(in.finish());
  if (!reason.empty()) verdict.reason = base::code_from_name(reason).value_or(Code::kInternal);
  return std::optional(std::move(verdict));
}

base::Bytes encode_answer(const Result<base::Bytes>& answer) {
  base::Bytes out;
  out.push_back(static_cast<std::byte>(answer ? 0 : 1));
  if (answer) {
    out.insert(out.end(), answer->begin(), answer->end());
    return out;
  }
  Encoder refused;
  refused.text(answer.error().name()).text(answer.error().message.substr(0, kMaxMessage));
  out.insert(out.end(), refused.bytes().begin(), refused.bytes().end());
  return out;
}

Result<base::Bytes> decode_answer(base::BytesView bytes) {
  Decoder in(bytes);
  const std::uint8_t kind = in.u8();
  if (kind == 0 && !bytes.empty()) {
    const base::BytesView value = in.rest();
    return base::Bytes(value.begin(), value.end());
  }
  const auto code = base::code_from_name(in.text(kMaxName));
  const std::string message = in.text(kMaxMessage);
  SG_TRY(in.finish());
  if (kind != 1 || !code) return fail(Code::kMalformed, "trust store: a message that is none");
  return fail(*code, message);
}

}  // namespace stargraph::packcli
