#include "audit/line_scan.hpp"

#include <algorithm>
#include <array>

#include "stargraph/base/bytes.hpp"

namespace stargraph::audit {
namespace {

constexpr std::size_t kHexBytes = 2 * crypto::Digest::kSize;
constexpr std::size_t kMaxDigits = 15;  // fewer than 2^53-1 has, so no range needs to be looked at
constexpr int kMaxDepth = 15;           // of what `data` holds; below what check_event allows
constexpr std::size_t kMaxNameBytes = 128;
constexpr std::size_t kMaxActorBytes = 256;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Walks over a canonical text; every function gives false, or nothing, at the first byte that is not plain.
class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] std::size_t at() const { return at_; }

  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  // A text without escapes, after its opening quote; the closing one is taken too.
  std::optional<std::string_view> plain_text(std::size_t most) {
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' && !is_control(text_[at_])) ++at_;
    if (at_ == start || at_ - start > most || !take("\"")) return std::nullopt;
    return text_.substr(start, at_ - start - 1);
  }

  std::optional<crypto::Digest> digest() {
    if (text_.size() - at_ < kHexBytes) return std::nullopt;
    std::array<std::byte, crypto::Digest::kSize> bytes{};
    for (std::byte& byte : bytes) {
      const int high = hex_value(text_[at_++]);
      const int low = hex_value(text_[at_++]);
      if (high < 0 || low < 0) return std::nullopt;
      byte = static_cast<std::byte>(high * 16 + low);
    }
    return crypto::Digest(bytes);
  }

  // From 1.
  std::optional<std::int64_t> count() {
    const std::size_t start = at_;
    std::int64_t value = 0;
    while (at_ < text_.size() && is_digit(text_[at_]) && at_ - start < kMaxDigits)
      value = value * 10 + (text_[at_++] - '0');
    if (at_ == start || text_[start] == '0') return std::nullopt;
    return value;
  }

  // An object, before its "{".
  bool object(int depth) {
    if (depth > kMaxDepth || !take("{")) return false;
    if (take("}")) return true;
    for (std::string_view before;;) {
      if (!take("\"")) return false;
      const auto name = plain_text(kMaxNameBytes);
      // ASCII names: their bytes are in the order of RFC 8785, and none stands twice.
      if (!name || *name <= before || *name == "entry_hash" || !std::ranges::all_of(*name, is_ascii)) return false;
      before = *name;
      if (!take(":") || !value(depth)) return false;
      if (take("}")) return true;
      if (!take(",")) return false;
    }
  }

 private:
  static bool is_ascii(char c) { return c >= 0x20 && c <= 0x7e; }

  bool value(int depth) {
    if (at_end()) return false;
    switch (text_[at_]) {
      case '"': ++at_; return text();
      case '{': return object(depth + 1);
      case '[': return array(depth + 1);
      case 't': return take("true");
      case 'f': return take("false");
      case 'n': return take("null");
      default: return integer();
    }
  }

  bool array(int depth) {
    if (depth > kMaxDepth || !take("[")) return false;
    if (take("]")) return true;
    for (;;) {
      if (!value(depth)) return false;
      if (take("]")) return true;
      if (!take(",")) return false;
    }
  }

  // After its opening quote. Of the escapes only those that RFC 8785 writes with one letter.
  bool text() {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (is_control(c)) return false;
      if (c != '\\') continue;
      if (at_end() || !std::string_view("\"\\bfnrt").contains(text_[at_])) return false;
      ++at_;
    }
    return false;
  }

  bool integer() {
    static_cast<void>(take("-"));
    const std::size_t start = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    const std::size_t digits = at_ - start;
    if (digits == 0 || digits > kMaxDigits) return false;
    if (text_[start] != '0') return true;
    return digits == 1 && (start == 0 || text_[start - 1] != '-');
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// "2026-11-21T19:58:37.227167Z": what format_rfc3339 writes, of a year from 1000 on.
std::optional<base::Timestamp> read_time(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd.ddddddZ";
  const auto fits = [](char c, char form) { return form == 'd' ? is_digit(c) : c == form; };
  if (!std::ranges::equal(text, kForm, fits) || text.front() == '0') return std::nullopt;
  const auto time = base::parse_rfc3339(text);
  return time ? std::optional(*time) : std::nullopt;
}

bool read_run(Scan& in, Event& event) {
  if (in.take("null")) return true;
  if (!in.take("\"")) return false;
  const auto run = in.plain_text(36);
  if (!run) return false;
  event.run = base::RunId(std::string(*run));
  return true;
}

bool read_event(Scan& in, Event& event) {
  if (!in.take("{\"actor\":\"")) return false;
  const auto actor = in.plain_text(kMaxActorBytes);
  if (!actor || !in.take(",\"data\":") || !in.object(0) || !in.take(",\"event\":\"")) return false;
  const auto name = in.plain_text(64);
  if (!name || !in.take(",\"outcome\":\"")) return false;
  const auto outcome = in.plain_text(16);
  const auto known = event_from_text(*name);
  const auto meant = outcome ? outcome_from_name(*outcome) : std::nullopt;
  if (!known || !meant) return false;
  event.name = *known;
  event.outcome = *meant;
  event.actor = base::ActorName(std::string(*actor));
  return true;
}

bool read_numbers(Scan& in, Entry& entry) {
  if (!in.take(",\"seq\":")) return false;
  const auto seq = in.count();
  if (!seq || !in.take(",\"source\":\"stargraphd\",\"source_seq\":")) return false;
  const auto source_seq = in.count();
  if (!source_seq || !in.take(",\"tenant\":\"")) return false;
  const auto tenant = in.plain_text(64);
  if (!tenant || !in.take(",\"tenant_previous_hash\":\"")) return false;
  const auto previous = in.digest();
  if (!previous || !in.take("\",\"tenant_seq\":")) return false;
  const auto tenant_seq = in.count();
  if (!tenant_seq) return false;
  entry.source = Source::kDaemon;
  entry.seq = LogSeq(*seq);
  entry.source_seq = SourceSeq(*source_seq);
  entry.event.tenant = base::TenantId(std::string(*tenant));
  entry.tenant_previous_hash = *previous;
  entry.tenant_seq = TenantSeq(*tenant_seq);
  return true;
}

bool read_record_numbers(Scan& in, Record& record) {
  if (!in.take(",\"source_seq\":")) return false;
  const auto source_seq = in.count();
  if (!source_seq || !in.take(",\"tenant\":\"")) return false;
  const auto tenant = in.plain_text(64);
  if (!tenant || !in.take(",\"ts\":\"")) return false;
  const auto text = in.plain_text(27);
  const auto time = text ? read_time(*text) : std::nullopt;
  if (!time || !in.take(",\"v\":1}") || !in.at_end()) return false;
  record.source_seq = SourceSeq(*source_seq);
  record.event.tenant = base::TenantId(std::string(*tenant));
  record.time = *time;
  return true;
}

}  // namespace

std::optional<ScannedRecord> scan_record(std::string_view text) {
  if (text.size() > kMaxRecordBytes || !base::is_utf8(text)) return std::nullopt;
  Scan in(text);
  ScannedRecord scanned;
  if (!read_event(in, scanned.record.event)) return std::nullopt;
  scanned.head = text.substr(0, in.at());
  if (!in.take(",\"run_id\":") || !read_run(in, scanned.record.event)) return std::nullopt;
  if (!read_record_numbers(in, scanned.record) || !check_event(scanned.record.event)) return std::nullopt;
  return scanned;
}

std::optional<Entry> scan_line(std::string_view line) {
  if (line.size() > kMaxLineBytes - 1 || !base::is_utf8(line)) return std::nullopt;
  Scan in(line);
  Entry entry;
  if (!read_event(in, entry.event) || !in.take(",\"previous_hash\":\"")) return std::nullopt;
  const auto previous = in.digest();
  if (!previous || !in.take("\",\"run_id\":") || !read_run(in, entry.event)) return std::nullopt;
  entry.previous_hash = *previous;
  if (!read_numbers(in, entry) || !in.take(",\"ts\":\"")) return std::nullopt;
  const auto text = in.plain_text(27);
  const auto time = text ? read_time(*text) : std::nullopt;
  if (!time || !in.take(",\"v\":1")) return std::nullopt;
  entry.time = *time;
  const std::string_view body = line.substr(0, in.at());
  if (!in.take(",\"entry_hash\":\"")) return std::nullopt;
  const auto hash = in.digest();
  if (!hash || !in.take("\"}") || !in.at_end()) return std::nullopt;
  entry.entry_hash = *hash;
  // Tenant and run as check_event has them; a checkpoint is never the daemon's.
  if (entry.event.name == EventName::kAuditCheckpoint || entry.event.name == EventName::kAuditStarted ||
      !check_event(entry.event)) {
    return std::nullopt;
  }
  if (crypto::domain_digest(kEntryDomain, body) != entry.entry_hash) return std::nullopt;
  return entry;
}

}  // namespace stargraph::audit
