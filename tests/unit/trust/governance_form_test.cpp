// revocations.json and rotation.json: strict forms, and what two versions of a pack differ in.
#include <algorithm>

#include "governance_trust.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/trust/verdict.hpp"

namespace stargraph::trust {
namespace {

using base::Code;

std::string hex(char c) { return std::string(96, c); }

std::string list(const std::string& rest) { return R"({"format":"stargraph.revocations.v1","number":3)" + rest + "}"; }

const std::string kWords = R"(,"reason":"stolen","date":"2026-01-01"})";

Code refused(const std::string& text) {
  const auto decoded = parse_revocation_list(text);
  return decoded ? Code::kInternal : decoded.error().code;
}

TEST(RevocationList, ReadsItsThreeKinds) {
  const auto decoded = parse_revocation_list(
      list(R"(,"keys":[{"key_id":")" + hex('a') + "\"" + kWords + R"(],"digests":[{"digest":")" + hex('b') + "\"" +
           kWords + R"(],"ranges":[{"pack":"soc.triage","first":2,"last":5)" + kWords + "]"));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->number, 3);
  EXPECT_TRUE(decoded->keys.contains(base::KeyId(hex('a'))));
  EXPECT_TRUE(decoded->digests.contains(*crypto::Digest::from_hex(hex('b'))));
  EXPECT_EQ(*decoded->ranges.begin(), (EpochRange{base::PackId("soc.triage"), base::Epoch(2), base::Epoch(5)}));
  const auto back = decode_revocations(json::Value(encode_revocations(*decoded)));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, *decoded);
}

TEST(RevocationList, RC_T_PACK_RefusesEveryOtherForm) {
  const std::string key = R"({"key_id":")" + hex('a') + "\"";
  EXPECT_EQ(refused(list("")), Code::kMalformed) << "revokes nothing";
  EXPECT_EQ(refused(list(",\"keys\":[" + key + kWords + "," + key + kWords + "]")), Code::kDuplicateKey);
  EXPECT_EQ(refused(list(",\"keys\":[" + key + R"(,"reason":"r"}])")), Code::kMalformed) << "no date";
  EXPECT_EQ(refused(list(",\"keys\":[" + key + R"(,"reason":"","date":"2026-01-01"}])")), Code::kMalformed);
  EXPECT_EQ(refused(list(",\"keys\":[" + key + R"(,"reason":"r","date":"2026-13-01"}])")), Code::kMalformed);
  EXPECT_EQ(refused(list(",\"keys\":[" + key + R"(,"until":"x","reason":"r","date":"2026-01-01"}])")),
            Code::kUnknownField);
  EXPECT_EQ(refused(list(R"(,"keys":[{"key_id":")" + hex('A') + "\"" + kWords + "]")), Code::kMalformed)
      << "upper case";
  EXPECT_EQ(refused(list(R"(,"ranges":[{"pack":"soc.*","first":1,"last":2)" + kWords + "]")), Code::kMalformed);
  EXPECT_EQ(refused(list(R"(,"ranges":[{"pack":"soc","first":3,"last":2)" + kWords + "]")), Code::kNumberRange);
  EXPECT_EQ(refused(list(R"(,"ranges":[{"pack":"soc","first":0,"last":2)" + kWords + "]")), Code::kNumberRange);
  EXPECT_EQ(refused(R"({"format":"stargraph.revocations.v2","number":1,"keys":[]})"), Code::kUnsupportedVersion);
  EXPECT_EQ(refused(R"({"format":"stargraph.revocations.v1","number":0,"keys":[]})"), Code::kNumberRange);
  EXPECT_EQ(refused(list(",\"keys\":[" + key + kWords + "],\"unrevoke\":[]")), Code::kUnknownField);
}

// What an act may hold is bounded by bytes too: ids can be long.
TEST(RevocationList, RC_D_PACK_LongIdsAreCountedByTheirBytes) {
  std::string ranges;
  for (int i = 0; i < 400; ++i) {
    ranges += std::string(i == 0 ? "" : ",") + R"({"pack":")" + std::string(120, 'a') + std::to_string(i) +
              R"(","first":1,"last":9007199254740991)" + kWords;
  }
  EXPECT_EQ(refused(list(",\"ranges\":[" + ranges + "]")), Code::kTooLarge);
}

TEST(RotationForm, RoundTripsAndRefusesTheRest) {
  const Rotation rotation{"soc.*", pack::sample_key(0).public_key().key_id(), pack::sample_key(1).public_key(), "worn"};
  const std::string text = json::canonical(encode_rotation(rotation));
  const auto back = parse_rotation(text);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(json::canonical(encode_rotation(*back)), text);
  const auto with = [&](const char* name, json::Value value) {
    json::Object changed = encode_rotation(rotation);
    changed.set(name, std::move(value));
    const auto decoded = decode_rotation(json::Value(changed));
    return decoded ? Code::kInternal : decoded.error().code;
  };
  EXPECT_EQ(with("scope", "*"), Code::kScopeInvalid);
  EXPECT_EQ(with("scope", "@governors"), Code::kScopeInvalid);
  EXPECT_EQ(with("old_key", "abc"), Code::kMalformed);
  EXPECT_EQ(with("old_key", rotation.new_key.key_id().str()), Code::kConflict);
  EXPECT_EQ(with("new_key", base::to_base64(base::as_bytes("not a key"))), Code::kKeyUnsafe);
  EXPECT_EQ(with("format", "stargraph.rotation.v2"), Code::kUnsupportedVersion);
  EXPECT_EQ(with("reason", ""), Code::kMalformed);
  EXPECT_EQ(with("force", true), Code::kUnknownField);
}

// --- differences ---

struct Version {
  pack::Header header;
  pack::Manifest manifest;
};

Version execution(const std::string& more) {
  const std::string manifest =
      "kind: execution\nid: soc.graphs\nversion: \"1.0.0\"\nrequires: {api_version: \"1\"}\n" + more;
  auto compiled =
      pack::compile({pack::source("manifest.yaml", manifest),
                     pack::source("graphs/a.yaml", "ir_version: \"1.0.0\"\nid: a\nnodes: [{id: a, kind: echo}]\n")},
                    pack::at_epoch(1));
  SG_CHECK(compiled.has_value());
  return {compiled->header, compiled->manifest};
}

bool grows(const std::string& before, const std::string& after) {
  const Version a = execution(before);
  const Version b = execution(after);
  return compare(a.header, a.manifest, b.header, b.manifest).asks_for_more();
}

TEST(Difference, RC_E_PACK_WhatAnExecutionPackCanAskMoreOf) {
  EXPECT_FALSE(grows("", ""));
  EXPECT_FALSE(grows("", "description: other words\n"));
  for (const std::string more :
       {"workers: [\"soc.enrich\"]\n", "declared_tools: [lookup]\n", "declared_permissions: [\"net.read\"]\n",
        "capabilities: [\"runs:cancel\"]\n", "model_requirements: {tier: large}\n"}) {
    EXPECT_TRUE(grows("", more)) << more;
    EXPECT_FALSE(grows(more, "")) << more;
  }
  EXPECT_TRUE(grows("deterministic: true\n", ""));
  EXPECT_FALSE(grows("", "deterministic: true\n"));
  EXPECT_TRUE(grows("model_requirements: {tier: small}\n", "model_requirements: {tier: large}\n")) << "another model";
}

TEST(Difference, NamesFilesThatCameWentAndChanged) {
  const Version a = execution("");
  const Version b = execution("description: other words\n");
  const Difference found = compare(a.header, a.manifest, b.header, b.manifest);
  EXPECT_TRUE(found.files.empty());
  EXPECT_NE(std::ranges::find(found.files_changed, "manifest.json"), found.files_changed.end());
  EXPECT_EQ(std::ranges::find(found.files_changed, "graphs/a.json"), found.files_changed.end());
}

// --- the daemon's answer to a reload ---

class Verdicts : public TrustTest {};

TEST_F(Verdicts, TheLastOneStaysAndIsNumbered) {
  auto connection = database_->writer();
  ASSERT_TRUE(connection);
  EXPECT_FALSE(get_verdict(*connection).value().has_value());
  EXPECT_EQ(last_act_number(*connection).value(), 0);
  ReloadVerdict verdict;
  verdict.acts = 7;
  verdict.time = pack::sample_time();
  ASSERT_TRUE(put_verdict(*connection, verdict));
  verdict.reason = Code::kIncompatible;
  verdict.message = std::string(10'000, 'x');
  ASSERT_TRUE(put_verdict(*connection, verdict));
  const auto got = get_verdict(*connection).value();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->serial, 2);
  EXPECT_EQ(got->acts, 7);
  EXPECT_EQ(got->reason, Code::kIncompatible);
  EXPECT_EQ(got->message.size(), 4096U);
  EXPECT_EQ(got->time, pack::sample_time());
  ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  EXPECT_EQ(last_act_number(*connection).value(), state()->acts());
}

}  // namespace
}  // namespace stargraph::trust
