// What an attacker with the stick can do to the bytes of a pack: each way with its reason code.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "sample_pack.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::pack {
namespace {

using base::Bytes;
using base::Code;

struct Parts {
  Bytes bytes = sample_pack();
  Container container = *parse(bytes);
  std::string header = base::to_text(container.header_bytes);
  Bytes payload{container.payload.begin(), container.payload.end()};
};

// The header of the sample pack with one member changed, signed again: what a thief of the key could do.
Code refused_header(const std::string& member, json::Value value) {
  const Parts parts;
  json::Value header = *json::parse(parts.header);
  header.object()->set(member, std::move(value));
  return why_refused(raw_pack(json::canonical(header), parts.payload));
}

json::Value file(const std::string& path, std::int64_t size = 0) {
  return json::Object{{"path", path}, {"sha384", crypto::sha384(std::string_view()).hex()}, {"size", size}};
}

TEST(PackVerify, AcceptsTheSample) {
  EXPECT_EQ(why_refused(sample_pack()), Code::kInternal);
  EXPECT_EQ(why_refused(sample_pack(execution_sources())), Code::kInternal);
  const Parts parts;
  EXPECT_EQ(why_refused(raw_pack(parts.header, parts.payload)), Code::kInternal)
      << "raw_pack is not what refuses below";
}

TEST(PackVerify, SG_T_PACK_RefusesEveryFlippedByte) {
  Bytes bytes = sample_pack();
  std::map<Code, int> reasons;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::byte& byte = bytes[at];
    // One bit of every byte; all of them of the sizes and of the first bytes of each block.
    const bool every_bit = at < 32;
    for (unsigned bit = 0; bit < 8; ++bit) {
      if (!every_bit && bit != at % 8) continue;
      const auto flip = 1U << bit;
      byte ^= static_cast<std::byte>(flip);
      const Code code = why_refused(bytes);
      ASSERT_NE(code, Code::kInternal) << "accepted with byte " << at << " ^ " << flip;
      ASSERT_EQ(base::reason(code).exit_code == base::kExitIntegrity || code == Code::kSignerNotPinned, true)
          << base::reason(code).name;
      ++reasons[code];
      byte ^= static_cast<std::byte>(flip);
    }
  }
  // The ways such a pack is refused; a reason that is new here deserves a look.
  const std::set<Code> expected{Code::kNotAPack,       Code::kUnsupportedVersion, Code::kTooLarge,
                                Code::kTruncated,      Code::kMalformed,          Code::kBadUtf8,
                                Code::kUnknownField,   Code::kUnsupportedFeature, Code::kSignatureInvalid,
                                Code::kKeyIdMismatch,  Code::kKeyUnsafe,          Code::kAlgorithmRefused,
                                Code::kDigestMismatch, Code::kPathInvalid,        Code::kIncompatible,
                                Code::kNumberRange,    Code::kDuplicateKey,       Code::kTrailingBytes,
                                Code::kTooDeep};
  for (const auto& [code, count] : reasons) {
    EXPECT_TRUE(expected.contains(code)) << base::reason(code).name << " x" << count;
  }
  EXPECT_GT(reasons[Code::kDigestMismatch], 1000) << "every byte of the payload";
  EXPECT_GT(reasons[Code::kSignatureInvalid], 100);
}

TEST(PackVerify, SG_T_PACK_RefusesTruncationAtEveryLength) {
  const Bytes bytes = sample_pack();
  std::set<Code> reasons;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Bytes shorter(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    reasons.insert(why_refused(shorter));
  }
  EXPECT_EQ(reasons, (std::set<Code>{Code::kTruncated, Code::kSizeMismatch}));
}

TEST(PackVerify, SG_T_PACK_RefusesAppendedBytes) {
  Bytes bytes = sample_pack();
  bytes.push_back(std::byte{0});
  EXPECT_EQ(why_refused(bytes), Code::kTrailingBytes);
}

TEST(PackVerify, SG_T_PACK_RefusesDuplicateKeys) {
  const Parts parts;
  std::string header = parts.header;
  header.insert(1, R"("epoch":9,)");
  EXPECT_EQ(why_refused(raw_pack(header, parts.payload)), Code::kDuplicateKey);
}

TEST(PackVerify, SG_T_PACK_RefusesUnknownMembers) {
  EXPECT_EQ(refused_header("scripts", "post-install.sh"), Code::kUnknownField);
}

TEST(PackVerify, SG_T_PACK_RefusesPathsThatLeaveThePack) {
  for (const char* path :
       {"../x", "a/../x", "a/..", "/etc/passwd", "a//b", "a/", "./a", ".", "..", "a\\b", "a b", "a\tb", "ä"}) {
    EXPECT_EQ(refused_header("files", json::Array{file(path)}), Code::kPathInvalid) << path;
  }
  EXPECT_EQ(refused_header("files", json::Array{file(std::string(255, 'a'))}), Code::kTrailingBytes)
      << "the longest path is fine in the header";
}

TEST(PackVerify, SG_T_PACK_RefusesRepeatedAndUnsortedPaths) {
  EXPECT_EQ(refused_header("files", json::Array{file("a"), file("a")}), Code::kPathInvalid);
  EXPECT_EQ(refused_header("files", json::Array{file("b"), file("a")}), Code::kPathInvalid);
}

TEST(PackVerify, RC_D_PACK_RefusesSizesThatLie) {
  EXPECT_EQ(refused_header("files", json::Array{file("a", 60'000'000), file("b", 60'000'000)}), Code::kTooLarge)
      << "sum over the cap";
  EXPECT_EQ(refused_header("files", json::Array{file("a", 1'000'000)}), Code::kSizeMismatch) << "more than there is";
  EXPECT_EQ(refused_header("files", json::Array{}), Code::kTrailingBytes) << "less than there is";
  for (const json::Value& size :
       {json::Value(-1), json::Value(67'108'865), json::Value(9007199254740991), json::Value("1"), json::Value(1.5)}) {
    json::Value one = file("a");
    one.object()->set("size", size);
    const Code code = refused_header("files", json::Array{one});
    EXPECT_TRUE(code == Code::kNumberRange || code == Code::kMalformed || code == Code::kTooLarge)
        << base::reason(code).name;
  }
}

TEST(PackVerify, RC_D_PACK_RefusesTenThousandFiles) {
  json::Array files;
  for (int i = 0; i < 10'000; ++i)
    files.push_back(json::Object{{"path", std::to_string(100'000 + i)}, {"sha384", ""}, {"size", 0}});
  EXPECT_EQ(refused_header("files", std::move(files)), Code::kTooLarge);
}

TEST(PackVerify, RC_D_PACK_RefusesOversizedBlocksBeforeReadingThem) {
  Bytes bytes = sample_pack();
  bytes[8] = std::byte{0xFF};
  EXPECT_EQ(why_refused(bytes), Code::kTooLarge);
  const Parts parts;
  bytes = parts.bytes;
  bytes[12 + parts.header.size()] = std::byte{0x01};
  EXPECT_EQ(why_refused(bytes), Code::kTooLarge);
}

TEST(PackVerify, RC_E_SPEC_RefusesWhatIsNewer) {
  EXPECT_EQ(refused_header("spec_version", "2.0.0"), Code::kIncompatible);
  EXPECT_EQ(refused_header("spec_version", "1.1.0"), Code::kIncompatible);
  EXPECT_EQ(refused_header("spec_version", "0.9.0"), Code::kIncompatible) << "another major";
  EXPECT_EQ(refused_header("spec_version", "1.0.7"), Code::kInternal) << "a patch changes nothing";
  EXPECT_EQ(refused_header("spec_version", "1.0.0-rc.1"), Code::kIncompatible) << "a draft is not the specification";
  EXPECT_EQ(refused_header("spec_version", "1.0"), Code::kMalformed);
  for (const char* text : {"01.0.0", "+1.0.0", "v1.0.0", " 1.0.0", "1.0.0.0", "1e0.0.0", "1,0.0"}) {
    EXPECT_EQ(refused_header("spec_version", text), Code::kMalformed) << text;
  }
  EXPECT_EQ(refused_header("spec_version", "1.0.0 "), Code::kMalformed);
  EXPECT_EQ(refused_header("critical_features", json::Array{"lazy-rules"}), Code::kUnsupportedFeature);
  EXPECT_EQ(refused_header("format", "stargraph.pack.v2"), Code::kUnsupportedVersion);
  EXPECT_EQ(refused_header("kind", "plugin"), Code::kUnsupportedFeature);
}

TEST(PackVerify, RC_E_PACK_AnotherKindInTheHeaderIsRefused) {
  EXPECT_EQ(refused_header("kind", "policy"), Code::kFileUnexpected) << "its files are those of a rules pack";
  EXPECT_EQ(refused_header("kind", "execution"), Code::kFileUnexpected);
}

TEST(PackVerify, SG_T_PACK_RefusesHeaderValuesOutOfForm) {
  EXPECT_NE(refused_header("epoch", 0), Code::kInternal);
  EXPECT_NE(refused_header("epoch", "1"), Code::kInternal);
  EXPECT_EQ(refused_header("id", "../up"), Code::kMalformed);
  EXPECT_EQ(refused_header("version", "1.0"), Code::kMalformed);
  EXPECT_EQ(refused_header("created", "yesterday"), Code::kMalformed);
}

// One member of the first signature changed; nothing is signed again.
Code refused_signature(const std::string& member, json::Value value) {
  const Parts parts;
  json::Value block = *json::parse(encode_signatures(parts.container.signatures));
  block.array()->front().object()->set(member, std::move(value));
  return why_refused(assemble(base::as_bytes(parts.header), json::canonical(block), parts.payload));
}

TEST(PackSignatures, RC_S_PACK_RefusesOtherAlgorithms) {
  for (const char* alg : {"none", "HS256", "RS256", "EdDSA", "", "ED25519", "ed25519ph"}) {
    const Code code = refused_signature("alg", alg);
    EXPECT_TRUE(code == Code::kAlgorithmRefused || (code == Code::kMalformed && *alg == '\0'))
        << alg << " " << base::reason(code).name;
  }
  EXPECT_EQ(refused_signature("alg", "ecdsa-p384-sha384"), Code::kAlgorithmRefused)
      << "the algorithm of another key type";
}

TEST(PackSignatures, RC_S_PACK_RefusesAKeyUnderAnothersName) {
  const crypto::PublicKey& other = sample_key(1).public_key();
  EXPECT_EQ(refused_signature("key_id", other.key_id().str()), Code::kKeyIdMismatch);
  EXPECT_EQ(refused_signature("spki", base::to_base64(other.der())), Code::kKeyIdMismatch);
}

TEST(PackSignatures, RC_S_PACK_RefusesSmallOrderKeys) {
  // The neutral element (0, 1) as a public key: any message "verifies" under it with lax verifiers.
  Bytes spki = base::from_hex("302a300506032b6570032100").value();
  spki.push_back(std::byte{1});
  spki.resize(44);
  const Parts parts;
  json::Value block = *json::parse(encode_signatures(parts.container.signatures));
  block.array()->front().object()->set("spki", base::to_base64(spki));
  block.array()->front().object()->set("key_id", crypto::sha384(spki).hex());
  EXPECT_EQ(why_refused(assemble(base::as_bytes(parts.header), json::canonical(block), parts.payload)),
            Code::kKeyUnsafe);
}

TEST(PackSignatures, SG_S_PACK_UnsignedIsRefused) {
  const Parts parts;
  EXPECT_EQ(why_refused(assemble(base::as_bytes(parts.header), "[]", parts.payload)), Code::kSignatureMissing);
}

TEST(PackSignatures, SG_T_PACK_BlockHasOneForm) {
  const Parts parts;
  const std::string block = encode_signatures(parts.container.signatures);
  EXPECT_EQ(why_refused(assemble(base::as_bytes(parts.header), " " + block, parts.payload)), Code::kMalformed);
  EXPECT_EQ(refused_signature("x5c", json::Array{}), Code::kUnknownField);
  EXPECT_EQ(refused_signature("jku", "file:///x"), Code::kUnknownField);
}

TEST(PackSignatures, RC_S_PACK_SecondSignatureThatFailsIsRefused) {
  const Parts parts;
  std::vector<SignatureEntry> entries = parts.container.signatures;
  const crypto::PublicKey& other = sample_key(1).public_key();
  entries.push_back(
      {other.key_id(), other.algorithm(), {other.der().begin(), other.der().end()}, entries.front().signature});
  EXPECT_EQ(why_refused(assemble(base::as_bytes(parts.header), encode_signatures(entries), parts.payload)),
            Code::kSignatureInvalid);
}

TEST(PackSignatures, RC_S_PACK_SecondSignatureOfTheSameKeyIsRefused) {
  const Parts parts;
  std::vector<SignatureEntry> entries = parts.container.signatures;
  entries.push_back(entries.front());
  EXPECT_EQ(why_refused(assemble(base::as_bytes(parts.header), encode_signatures(entries), parts.payload)),
            Code::kSignatureDuplicate);
}

TEST(PackSignatures, RC_S_PACK_SecondSignatureOfAnUnknownKeyIsRefused) {
  const auto two = add_signature(*parse(sample_pack()), sample_key(1));
  ASSERT_TRUE(two);
  EXPECT_EQ(why_refused(*two), Code::kSignerNotPinned);
}

TEST(PackSignatures, SG_S_PACK_AnotherKeyIsRefused) {
  EXPECT_EQ(why_refused(sample_pack(), sample_key(1).public_key()), Code::kSignerNotPinned);
}

TEST(PackSignatures, SG_S_PACK_EveryGivenKeyMustHaveSigned) {
  const Bytes bytes = sample_pack();
  const auto container = parse(bytes);
  const crypto::PublicKey keys[] = {sample_key().public_key(), sample_key(1).public_key()};
  EXPECT_EQ(verify(*container, keys).error().code, Code::kSignatureMissing);
}

TEST(PackSignatures, SG_S_PACK_SignatureOfAnotherDomainIsRefused) {
  const Parts parts;
  EXPECT_EQ(why_refused(raw_pack(parts.header, parts.payload, sample_key(), "stargraph.audit.checkpoint.v1")),
            Code::kSignatureInvalid);
}

TEST(PackSignatures, SG_S_PACK_SignatureOfAnotherPackIsRefused) {
  const Parts parts;
  const Bytes other = sample_pack(rules_sources("soc.other"));
  const std::string signatures = encode_signatures(parse(other)->signatures);
  EXPECT_EQ(why_refused(assemble(base::as_bytes(parts.header), signatures, parts.payload)), Code::kSignatureInvalid);
}

// A compiled pack whose files were changed before signing.
Code refused_files(const std::function<void(Header&, std::vector<SourceFile>&)>& change) {
  auto compiled = *compile(rules_sources(), at_epoch(1));
  change(compiled.header, compiled.files);
  compiled.header.files.clear();
  Bytes payload;
  for (const SourceFile& file : compiled.files) {
    compiled.header.files.push_back({file.path, file.bytes.size(), crypto::sha384(file.bytes)});
    payload.insert(payload.end(), file.bytes.begin(), file.bytes.end());
  }
  return why_refused(raw_pack(encode_header(compiled.header), payload));
}

TEST(PackContents, RC_T_PACK_HeaderAndManifestMustAgree) {
  EXPECT_EQ(refused_files([](Header& header, auto&) { header.id = base::PackId("soc.other"); }),
            Code::kManifestMismatch);
  EXPECT_EQ(refused_files([](Header& header, auto&) { header.version = "1.0.1"; }), Code::kManifestMismatch);
}

TEST(PackContents, RC_T_PACK_SbomMustListWhatIsThere) {
  EXPECT_EQ(refused_files([](Header&, auto& files) { files[1].bytes.push_back(std::byte{'\n'}); }), Code::kSbomMismatch)
      << "digest";
  EXPECT_EQ(refused_files([](Header&, auto& files) { files.push_back(source("source/x", "")); }), Code::kSbomMismatch)
      << "not listed";
  EXPECT_EQ(refused_files([](Header&, auto& files) { files.pop_back(); }), Code::kSbomMismatch) << "listed, not there";
  EXPECT_EQ(refused_files([](Header&, auto& files) { files[2].bytes = base::to_bytes("{}"); }), Code::kSbomMismatch)
      << "no SBOM";
}

TEST(PackContents, RC_T_PACK_FilesAreThoseOfTheKind) {
  EXPECT_EQ(refused_files([](Header&, auto& files) { files.erase(files.begin() + 1); }), Code::kFileMissing);
  EXPECT_EQ(refused_files([](Header&, auto& files) { files.push_back(source("z.sh", "")); }), Code::kFileUnexpected);
  EXPECT_EQ(refused_files([](Header&, auto& files) { files.erase(files.begin()); }), Code::kFileMissing)
      << "manifest.json";
}

TEST(PackContents, RC_T_PACK_ManifestIsStrict) {
  const auto with = [](std::string_view manifest) {
    return refused_files([&](Header&, auto& files) { files[0].bytes = base::to_bytes(manifest); });
  };
  EXPECT_EQ(with("{}"), Code::kManifestInvalid);
  EXPECT_EQ(with("not json"), Code::kManifestInvalid);
  EXPECT_EQ(with(R"({"kind":"rules","kind":"rules"})"), Code::kManifestInvalid);
  EXPECT_EQ(
      with(
          R"({"kind":"rules","id":"soc.triage","version":"1.0.0","requires":{"stargraph_facts_version":"1.0","api_version":"1"},"hook":"x"})"),
      Code::kManifestInvalid);
  EXPECT_EQ(
      with(
          R"({"kind":"rules","id":"soc.triage","version":"1.0.0","requires":{"stargraph_facts_version":"1.0","api_version":"1"},"limits":{"max_ms":1000000}})"),
      Code::kManifestInvalid)
      << "no pack gives itself more than the host's bound";
}

TEST(PackContents, RC_E_SPEC_OtherVocabularyIsIncompatible) {
  auto sources = rules_sources();
  std::string manifest = rules_manifest();
  manifest.replace(manifest.find("\"1.0\""), 5, "\"2.0\"");
  sources[0] = source("manifest.yaml", manifest);
  const auto compiled = compile(sources, at_epoch(1));
  ASSERT_TRUE(compiled);
  EXPECT_EQ(sign(*compiled, sample_key()).error().code, Code::kIncompatible);
}

}  // namespace
}  // namespace stargraph::pack
