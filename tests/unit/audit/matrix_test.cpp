// The matrix: a log of 1,000 entries in 3 segments, as the writer writes it, and every attack on it that
// tests/oracle/mutations.py describes as data. Each is found with its reason, file and line, or it is an unsigned tail
// that is told by its length.
//
// With STARGRAPH_MATRIX_DIR the log and the attacks stay in that directory, where tests/oracle/matrix_test.py holds the
// second verifier against them.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>

#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "support/command.hpp"
#include "support/temp_dir.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using test::make_event;

constexpr std::int64_t kEntries = 1'000;
// Sanitizers look at memory, not at logs: there a part of the attacks is enough.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kStride = 7;
#else
constexpr int kStride = 1;
#endif

json::Object data_of(std::int64_t i) {
  if (i % 7 == 0) return {};
  json::Object data{{"graph", "soc-triage"}, {"number", i}};
  if (i % 3 == 0) data.set("note", "Grüße,\n\"quoted\" \\ \x1f \x7f 𝕏 </script>\u2028");
  if (i % 5 == 0) data.set("nested", json::Array{json::Object{{"a", nullptr}, {"b", true}}, -i, json::kMaxInteger});
  return data;
}

Event act_of(std::int64_t i) {
  constexpr std::string_view kTenants[] = {"soc", "lab", "-", "a.b_c-9"};
  const std::string tenant(kTenants[static_cast<std::size_t>(i % 4)]);
  if (i % 50 == 20) {
    return make_event(EventName::kPackActivated, "-", {{"act", i}, {"epoch", i / 50}, {"pack", "soc.policy"}});
  }
  if (i % 50 == 30) return make_event(EventName::kTrustRevoked, "-", {{"act", i}, {"number", i / 50}});
  Event event = make_event(i % 2 == 0 ? EventName::kRequest : EventName::kRunStarted, tenant, data_of(i));
  if (i % 2 == 0) event.run.reset();
  if (i % 9 == 0) event.outcome = Outcome::kDenied;
  return event;
}

bool is_trust(const Event& event) { return may_send(Source::kTrust, event.name); }

// Written over three lives of the writer, the second one ended by a crash with a torn line; the third one still runs.
class MatrixLog {
 public:
  explicit MatrixLog(int install) {
    std::array<std::byte, 16> skipped{};
    for (int i = 0; i < install; ++i) log_.env.random(skipped);  // another install_id
    log_.env.set_now(base::from_micros(1'767'225'600'000'000 + install));
    log_.segment_bytes = 300'000;
    write_until(kEntries / 3);
    EXPECT_TRUE(writer_->stop().has_value());
    write_until(2 * kEntries / 3);
    std::uint32_t last = 1;
    while (!log_.segment(last + 1).empty()) ++last;
    writer_.reset();
    log_.replace_segment(log_.segment(last) + R"({"torn)", last);
    write_until(kEntries);
  }

  std::uint32_t save(const std::filesystem::path& directory) {
    std::filesystem::create_directories(directory);
    std::uint32_t number = 1;
    for (; !log_.segment(number).empty(); ++number) {
      std::ofstream(directory / segment_name(number), std::ios::binary) << log_.segment(number);
    }
    return number - 1;
  }

 private:
  void write_until(std::int64_t seq) {
    auto writer = log_.open();
    ASSERT_TRUE(writer.has_value()) << writer.error().message;
    writer_ = std::move(*writer);
    while (writer_->chain().seq().value() < seq) {
      log_.env.advance(base::Duration(17));
      Event event = act_of(++acts_);
      if (event.data.find("act") != nullptr) event.data.set("previous", writer_->chain().trust_act().value());
      const Source source = is_trust(event) ? Source::kTrust : Source::kDaemon;
      const Record record{event, writer_->chain().last_of(source).next(), log_.env.now()};
      ASSERT_TRUE(writer_->append(source, record).has_value());
      ASSERT_TRUE(writer_->commit().has_value());
    }
  }

  test::Log log_;
  std::unique_ptr<Writer> writer_;
  std::int64_t acts_ = 0;
};

using Items = std::vector<std::string>;  // the name of a file where it begins, else a line

Items read_items(const std::filesystem::path& directory) {
  Items items;
  const auto files = log_files({directory});
  EXPECT_TRUE(files.has_value());
  for (const base::Path& file : *files) {
    items.push_back(file.filename().string());
    std::ifstream stream(file, std::ios::binary);
    for (std::string line; std::getline(stream, line);) items.push_back(line);
  }
  return items;
}

bool feed(LogVerifier& verifier, const std::string& item) {
  if (item.starts_with('{')) return verifier.line(item);
  verifier.begin_file(item);
  return true;
}

// Verifiers as they stand before each item, so that an attack costs only what comes after it.
std::vector<LogVerifier> verifiers_before(const Items& items, std::optional<std::string> anchor) {
  auto verifier = LogVerifier::make(test::audit_public_key(), std::move(anchor));
  EXPECT_TRUE(verifier.has_value());
  std::vector<LogVerifier> before;
  for (const std::string& item : items) {
    before.push_back(*verifier);
    EXPECT_TRUE(feed(*verifier, item));
  }
  before.push_back(*verifier);
  return before;
}

struct Matrix {
  Items log;
  Items other;
  std::vector<LogVerifier> before;
  std::vector<LogVerifier> before_anchored;

  explicit Matrix(const std::filesystem::path& directory)
      : log(read_items(directory / "log")), other(read_items(directory / "other")) {
    before = verifiers_before(log, std::nullopt);
    LogVerifier whole = before.back();
    before_anchored = verifiers_before(log, whole.finish().last_checkpoint);
  }

  [[nodiscard]] std::string edited(const json::Array& edit, bool rehash) const {
    std::string line = log.at(static_cast<std::size_t>(*edit.at(0).integer()));
    line.replace(static_cast<std::size_t>(*edit.at(1).integer()), static_cast<std::size_t>(*edit.at(2).integer()),
                 *edit.at(3).string());
    if (!rehash) return line;
    const std::size_t at = line.rfind(",\"entry_hash\"");
    return line.replace(at + 15, 96, crypto::domain_digest(kEntryDomain, std::string_view(line).substr(0, at)).hex());
  }

  void append(Items& out, const json::Value& piece) const {
    if (piece.string() != nullptr) return out.push_back(*piece.string());
    const json::Object& object = *piece.object();
    if (const json::Value* edit = object.find("edit"); edit != nullptr) {
      return out.push_back(edited(*edit->array(), *object.find("rehash")->boolean()));
    }
    const json::Value* range = object.find("a");
    const Items& from = range != nullptr ? log : other;
    const json::Array& ends = *(range != nullptr ? range : object.find("b"))->array();
    out.insert(out.end(), from.begin() + *ends.at(0).integer(), from.begin() + *ends.at(1).integer());
  }

  [[nodiscard]] Report attacked(const json::Object& mutation) const {
    const auto at = static_cast<std::size_t>(*mutation.find("at")->integer());
    Items changed;
    for (const json::Value& piece : *mutation.find("insert")->array()) append(changed, piece);
    LogVerifier verifier = (*mutation.find("anchor")->boolean() ? before_anchored : before).at(at);
    const auto feed_all = [&](auto begin, auto end) {
      return std::all_of(begin, end, [&](const std::string& item) { return feed(verifier, item); });
    };
    const auto rest = log.begin() + static_cast<std::ptrdiff_t>(at) + *mutation.find("drop")->integer();
    if (feed_all(changed.begin(), changed.end())) feed_all(rest, log.end());
    return verifier.finish();
  }
};

std::string said(const Report& report) {
  if (report.good()) return "good, tail " + std::to_string(report.unsigned_tail);
  return std::string(base::reason(report.bad->code).name) + " " + report.bad->file + ":" +
         std::to_string(report.bad->line);
}

std::string expected(const json::Object& expect) {
  const std::string reason = *expect.find("reason")->string();
  if (reason == "good") return "good, tail " + std::to_string(*expect.find("tail")->integer());
  return reason + " " + *expect.find("file")->string() + ":" + std::to_string(*expect.find("line")->integer());
}

struct Count {
  int tried = 0;
  int found = 0;
  int tail = 0;        // the unsigned tail, told by its length
  int checkpoint = 0;  // cut back to a checkpoint, which only a carried-out one tells
};

TEST(AuditMatrix, RC_T_AUDIT_EveryAttackIsFoundWithItsReasonAndLine) {
  const stargraph::test::TempDir own;
  const char* kept = std::getenv("STARGRAPH_MATRIX_DIR");
  const std::filesystem::path directory = kept != nullptr ? std::filesystem::path(kept) : own.path();
  ASSERT_EQ(MatrixLog(0).save(directory / "log"), 3U);
  ASSERT_EQ(MatrixLog(1).save(directory / "other"), 3U);
  std::ofstream(directory / "audit.pub.pem") << test::audit_public_key().pem();
  std::ofstream(directory / "audit.key.pem") << base::as_text(test::audit_key_pem().view());
  const auto made = stargraph::test::run_command(
      {"python3", std::string(STARGRAPH_SOURCE_DIR) + "/tests/oracle/mutations.py", directory.string()});
  ASSERT_TRUE(made.ok()) << made.err;

  const Matrix matrix(directory);
  ASSERT_EQ(matrix.log.size(), static_cast<std::size_t>(kEntries) + 3);
  std::map<std::string, Count> counts;
  std::ifstream mutations(directory / "mutations.jsonl");
  int number = 0;
  for (std::string line; std::getline(mutations, line);) {
    if (number++ % kStride != 0) continue;
    const auto mutation = json::parse(line, {.max_bytes = std::size_t{16} << 20U});
    ASSERT_TRUE(mutation.has_value());
    const Report report = matrix.attacked(*mutation->object());
    ASSERT_EQ(said(report), expected(*mutation->object()->find("expect")->object())) << line.substr(0, 400);
    Count& count = counts[*mutation->object()->find("class")->string()];
    ++count.tried;
    ++(!report.good() ? count.found : report.unsigned_tail > 0 ? count.tail : count.checkpoint);
    ASSERT_LE(report.unsigned_tail, kCheckpointEntries);
  }

  Count all;
  for (const auto& [name, count] : counts) {
    std::printf("matrix: %-46s %5d tried %5d found %4d in the unsigned tail\n", name.c_str(), count.tried, count.found,
                count.tail);
    all.tried += count.tried;
    all.found += count.found;
    all.tail += count.tail;
    all.checkpoint += count.checkpoint;
  }
  std::printf("matrix: %d attacks: %d found, %d in the unsigned tail and told, %d cut back to a checkpoint\n",
              all.tried, all.found, all.tail, all.checkpoint);
  EXPECT_EQ(all.checkpoint, counts["cut"].checkpoint + counts["cut, against an anchor"].checkpoint) << "undetected";
  EXPECT_LE(counts["cut, against an anchor"].checkpoint, 1) << "the one that ends with the anchor itself";
  EXPECT_EQ(all.tried, (number + kStride - 1) / kStride);
  EXPECT_GT(all.found, 30'000 / kStride);
}

}  // namespace
}  // namespace stargraph::audit
