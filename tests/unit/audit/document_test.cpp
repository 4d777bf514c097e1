// docs/formats/audit.md is held by what it describes: its event table, its worked example, and its recipe for
// plain tools, run exactly as printed.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "stargraph/audit/event.hpp"
#include "support/command.hpp"
#include "support/temp_dir.hpp"
#include "unit/audit/audit_names.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

std::string document() {
  std::ifstream file(std::string(STARGRAPH_SOURCE_DIR) + "/docs/formats/audit.md");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The first block fenced as ```kind.
std::string block(std::string_view kind) {
  const std::string text = document();
  const std::string open = "\n```" + std::string(kind) + "\n";
  const std::size_t begin = text.find(open);
  EXPECT_NE(begin, std::string::npos) << kind;
  const std::size_t start = begin + open.size();
  return text.substr(start, text.find("\n```", start) + 1 - start);
}

class AuditDocument : public ::testing::Test {
 protected:
  stargraph::test::CommandResult check(const std::string& log, const std::string& public_pem) {
    directory_.write("check.sh", block("sh"));
    directory_.write("audit.pub.pem", public_pem);
    stargraph::test::CommandOptions options;
    options.directory = directory_.path();
    options.input = log;
    return stargraph::test::run_command({"sh", "check.sh", "audit.pub.pem"}, options);
  }
  stargraph::test::TempDir directory_;
};

TEST_F(AuditDocument, ListsTheEventsOfTheTable) {
  const std::string text = document();
  for (const EventRow& row : event_table()) {
    std::string sources;
    for (const Source source : {Source::kWriter, Source::kDaemon, Source::kTrust}) {
      if (may_send(source, row.name)) sources += (sources.empty() ? "" : ", ") + std::string(source_name(source));
    }
    // Either order where two may.
    const std::string begin = "| `" + std::string(row.text) + "` | ";
    const std::size_t at = text.find(begin);
    ASSERT_NE(at, std::string::npos) << row.text;
    const std::string line = text.substr(at, text.find('\n', at) - at);
    EXPECT_EQ(line, begin + sources + " | " + std::string(row.meaning) + " |");
  }
}

// "run.started" stands in code as EventName::kRunStarted.
std::string enumerator(std::string_view text) {
  std::string name = "EventName::k";
  bool capital = true;
  for (const char c : text) {
    const bool letter = c >= 'a' && c <= 'z';
    if (letter) name += capital ? static_cast<char>(c - 'a' + 'A') : c;
    capital = !letter;
  }
  return name;
}

std::string all_sources_but_ours() {
  std::string all;
  const std::filesystem::path root = std::filesystem::path(STARGRAPH_SOURCE_DIR) / "src";
  for (const auto& item : std::filesystem::recursive_directory_iterator(root)) {
    if (item.path().extension() != ".cpp" || item.path().parent_path().filename() == "audit") continue;
    std::ifstream file(item.path());
    all.append(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return all;
}

// Honest bookkeeping: a name stands in some program's code, or the document says that no program writes it yet.
TEST_F(AuditDocument, SaysWhichEventsNoProgramWritesYet) {
  const std::string code = all_sources_but_ours();
  const std::string text = document();
  const std::size_t begin = text.find("No program writes these yet:");
  ASSERT_NE(begin, std::string::npos);
  const std::string listed = text.substr(begin, text.find("\n\n", begin) - begin);
  for (const EventRow& row : event_table()) {
    if (row.text.starts_with("audit.")) continue;  // written by the audit writer itself
    const bool written = code.find(enumerator(row.text)) != std::string::npos;
    EXPECT_EQ(listed.find("`" + std::string(row.text) + "`") == std::string::npos, written) << row.text;
  }
}

TEST_F(AuditDocument, WorkedExampleVerifies) {
  const auto key = crypto::PublicKey::from_pem(block("pem"));
  ASSERT_TRUE(key.has_value());
  const Report report = test::verify_text(block("jsonl"), *key);
  ASSERT_TRUE(report.good()) << report.bad->detail;
  EXPECT_EQ(report.entries, 5U);
  EXPECT_EQ(report.unsigned_tail, 0U);
}

TEST_F(AuditDocument, RecipeChecksTheWorkedExample) {
  const auto result = check(block("jsonl"), block("pem"));
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_EQ(result.out, "line 2: checkpoint holds\nline 5: checkpoint holds\n5 lines hold\n");
}

TEST_F(AuditDocument, RecipeChecksALogOfAllEvents) {
  const std::string log = test::log_of_all_events();
  const auto result = check(log, test::audit_public_key().pem());
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

TEST_F(AuditDocument, RecipeChecksAnEcdsaLog) {
  test::Log log;
  auto key = crypto::PrivateKey::generate(crypto::Algorithm::kEcdsaP384Sha384);
  const std::string pem = key->public_key().pem();
  auto writer = Writer::open(log.env, std::move(*key), log.options());
  ASSERT_TRUE(writer.has_value());
  ASSERT_TRUE((*writer)->append(Source::kDaemon, test::make_record(1)).has_value());
  ASSERT_TRUE((*writer)->stop().has_value());
  const auto result = check(log.segment(), pem);
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

TEST_F(AuditDocument, RC_T_AUDIT_RecipeFindsAChangedLine) {
  std::string log = block("jsonl");
  log[log.find("alice")] = 'A';
  const auto changed = check(log, block("pem"));
  EXPECT_EQ(changed.exit_code, 4);
  EXPECT_EQ(changed.out, "line 2: checkpoint holds\nline 3: HASH_MISMATCH\n");

  auto lines = test::split_lines(block("jsonl"));
  lines.erase(lines.begin() + 2);
  EXPECT_EQ(check(test::join(lines), block("pem")).out, "line 2: checkpoint holds\nline 3: PREVIOUS_MISMATCH\n");

  std::string forged = block("jsonl");
  const std::size_t signature = forged.find("\"signature\":\"") + 13;
  forged[signature] = forged[signature] == 'A' ? 'B' : 'A';
  EXPECT_EQ(check(forged, block("pem")).out, "line 2: BAD_SIGNATURE\n");
}

}  // namespace
}  // namespace stargraph::audit
