// Revocation and rotation packs are read again at each load: what root, with a program of its own and the audit
// writer's socket, can put on record without a governor's signature does not count.
#include <algorithm>
#include <map>

#include "governance_trust.hpp"

namespace stargraph::trust {
namespace {

using base::Code;

class TrustEffect : public GovernedTest {
 protected:
  void SetUp() override {
    GovernedTest::SetUp();
    import_first();
    state_ = state().value();
  }
  // With a genuine receipt: the rules of the list of acts have nothing against it.
  void on_record(Body body) {
    const Act act{state_.acts() + 1, std::move(body), state_.last_entry().next(),
                  admin(),           env_.now(),      state_.last_entry()};
    const auto taken = state_.apply(act);
    ASSERT_TRUE(taken) << taken.error().message;
  }
  // As if `bytes` had been imported and `claimed` had signed them.
  crypto::Digest imported(const base::Bytes& bytes, const std::vector<int>& claimed) {
    const auto container = pack::parse(bytes).value();
    const pack::Header& header = container.header;
    std::vector<base::KeyId> signers;
    for (const int key : claimed) signers.push_back(id_of(key));
    std::ranges::sort(signers);  // as check_signatures gives them
    on_record(Imported{{header.id, header.version, header.epoch, header.kind, container.digest}, signers});
    return container.digest;
  }
  void keep(const base::Bytes& bytes) { files_[pack::parse(bytes)->digest] = bytes; }
  static Revocations list(std::int64_t number, int key) {
    Revocations list;
    list.number = number;
    list.keys = {id_of(key)};
    return list;
  }
  Code why() {
    const PackSource files = [this](const ImportedPack& pack) -> base::Result<base::Bytes> {
      const auto found = files_.find(pack.ref.digest);
      if (found == files_.end()) return base::fail(Code::kPackUnknown, "gone");
      return found->second;
    };
    return code_of(check_effects(files, state_));
  }
  // The same about what the database holds.
  Code stored() {
    store::Connection connection = database_->reader().value();
    return code_of(check_effects(packs_in(connection), state().value()));
  }

  TrustState state_;
  std::map<crypto::Digest, base::Bytes> files_;
};

TEST_F(TrustEffect, WhatGovernorsSignedCounts) {
  ASSERT_EQ(GovernedTest::why(revocation(1, {{kStrangerKey}, {}, {}})), Code::kInternal);
  ASSERT_EQ(GovernedTest::why(rotation("soc.triage", kPublisherKey, kNextPublisherKey, {kPublisherKey, kGovernorKey})),
            Code::kInternal);
  const TrustState now = state().value();
  EXPECT_EQ(now.effects().size(), 2U);
  EXPECT_EQ(stored(), Code::kInternal);
}

TEST_F(TrustEffect, AFileThatIsGoneComesBackWithTheSameImport) {
  const base::Bytes bytes = revocation(1, {{kStrangerKey}, {}, {}});
  ASSERT_EQ(GovernedTest::why(bytes), Code::kInternal);
  Image image = take_image();
  std::erase_if(image.packs, [&](const auto& pack) { return pack.first.hex() == digest_of(bytes); });
  put_image(image);
  EXPECT_EQ(stored(), Code::kPackUnknown);
  EXPECT_EQ(GovernedTest::why(bytes), Code::kInternal);
  EXPECT_EQ(stored(), Code::kInternal);
}

TEST_F(TrustEffect, SG_E_PACK_ARevocationWithoutItsPackDoesNotCount) {
  const crypto::Digest pack = imported(revocation(1, {{kPublisherKey}, {}, {}}, {kStrangerKey}), {kGovernorKey});
  on_record(Revoked{list(1, kPublisherKey), pack});
  EXPECT_EQ(why(), Code::kPackUnknown);
}

TEST_F(TrustEffect, SG_S_PACK_ARevocationThatNoGovernorSignedDoesNotCount) {
  const base::Bytes bytes = revocation(1, {{kPublisherKey}, {}, {}}, {kStrangerKey});
  const crypto::Digest pack = imported(bytes, {kGovernorKey});
  on_record(Revoked{list(1, kPublisherKey), pack});
  keep(bytes);
  EXPECT_EQ(why(), Code::kSignerMismatch);
}

TEST_F(TrustEffect, SG_T_PACK_ARevocationOfMoreThanItsPackSaysDoesNotCount) {
  const base::Bytes bytes = revocation(1, {{kStrangerKey}, {}, {}});
  const crypto::Digest pack = imported(bytes, {kGovernorKey});
  on_record(Revoked{list(1, kPublisherKey), pack});
  keep(bytes);
  EXPECT_EQ(why(), Code::kReceiptInvalid);
}

TEST_F(TrustEffect, SG_T_PACK_ARotationToAnotherKeyThanItsPackSaysDoesNotCount) {
  for (const int key : {kNextPublisherKey, kOtherPublisherKey}) {
    on_record(KeyAdded{{pack::sample_key(key).public_key(), Role::kPublisher, "Eve", {}, {}}, {}});
  }
  const base::Bytes bytes = rotation("soc.triage", kPublisherKey, kNextPublisherKey, {kPublisherKey, kGovernorKey});
  const crypto::Digest pack = imported(bytes, {kPublisherKey, kGovernorKey});
  keep(bytes);
  const TrustState before = state_;
  on_record(Rotated{"soc.triage", id_of(kPublisherKey), id_of(kNextPublisherKey), pack});
  EXPECT_EQ(why(), Code::kInternal) << "what it says";
  state_ = before;
  on_record(Rotated{"soc.triage", id_of(kPublisherKey), id_of(kOtherPublisherKey), pack});
  EXPECT_EQ(why(), Code::kReceiptInvalid);
}

// What a repair brought back has no file until somebody imports it again; a file that is there is looked at.
TEST_F(TrustEffect, SG_T_PACK_ARepairExcusesALostFileAndNoOther) {
  const base::Bytes bytes = revocation(1, {{kStrangerKey}, {}, {}});
  const crypto::Digest pack = imported(bytes, {kGovernorKey});
  on_record(Revoked{list(1, kStrangerKey), pack});
  EXPECT_EQ(why(), Code::kPackUnknown);
  on_record(Repaired{2, "disk of Monday put back", {}});
  EXPECT_EQ(why(), Code::kInternal);
  EXPECT_TRUE(state_.is_revoked(id_of(kStrangerKey))) << "in force all the same";
  files_[pack] = revocation(1, {{kStrangerKey}, {}, {}}, {kStrangerKey});
  EXPECT_EQ(why(), Code::kSignerMismatch);
  const base::Bytes later = revocation(2, {{kApproverKey}, {}, {}});
  keep(bytes);
  on_record(Revoked{list(2, kApproverKey), imported(later, {kGovernorKey})});
  EXPECT_EQ(why(), Code::kPackUnknown) << "one that came after it";
}

}  // namespace
}  // namespace stargraph::trust
