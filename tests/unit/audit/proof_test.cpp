// Proofs that verify with the key alone, and what must not pass for one.
#include "stargraph/audit/proof.hpp"

#include "stargraph/crypto/fingerprint.hpp"
#include "unit/audit/saved_log.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using test::audit_public_key;
using test::SavedLog;

// One log for all tests: nobody writes to it.
SavedLog& saved_log() {
  static SavedLog log;
  return log;
}

std::vector<LogSeq> checkpoints_of(SavedLog& log) {
  std::vector<LogSeq> seqs;
  for (const std::string& line : log.lines()) {
    const auto entry = decode_entry(line);
    if (entry && entry->event.name == EventName::kAuditCheckpoint) seqs.push_back(entry->seq);
  }
  return seqs;
}

Code code_of(const Proof& proof, const crypto::PublicKey& key = audit_public_key()) {
  const auto proven = verify_proof(proof, key);
  return proven ? Code::kInternal : proven.error().code;
}

InclusionProof inclusion(std::int64_t seq, std::optional<LogSeq> of = {}) {
  auto proof = make_inclusion_proof(saved_log().paths(), audit_public_key(), LogSeq(seq), of);
  EXPECT_TRUE(proof.has_value()) << proof.error().message;
  return *std::move(proof);
}

TEST(Proof, EveryEntryIsProvenAgainstTheLastCheckpoint) {
  const auto last = static_cast<std::int64_t>(saved_log().lines().size());
  for (std::int64_t seq = 1; seq < last; seq += 13) {
    const Proof proof = inclusion(seq);
    const auto proven = verify_proof(proof, audit_public_key());
    ASSERT_TRUE(proven.has_value()) << seq;
    EXPECT_EQ(proven->entry->seq.value(), seq);
    EXPECT_EQ(proven->checkpoint.entry.seq.value(), last);
    const auto again = decode_proof(encode_proof(proof));
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(encode_proof(*again), encode_proof(proof));
  }
}

TEST(Proof, AnEarlierCheckpointCoversWhatStandsBeforeIt) {
  const std::vector<LogSeq> seqs = checkpoints_of(saved_log());
  ASSERT_GT(seqs.size(), 3U);
  const LogSeq of = seqs[seqs.size() / 2];
  EXPECT_TRUE(verify_proof(inclusion(of.value() - 1, of), audit_public_key()).has_value());
  const auto after = make_inclusion_proof(saved_log().paths(), audit_public_key(), of, of);
  ASSERT_FALSE(after.has_value());
  EXPECT_EQ(after.error().code, Code::kNotFound);
  const auto none = make_inclusion_proof(saved_log().paths(), audit_public_key(), LogSeq(1), LogSeq(of.value() - 1));
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, Code::kNotFound);
}

TEST(Proof, EveryPairOfCheckpointsIsConsistent) {
  const std::vector<LogSeq> seqs = checkpoints_of(saved_log());
  for (std::size_t i = 0; i < seqs.size(); ++i) {
    const auto proof = make_consistency_proof(saved_log().paths(), audit_public_key(), seqs[i], {});
    ASSERT_TRUE(proof.has_value()) << proof.error().message;
    EXPECT_TRUE(verify_proof(*proof, audit_public_key()).has_value());
    const auto again = decode_proof(encode_proof(*proof));
    ASSERT_TRUE(again.has_value());
  }
}

TEST(Proof, RC_T_AUDIT_AnyAlteredPartOfAnInclusionIsRefused) {
  const InclusionProof proof = inclusion(100);
  const InclusionProof other = inclusion(101);
  InclusionProof changed = proof;
  changed.entry = other.entry;
  EXPECT_EQ(code_of(changed), Code::kAuditRootMismatch);
  changed = proof;
  changed.path.pop_back();
  EXPECT_EQ(code_of(changed), Code::kAuditRootMismatch);
  changed = proof;
  changed.path.push_back(changed.path.back());
  EXPECT_EQ(code_of(changed), Code::kAuditRootMismatch);
  changed = proof;
  std::swap(changed.path[0], changed.path[1]);
  EXPECT_EQ(code_of(changed), Code::kAuditRootMismatch);
  changed = proof;
  changed.entry.replace(changed.entry.find("alice"), 5, "bobby");
  EXPECT_EQ(code_of(changed), Code::kAuditHashMismatch);
  changed.entry = test::rehashed(changed.entry);
  EXPECT_EQ(code_of(changed), Code::kAuditRootMismatch);
  changed = proof;
  changed.checkpoint = proof.entry;
  EXPECT_EQ(code_of(changed), Code::kAuditMalformed);
  changed = proof;
  changed.entry = proof.checkpoint;  // no checkpoint covers itself
  EXPECT_EQ(code_of(changed), Code::kAuditTruncated);
}

TEST(Proof, RC_S_AUDIT_ACheckpointOfAnotherKeyOrLogProvesNothing) {
  const InclusionProof proof = inclusion(100);
  const auto stranger = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  EXPECT_EQ(code_of(proof, stranger->public_key()), Code::kAuditUnknownKey);
  SavedLog other(200, 40'000, 1);  // the same key, another log
  InclusionProof changed = proof;
  changed.checkpoint = other.lines().back();
  EXPECT_EQ(code_of(changed), Code::kAuditRootMismatch);
  const auto first = checkpoints_of(saved_log()).front();
  auto consistency = make_consistency_proof(saved_log().paths(), audit_public_key(), first, {});
  ASSERT_TRUE(consistency.has_value());
  consistency->to = other.lines().back();
  EXPECT_EQ(code_of(*consistency), Code::kAuditRootMismatch);
  std::swap(consistency->from, consistency->to);
  EXPECT_NE(code_of(*consistency), Code::kInternal);
}

TEST(Proof, RC_T_AUDIT_OnlyItsOneFormIsRead) {
  const std::string text = encode_proof(inclusion(7));
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 0x01);
    const auto proof = decode_proof(changed);
    EXPECT_TRUE(!proof || code_of(*proof) != Code::kInternal) << i;
  }
  for (const std::string& wrong : {std::string(), std::string("{}"), text + "\n", " " + text, text.substr(1)}) {
    const auto proof = decode_proof(wrong);
    ASSERT_FALSE(proof.has_value());
    EXPECT_EQ(proof.error().code, Code::kAuditMalformed);
  }
}

TEST(Proof, RC_T_AUDIT_NoneIsMadeFromALogThatDoesNotHold) {
  SavedLog log(50, 100'000);
  const auto file = log.path() / segment_name(1);
  std::string text = test::join(log.lines());
  text[text.find("alice")] = 'A';
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
  const auto proof = make_inclusion_proof(log.paths(), audit_public_key(), LogSeq(2), {});
  ASSERT_FALSE(proof.has_value());
  EXPECT_EQ(proof.error().code, Code::kAuditHashMismatch);
}

TEST(AnchorWords, TheWordsOfACheckpointAreAnAnchor) {
  SavedLog& log = saved_log();
  const auto checkpoint = decode_entry(log.lines().back());
  ASSERT_TRUE(checkpoint.has_value());
  for (const std::string& text : {crypto::fingerprint_words(checkpoint->entry_hash) + "\n",
                                  crypto::fingerprint_hex(checkpoint->entry_hash), checkpoint->entry_hash.hex()}) {
    const auto report = verify_log(log.paths(), audit_public_key(), text);
    ASSERT_TRUE(report.has_value()) << report.error().message;
    EXPECT_TRUE(report->good() && report->anchored);
  }
}

TEST(AnchorWords, RC_R_AUDIT_ALogWithoutThatCheckpointIsRefused) {
  SavedLog& log = saved_log();
  const auto ordinary = decode_entry(log.lines()[5]);  // in the log, but nobody signed it
  const auto missing = verify_log(log.paths(), audit_public_key(), ordinary->entry_hash.hex());
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(test::reason_of(*missing), "TRUNCATED");
  const auto nonsense = verify_log(log.paths(), audit_public_key(), std::string("aardvark absurd"));
  ASSERT_FALSE(nonsense.has_value());
  EXPECT_EQ(nonsense.error().code, Code::kAuditMalformed);
}

}  // namespace
}  // namespace stargraph::audit
