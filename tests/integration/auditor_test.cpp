// The real stargraph-audit, as somebody carries it: what it links, its filters, slices and proofs from one machine
// checked on another, archives.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "stargraph/audit/chain.hpp"
#include "stargraph/audit/segment.hpp"
#include "stargraph/base/sanitized.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/json/write.hpp"
#include "support/command.hpp"
#include "support/temp_dir.hpp"

namespace stargraph {
namespace {

using test::CommandResult;

constexpr std::string_view kRun = "018f0000-0000-7000-8000-00000000000a";

std::string program(const char* name) {
  std::error_code error;
  return (std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / name).string();
}

std::size_t lines_in(std::string_view text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }

// A log of 40 acts by alice and bob for soc and lab, an hour apart, in two segments.
class Auditor : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(crypto::initialise(crypto::FipsMode::kOff));
    key_ = std::make_unique<crypto::PrivateKey>(*crypto::PrivateKey::generate(crypto::Algorithm::kEd25519));
    directory_.write("audit.pub.pem", key_->public_key().pem());
    std::filesystem::create_directory(directory_ / "log");
    chain_.begin("018f0000-0000-7000-8000-000000000000", key_->public_key().key_id());
    add(audit::EventName::kAuditStarted, audit::Source::kWriter, "-", "stargraph-auditd",
        {{"install_id", chain_.install_id()}, {"key_id", key_->public_key().key_id().str()}});
    checkpoint();
    for (std::int64_t i = 0; i < 40; ++i) {
      if (i == 20) begin_segment();
      const bool of_run = i >= 10 && i < 30 && i % 4 == 2;
      const auto name = i == 10 ? audit::EventName::kRunCreated : audit::EventName::kRunStarted;
      add(of_run ? name : audit::EventName::kRequest, audit::Source::kDaemon, i % 2 == 0 ? "soc" : "lab",
          i % 3 == 0 ? "alice" : "bob", {{"number", i}}, of_run);
    }
    checkpoint();
    save();
  }

  void add(audit::EventName name, audit::Source source, const std::string& tenant, const std::string& actor,
           json::Object data, bool of_run = false) {
    audit::Entry entry;
    entry.event.name = name;
    entry.event.tenant = base::TenantId(tenant);
    entry.event.actor = base::ActorName(actor);
    entry.event.data = std::move(data);
    if (of_run) entry.event.run = base::RunId(std::string(kRun));
    entry.source = source;
    entry.source_seq = chain_.last_of(source).next();
    entry.time = base::from_micros(1'767'225'600'000'000) + std::chrono::hours(chain_.seq().value());
    chain_.place(entry, entry.time);
    auto line = audit::encode_entry(entry);
    ASSERT_TRUE(line.has_value());
    if (name == audit::EventName::kAuditCheckpoint) {
      ASSERT_TRUE(audit::sign_line(*line, entry, *key_));
    }
    chain_.take(entry);
    text_ += *line + "\n";
  }
  void checkpoint() {
    add(audit::EventName::kAuditCheckpoint, audit::Source::kWriter, "-", "stargraph-auditd",
        audit::encode_checkpoint(chain_.next_checkpoint()));
  }
  void begin_segment() {
    checkpoint();
    save();
  }
  void save() {
    directory_.write("log/" + audit::segment_name(++segment_), text_);
    text_.clear();
  }

  CommandResult auditor(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), program("stargraph-audit"));
    return test::run_command(arguments, {.input = input, .directory = directory_.path(), .environment = {}});
  }
  CommandResult with_key(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--pubkey", "audit.pub.pem"});
    return auditor(std::move(arguments));
  }

  test::TempDir directory_;
  std::unique_ptr<crypto::PrivateKey> key_;
  audit::Chain chain_;
  std::string text_;
  std::uint32_t segment_ = 0;
};

#if !SG_SANITIZED
TEST(Carriable, TheAuditorsProgramNeedsNothingButLibcLibcryptoAndLibsodium) {
  const CommandResult read = test::run_command({"readelf", "-W", "-d", program("stargraph-audit")});
  ASSERT_TRUE(read.ok()) << read.err;
  std::set<std::string> needed;
  std::istringstream lines(read.out);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("(NEEDED)") == std::string::npos) continue;
    const std::size_t open = line.find('[');
    needed.insert(line.substr(open + 1, line.find(".so", open) - open - 1));
  }
  // libm and the loader are parts of libc.
  for (const char* part : {"libm", "ld-linux-x86-64", "ld-linux-aarch64"}) needed.erase(part);
  EXPECT_EQ(needed, (std::set<std::string>{"libc", "libcrypto", "libsodium"}));
}
#endif

TEST_F(Auditor, ShowLeavesOutWhatIsNotAskedForAndSaysHowMuch) {
  const CommandResult all = auditor({"show", "log", "--json"});
  ASSERT_EQ(all.exit_code, 0);
  const std::string said = [this] {
    std::string text;
    for (std::uint32_t i = 1; i <= segment_; ++i) {
      std::ifstream file(directory_ / ("log/" + audit::segment_name(i)), std::ios::binary);
      text.append(std::istreambuf_iterator<char>(file), {});
    }
    return text;
  }();
  EXPECT_EQ(all.out, said) << "byte for byte, in the order of the log";
  EXPECT_EQ(all.err, "");

  struct Case {
    std::vector<std::string> filter;
    std::size_t shown;
  };
  for (const Case& one : {Case{{"--tenant", "soc"}, 20}, Case{{"--tenant", "-"}, 4}, Case{{"--actor", "alice"}, 14},
                          Case{{"--actor", "alice", "--tenant", "lab"}, 7}, Case{{"--run", std::string(kRun)}, 5},
                          Case{{"--event", "run.created"}, 1}, Case{{"--event", "audit.*"}, 4},
                          Case{{"--since", "2026-01-01T10:00:00Z", "--until", "2026-01-01T12:00:00Z"}, 2},
                          Case{{"--until", "2026-01-01T00:00:00Z"}, 0}}) {
    std::vector<std::string> arguments{"show", "log", "--json"};
    arguments.insert(arguments.end(), one.filter.begin(), one.filter.end());
    const CommandResult result = auditor(arguments);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(lines_in(result.out), one.shown) << one.filter[1];
    const std::string count = std::to_string(one.shown) + " entries shown, " + std::to_string(44 - one.shown);
    EXPECT_NE(result.err.find(count), std::string::npos) << result.err;
    // What is shown are lines of the log, in its order.
    std::size_t at = 0;
    std::istringstream lines(result.out);
    for (std::string line; std::getline(lines, line);) {
      at = said.find(line + "\n", at);
      ASSERT_NE(at, std::string::npos) << line;
    }
  }
}

TEST_F(Auditor, ShowRefusesAFilterThatMeansNothing) {
  EXPECT_EQ(auditor({"show", "log", "--event", "run.exploded"}).exit_code, base::kExitUsage);
  EXPECT_EQ(auditor({"show", "log", "--since", "yesterday"}).exit_code, base::kExitUsage);
}

// Whatever the filter, what cannot be read is shown: somebody may have meant it to be missed.
TEST_F(Auditor, RC_T_AUDIT_ShowNeverFiltersOutABrokenLine) {
  directory_.write("broken.jsonl", "{\"actor\":\"alice\"\n");
  EXPECT_EQ(auditor({"show", "broken.jsonl", "--tenant", "soc"}).out, "? line 1: not an entry\n");
  EXPECT_EQ(auditor({"show", "broken.jsonl", "--tenant", "soc", "--json"}).out, "{\"actor\":\"alice\"\n");
}

TEST_F(Auditor, ACheckpointOnPaperIsAnAnchor) {
  const CommandResult paper = with_key({"checkpoint", "log", "--words"});
  ASSERT_EQ(paper.exit_code, 0) << paper.err;
  std::istringstream lines(paper.out);
  std::string title;
  std::getline(lines, title);
  std::string words;
  std::string digits;
  for (std::string line; std::getline(lines, line);) (lines_in(words) < 6 ? words : digits) += line + "\n";
  for (const std::string& note : {words, digits}) {
    directory_.write("note.txt", note);
    const CommandResult held = with_key({"verify", "log", "--anchor", "note.txt"});
    EXPECT_EQ(held.exit_code, 0) << note << held.err;
    EXPECT_NE(held.out.find("holds the anchor"), std::string::npos);
    const std::string first = (directory_ / ("log/" + audit::segment_name(1))).string();
    EXPECT_EQ(with_key({"verify", first, "--anchor", "note.txt"}).exit_code, base::kExitIntegrity);
  }
}

// The whole line, and the hash alone, as a camera reads them back. The modules themselves have known answers
// (qr_test.cpp).
TEST_F(Auditor, ACheckpointsCodeReadsBackAsAnAnchor) {
  if (!std::filesystem::exists("/usr/bin/zbarimg")) GTEST_SKIP() << "no zbarimg here";
  const std::string line = with_key({"checkpoint", "log"}).out;
  for (const bool words : {false, true}) {
    std::vector<std::string> arguments{"checkpoint", "log", "--qr", "pbm"};
    if (words) arguments.emplace_back("--words");
    const CommandResult drawn = with_key(arguments);
    ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
    directory_.write("code.pbm", drawn.out);
    const CommandResult read =
        test::run_command({"/usr/bin/zbarimg", "--quiet", "--raw", (directory_ / "code.pbm").string()});
    ASSERT_EQ(read.exit_code, 0) << read.err;
    if (!words) {
      EXPECT_EQ(read.out, line);
    }
    directory_.write("note.txt", read.out);
    EXPECT_NE(with_key({"verify", "log", "--anchor", "note.txt"}).out.find("holds the anchor"), std::string::npos);
    const std::string first = (directory_ / ("log/" + audit::segment_name(1))).string();
    EXPECT_EQ(with_key({"verify", first, "--anchor", "note.txt"}).exit_code, base::kExitIntegrity);
  }
}

TEST_F(Auditor, ACodeForPaperNamesItsCheckpointInWriting) {
  const CommandResult drawn = with_key({"checkpoint", "log", "--seq", "2", "--qr", "svg"});
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  EXPECT_NE(drawn.out.find(">checkpoint 2 of 2026-01-01T01:00:00"), std::string::npos);
  EXPECT_EQ(with_key({"checkpoint", "log", "--qr", "png"}).exit_code, base::kExitUsage);
  const CommandResult piped = with_key({"checkpoint", "log", "--words", "--qr", "text"});
  EXPECT_EQ(piped.exit_code, 0);
  EXPECT_EQ(piped.out.find('\033'), std::string::npos) << "escapes are for terminals";
}

TEST_F(Auditor, AnEarlierCheckpointIsGivenByItsNumber) {
  const CommandResult line = with_key({"checkpoint", "log", "--seq", "2"});
  ASSERT_EQ(line.exit_code, 0) << line.err;
  EXPECT_NE(line.out.find("\"seq\":2,"), std::string::npos);
  EXPECT_EQ(with_key({"checkpoint", "log", "--seq", "3"}).exit_code, base::kExitFailed);
}

TEST_F(Auditor, SlicesAndProofsAreCheckedWithTheKeyAlone) {
  const std::vector<std::vector<std::string>> makes{
      {"export", "log", "--tenant", "soc"},
      {"export", "log", "--tenant", "soc", "--first", "5"},
      {"export", "log", "--run", std::string(kRun)},
      {"export", "log", "--run", std::string(kRun), "--complete"},
      {"proof", "log", "--seq", "7"},
      {"proof", "log", "--seq", "1", "--of", "2"},
      {"proof", "log", "--from", "2"},
  };
  for (const auto& make : makes) {
    const CommandResult made = with_key(make);
    ASSERT_EQ(made.exit_code, 0) << made.err;
    directory_.write("carried", made.out);
    const std::string command = "verify-" + make[0];
    const CommandResult good = with_key({command, "carried"});
    EXPECT_EQ(good.exit_code, 0) << good.out << good.err;
    EXPECT_TRUE(good.out.starts_with("OK ")) << good.out;
    std::string changed = made.out;
    const std::size_t at = changed.find("stargraphd");
    changed[at == std::string::npos ? changed.find("stargraph-auditd") : at] = 'S';
    directory_.write("carried", changed);
    EXPECT_EQ(with_key({command, "carried"}).exit_code, base::kExitIntegrity);
  }
}

TEST_F(Auditor, WhatIsProvenAndWhatIsNotIsSaid) {
  directory_.write("run", with_key({"export", "log", "--run", std::string(kRun)}).out);
  EXPECT_NE(with_key({"verify-export", "run"}).out.find("that the run has no others is not proven"), std::string::npos);
  directory_.write("soc", with_key({"export", "log", "--tenant", "soc"}).out);
  EXPECT_NE(with_key({"verify-export", "soc"}).out.find("there were no more"), std::string::npos);
  directory_.write("late", with_key({"export", "log", "--tenant", "soc", "--first", "5"}).out);
  EXPECT_NE(with_key({"verify-export", "late"}).out.find("what came before 5 is not in question"), std::string::npos);
}

TEST_F(Auditor, QuestionsThatDoNotGoTogetherAreRefused) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"export", "log"},
                                                {"export", "log", "--tenant", "soc", "--run", std::string(kRun)},
                                                {"export", "log", "--tenant", "soc", "--complete"},
                                                {"export", "log", "--run", std::string(kRun), "--first", "2"},
                                                {"proof", "log"},
                                                {"proof", "log", "--seq", "3", "--from", "2"}}) {
    EXPECT_EQ(with_key(wrong).exit_code, base::kExitUsage) << wrong.back();
  }
}

TEST_F(Auditor, LineageEndsWithOneWhenSomethingHangsInTheAir) {
  const CommandResult good = with_key({"lineage", "log"});
  EXPECT_EQ(good.exit_code, 0) << good.out << good.err;
  add(audit::EventName::kRunDecided, audit::Source::kDaemon, "soc", "engine",
      {{"pack_digest", std::string(96, 'd')}, {"policy", nullptr}}, true);
  checkpoint();
  save();
  const CommandResult loose = with_key({"lineage", "log"});
  EXPECT_EQ(loose.exit_code, base::kExitFailed);
  EXPECT_NE(loose.out.find("run.decided"), std::string::npos) << loose.out;
}

// Anybody who can write the file can write its tail.
TEST_F(Auditor, RC_R_AUDIT_LineageWarnsOfATailThatNobodySigned) {
  add(audit::EventName::kRequest, audit::Source::kDaemon, "soc", "alice", {});
  text_ += "{\"torn";
  save();
  const CommandResult told = with_key({"lineage", "log"});
  EXPECT_NE(told.out.find("WARN UNSIGNED_TAIL  1 entries after the last checkpoint, 6 bytes"), std::string::npos)
      << told.out;
  EXPECT_NE(with_key({"lineage", "log", "--json"}).out.find("\"warnings\":[\"UNSIGNED_TAIL\"]"), std::string::npos);
}

TEST_F(Auditor, LineageOfALogWithNothingToAskEndsWithOne) {
  const std::string first = (directory_ / ("log/" + audit::segment_name(1))).string();
  std::ifstream file(first);
  std::string head;
  for (std::string line; lines_in(head) < 2 && std::getline(file, line);) head += line + "\n";
  directory_.write("head.jsonl", head);
  const CommandResult nothing = with_key({"lineage", "head.jsonl"});
  EXPECT_EQ(nothing.exit_code, base::kExitFailed);
  EXPECT_NE(nothing.out.find("nothing was checked"), std::string::npos) << nothing.out;
}

TEST_F(Auditor, ArchiveCopiesAndLeavesTheLogAloneWhenNobodyAnswers) {
  const CommandResult kept = with_key({"archive", "log", "--to", "archive", "--keep"});
  ASSERT_EQ(kept.exit_code, 0) << kept.err;
  EXPECT_EQ(with_key({"verify", "archive"}).exit_code, 0);
  const CommandResult asked = with_key({"archive", "log", "--to", "archive", "--socket", "nobody.sock"});
  EXPECT_EQ(asked.exit_code, base::kExitUnavailable) << asked.err;
  EXPECT_TRUE(std::filesystem::exists(directory_ / ("log/" + audit::segment_name(1))));
}

}  // namespace
}  // namespace stargraph
