// However many threads decode: the same report, line by line, for whatever files hold.
#include "audit/read_ahead.hpp"

#include "unit/audit/saved_log.hpp"

namespace stargraph::audit {
namespace {

using stargraph::test::TempDir;
using test::audit_public_key;
using test::split_lines;

std::string said(const Report& report) {
  std::string text = std::to_string(report.entries) + " " + std::to_string(report.checkpoints) + " " +
                     std::to_string(report.files) + " " + std::to_string(report.unsigned_tail) + " " +
                     std::to_string(report.torn_bytes);
  if (report.bad) {
    text +=
        " " + std::string(test::reason_of(report)) + " " + report.bad->file + ":" + std::to_string(report.bad->line);
  }
  return text;
}

// As one thread says it, which must be what all say.
std::string said_by_all(const std::vector<base::Path>& paths) {
  const auto alone = verify_log(paths, audit_public_key(), VerifyOptions{.threads = 1});
  EXPECT_TRUE(alone.has_value());
  for (const unsigned threads : {2U, 3U, 4U}) {
    const auto together = verify_log(paths, audit_public_key(), VerifyOptions{.threads = threads});
    EXPECT_TRUE(together.has_value());
    EXPECT_EQ(said(*together), said(*alone)) << threads;
  }
  return said(*alone);
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

std::string read(const std::filesystem::path& path) {
  const auto bytes = base::real_env().read_file(path, 1ULL << 30U);
  return bytes ? base::to_text(*bytes) : std::string();
}

TEST(ReadAhead, AllThreadsSayTheSameOfALogOfManyBlocks) {
  test::SavedLog log(1'500, 500'000);
  const std::size_t entries = log.lines().size();
  EXPECT_TRUE(said_by_all(log.paths()).starts_with(std::to_string(entries) + " "));
}

TEST(ReadAhead, EntriesComeInTheOrderOfTheLog) {
  test::SavedLog log(1'500, 500'000);
  const std::vector<std::string> lines = log.lines();
  std::size_t next = 0;
  const auto report = verify_log_whole(log.paths(), audit_public_key(),
                                       [&](const Entry& entry, std::string_view line, const Chain& chain) {
                                         EXPECT_EQ(line, lines.at(next));
                                         EXPECT_EQ(entry.seq.value(), static_cast<std::int64_t>(++next));
                                         EXPECT_EQ(chain.seq(), entry.seq);
                                         return base::Result<>();
                                       });
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(next, lines.size());
}

TEST(ReadAhead, RC_T_AUDIT_TheFirstBadLineIsTheOneThatIsTold) {
  test::SavedLog log(1'500, 500'000);
  const auto file = log.path() / segment_name(1);
  const std::string text = read(file);
  std::vector<std::string> lines = split_lines(text);
  for (const std::size_t bad : {std::size_t{0}, std::size_t{1}, lines.size() / 2, lines.size() - 1}) {
    auto changed = lines;
    for (std::size_t i = bad; i < std::min(bad + 3, changed.size()); ++i) changed[i][12] ^= 0x01;
    write(file, test::join(changed));
    EXPECT_TRUE(said_by_all(log.paths()).ends_with(segment_name(1) + ":" + std::to_string(bad + 1))) << bad;
  }
}

TEST(ReadAhead, RC_T_AUDIT_TornLongAndEmptyFilesAreToldAsByOneThread) {
  test::SavedLog log(700, 200'000);
  const auto last = log_files(log.paths())->back();
  const std::string text = read(last);
  const auto with = [&](const std::string& changed) {
    write(last, changed);
    return said_by_all(log.paths());
  };
  EXPECT_TRUE(with(text + "{\"torn").ends_with(" 6"));
  EXPECT_TRUE(with(text + std::string(kMaxLineBytes - 1, 'x')).ends_with(" 65535"));
  const std::string line = ":" + std::to_string(split_lines(text).size() + 1);
  EXPECT_TRUE(with(text + std::string(kMaxLineBytes, 'x')).ends_with(line));
  EXPECT_TRUE(with(text + std::string(kMaxLineBytes - 1, 'x') + "\n").ends_with(line));
  EXPECT_TRUE(with(text + std::string(kMaxLineBytes, 'x') + "\n").ends_with(line));
  EXPECT_TRUE(with(text + std::string(1'000'000, 'x') + "\n" + text).ends_with(line));
  EXPECT_TRUE(with(text + "\n").ends_with(line));
  EXPECT_TRUE(with("").find(" TRUNCATED ") == std::string::npos);  // a whole log before an empty file
  write(log.path() / segment_name(1), "");
  EXPECT_TRUE(said_by_all(log.paths()).find(" GAP ") != std::string::npos);
}

TEST(ReadAhead, AMissingFileIsAnErrorOfReading) {
  const auto report =
      verify_log({base::Path("/nonexistent/log.jsonl")}, audit_public_key(), VerifyOptions{.threads = 3});
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code, base::Code::kNotFound);
}

// A verifier that stops at the first bad line leaves threads with blocks that nobody takes.
TEST(ReadAhead, EndsWhenNobodyTakesTheRest) {
  test::SavedLog log(1'500, 500'000);
  for (int i = 0; i < 20; ++i) {
    ReadAhead ahead(*log_files(log.paths()), 4);
    const auto block = ahead.next();
    ASSERT_TRUE(block.has_value() && *block != nullptr);
    EXPECT_TRUE((*block)->begins_file);
  }
}

}  // namespace
}  // namespace stargraph::audit
