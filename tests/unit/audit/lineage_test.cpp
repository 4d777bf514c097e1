// Lineage: every link an act must have, and that each missing one is told.
#include "stargraph/audit/lineage.hpp"

#include <algorithm>

#include "unit/audit/saved_log.hpp"

namespace stargraph::audit {
namespace {

const base::RunId kRun{"018f0000-0000-7000-8000-000000000001"};
const std::string kKey(96, 'a');
const std::string kOtherKey(96, 'b');
const std::string kPack(96, 'c');
const std::string kPolicy(96, 'd');
const std::string kBasis(96, 'e');
const std::string kQuestion(96, 'f');

struct Act {
  EventName name;
  json::Object data;
  std::string actor = "alice";
};

// A site that pins a key, imports and activates a policy and a pack, and a run from its creation to its end.
std::vector<Act> honest() {
  return {
      {EventName::kTrustKeyAdded, {{"act", 1}, {"key_id", kKey}, {"previous", 0}}},
      {EventName::kTrustPinned, {{"act", 2}, {"keys", json::Array{kKey}}, {"previous", 1}}},
      {EventName::kPackImported, {{"act", 3}, {"digest", kPolicy}, {"signers", json::Array{kKey}}, {"previous", 2}}},
      {EventName::kPolicyActivated, {{"act", 4}, {"digest", kPolicy}, {"previous", 3}}},
      {EventName::kPackImported, {{"act", 5}, {"digest", kPack}, {"signers", json::Array{kKey}}, {"previous", 4}}},
      {EventName::kApprovalGiven, {{"act", 6}, {"digest", kQuestion}, {"previous", 5}}},
      {EventName::kPackActivated, {{"act", 7}, {"approval", kQuestion}, {"digest", kPack}, {"previous", 6}}},
      {EventName::kDaemonStarted, {{"packs", json::Array{json::Object{{"digest", kPack}}}}, {"policy", kPolicy}}},
      {EventName::kRequest, {{"policy", kPolicy}}},
      {EventName::kRunCreated, {{"basis", kBasis}, {"policy", kPolicy}}},
      {EventName::kRunStarted, {{"basis", kBasis}}},
      {EventName::kWorkLeased, {{"task_id", "t1"}}, "worker"},
      {EventName::kWorkCompleted, {{"task_id", "t1"}}, "worker"},
      {EventName::kRunDecided, {{"pack_digest", kPack}, {"policy", kPolicy}}},
      {EventName::kRunWaiting, {{"basis", kBasis}, {"interrupt_id", kQuestion}}},
      {EventName::kRunResponded, {{"interrupt_id", kQuestion}}},
      {EventName::kRulesViolation, {{"pack_digest", kPack}, {"stage", "soc.rules"}}},
      {EventName::kRunFailed, {{"step_hash", kPack}}},
  };
}

Entry entry_of(const Act& act, std::int64_t seq, std::int64_t trust_seq) {
  Entry entry;
  entry.seq = LogSeq(seq);
  entry.event = test::make_event(act.name, "soc", act.data);
  entry.event.actor = base::ActorName(act.actor);
  entry.source = act.data.find("act") != nullptr ? Source::kTrust : Source::kDaemon;
  entry.source_seq = SourceSeq(trust_seq);
  return entry;
}

LineageReport report_of(const std::vector<Act>& acts) {
  Lineage lineage;
  std::int64_t seq = 0;
  std::int64_t trust = 0;
  for (const Act& act : acts) {
    trust += act.data.find("act") != nullptr ? 1 : 0;
    lineage.add(entry_of(act, ++seq, trust));
  }
  return lineage.report();
}

TEST(Lineage, AnHonestLogHangsTogether) {
  const LineageReport report = report_of(honest());
  EXPECT_EQ(report.loose, 0U) << (report.listed.empty() ? "" : report.listed[0].why);
  EXPECT_EQ(report.runs, 1U);
  EXPECT_EQ(report.trust_acts, 7U);
  EXPECT_GT(report.links, 30U);
}

TEST(Lineage, NothingCheckedIsNothingHeld) {
  const LineageReport report = report_of({});
  EXPECT_EQ(report.links, 0U);
}

// Each of these leaves out or changes one thing; the act named must be told as loose.
struct Break {
  const char* name;
  std::size_t remove;  // which of honest() is left out; its size for none
  std::size_t change;  // which gets `member` set to `value`
  const char* member;
  json::Value value;
  EventName loose;
};

class LineageBreak : public ::testing::TestWithParam<Break> {};

TEST_P(LineageBreak, RC_R_AUDIT_AnActThatHangsInTheAirIsTold) {
  const Break& broken = GetParam();
  std::vector<Act> acts = honest();
  if (broken.change < acts.size()) acts[broken.change].data.set(broken.member, broken.value);
  if (broken.remove < acts.size()) acts.erase(acts.begin() + static_cast<std::ptrdiff_t>(broken.remove));
  const LineageReport report = report_of(acts);
  ASSERT_GT(report.loose, 0U);
  const bool told =
      std::ranges::any_of(report.listed, [&](const Loose& loose) { return loose.event == event_text(broken.loose); });
  EXPECT_TRUE(told) << report.listed[0].event << " " << report.listed[0].why;
}

constexpr std::size_t kNone = 99;

INSTANTIATE_TEST_SUITE_P(
    Breaks, LineageBreak,
    ::testing::Values(
        Break{"KeyNotConfirmed", 0, kNone, "", {}, EventName::kTrustPinned},
        Break{"SignerNotConfirmed", kNone, 2, "signers", json::Array{kOtherKey}, EventName::kPackImported},
        Break{"PolicyNotImported", 2, kNone, "", {}, EventName::kPolicyActivated},
        Break{"PolicyNotActivated", 3, kNone, "", {}, EventName::kRequest},
        Break{"PackNotImported", 4, kNone, "", {}, EventName::kPackActivated},
        Break{"ApprovalNotGiven", 5, kNone, "", {}, EventName::kPackActivated},
        Break{"PackNotActivated", 6, kNone, "", {}, EventName::kDaemonStarted},
        Break{"ActLeftOut", 5, kNone, "", {}, EventName::kPackActivated},
        Break{"ActNumberedWrong", kNone, 3, "act", 9, EventName::kPolicyActivated},
        Break{"ActNamesAnotherBefore", kNone, 3, "previous", 1, EventName::kPolicyActivated},
        Break{"RunNotCreated", 9, kNone, "", {}, EventName::kRunStarted},
        Break{"RunStartedOnAnotherBasis", kNone, 10, "basis", kPack, EventName::kRunStarted},
        Break{"WorkNotLeased", 11, kNone, "", {}, EventName::kWorkCompleted},
        Break{"DecidedByAnUnknownPack", kNone, 13, "pack_digest", kOtherKey, EventName::kRunDecided},
        Break{"DecidedUnderAnUnknownPolicy", kNone, 13, "policy", kOtherKey, EventName::kRunDecided},
        Break{"AnsweredWithoutAQuestion", 14, kNone, "", {}, EventName::kRunResponded},
        Break{"ViolationOfAnUnknownPack", kNone, 16, "pack_digest", kOtherKey, EventName::kRulesViolation}),
    [](const auto& test) { return test.param.name; });

TEST(Lineage, RC_R_AUDIT_WorkIsOfTheWorkerWhoHadIt) {
  std::vector<Act> acts = honest();
  acts[12].actor = "another";
  EXPECT_EQ(report_of(acts).loose, 1U);
}

TEST(Lineage, RC_R_AUDIT_AnEndedRunDecidesAsksAndEndsNoMore) {
  for (const std::size_t again : {std::size_t{13}, std::size_t{14}, std::size_t{17}}) {
    std::vector<Act> acts = honest();
    acts.push_back(acts[again]);
    EXPECT_GE(report_of(acts).loose, 1U) << again;
  }
}

TEST(Lineage, RC_R_AUDIT_OnlyARunThatEndedSoIsRemoved) {
  std::vector<Act> acts = honest();
  acts.push_back({EventName::kRunRemoved, {{"step_hash", kPack}}, "stargraphd"});
  EXPECT_EQ(report_of(acts).loose, 0U);
  acts.back().data.set("step_hash", kPolicy);
  EXPECT_EQ(report_of(acts).loose, 1U) << "another end";
  acts = honest();
  acts.back() = {EventName::kRunRemoved, {{"step_hash", kPack}}, "stargraphd"};
  EXPECT_EQ(report_of(acts).loose, 1U) << "no end";
}

// What ended before a database was put back need not end again to go.
TEST(Lineage, RC_R_AUDIT_ARunIsRemovedFromADatabaseThatWasPutBack) {
  std::vector<Act> acts = honest();
  acts.push_back(
      {EventName::kTrustRepaired, {{"act", 8}, {"acts", 0}, {"daemon_seq", 11}, {"previous", 7}, {"reason", "disk"}}});
  acts.push_back({EventName::kRunRemoved, {{"step_hash", kPack}}, "stargraphd"});
  EXPECT_EQ(report_of(acts).loose, 0U);
}

TEST(Lineage, RC_R_AUDIT_AQuestionIsAnsweredOnce) {
  std::vector<Act> acts = honest();
  acts.insert(acts.begin() + 16, acts[15]);
  EXPECT_EQ(report_of(acts).loose, 1U);
}

// Behind an act that lets a database of an earlier day go on, runs are where they were; behind any other repair not.
TEST(Lineage, RC_R_AUDIT_WhatWasDoneIsDoneAgainOnlyAfterADatabaseWasPutBack) {
  for (const bool restored : {true, false}) {
    std::vector<Act> acts = honest();
    Act repair{EventName::kTrustRepaired, {{"act", 8}, {"acts", 0}, {"previous", 7}, {"reason", "disk"}}};
    if (restored) repair.data.set("daemon_seq", 11);
    acts.push_back(repair);
    const std::vector<Act> first = honest();
    for (const int again : {12, 13, 15, 17}) acts.push_back(first.at(static_cast<std::size_t>(again)));
    const LineageReport report = report_of(acts);
    EXPECT_EQ(report.loose, restored ? 0U : 4U) << (report.listed.empty() ? "" : report.listed[0].why);
    EXPECT_EQ(report.restored, restored ? 1U : 0U);
    acts.push_back(first[17]);
    EXPECT_EQ(report_of(acts).loose, restored ? 1U : 5U) << "once more is too often";
  }
}

TEST(Lineage, ARefusedActOfTrustChangesNothing) {
  std::vector<Act> acts = honest();
  acts.insert(acts.begin() + 1, {EventName::kPackRefused, {{"reason", "signer-not-pinned"}}});
  EXPECT_EQ(report_of(acts).loose, 0U);
}

TEST(Lineage, OfAWholeLogOnFilesItVerifiesFirst) {
  test::SavedLog log(60);
  const auto report = check_lineage(log.paths(), test::audit_public_key());
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(report->runs, 1U);
  std::string text = test::join(log.lines());
  text[text.find("alice")] = 'A';
  std::ofstream(log.path() / segment_name(1), std::ios::binary | std::ios::trunc) << text;
  EXPECT_FALSE(check_lineage(log.paths(), test::audit_public_key()).has_value());
}

}  // namespace
}  // namespace stargraph::audit
