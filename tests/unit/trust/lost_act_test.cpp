// Acts that the log has and the store has not: an importer that died between a receipt and its commit, or a database of
// an earlier day. Nothing hides them, and each comes back as it was.
#include <algorithm>

#include "governance_trust.hpp"
#include "stargraph/trust/log_check.hpp"

namespace stargraph::trust {
namespace {

using base::Code;

const base::PackId kTriage("soc.triage");

// A site with everything that can be lost: two versions, two governors, a threshold, a spare key.
class LostActs : public GovernedTest {
 protected:
  void SetUp() override {
    GovernedTest::SetUp();
    import_first();
    add_key(kOtherPublisherKey, Role::kPublisher, "Olga");
    add_key(kOtherGovernorKey, Role::kGovernor, "Gwen");
    ASSERT_EQ(why(make("soc.triage", "2.0.0", 2)), Code::kInternal);
  }
  struct Kind {
    std::string name;
    std::function<Code()> act;
  };
  // One of each kind, all possible now.
  std::vector<Kind> kinds() {
    return {
        {"key", [this] { return code_of(importer().add_key(key_request(kStrangerKey), {})); }},
        {"import", [this] { return why(make("soc.triage", "3.0.0", 3)); }},
        {"activate", [this] { return code_of(activate("2.0.0")); }},
        {"reload", [this] { return code_of(importer().reload({}, no_content_check())); }},
        {"retire", [this] { return code_of(importer().retire(kTriage)); }},
        {"repin",
         [this] { return code_of(importer().repin({"soc.triage", {id_of(kOtherPublisherKey)}, {}, "r", {}})); }},
        {"threshold", [this] { return code_of(importer().set_threshold({"@governors", 2, "", {}})); }},
        {"rotation",
         [this] {
           return why(rotation("soc.triage", kPublisherKey, kNextPublisherKey, {kPublisherKey, kGovernorKey}));
         }},
        {"revocation", [this] { return why(revocation(1, {{kStrangerKey}, {}, {}})); }},
        {"policy", [this] { return code_of(import_policy(policy("1.0.0", 1))); }},
    };
  }
  static KeyRequest key_request(int key) {
    return {{pack::sample_key(key).public_key(), Role::kPublisher, "Sam", {}, {}}, {fingerprint(key)}};
  }
  // The database of before, packs and all.
  void put_back(const Image& image) { put_image(image); }
  Code daemon() {
    const auto now = state();
    return now ? code_of(check_against_log(*now, notary_.head().value())) : now.error().code;
  }
  std::string acts_of(const Image& image) {
    std::string all;
    for (const auto& [number, receipt] : image.acts) all += std::to_string(number) + receipt;
    return all;
  }
};

// For each kind of act that was cut off: every other command is refused before anything is on record, so nothing hides
// it; the same command again takes its receipts from the log and says nothing twice.
TEST_F(LostActs, RC_R_PACK_NoActHidesAnotherAndTheSameOneCompletesIt) {
  const Image before = take_image();
  const std::vector<audit::Event> log = notary_.events;
  for (const Kind& lost : kinds()) {
    ASSERT_EQ(lost.act(), Code::kInternal) << lost.name;
    const std::string after = acts_of(take_image());
    const std::size_t said = notary_.events.size();
    put_back(before);
    EXPECT_EQ(daemon(), Code::kAuditFork) << lost.name;
    for (const Kind& other : kinds()) {
      // Activation and reload of the one staged version are the same act.
      const bool same = other.name == lost.name || (other.name == "reload" && lost.name == "activate") ||
                        (other.name == "activate" && lost.name == "reload");
      if (same) continue;
      EXPECT_EQ(other.act(), Code::kAuditFork) << other.name << " behind a lost " << lost.name;
    }
    EXPECT_EQ(notary_.events.size(), said) << lost.name << ": a refusal leaves nothing";
    EXPECT_EQ(acts_of(take_image()), acts_of(before)) << lost.name;
    EXPECT_EQ(lost.act(), Code::kInternal) << lost.name;
    EXPECT_EQ(acts_of(take_image()), after) << lost.name << ": exactly as it was";
    EXPECT_EQ(notary_.events.size(), said) << lost.name << ": said once";
    EXPECT_EQ(daemon(), Code::kInternal) << lost.name;
    notary_.forget(log.size());
    put_back(before);
  }
}

// A database of last week beside today's log: all of it comes back, in order, and the repair is on record.
TEST_F(LostActs, RC_R_PACK_ADatabasePutBackIsRepairedFromTheLog) {
  Image before = take_image();
  for (const char* kind : {"key", "threshold", "import", "revocation", "retire", "repin"}) {
    const auto all = kinds();
    const auto one = std::ranges::find(all, kind, &Kind::name);
    const bool needs_two = std::string(kind) == "revocation";
    const Code done =
        needs_two ? why(revocation(1, {{kStrangerKey}, {}, {}}, {kGovernorKey, kOtherGovernorKey})) : one->act();
    ASSERT_EQ(done, Code::kInternal) << kind;
  }
  const TrustState then = state().value();
  put_back(before);
  EXPECT_EQ(importer().repair("").error().code, Code::kUsage);
  const auto repaired = importer().repair("disk of Monday put back");
  ASSERT_TRUE(repaired) << repaired.error().message;
  EXPECT_EQ(repaired->acts, then.acts() - static_cast<std::int64_t>(before.acts.size()));
  EXPECT_EQ(notary_.names().back(), "trust.repaired");
  const TrustState now = state().value();
  EXPECT_EQ(now.acts(), then.acts() + 1);
  EXPECT_TRUE(now.is_revoked(id_of(kStrangerKey)));
  EXPECT_EQ(now.governor_threshold(), 2);
  EXPECT_EQ(now.active(kTriage), nullptr) << "retired";
  EXPECT_EQ(*now.pin_of("soc.triage"), *then.pin_of("soc.triage"));
  EXPECT_EQ(now.floors(), then.floors());
  EXPECT_EQ(daemon(), Code::kInternal);
  EXPECT_EQ(importer().repair("again")->acts, 0);
  EXPECT_EQ(state()->acts(), now.acts()) << "nothing was missing, nothing is said";
}

// The daemon's records are not acts of trust: that they went on without this database is said when nothing else is
// missing too. What is allowed is one place of the log, and a later permission takes the place of an earlier one.
TEST_F(LostActs, SG_R_STATE_ThatADatabaseWasPutBackIsAnAct) {
  EXPECT_EQ(state()->resumes_after(), std::nullopt);
  notary_.daemon_seq = audit::SourceSeq(17);
  EXPECT_EQ(importer().repair("nothing to say")->daemon_seq, std::nullopt);
  const std::int64_t acts = state()->acts();
  auto restored = importer().repair("disk of Monday put back", true);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->acts, 0);
  EXPECT_EQ(restored->daemon_seq, audit::SourceSeq(17));
  EXPECT_EQ(state()->acts(), acts + 1);
  EXPECT_EQ(state()->resumes_after(), audit::SourceSeq(17));
  const json::Object& said = notary_.events.back().data;
  ASSERT_NE(said.find("daemon_seq"), nullptr);
  EXPECT_EQ(*said.find("daemon_seq")->integer(), 17);
  const Image before = take_image();
  notary_.daemon_seq = audit::SourceSeq(30);
  ASSERT_TRUE(importer().retire(kTriage));
  ASSERT_TRUE(importer().repair("again", true));
  EXPECT_EQ(state()->resumes_after(), audit::SourceSeq(30));
  notary_.daemon_seq = audit::SourceSeq(50);
  put_back(before);
  ASSERT_EQ(importer().repair("without a word of the daemon")->acts, 2);
  EXPECT_EQ(state()->resumes_after(), audit::SourceSeq(30)) << "an old permission comes back as it was";
}

// Acts come back from the log, bytes of packs do not: the file is imported again, and is what it was or refused.
TEST_F(LostActs, RC_D_PACK_AfterARepairThePacksFilesAreImportedAgain) {
  const Image before = take_image();
  const base::Bytes bytes = make("soc.triage", "3.0.0", 3);
  ASSERT_TRUE(import(bytes, {}, true));
  put_back(before);
  const auto repaired = importer().repair("put back");
  ASSERT_TRUE(repaired) << repaired.error().message;
  ASSERT_EQ(repaired->without_file.size(), 1U);
  EXPECT_EQ(repaired->without_file.front().version, "3.0.0");
  EXPECT_EQ(active().error().code, Code::kPackUnknown);
  EXPECT_EQ(why(make("soc.triage", "3.0.1", 3)), Code::kEpochReused);
  const std::size_t said = notary_.events.size();
  ASSERT_EQ(why(bytes), Code::kInternal);
  EXPECT_EQ(notary_.events.size(), said) << "known: no act";
  EXPECT_TRUE(active());
}

TEST_F(LostActs, RC_R_PACK_WhatWasArchivedAwayIsNotPassedOver) {
  const Image before = take_image();
  ASSERT_TRUE(importer().retire(kTriage));
  put_back(before);
  notary_.archived = static_cast<std::int64_t>(notary_.events.size());
  EXPECT_EQ(importer().repair("put back").error().code, Code::kAuditFork);
  EXPECT_EQ(code_of(importer().retire(kTriage)), Code::kAuditFork);
  EXPECT_EQ(acts_of(take_image()), acts_of(before));
}

TEST_F(LostActs, RC_R_PACK_AnOlderLogPutBackStopsTheImporterToo) {
  ASSERT_TRUE(importer().retire(kTriage));
  notary_.forget(notary_.events.size() - 1);
  EXPECT_EQ(code_of(importer().add_key(key_request(kStrangerKey), {})), Code::kAuditFork);
}

// The importer's half of an act in the log, then another act: what was begun is finished first.
TEST_F(LostActs, RC_D_PACK_AKilledImportIsFinishedBeforeAnythingElse) {
  const base::Bytes bytes = make("net.edge", "1.0.0", 1, kNextPublisherKey);
  const Offer offer{{fingerprint(kNextPublisherKey)}, {}};
  for (const int recorded : {1, 2, 3}) {
    const std::size_t log = notary_.events.size();
    const Image before = take_image();
    notary_.fail_after = recorded;
    EXPECT_EQ(why(bytes, offer), Code::kAuditUnavailable);
    notary_.fail_after.reset();
    EXPECT_EQ(code_of(importer().retire(kTriage)), Code::kAuditFork) << recorded;
    EXPECT_EQ(why(bytes, offer), Code::kInternal) << recorded;
    EXPECT_EQ(notary_.events.size(), log + 4) << recorded;
    EXPECT_EQ(daemon(), Code::kInternal) << recorded;
    notary_.forget(log);
    put_back(before);
  }
}

TEST_F(LostActs, ADryRunShowsThatSomethingWasLost) {
  const Image before = take_image();
  ASSERT_TRUE(importer().retire(kTriage));
  put_back(before);
  const base::Bytes bytes = make("soc.triage", "3.0.0", 3);
  ImportRequest request;
  request.file = bytes;
  request.dry_run = true;
  EXPECT_EQ(code_of(importer().import(request, no_content_check(), {})), Code::kAuditFork);
}

// To look up many acts takes minutes; the daemon writes meanwhile, and so may another importer.
TEST_F(LostActs, RC_D_PACK_LostActsAreLookedUpWithoutTheDatabasesLock) {
  const Image before = take_image();
  ASSERT_TRUE(importer().retire(kTriage));
  put_back(before);
  const auto somebody_writes = [&] {
    auto daemon = database_->writer();
    ASSERT_TRUE(daemon);
    EXPECT_TRUE(daemon->execute("BEGIN IMMEDIATE"));
    EXPECT_TRUE(daemon->execute("COMMIT"));
  };
  notary_.when_looked_up = somebody_writes;
  EXPECT_EQ(code_of(importer().retire(kTriage)), Code::kInternal) << "completes what was cut off";
  EXPECT_FALSE(notary_.when_looked_up) << "nothing was looked up";
  put_back(before);
  notary_.when_looked_up = somebody_writes;
  EXPECT_TRUE(importer().repair("put back"));
  EXPECT_FALSE(notary_.when_looked_up) << "nothing was looked up";
}

// What was found without the lock counts only when it is still so under it.
TEST_F(LostActs, RC_T_PACK_WhatAnotherImporterDoesMeanwhileIsSeen) {
  const Image before = take_image();
  ASSERT_TRUE(importer().retire(kTriage));
  put_back(before);
  notary_.when_looked_up = [&] { EXPECT_TRUE(importer().repair("the other one's")); };
  const auto repaired = importer().repair("this one's");
  ASSERT_TRUE(repaired) << repaired.error().message;
  EXPECT_EQ(repaired->acts, 0) << "the other one took it back";
}

TEST_F(LostActs, AnAuditWriterThatGoesDuringARepairIsNoFork) {
  const Image before = take_image();
  ASSERT_TRUE(importer().retire(kTriage));
  put_back(before);
  notary_.fail_after = 0;
  EXPECT_EQ(importer().repair("put back").error().code, Code::kAuditUnavailable);
  notary_.fail_after.reset();
  EXPECT_TRUE(importer().repair("put back"));
}

// Genuine receipts of acts that name another predecessor, or none: the audit writer gives none such, and no load takes
// them.
TEST_F(LostActs, RC_R_PACK_AForgedPredecessorIsRefusedAtEveryLoad) {
  const TrustState now = state().value();
  const auto forged = [&](std::optional<std::int64_t> previous) {
    Act act{now.acts() + 1, Retired{now.active(kTriage)->ref}};
    act.previous = audit::SourceSeq(previous.value_or(0));
    audit::Event event;
    event.name = audit::EventName::kPackRetired;
    event.actor = admin();
    event.tenant = audit::site_tenant();
    event.data = encode_act(act);
    if (!previous) event.data.erase("previous");
    Image image = take_image();
    const auto number = static_cast<std::uint64_t>(now.last_entry().value()) + 1;
    image.acts.emplace_back(act.number, audit::encode_receipt(receipt_of(event, number)));
    return image;
  };
  const Image honest = take_image();
  for (const auto& [previous, code] :
       std::vector<std::pair<std::optional<std::int64_t>, Code>>{{now.last_entry().value(), Code::kInternal},
                                                                 {now.last_entry().value() - 1, Code::kReceiptInvalid},
                                                                 {now.last_entry().value() + 1, Code::kReceiptInvalid},
                                                                 {0, Code::kReceiptInvalid},
                                                                 {std::nullopt, Code::kReceiptInvalid}}) {
    put_image(forged(previous));
    EXPECT_EQ(code_of(state()), code) << previous.value_or(-1);
    put_image(honest);
  }
}

}  // namespace
}  // namespace stargraph::trust
