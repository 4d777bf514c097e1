// Starting from a saved position: what is read, what is refused, and that the position is only believed where it fits.
#include "stargraph/audit/position.hpp"

#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::EnvOperation;
using test::make_event;
using test::make_record;
using test::split_lines;
using test::verify_text;

const base::Path kPositionPath = test::kStateDirectory / "position.json";

std::string read_text(test::Log& log, const base::Path& path) {
  const auto bytes = log.env.read_file(path, kMaxPositionBytes);
  return bytes ? base::to_text(*bytes) : std::string();
}

void write_text(test::Log& log, const base::Path& path, std::string_view text) {
  ASSERT_TRUE(log.env.write_file(path, base::as_bytes(text), 0600).has_value());
}

// A life of `count` entries of two tenants, cleanly ended.
void live(test::Log& log, std::int64_t count) {
  auto writer = log.open();
  ASSERT_TRUE(writer.has_value()) << writer.error().message;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t number = (*writer)->chain().last_of(Source::kDaemon).next().value();
    const auto event = make_event(EventName::kRequest, number % 3 == 0 ? "lab" : "soc");
    ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(number, event)).has_value());
  }
  ASSERT_TRUE((*writer)->stop().has_value());
}

// Of the last start that is not the first.
std::string started_member(const std::string& log_text, std::string_view name) {
  std::string member;
  for (const std::string& line : split_lines(log_text)) {
    const Entry entry = *decode_entry(line);
    if (entry.event.name == EventName::kAuditStarted && entry.seq.value() > 1) {
      member = *entry.event.data.find(name)->string();
    }
  }
  return member;
}

TEST(AuditPosition, GivesBackTheWholeState) {
  test::Log log;
  live(log, 40);
  auto writer = log.open();
  const json::Object activated{{"epoch", 3}, {"pack", "soc.rules"}, {"act", 1}, {"previous", 0}};
  ASSERT_TRUE((*writer)
                  ->append(Source::kTrust, make_record(1, make_event(EventName::kPackActivated, "-", activated)))
                  .has_value());
  ASSERT_TRUE((*writer)->commit().has_value());
  Position position;
  position.segment = 7;
  position.offset = 123;
  position.chain = (*writer)->chain();
  auto& recent = position.recent.at(static_cast<std::size_t>(Source::kDaemon));
  recent.identities = {record_identity(make_event()), record_identity(make_event(EventName::kRequest))};
  recent.last_line = "{\"a\":\"line\"}";
  const std::string text = *encode_position(position, test::audit_key());
  const auto again = decode_position(text, test::audit_public_key());
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(*encode_position(*again, test::audit_key()), text);
  EXPECT_EQ(again->segment, 7U);
  EXPECT_EQ(again->offset, 123U);
  EXPECT_EQ(again->chain.seq(), (*writer)->chain().seq());
  EXPECT_EQ(again->chain.next_checkpoint().tenants, (*writer)->chain().next_checkpoint().tenants);
  EXPECT_EQ(again->chain.next_checkpoint().root, (*writer)->chain().next_checkpoint().root);
  EXPECT_EQ(again->chain.floors(), floors_digest({{"soc.rules", 3}}));
  EXPECT_EQ(again->chain.trust_act(), SourceSeq(1));
}

TEST(AuditPosition, RC_T_AUDIT_RefusesEveryChangedByte) {
  test::Log log;
  live(log, 5);
  const std::string text = read_text(log, kPositionPath);
  ASSERT_TRUE(decode_position(text, test::audit_public_key()).has_value());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    ASSERT_FALSE(decode_position(changed, test::audit_public_key()).has_value()) << i;
  }
  auto other = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  EXPECT_EQ(decode_position(text, other->public_key()).error().code, Code::kAuditUnknownKey);
}

// The bytes read from segments at the next start.
std::uint64_t segment_reads(test::Log& log) {
  std::uint64_t reads = 0;
  log.env.set_fault([&](EnvOperation operation, const base::Path& path) -> base::Result<> {
    if (operation == EnvOperation::kRead && segment_number(path.filename().string())) ++reads;
    return {};
  });
  EXPECT_TRUE(log.open().has_value());
  log.env.set_fault(nullptr);
  return reads;
}

TEST(AuditPosition, StartReadsOnlyWhatCameAfterIt) {
  test::Log log;
  log.segment_bytes = 20'000;
  live(log, 600);
  EXPECT_GT(log.whole().size(), 10 * log.segment_bytes);
  EXPECT_EQ(segment_reads(log), 2U) << "the line before the position, and what follows it";
  ASSERT_TRUE(log.env.remove(kPositionPath).has_value());
  EXPECT_GT(segment_reads(log), 10U) << "without one, all";
  EXPECT_TRUE(verify_text(log.whole()).good());
}

TEST(AuditPosition, StartsSayWhatTheyRelyOn) {
  test::Log log;
  live(log, 3);
  live(log, 3);
  EXPECT_EQ(started_member(log.segment(), "read"), "position");
  test::Log without;
  live(without, 3);
  ASSERT_TRUE(without.env.remove(kPositionPath).has_value());
  live(without, 3);
  EXPECT_EQ(started_member(without.segment(), "read"), "whole");
  EXPECT_TRUE(verify_text(without.segment()).good());
}

// Killed after many acts: the anchor is that of its start, the position a later one.
void killed_life(test::Log& log) {
  Writer::Options options = log.options();
  options.position_entries = 64;
  auto writer = Writer::open(log.env, test::audit_key(), options);
  ASSERT_TRUE(writer.has_value()) << writer.error().message;
  for (int i = 0; i < 700; ++i) {
    const std::int64_t number = (*writer)->chain().last_of(Source::kDaemon).next().value();
    ASSERT_TRUE((*writer)->append(Source::kDaemon, make_record(number)).has_value());
  }
  ASSERT_TRUE((*writer)->commit().has_value());
}

TEST(AuditPosition, StartsSayWhetherTheAnchorWasComparedWithAnything) {
  test::Log stopped;
  live(stopped, 3);
  live(stopped, 3);
  EXPECT_EQ(started_member(stopped.segment(), "anchor"), "held") << "it is the position's last checkpoint";
  test::Log killed;
  killed_life(killed);
  live(killed, 3);
  EXPECT_EQ(started_member(killed.segment(), "anchor"), "before-position");
  test::Log read;
  killed_life(read);
  ASSERT_TRUE(read.env.remove(kPositionPath).has_value());
  live(read, 3);
  EXPECT_EQ(started_member(read.segment(), "anchor"), "held") << "it was read";
  ASSERT_TRUE(read.env.remove(test::kStateDirectory / "anchor.jsonl").has_value());
  live(read, 3);
  EXPECT_EQ(started_member(read.segment(), "anchor"), "absent");
}

// Position and log of another installation's life, both whole and signed, beside our anchor.
TEST(AuditPosition, RC_T_AUDIT_RefusesAPositionThatEndsInAnotherCheckpointThanTheAnchor) {
  test::Log log;
  live(log, 3);
  test::Log other;
  other.env.advance(std::chrono::seconds(5));
  live(other, 3);
  ASSERT_NE(log.segment(), other.segment());
  log.replace_segment(other.segment());
  for (const base::Path& path : {kPositionPath, test::kLogDirectory / kTreeFile}) {
    const auto bytes = other.env.read_file(path, 1U << 20U);
    ASSERT_TRUE(bytes.has_value());
    ASSERT_TRUE(log.env.write_file(path, *bytes, 0600).has_value());
  }
  EXPECT_EQ(log.open().error().code, Code::kAuditFork);
}

TEST(AuditPosition, RepeatsAreStillKnownAfterAStartFromIt) {
  test::Log log;
  live(log, 300);
  auto writer = log.open();
  ASSERT_TRUE(writer.has_value());
  const auto event = make_event(EventName::kRequest, "lab");
  const auto placed = (*writer)->append(Source::kDaemon, make_record(300, event));
  ASSERT_TRUE(placed.has_value()) << placed.error().message;
  EXPECT_TRUE(placed->repeat);
  EXPECT_EQ(decode_entry(placed->line)->source_seq, SourceSeq(300));
  EXPECT_EQ((*writer)->append(Source::kDaemon, make_record(300, make_event())).error().code, Code::kAuditFork);
}

// What lies before the position is the word of the key that signed it; verify reads it all the same.
TEST(AuditPosition, RC_T_AUDIT_AChangeBeforeItIsFoundByVerifyAndByAWholeStart) {
  test::Log log;
  live(log, 30);
  std::string text = log.segment();
  text[text.find("alice")] = 'A';
  log.replace_segment(text);
  ASSERT_TRUE(log.open().has_value());
  EXPECT_EQ(verify_text(log.segment()).bad->code, Code::kAuditHashMismatch);
  Writer::Options whole = log.options();
  whole.read_whole = true;
  EXPECT_EQ(Writer::open(log.env, test::audit_key(), whole).error().code, Code::kAuditHashMismatch);
  // It found the tree and left none: no later start relies on the position either.
  EXPECT_EQ(log.open().error().code, Code::kAuditHashMismatch);
}

TEST(AuditPosition, RC_T_AUDIT_RefusesALogThatDoesNotReachIt) {
  test::Log log;
  live(log, 30);
  const auto lines = split_lines(log.segment());
  // Not only cut: the anchor, too, is that of an earlier stop, so only the position knows better.
  ASSERT_TRUE(log.env.remove(test::kStateDirectory / "anchor.jsonl").has_value());
  log.replace_segment(test::join({lines.begin(), lines.end() - 1}));
  EXPECT_EQ(log.open().error().code, Code::kAuditTruncated);
  ASSERT_TRUE(log.env.remove(test::kLogDirectory / segment_name(1)).has_value());
  EXPECT_EQ(log.open().error().code, Code::kAuditTruncated);
}

TEST(AuditPosition, RC_T_AUDIT_RefusesALogWithAnotherEntryAtIt) {
  test::Log log;
  live(log, 3);
  test::Log other;
  other.env.advance(std::chrono::seconds(5));
  live(other, 3);
  ASSERT_TRUE(log.env.remove(test::kStateDirectory / "anchor.jsonl").has_value());
  log.replace_segment(other.segment());
  EXPECT_EQ(log.open().error().code, Code::kAuditFork);
  // No line ends there.
  log.replace_segment(other.segment() + other.segment());
  EXPECT_EQ(log.open().error().code, Code::kAuditFork);
}

TEST(AuditPosition, RC_T_AUDIT_RefusesAStateNoteInItsPlace) {
  test::Log log;
  log.segment_bytes = 6'000;
  live(log, 40);
  const std::string note = read_text(log, test::kLogDirectory / state_note_name(2));
  ASSERT_FALSE(note.empty());
  write_text(log, kPositionPath, note);
  EXPECT_EQ(log.open().error().code, Code::kAuditFork);
}

TEST(AuditPosition, RC_T_AUDIT_RefusesOneThatCannotBeRead) {
  test::Log log;
  live(log, 4);
  write_text(log, kPositionPath, "{}\n");
  EXPECT_EQ(log.open().error().code, Code::kAuditMalformed);
}

// An older position with a log that went on, as a backup of the state directory gives it.
TEST(AuditPosition, AnOlderOneIsReadOnFrom) {
  test::Log log;
  log.segment_bytes = 9'000;
  live(log, 10);
  const std::string older = read_text(log, kPositionPath);
  live(log, 60);
  write_text(log, kPositionPath, older);
  live(log, 1);
  EXPECT_TRUE(verify_text(log.whole()).good());
}

}  // namespace
}  // namespace stargraph::audit
