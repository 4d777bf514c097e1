#include "doctor_log.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>

#include "process.hpp"
#include "stargraph/base/printable.hpp"
#include "stargraph/json/parse.hpp"

namespace stargraph::cli {
namespace {

using base::Path;

constexpr std::uint64_t kPiece = 4 << 20;        // what is read at a time
constexpr std::uint64_t kLogTail = kPiece;       // how far back a start of the daemon is looked for
constexpr std::uint64_t kLongestLine = 1 << 20;  // an entry is shorter
constexpr std::uint64_t kLookedThrough =
    1 << 30;  // of the log, for acts about keys; beyond, it is not said that none is due
constexpr std::string_view kStarted = "\"event\":\"daemon.started\"";
constexpr std::string_view kKeyAdded = "\"event\":\"trust.key_added\"";
constexpr std::string_view kRevoked = "\"event\":\"trust.revoked\"";
// Younger than this, to the second: as find -mtime -7 has it in packaging/programs/checkpoint.
constexpr auto kExportAge = std::chrono::days(7);
// The log goes on being written after `now` was taken; a look at a slow machine takes seconds.
constexpr auto kWhileLooking = std::chrono::minutes(1);

std::optional<base::Timestamp> modified(const Path& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return std::nullopt;
  return base::Timestamp(std::chrono::seconds(info.st_mtim.tv_sec));
}

// A member's text at the top or below `data`; "" when there is none.
std::string text_of(const json::Object& object, std::string_view name) {
  const json::Value* const value = object.find(name);
  return value != nullptr && value->string() != nullptr ? *value->string() : "";
}

// The `data` of an entry that is such an event; nothing for another one, whatever it quotes.
std::optional<json::Object> data_of(std::string_view line, std::string_view event) {
  const auto entry = json::parse(line);
  const json::Object* const object = entry ? entry->object() : nullptr;
  if (object == nullptr || text_of(*object, "event") != event) return std::nullopt;
  const json::Value* const data = object->find("data");
  if (data == nullptr || data->object() == nullptr) return std::nullopt;
  return *data->object();
}

// The newest start of the daemon in these lines.
std::optional<json::Object> last_start(std::string_view lines) {
  for (auto mark = lines.rfind(kStarted); mark != std::string_view::npos && mark > 0;
       mark = lines.rfind(kStarted, mark - 1)) {
    const auto before = lines.rfind('\n', mark);
    const auto begin = before == std::string_view::npos ? 0 : before + 1;
    if (auto data = data_of(lines.substr(begin, lines.find('\n', mark) - begin), "daemon.started")) return data;
  }
  return std::nullopt;
}

// The last line that is whole: one that is being written has no end yet.
std::string last_line(const std::string& text) {
  const auto end = text.rfind('\n');
  if (end == std::string::npos || end == 0) return "";
  const auto before = text.rfind('\n', end - 1);
  const auto begin = before == std::string::npos ? 0 : before + 1;
  return text.substr(begin, end - begin);
}

bool is_first(const std::string& segment) {
  const auto digit = segment.find_first_not_of('0', segment.find('-') + 1);
  return digit != std::string::npos && segment.substr(digit) == "1.jsonl";
}

class Log {
 public:
  Log(const Surroundings& around, const Site& site)
      : around_(around), folder_(below(around.root, site.setting("audit", "log_directory", "/var/log/stargraph"))) {}
  std::vector<Wall> walls();

 private:
  [[nodiscard]] std::string tail_of(const std::string& segment) const;
  void fips(const std::string& tail);
  void clock();
  void reviews();
  void exported();
  // false when not all of it could be read.
  [[nodiscard]] bool look_through(const Path& segment, std::uint64_t size);
  void take(std::string_view line);
  void add(std::string name, WallState state, std::string detail, bool needed = true) {
    walls_.push_back({std::move(name), state, std::move(detail), needed});
  }

  Surroundings around_;
  Path folder_;
  base::Env& env_ = around_.env;
  std::vector<std::string> segments_;                      // sorted
  std::map<std::string, std::optional<std::string>> due_;  // key id -> review_by of its newest confirmation
  std::vector<Wall> walls_;
};

// What the newest start of the daemon said.
void Log::fips(const std::string& tail) {
  const auto start = last_start(tail);
  if (!start) return add("fips", WallState::kUnseen, "no start of the daemon in the newest segment", false);
  const json::Value* const enforced = start->find("fips");
  if (enforced == nullptr || enforced->boolean() == nullptr || !*enforced->boolean())
    return add("fips", WallState::kAbsent, "off at the daemon's last start", false);
  const std::string module = text_of(*start, "fips_module");
  const std::string version = text_of(*start, "fips_version");
  add("fips", WallState::kHeld,
      "enforced at the daemon's last start: module " + (module.empty() ? "unnamed" : base::printable(module)) +
          ", version " + (version.empty() ? "not told" : base::printable(version)) +
          "; a mode is not a validation: whether this module has a certificate, its vendor says. One use is not "
          "approved: "
          "SQLCipher derives a key from the random database key by 2 iterations of PBKDF2 (docs/fips.md)",
      false);
}

// No entry is dated before the one before it (docs/formats/audit.md), so the last one tells. When the file was written
// says nothing: whoever copies a log, or touches it, sets that.
void Log::clock() {
  std::size_t last = segments_.size();
  for (; last > 0; --last) {  // past the ones that nothing was written to yet
    const auto info = env_.info(folder_ / segments_[last - 1]);
    if (!info || info->size > 0) break;
  }
  if (last == 0) return add("clock", WallState::kUnseen, "there is no log yet");
  const auto entry = json::parse(last_line(tail_of(segments_[last - 1])));
  const json::Object* const object = entry ? entry->object() : nullptr;
  const auto time = base::parse_rfc3339(object == nullptr ? "" : text_of(*object, "ts"));
  if (!time) return add("clock", WallState::kUnseen, "the time of the log's last entry cannot be read");
  if (*time > around_.now + kWhileLooking)
    return add("clock", WallState::kAbsent, "behind the log, whose last entry is of " + base::format_rfc3339(*time));
  add("clock", WallState::kHeld, "not behind the log, whose last entry is of " + base::format_rfc3339(*time));
}

void Log::take(std::string_view line) {
  if (line.find(kKeyAdded) != std::string_view::npos) {
    const auto data = data_of(line, "trust.key_added");
    if (!data) return;
    const std::string review = text_of(*data, "review_by");
    due_[text_of(*data, "key_id")] = review.empty() ? std::nullopt : std::optional(review);
  } else if (line.find(kRevoked) != std::string_view::npos && data_of(line, "trust.revoked")) {
    // A revoked key needs no review; its id stands somewhere in the list of what is revoked.
    for (auto& [key, review] : due_) {
      if (line.find("\"" + key + "\"") != std::string_view::npos) review.reset();
    }
  }
}

bool Log::look_through(const Path& segment, std::uint64_t size) {
  std::string rest;
  for (std::uint64_t at = 0; at < size; at += kPiece) {
    const auto bytes = env_.read_range(segment, at, kPiece);
    if (!bytes) return false;
    rest += base::to_text(*bytes);
    std::size_t begin = 0;
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
      take(std::string_view(rest).substr(begin, end - begin));
      begin = end + 1;
    }
    rest.erase(0, begin);
    if (rest.size() > kLongestLine) return false;
  }
  return true;
}

// review_by of keys, as `stargraph-pack key add --review-by` has put it into the log.
void Log::reviews() {
  std::uint64_t looked = 0;
  std::size_t first = segments_.size();
  while (first > 0) {
    const auto info = env_.info(folder_ / segments_[first - 1]);
    if (info && looked + info->size > kLookedThrough) break;
    looked += info ? info->size : 0;
    --first;
  }
  std::string unread;
  for (std::size_t i = first; i < segments_.size(); ++i) {
    const auto info = env_.info(folder_ / segments_[i]);
    if (!info || !look_through(folder_ / segments_[i], info->size)) unread = segments_[i];
  }
  std::string overdue;
  for (const auto& [key, review] : due_) {
    const auto time = review ? base::parse_rfc3339(*review) : std::unexpected(base::Error{});
    if (!time || *time > around_.now) continue;
    overdue += (overdue.empty() ? "" : ", ") + base::printable(key.substr(0, 16)) + "...";
  }
  if (!overdue.empty())
    return add("key-reviews", WallState::kAbsent, "somebody should have looked at these keys again: " + overdue);
  const bool whole = first == 0 && !segments_.empty() && is_first(segments_.front());
  if (segments_.empty()) return add("key-reviews", WallState::kUnseen, "there is no log yet");
  if (!unread.empty())
    return add("key-reviews", WallState::kUnseen, base::printable(unread) + " cannot be read to its end");
  add("key-reviews", WallState::kHeld,
      whole ? "no key is overdue"
            : "no key is overdue of those that the log still here tells of (stargraph-pack key list knows all)");
}

void Log::exported() {
  const auto when = modified(below(around_.root, "/var/lib/stargraph-checkpoints/exported"));
  if (!when) {
    const bool visible = env_.list(below(around_.root, "/var/lib/stargraph-checkpoints")).has_value();
    return add("export", visible ? WallState::kAbsent : WallState::kUnseen,
               visible ? "the audit log was never carried out (stargraph-export)" : "only root may look");
  }
  if (*when > around_.now + kWhileLooking)
    return add("export", WallState::kAbsent,
               "the audit log was carried out on " + base::format_rfc3339(*when) + ", which is still to come");
  const auto days = std::chrono::duration_cast<std::chrono::days>(around_.now - *when).count();
  add("export", around_.now - *when < kExportAge ? WallState::kHeld : WallState::kAbsent,
      "the audit log was carried out " + std::to_string(std::max<std::int64_t>(days, 0)) + " days ago");
}

std::string Log::tail_of(const std::string& segment) const {
  const auto info = env_.info(folder_ / segment);
  const std::uint64_t from = info && info->size > kLogTail ? info->size - kLogTail : 0;
  const auto bytes = env_.read_range(folder_ / segment, from, kLogTail);
  return bytes ? base::to_text(*bytes) : "";
}

std::vector<Wall> Log::walls() {
  const auto names = env_.list(folder_);
  if (!names) {
    const char* const why = env_.info(folder_) ? "only root may look into the log" : "there is no log";
    add("fips", WallState::kUnseen, why, false);
    add("clock", WallState::kUnseen, why);
    add("key-reviews", WallState::kUnseen, why);
    exported();
    return std::move(walls_);
  }
  for (const std::string& name : *names) {
    if (name.starts_with("audit-") && name.ends_with(".jsonl")) segments_.push_back(name);
  }
  const std::string tail = segments_.empty() ? "" : tail_of(segments_.back());
  fips(tail);
  clock();
  reviews();
  exported();
  return std::move(walls_);
}

}  // namespace

std::vector<Wall> log_walls(const Surroundings& around, const Site& site) { return Log(around, site).walls(); }

}  // namespace stargraph::cli
