// The ceremony and the acts of an import: what is asked, what is stored, what is on record.
#include "sample_trust.hpp"
#include "stargraph/crypto/fingerprint.hpp"

namespace stargraph::trust {
namespace {

using base::Code;

TEST_F(TrustTest, FirstImportPinsAndActivates) {
  const auto report = import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->activated);
  EXPECT_EQ(notary_.names(),
            (std::vector<std::string>{"trust.key_added", "trust.pinned", "pack.imported", "pack.activated"}));
  const auto now = state();
  ASSERT_TRUE(now) << now.error().message;
  ASSERT_EQ(now->pins().size(), 1U);
  EXPECT_EQ(now->pins().front(), (Pin{"soc.triage", {pack::sample_key().public_key().key_id()}, 1}));
  EXPECT_EQ(now->floor(base::PackId("soc.triage")), base::Epoch(1));
  const auto packs = active();
  ASSERT_TRUE(packs) << packs.error().message;
  ASSERT_EQ(packs->size(), 1U);
  EXPECT_EQ(packs->front().ref().version, "1.0.0");
  ASSERT_NE(packs->front().rules(), nullptr);
  EXPECT_EQ(packs->front().execution(), nullptr);
  EXPECT_EQ(base::as_text(packs->front().find("rules.clp")->bytes), pack::kSampleRules);
}

TEST_F(TrustTest, StateSurvivesRestart) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  open();
  ASSERT_TRUE(active());
  EXPECT_EQ(active()->size(), 1U);
}

TEST_F(TrustTest, RC_S_PACK_FirstImportNeedsTheFingerprint) {
  const base::Bytes bytes = make("soc.triage", "1.0.0", 1);
  EXPECT_EQ(why(bytes), Code::kFingerprintMissing);
  EXPECT_EQ(why(bytes, {{fingerprint(1)}, {}}), Code::kFingerprintMismatch);
  EXPECT_EQ(state()->acts(), 0) << "nothing was stored";
}

TEST_F(TrustTest, RC_S_PACK_KeyIdIsNoFingerprint) {
  const crypto::Digest key_id = crypto::Digest::from_hex(pack::sample_key().public_key().key_id().str()).value();
  EXPECT_EQ(why(make("soc.triage", "1.0.0", 1), {{key_id}, {}}), Code::kFingerprintMismatch);
}

TEST_F(TrustTest, RC_R_PACK_RefusalIsOnRecord) {
  const base::Bytes bytes = make("soc.triage", "1.0.0", 1);
  ASSERT_EQ(why(bytes), Code::kFingerprintMissing);
  ASSERT_EQ(notary_.names(), std::vector<std::string>{"pack.refused"});
  const audit::Event& event = notary_.events.front();
  EXPECT_EQ(event.outcome, audit::Outcome::kDenied);
  EXPECT_EQ(*event.data.find("reason")->string(), "fingerprint-missing");
  EXPECT_EQ(*event.data.find("file_digest")->string(), crypto::sha384(bytes).hex());
  EXPECT_EQ(*event.data.find("claimed_key_ids")->array()->front().string(),
            pack::sample_key().public_key().key_id().str());
}

// What shows only when the acts are made is refused all the same: here a step back to a version that is
// stored and was once in force.
TEST_F(TrustTest, RC_R_PACK_AStepBackIsOnRecord) {
  const base::Bytes first = make("soc.triage", "1.0.0", 1);
  ASSERT_TRUE(import(first, {{fingerprint()}, {}}));
  ASSERT_TRUE(import(make("soc.triage", "2.0.0", 2), {}, true));
  EXPECT_EQ(why(first, {}, true), Code::kEpochBelowFloor);
  ASSERT_EQ(notary_.names().back(), "pack.refused");
  EXPECT_EQ(*notary_.events.back().data.find("reason")->string(), "epoch-below-floor");
}

TEST_F(TrustTest, SG_R_PACK_RefusalWithoutTheLogIsStillARefusal) {
  notary_.unavailable = true;
  EXPECT_EQ(why(make("soc.triage", "1.0.0", 1)), Code::kFingerprintMissing);
}

TEST_F(TrustTest, LaterImportOfAPinnedIdNeedsNothing) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  const auto report = import(make("soc.triage", "1.1.0", 2));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(report->activated) << "a later version is staged";
  EXPECT_EQ(active()->front().ref().version, "1.0.0");
  ASSERT_TRUE(activate("").value().has_value());
  EXPECT_EQ(active()->front().ref().version, "1.1.0");
  EXPECT_FALSE(activate("").value().has_value()) << "nothing to do";
}

TEST_F(TrustTest, ImportCanActivateAtOnce) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  ASSERT_TRUE(import(make("soc.triage", "1.1.0", 2), {}, true)->activated);
  EXPECT_EQ(active()->front().ref().version, "1.1.0");
}

TEST_F(TrustTest, ImportingTheSameAgainChangesNothing) {
  const base::Bytes bytes = make("soc.triage", "1.0.0", 1);
  ASSERT_TRUE(import(bytes, {{fingerprint()}, {}}));
  const auto acts = state()->acts();
  const auto again = import(bytes);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->already_there);
  EXPECT_EQ(state()->acts(), acts);
}

TEST_F(TrustTest, SG_S_PACK_AnotherSignerOfAPinnedIdIsRefused) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  EXPECT_EQ(why(make("soc.triage", "1.1.0", 2, 1)), Code::kSignerMismatch);
  EXPECT_EQ(why(make("soc.triage", "1.1.0", 2, 1), {{fingerprint(1)}, {}}), Code::kSignerMismatch)
      << "a fingerprint is no repin";
}

TEST_F(TrustTest, SG_S_PACK_APinnedSignerIsAStrangerForOtherIds) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  EXPECT_EQ(why(make("soc.other", "1.0.0", 1)), Code::kFingerprintMissing);
}

TEST_F(TrustTest, ScopePinsAFamilyOfIds) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, "soc.*"}));
  ASSERT_TRUE(import(make("soc.other", "1.0.0", 1)));
  EXPECT_EQ(active()->size(), 2U);
}

TEST_F(TrustTest, RC_E_PACK_ScopesThatReachTooFarAreRefused) {
  const base::Bytes bytes = make("soc.triage", "1.0.0", 1);
  EXPECT_EQ(why(bytes, {{fingerprint()}, "*"}), Code::kScopeInvalid);
  EXPECT_EQ(why(bytes, {{fingerprint()}, "net.*"}), Code::kScopeInvalid);
}

TEST_F(TrustTest, RC_E_PACK_ASecondKeyDoesNotGetIntoAnothersScope) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, "soc.triage.*"}).error().code ==
              Code::kScopeInvalid);
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, "soc.*"}));
  EXPECT_EQ(why(make("soc.inner", "1.0.0", 1, 1), {{fingerprint(1)}, {}}), Code::kSignerMismatch);
  EXPECT_EQ(why(make("soc.inner", "1.0.0", 1, 1), {{fingerprint(1)}, "soc.inner"}), Code::kSignerMismatch);
}

TEST_F(TrustTest, RC_E_PACK_AWiderScopeAroundAnothersPinIsRefused) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  EXPECT_EQ(why(make("soc.other", "1.0.0", 1, 1), {{fingerprint(1)}, "soc.*"}), Code::kScopeInvalid);
}

TEST_F(TrustTest, RC_S_PACK_EverySecondSignerMustBeKnownToo) {
  const base::Bytes one = make("soc.triage", "1.0.0", 1);
  const base::Bytes two = pack::add_signature(*pack::parse(one), pack::sample_key(1)).value();
  EXPECT_EQ(why(two, {{fingerprint()}, {}}), Code::kSignerNotPinned);
  const auto report = import(two, {{fingerprint(), fingerprint(1)}, {}});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->decision.confirmed.size(), 2U);
  EXPECT_EQ(state()->keys().size(), 2U);
}

TEST_F(TrustTest, RC_T_PACK_AnOldVersionIsBelowTheFloor) {
  const base::Bytes old = make("soc.triage", "1.0.0", 1);
  ASSERT_TRUE(import(make("soc.triage", "2.0.0", 5), {{fingerprint()}, {}}));
  EXPECT_EQ(why(old), Code::kEpochBelowFloor) << "a valid signature does not help";
}

TEST_F(TrustTest, RC_T_PACK_AStagedVersionBelowTheFloorIsNotActivated) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  ASSERT_TRUE(import(make("soc.triage", "1.1.0", 2)));
  ASSERT_TRUE(import(make("soc.triage", "1.2.0", 3), {}, true));
  EXPECT_EQ(activate("1.1.0").error().code, Code::kEpochBelowFloor);
  EXPECT_EQ(activate("1.0.0").error().code, Code::kEpochBelowFloor);
  EXPECT_EQ(why(make("soc.triage", "1.1.0", 2), {}, true), Code::kEpochBelowFloor);
}

TEST_F(TrustTest, RC_T_PACK_AnEpochIsUsedOnce) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  EXPECT_EQ(why(make("soc.triage", "1.0.1", 1)), Code::kEpochReused);
}

TEST_F(TrustTest, AVersionNamesOneEpoch) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  EXPECT_EQ(why(make("soc.triage", "1.0.0", 2)), Code::kConflict);
}

TEST_F(TrustTest, RetireKeepsTheFloor) {
  ASSERT_TRUE(import(make("soc.triage", "2.0.0", 5), {{fingerprint()}, {}}));
  ASSERT_TRUE(importer().retire(base::PackId("soc.triage")));
  EXPECT_TRUE(active()->empty());
  EXPECT_EQ(why(make("soc.triage", "1.0.0", 1)), Code::kEpochBelowFloor);
  const auto next = import(make("soc.triage", "2.1.0", 6));
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->activated) << "retired: made active only when somebody says so";
  EXPECT_EQ(importer().retire(base::PackId("soc.triage")).error().code, Code::kPackUnknown);
}

TEST_F(TrustTest, ActivateOfWhatIsNotThereIsRefused) { EXPECT_EQ(activate("").error().code, Code::kPackUnknown); }

TEST_F(TrustTest, DryRunChecksAndStoresNothing) {
  const base::Bytes bytes = make("soc.triage", "1.0.0", 1);
  ImportRequest request;
  request.file = bytes;
  request.dry_run = true;
  EXPECT_EQ(importer().import(request, no_content_check(), {}).error().code, Code::kFingerprintMissing);
  request.offer.fingerprints = {fingerprint()};
  const auto report = importer().import(request, no_content_check(), {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->activated) << "would be";
  EXPECT_EQ(state()->acts(), 0);
  EXPECT_TRUE(notary_.events.empty());
}

TEST_F(TrustTest, SG_T_PACK_RulesThatDoNotLoadAreRefusedBeforeAnyAct) {
  const base::Bytes bytes = make("soc.triage", "1.0.0", 1);
  ImportRequest request;
  request.file = bytes;
  request.offer.fingerprints = {fingerprint()};
  const auto report =
      importer().import(request,
                        [](const pack::Contents&, base::BytesView) {
                          return base::Result<Findings>(base::fail(Code::kRulesFunction, "rules.clp: (system)"));
                        },
                        {});
  EXPECT_EQ(report.error().code, Code::kRulesFunction);
  EXPECT_EQ(state()->acts(), 0);
  EXPECT_EQ(notary_.names(), std::vector<std::string>{"pack.refused"});
}

TEST_F(TrustTest, RC_R_PACK_NoReceiptNoImport) {
  notary_.unavailable = true;
  EXPECT_EQ(why(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}), Code::kAuditUnavailable);
  EXPECT_EQ(state()->acts(), 0);
}

TEST_F(TrustTest, RC_R_PACK_ALogLostHalfWayLeavesNothing) {
  for (std::size_t records = 0; records < 4; ++records) {
    notary_.fail_after = records == 0 ? 0 : 1;  // each time one more of the four
    EXPECT_EQ(why(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}), Code::kAuditUnavailable) << records;
    EXPECT_EQ(notary_.events.size(), records);
    EXPECT_EQ(state()->acts(), 0) << records;
    EXPECT_EQ(state()->packs().size(), 0U) << records;
  }
  notary_.fail_after.reset();
  EXPECT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  EXPECT_EQ(notary_.events.size(), 4U) << "what the log had was taken from there, not said twice";
  EXPECT_EQ(state()->acts(), 4);
}

TEST_F(TrustTest, RC_R_PACK_AReceiptForAnotherActIsRefused) {
  audit::Event other;
  other.name = audit::EventName::kPackRetired;
  other.actor = admin();
  other.tenant = audit::site_tenant();
  other.data = encode_act({1, Retired{{base::PackId("x"), "1.0.0", base::Epoch(1), pack::PackKind::kRules, {}}}});
  notary_.answer_with = other;
  EXPECT_EQ(why(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}), Code::kReceiptInvalid);
  EXPECT_EQ(state()->acts(), 0);
}

// The person at the terminal.
struct Typist {
  std::vector<std::string> answers;
  std::size_t asked = 0;
  std::optional<std::string> operator()(int attempt) {
    EXPECT_EQ(attempt, static_cast<int>(asked) + 1);
    if (asked >= answers.size()) return std::nullopt;
    return answers[asked++];
  }
};

class TrustCeremony : public TrustTest {
 protected:
  base::Result<ImportReport> import_asking(const base::Bytes& bytes, Typist& typist) {
    ImportRequest request;
    request.file = bytes;
    return importer().import(request, no_content_check(), std::ref(typist));
  }
};

TEST_F(TrustCeremony, TakesTheFingerprintTheWayPeopleTypeIt) {
  Typist typist{{crypto::fingerprint_hex(fingerprint())}};
  EXPECT_TRUE(import_asking(make("soc.a", "1.0.0", 1), typist));
  Typist words{{crypto::fingerprint_words(fingerprint())}};
  EXPECT_TRUE(import_asking(make("soc.b", "1.0.0", 1), words));
}

TEST_F(TrustCeremony, RC_S_PACK_EndsAfterThreeWrongOnes) {
  Typist typist{
      {"12", crypto::fingerprint_hex(fingerprint(1)), "topmost Istanbul", crypto::fingerprint_hex(fingerprint())}};
  const auto report = import_asking(make("soc.triage", "1.0.0", 1), typist);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kFingerprintMismatch);
  EXPECT_EQ(typist.asked, 3U) << "the right one comes too late";
  EXPECT_EQ(state()->acts(), 0);
}

TEST_F(TrustCeremony, ThirdTryMayBeRight) {
  Typist typist{{"no", "no", crypto::fingerprint_hex(fingerprint())}};
  EXPECT_TRUE(import_asking(make("soc.triage", "1.0.0", 1), typist));
}

TEST_F(TrustCeremony, DoesNotAskWhenTheSignerIsPinned) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  Typist typist;
  EXPECT_TRUE(import_asking(make("soc.triage", "1.1.0", 2), typist));
  EXPECT_EQ(typist.asked, 0U);
}

TEST_F(TrustCeremony, SG_S_PACK_DoesNotAskForAWrongSignerOfAPinnedId) {
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  Typist typist{{crypto::fingerprint_hex(fingerprint(1))}};
  EXPECT_EQ(import_asking(make("soc.triage", "1.1.0", 2, 1), typist).error().code, Code::kSignerMismatch);
  EXPECT_EQ(typist.asked, 0U);
}

TEST_F(TrustCeremony, NobodyThereIsFingerprintMissing) {
  Typist typist;
  EXPECT_EQ(import_asking(make("soc.triage", "1.0.0", 1), typist).error().code, Code::kFingerprintMissing);
}

}  // namespace
}  // namespace stargraph::trust
