// The attacks on a log: each must be found, by its own reason and line.
#include "stargraph/audit/verify.hpp"

#include "support/temp_dir.hpp"
#include "unit/audit/audit_names.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using test::join;
using test::make_event;
using test::make_record;
using test::reason_of;
using test::split_lines;
using test::verify_text;

// Twelve acts of two tenants, cleanly stopped: started, checkpoint, the acts, stopping, checkpoint.
class AuditLog : public ::testing::Test {
 protected:
  void SetUp() override {
    auto writer = log_.open();
    ASSERT_TRUE(writer.has_value()) << writer.error().message;
    for (int i = 1; i <= 12; ++i) {
      ASSERT_TRUE(
          (*writer)
              ->append(Source::kDaemon, make_record(i, make_event(EventName::kRunStarted, i % 3 == 0 ? "lab" : "soc")))
              .has_value());
    }
    ASSERT_TRUE((*writer)->stop().has_value());
    text_ = log_.segment();
    lines_ = split_lines(text_);
    ASSERT_EQ(lines_.size(), 16U);
  }

  // The line's hash made right again, as an attacker without the key can.
  static std::string rehash(std::string line) {
    const std::size_t at = line.rfind(",\"entry_hash\"");
    const auto digest = crypto::domain_digest(kEntryDomain, std::string_view(line).substr(0, at));
    return line.replace(at + 15, 96, digest.hex());
  }
  static std::string replaced(std::string line, std::string_view from, std::string_view to) {
    const std::size_t at = line.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return line.replace(at, from.size(), to);
  }
  void expect_bad(const std::vector<std::string>& lines, std::string_view reason, std::uint64_t line) {
    const Report report = verify_text(join(lines));
    EXPECT_EQ(reason_of(report), reason);
    ASSERT_TRUE(report.bad.has_value());
    EXPECT_EQ(report.bad->line, line);
  }

  test::Log log_;
  std::string text_;
  std::vector<std::string> lines_;
};

TEST_F(AuditLog, VerifiesAsItIs) {
  const Report report = verify_text(text_);
  ASSERT_TRUE(report.good()) << report.bad->detail;
  EXPECT_EQ(report.entries, 16U);
  EXPECT_EQ(report.checkpoints, 2U);
  EXPECT_EQ(report.unsigned_tail, 0U);
  EXPECT_EQ(report.last_checkpoint, lines_.back());
}

TEST_F(AuditLog, RC_T_AUDIT_FindsEveryFlippedByte) {
  std::size_t tried = 0;
  std::size_t undetected = 0;
  LogVerifier before = test::make_verifier(test::audit_public_key());  // up to the line being attacked
  std::string_view rest = text_;
  for (std::uint64_t line = 1; !rest.empty(); ++line) {
    const std::size_t end = rest.find('\n');
    for (std::size_t i = 0; i <= end; ++i, ++tried) {
      std::string changed(rest);
      changed[i] = static_cast<char>(changed[i] ^ 0x01);
      const Report report = test::feed_text(before, changed);
      EXPECT_EQ(report.bad ? report.bad->line : line, line) << "byte " << i;
      // The very last byte is the end of the last line; without it the line counts as torn and is told.
      undetected += report.good() && report.torn_bytes == 0 ? 1U : 0U;
    }
    ASSERT_TRUE(before.line(rest.substr(0, end)));
    rest.remove_prefix(end + 1);
  }
  EXPECT_EQ(tried, text_.size());
  EXPECT_EQ(undetected, 0U);
}

TEST_F(AuditLog, RC_T_AUDIT_FindsEveryDeletedLine) {
  for (std::size_t i = 0; i + 1 < lines_.size(); ++i) {
    auto lines = lines_;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i));
    expect_bad(lines, "GAP", i + 1);
  }
}

TEST_F(AuditLog, RC_T_AUDIT_FindsSwappedAndDoubledLines) {
  for (std::size_t i = 0; i + 1 < lines_.size(); ++i) {
    auto swapped = lines_;
    std::swap(swapped[i], swapped[i + 1]);
    expect_bad(swapped, "GAP", i + 1);
    auto doubled = lines_;
    doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(i), lines_[i]);
    expect_bad(doubled, "GAP", i + 2);
  }
}

TEST_F(AuditLog, RC_T_AUDIT_FindsAnEditWithoutItsHash) {
  auto lines = lines_;
  lines[5] = replaced(lines[5], "\"actor\":\"alice\"", "\"actor\":\"bobby\"");
  expect_bad(lines, "HASH_MISMATCH", 6);
}

TEST_F(AuditLog, RC_T_AUDIT_FindsAnEditWithItsHash) {
  auto lines = lines_;
  lines[5] = rehash(replaced(lines[5], "\"actor\":\"alice\"", "\"actor\":\"bobby\""));
  expect_bad(lines, "PREVIOUS_MISMATCH", 7);
}

TEST_F(AuditLog, RC_T_AUDIT_FindsARenumberedEntry) {
  auto lines = lines_;
  lines[5] = rehash(replaced(lines[5], "\"seq\":6", "\"seq\":9"));
  expect_bad(lines, "GAP", 6);
  lines = lines_;
  lines[5] = rehash(replaced(lines[5], "\"source_seq\":4", "\"source_seq\":5"));
  expect_bad(lines, "GAP", 6);
  lines = lines_;
  lines[5] = rehash(replaced(lines[5], "\"tenant_seq\":3", "\"tenant_seq\":4"));
  expect_bad(lines, "GAP", 6);
}

TEST_F(AuditLog, RC_T_AUDIT_FindsAnEntryMovedToAnotherTenant) {
  auto lines = lines_;
  lines[5] = rehash(replaced(lines[5], "\"tenant\":\"soc\"", "\"tenant\":\"lab\""));
  const Report report = verify_text(join(lines));
  EXPECT_EQ(reason_of(report), "GAP");
  EXPECT_EQ(report.bad->line, 6U);
}

TEST_F(AuditLog, RC_T_AUDIT_FindsTimeThatGoesBack) {
  auto lines = lines_;
  lines[5] = rehash(replaced(lines[5], "2026-01-01", "2025-01-01"));
  expect_bad(lines, "MALFORMED", 6);
}

// Everything after an edit chained anew, hashes right, only the key missing.
TEST_F(AuditLog, RC_T_AUDIT_FindsARechainedLogAtItsCheckpoint) {
  auto lines = lines_;
  Chain chain;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    Entry entry = *decode_entry(lines[i]);
    if (i == 5) entry.event.actor = base::ActorName("mallory");
    if (i == 0) chain.begin(*entry.event.data.find("install_id")->string(), test::audit_public_key().key_id());
    chain.place(entry, entry.time);
    std::string line = *encode_entry(entry);
    if (entry.event.name == EventName::kAuditCheckpoint) {
      const std::string old = lines[i];
      line += old.substr(old.rfind(",\"key_id\""));  // the old signature
    }
    chain.take(entry);
    lines[i] = line;
  }
  const Report report = verify_text(join(lines));
  EXPECT_EQ(reason_of(report), "BAD_SIGNATURE");
  EXPECT_EQ(report.bad->line, 16U);
}

// The same by someone with a key of his own.
TEST_F(AuditLog, RC_S_AUDIT_FindsALogOfAnotherKey) {
  const auto other = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  const Report report = verify_text(text_, other->public_key());
  EXPECT_EQ(reason_of(report), "UNKNOWN_KEY");
  EXPECT_EQ(report.bad->line, 1U);
}

TEST_F(AuditLog, RC_S_AUDIT_FindsACheckpointSignedByAnotherKey) {
  const auto other = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  auto lines = lines_;
  Entry entry = *decode_entry(lines[15]);
  std::string line = *encode_entry(entry);
  ASSERT_TRUE(sign_line(line, entry, *other).has_value());
  lines[15] = line;
  expect_bad(lines, "UNKNOWN_KEY", 16);
  // And when he claims the right key's id.
  const std::string mine = other->public_key().key_id().str();
  lines[15].replace(lines[15].find(mine), 96, test::audit_public_key().key_id().str());
  expect_bad(lines, "BAD_SIGNATURE", 16);
}

TEST_F(AuditLog, RC_T_AUDIT_FindsACheckpointOverAnotherTree) {
  auto lines = lines_;
  Entry entry = *decode_entry(lines[15]);
  entry.event.data.set("root", std::string(96, 'a'));
  std::string line = *encode_entry(entry);
  ASSERT_TRUE(sign_line(line, entry, test::audit_key()).has_value());
  lines[15] = line;
  expect_bad(lines, "ROOT_MISMATCH", 16);
}

TEST_F(AuditLog, RC_T_AUDIT_CutTailIsToldByItsLengthOrTheAnchor) {
  for (std::size_t keep = 2; keep < lines_.size(); ++keep) {
    const std::string cut = join({lines_.begin(), lines_.begin() + static_cast<std::ptrdiff_t>(keep)});
    const Report alone = verify_text(cut);
    ASSERT_TRUE(alone.good()) << keep;
    EXPECT_EQ(alone.unsigned_tail, keep - 2);  // line 2 is the first checkpoint
    const Report held = verify_text(cut, test::audit_public_key(), lines_.back());
    EXPECT_EQ(reason_of(held), "TRUNCATED") << keep;
  }
}

// A log that somebody wrote who has seen the public key and nothing else.
TEST(AuditForgery, RC_S_AUDIT_ALogWithoutOneSignatureProvesNothing) {
  const crypto::PublicKey key = test::audit_public_key();
  Chain chain;
  const std::string install_id = "01a1ffb0-7648-7139-a9e2-d91f7b6006f4";
  chain.begin(install_id, key.key_id());
  std::string text;
  for (int i = 0; i < 256; ++i) {
    Entry entry;
    entry.event = i == 0 ? make_event(EventName::kAuditStarted, "-") : make_event();
    if (i == 0) entry.event.data = {{"install_id", install_id}, {"key_id", key.key_id().str()}};
    entry.source = i == 0 ? Source::kWriter : Source::kDaemon;
    entry.source_seq = SourceSeq(i == 0 ? 1 : i);
    chain.place(entry, base::from_micros(1'767'225'600'000'000));
    text += *encode_entry(entry) + "\n";
    chain.take(entry);
  }
  const Report report = verify_text(text);
  EXPECT_EQ(report.entries, 256U);  // each of them in its place
  EXPECT_EQ(reason_of(report), "TRUNCATED");
}

TEST_F(AuditLog, AnchorHolds) {
  const Report report = verify_text(text_, test::audit_public_key(), lines_[1] + "\n");
  EXPECT_TRUE(report.good());
  EXPECT_TRUE(report.anchored);
}

// Root with the key can write a whole new past; not against a note that left the box.
TEST_F(AuditLog, RC_R_AUDIT_RewritingWithTheRightKeyIsAForkOfTheAnchor) {
  test::Log again;
  auto writer = again.open();
  for (int i = 1; i <= 12; ++i) {
    ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(i, make_event(EventName::kRunCompleted))).has_value());
  }
  ASSERT_TRUE((*writer)->stop().has_value());
  const std::string forged = again.segment();
  EXPECT_TRUE(verify_text(forged).good());
  EXPECT_EQ(reason_of(verify_text(forged, test::audit_public_key(), lines_.back())), "FORK");
}

TEST_F(AuditLog, RC_T_AUDIT_TwoLogsJoinedAreFound) {
  const Report report = verify_text(text_ + text_);
  EXPECT_EQ(reason_of(report), "GAP");
  EXPECT_EQ(report.bad->line, 17U);
}

TEST_F(AuditLog, EmptyLogIsTruncated) { EXPECT_EQ(reason_of(verify_text("")), "TRUNCATED"); }

TEST_F(AuditLog, RefusesAnAnchorThatIsNone) {
  const crypto::PublicKey key = test::audit_public_key();
  EXPECT_EQ(LogVerifier::make(key, lines_[3]).error().code, Code::kAuditMalformed);
  EXPECT_EQ(LogVerifier::make(key, "nonsense").error().code, Code::kAuditMalformed);
  const auto other = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  EXPECT_EQ(LogVerifier::make(other->public_key(), lines_[1]).error().code, Code::kAuditUnknownKey);
}

// More unsigned entries than an honest writer ever leaves.
TEST(AuditTail, RC_T_AUDIT_AppendingWithoutTheKeyEndsAt256) {
  test::Log log;
  auto writer = log.open();
  ASSERT_TRUE((*writer)->stop().has_value());
  Chain chain;
  LogVerifier verifier = test::make_verifier(test::audit_public_key());
  for (const std::string& line : split_lines(log.segment())) {
    ASSERT_TRUE(chain.accept(line, test::audit_public_key()).has_value());
    ASSERT_TRUE(verifier.line(line));
  }
  for (int i = 1; i <= 257; ++i) {
    Entry entry;
    entry.event = make_event();
    entry.source = Source::kDaemon;
    entry.source_seq = SourceSeq(i);
    entry.time = chain.last_time();
    chain.place(entry, chain.last_time());
    verifier.line(*encode_entry(entry));
    chain.take(entry);
    LogVerifier now = verifier;
    const Report report = now.finish();
    EXPECT_EQ(reason_of(report), i <= 256 ? "good" : "BAD_SIGNATURE") << i;
    EXPECT_EQ(report.unsigned_tail, static_cast<std::uint64_t>(std::min(i, 256)));
  }
}

// The attacks over several files, as a person gives them to the program.
TEST(AuditFiles, RC_T_AUDIT_FindsSwappedMissingAndCutSegments) {
  test::Log log;
  log.segment_bytes = 6'000;
  auto writer = log.open();
  for (int i = 1; i <= 20; ++i) ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(i)).has_value());
  ASSERT_TRUE((*writer)->stop().has_value());
  const std::string one = log.segment(1);
  const std::string two = log.segment(2);
  const std::string three = log.segment(3);
  ASSERT_FALSE(three.empty());

  const crypto::PublicKey key = test::audit_public_key();
  stargraph::test::TempDir directory;
  std::uint32_t number = 1;
  for (; !log.segment(number).empty(); ++number) directory.write(segment_name(number), log.segment(number));
  const base::Path first = directory / segment_name(1);
  const base::Path second = directory / segment_name(2);
  const base::Path third = directory / segment_name(3);

  const auto whole = verify_log({directory.path()}, key);
  ASSERT_TRUE(whole.has_value());
  EXPECT_TRUE(whole->good());
  EXPECT_EQ(whole->files, number - 1);

  const auto reason = [&](const std::vector<base::Path>& files) { return reason_of(*verify_log(files, key)); };
  EXPECT_EQ(reason({second, first, third}), "GAP");
  EXPECT_EQ(reason({first, third}), "GAP");
  EXPECT_EQ(reason({second, third}), "GAP");
  directory.write(segment_name(2), two.substr(0, two.size() - 1));
  EXPECT_EQ(reason({first, second, third}), "MALFORMED");
  directory.write(segment_name(2), std::string(2 * kMaxLineBytes, 'x'));
  const auto bad = verify_log({first, second, third}, key);
  EXPECT_EQ(reason_of(*bad), "MALFORMED");
  EXPECT_EQ(bad->bad->file, second.string());
  EXPECT_EQ(bad->bad->line, 1U);
  EXPECT_EQ(verify_log({directory / "absent"}, key).error().code, Code::kNotFound);
}

TEST(AuditFiles, EveryEventNameVerifies) { EXPECT_TRUE(verify_text(test::log_of_all_events()).good()); }

}  // namespace
}  // namespace stargraph::audit
