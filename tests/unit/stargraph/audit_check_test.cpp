// What `stargraph audit` believes of a daemon's answers: nothing that the audit key does not bear out.
#include "bin/stargraph/audit_check.hpp"

#include "stargraph/audit/chain.hpp"
#include "stargraph/audit/checkpoint.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/json/value.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::cli {
namespace {

using audit::Source;
using audit::test::audit_public_key;
using base::Code;
using json::Value;

// A log of soc and lab in turns, and an honest daemon's answers about it.
class AuditCheck : public ::testing::Test {
 protected:
  void SetUp() override {
    auto writer = log_.open();
    ASSERT_TRUE(writer.has_value());
    for (std::int64_t i = 1; i <= 40; ++i) {
      const auto event = audit::test::make_event(audit::EventName::kRequest, i % 2 == 0 ? "lab" : "soc");
      ASSERT_TRUE((*writer)->append(Source::kDaemon, audit::test::make_record(i, event)).has_value());
    }
    ASSERT_TRUE((*writer)->stop().has_value());
    for (const std::string& line : audit::test::split_lines(log_.whole())) {
      const audit::Entry entry = *audit::decode_entry(line);
      leaves_.push_back(crypto::merkle_leaf(entry.entry_hash.bytes()));
      if (entry.event.tenant == base::TenantId("soc")) soc_.push_back(line);
      if (entry.event.name == audit::EventName::kAuditCheckpoint) checkpoints_.push_back(line);
    }
    ASSERT_EQ(soc_.size(), 20U);
    ASSERT_GE(checkpoints_.size(), 2U);
  }
  static Value page(const std::vector<std::string>& lines, const char* tenant = "soc") {
    json::Array items;
    for (const std::string& line : lines) items.emplace_back(line);
    return json::Object{
        {"tenant", tenant}, {"lines", std::move(items)}, {"after", 0}, {"cursor", "1-0"}, {"more", false}};
  }
  static Code refused(std::vector<std::string> lines, const char* tenant = "soc") {
    TenantLines taken{audit::TenantSeq(0)};
    const auto result = taken.take(page(lines, tenant));
    return result ? Code::kInternal : result.error().code;
  }
  [[nodiscard]] audit::SignedCheckpoint checkpoint(std::size_t from_end = 0) const {
    return *check_checkpoint(checkpoints_[checkpoints_.size() - 1 - from_end] + "\n", audit_public_key());
  }
  static Value path(const char* first, std::int64_t number, const char* second, std::uint64_t size,
                    const std::vector<crypto::Digest>& digests) {
    json::Array items;
    for (const crypto::Digest& digest : digests) items.emplace_back(digest.hex());
    return json::Object{{first, number}, {second, static_cast<std::int64_t>(size)}, {"path", std::move(items)}};
  }
  [[nodiscard]] std::vector<crypto::Digest> first(std::uint64_t size) const {
    return {leaves_.begin(), leaves_.begin() + static_cast<std::ptrdiff_t>(size)};
  }

  audit::test::Log log_;
  std::vector<crypto::Digest> leaves_;
  std::vector<std::string> soc_;
  std::vector<std::string> checkpoints_;
};

TEST_F(AuditCheck, LinesThatFollowEachOtherAreTakenAcrossPages) {
  TenantLines taken{audit::TenantSeq(0)};
  ASSERT_TRUE(taken.take(page({soc_.begin(), soc_.begin() + 7})).has_value());
  ASSERT_TRUE(taken.take(page({soc_.begin() + 7, soc_.end()})).has_value());
  EXPECT_EQ(taken.lines(), soc_);
  EXPECT_EQ(taken.last(), audit::TenantSeq(20));
  EXPECT_EQ(taken.last_within(checkpoint().state.size), 19U);
  EXPECT_EQ(taken.last_within(1), std::nullopt);
}

TEST_F(AuditCheck, RC_R_AUDIT_ALineThatIsLeftOutAlteredOrForeignIsNoticed) {
  for (std::size_t i = 0; i + 1 < soc_.size(); ++i) {
    std::vector<std::string> fewer = soc_;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(refused(fewer), Code::kAuditGap) << i;
    std::vector<std::string> swapped = soc_;
    std::swap(swapped[i], swapped[i + 1]);
    EXPECT_EQ(refused(swapped), Code::kAuditGap) << i;
    std::vector<std::string> altered = soc_;
    altered[i].replace(altered[i].find("\"success\""), 9, "\"failure\"");
    EXPECT_EQ(refused(altered), Code::kAuditHashMismatch) << i;
    // Made whole again, as anybody can: the next line knows better.
    const std::size_t at = altered[i].rfind(",\"entry_hash\"");
    altered[i].replace(at + 15, 96, crypto::domain_digest(audit::kEntryDomain, altered[i].substr(0, at)).hex());
    EXPECT_EQ(refused(altered), Code::kAuditPreviousMismatch) << i;
  }
  EXPECT_EQ(refused(soc_, "lab"), Code::kAuditMalformed);
  TenantLines taken{audit::TenantSeq(0)};
  EXPECT_FALSE(taken.take(json::Object{{"lines", json::Array{}}}).has_value());
}

// The last line has no next one: its proof tells.
TEST_F(AuditCheck, RC_S_AUDIT_OnlyAProofUnderTheKeyMakesALineCount) {
  const audit::SignedCheckpoint last = checkpoint();
  std::string line = soc_.back();
  const auto index = static_cast<std::uint64_t>(audit::decode_entry(line)->seq.value() - 1);
  const Value honest = path("seq", static_cast<std::int64_t>(index + 1), "size", last.state.size,
                            crypto::inclusion_proof(first(last.state.size), index));
  EXPECT_TRUE(check_inclusion(line, last, honest, audit_public_key()).has_value());
  line.replace(line.find("\"success\""), 9, "\"failure\"");
  const std::size_t at = line.rfind(",\"entry_hash\"");
  line.replace(at + 15, 96, crypto::domain_digest(audit::kEntryDomain, line.substr(0, at)).hex());
  EXPECT_EQ(check_inclusion(line, last, honest, audit_public_key()).error().code, Code::kAuditRootMismatch);
  const auto other = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519)->public_key();
  EXPECT_EQ(check_inclusion(soc_.back(), last, honest, other).error().code, Code::kAuditUnknownKey);
  EXPECT_FALSE(check_checkpoint(checkpoints_.back(), other).has_value());
  EXPECT_FALSE(check_checkpoint(soc_.back(), audit_public_key()).has_value());
  EXPECT_FALSE(check_checkpoint("", audit_public_key()).has_value());
}

// An old checkpoint is genuine for ever. Behind it anybody can put lines of his own that follow each other.
TEST_F(AuditCheck, RC_S_AUDIT_LinesFarBehindTheCheckpointAreRefusedAndThoseShortBehindItAreNotSigned) {
  const auto followed_by = [&](std::int64_t seq) {
    TenantLines taken{audit::TenantSeq(0)};
    std::vector<std::string> lines = soc_;
    audit::Entry entry = *audit::decode_entry(lines.back());
    entry.tenant_previous_hash = entry.entry_hash;
    entry.tenant_seq = entry.tenant_seq.next();
    entry.seq = audit::LogSeq(seq);
    lines.push_back(*audit::encode_entry(entry));
    EXPECT_TRUE(taken.take(page(lines)).has_value());
    return taken;
  };
  const std::uint64_t size = checkpoint().state.size;
  const auto last_honest = static_cast<std::int64_t>(size + 1 + audit::kCheckpointEntries);
  EXPECT_EQ(followed_by(last_honest).signed_within(size), 20U);
  EXPECT_EQ(followed_by(last_honest + 1).signed_within(size).error().code, Code::kAuditTruncated);
  EXPECT_EQ(followed_by(last_honest + 1).signed_within(size + 1), 20U);
  EXPECT_EQ(TenantLines(audit::TenantSeq(0)).signed_within(size), 0U);
}

TEST_F(AuditCheck, ASearchThatStandsStillOrNeverEndsIsGivenUp) {
  const auto go_on = [](TenantLines& taken, const std::string& cursor) {
    return taken
        .take(
            json::Object{{"tenant", "soc"}, {"lines", json::Array{}}, {"after", 0}, {"cursor", cursor}, {"more", true}})
        .has_value();
  };
  TenantLines still{audit::TenantSeq(0)};
  EXPECT_TRUE(go_on(still, "1-0"));
  EXPECT_FALSE(go_on(still, "1-0"));
  TenantLines restless{audit::TenantSeq(0)};
  std::size_t pages = 0;
  while (pages < 1'000'000 && go_on(restless, "1-" + std::to_string(pages))) ++pages;
  EXPECT_EQ(pages, 65'536U);
}

TEST_F(AuditCheck, RC_R_AUDIT_ALogThatForgetsWhatTheNoteSaysIsNoticed) {
  const audit::SignedCheckpoint older = checkpoint(1);
  const audit::SignedCheckpoint last = checkpoint();
  const auto from = static_cast<std::int64_t>(older.state.size);
  const Value honest =
      path("from", from, "to", last.state.size, crypto::consistency_proof(first(last.state.size), older.state.size));
  EXPECT_TRUE(check_consistency(older, last, honest, audit_public_key()).has_value());
  EXPECT_EQ(check_consistency(last, older, honest, audit_public_key()).error().code, Code::kAuditTruncated);
  const Value empty = path("from", from, "to", last.state.size, {});
  EXPECT_EQ(check_consistency(older, last, empty, audit_public_key()).error().code, Code::kAuditRootMismatch);
}

}  // namespace
}  // namespace stargraph::cli
