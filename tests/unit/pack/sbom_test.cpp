// The SBOM and the manifest beside the header: three documents that must say the same, each way of saying something
// else with its reason. All of these packs are properly signed: a publisher's mistake, or a thief of the key.
#include "stargraph/pack/sbom.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "sample_pack.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::pack {
namespace {

using base::Code;

// The sample with its SBOM replaced; the header names the new one's digest.
Code why_with_sbom(std::string_view sbom) {
  auto compiled = *compile(rules_sources(), at_epoch(1));
  base::Bytes payload;
  for (std::size_t i = 0; i < compiled.files.size(); ++i) {
    SourceFile& file = compiled.files[i];
    if (file.path == kSbomPath) {
      file.bytes = base::to_bytes(sbom);
      compiled.header.files[i] = {file.path, file.bytes.size(), crypto::sha384(file.bytes)};
    }
    payload.insert(payload.end(), file.bytes.begin(), file.bytes.end());
  }
  return why_refused(raw_pack(encode_header(compiled.header), payload));
}

json::Value sample_sbom() { return *json::parse(make_sbom(compile(rules_sources(), at_epoch(1))->header)); }

json::Array& components(json::Value& sbom) { return *sbom.object()->find("components")->array(); }

Code why_changed(const std::function<void(json::Value&)>& change) {
  json::Value sbom = sample_sbom();
  change(sbom);
  return why_with_sbom(json::canonical(sbom));
}

json::Object file_component(std::string_view name, std::string_view digest) {
  return {
      {"hashes", json::Array{json::Object{{"alg", "SHA-384"}, {"content", digest}}}}, {"name", name}, {"type", "file"}};
}

TEST(Sbom, OtherComponentsMayStandBeside) {
  EXPECT_EQ(why_changed([](json::Value&) {}), Code::kInternal) << "the sample itself";
  EXPECT_EQ(why_changed([](json::Value& sbom) {
              components(sbom).push_back(json::Object{{"name", "clips"}, {"type", "library"}, {"version", "6.4"}});
            }),
            Code::kInternal);
}

TEST(Sbom, IsSummarised) {
  json::Value sbom = sample_sbom();
  components(sbom).push_back(json::Object{{"name", "clips"}, {"type", "library"}, {"version", "6.4"}});
  components(sbom).push_back(json::Object{{"type", "device"}});
  const SbomSummary summary = summarise_sbom(base::as_bytes(json::canonical(sbom)));
  EXPECT_EQ(summary.files, 3U);
  ASSERT_EQ(summary.others.size(), 2U);
  EXPECT_EQ(summary.others[0].name, "clips");
  EXPECT_EQ(summary.others[0].version, "6.4");
  EXPECT_EQ(summary.others[1].name, "");
  EXPECT_EQ(summarise_sbom(base::as_bytes("[]")).files, 0U);
}

TEST(Sbom, RC_T_PACK_AboutAnotherPackIsRefused) {
  for (const char* member : {"name", "version"}) {
    EXPECT_EQ(why_changed([&](json::Value& sbom) {
                sbom.object()->find("metadata")->object()->find("component")->object()->set(member, "9.9.9");
              }),
              Code::kSbomMismatch)
        << member;
  }
}

TEST(Sbom, RC_T_PACK_DigestsAreTheHeaders) {
  const auto set_hashes = [](const json::Value& hashes) {
    return why_changed([&](json::Value& sbom) { components(sbom)[0].object()->set("hashes", hashes); });
  };
  const std::string zero(96, '0');
  EXPECT_EQ(set_hashes(json::Array{json::Object{{"alg", "SHA-384"}, {"content", zero}}}), Code::kSbomMismatch);
  EXPECT_EQ(set_hashes(json::Array{}), Code::kSbomMismatch) << "none";
  EXPECT_EQ(set_hashes(nullptr), Code::kSbomMismatch);
  EXPECT_EQ(why_changed([&](json::Value& sbom) {
              json::Array& hashes = *components(sbom)[0].object()->find("hashes")->array();
              hashes.push_back(json::Object{{"alg", "MD5"}, {"content", "00"}});
            }),
            Code::kSbomMismatch)
      << "one more that nobody checks";
  EXPECT_EQ(why_changed([&](json::Value& sbom) {
              components(sbom)[0].object()->find("hashes")->array()->front().object()->set("alg", "SHA-256");
            }),
            Code::kSbomMismatch);
}

TEST(Sbom, RC_T_PACK_ListsEachFileOnceAndNoOther) {
  EXPECT_EQ(why_changed([](json::Value& sbom) { components(sbom).push_back(components(sbom)[0]); }),
            Code::kSbomMismatch)
      << "twice";
  EXPECT_EQ(why_changed([](json::Value& sbom) { components(sbom).pop_back(); }), Code::kSbomMismatch) << "one less";
  EXPECT_EQ(why_changed([](json::Value& sbom) {
              components(sbom).push_back(file_component("source/ghost.yaml", std::string(96, '0')));
            }),
            Code::kSbomMismatch)
      << "one that is not there";
  EXPECT_EQ(why_changed(
                [](json::Value& sbom) { components(sbom).push_back(file_component(kSbomPath, std::string(96, '0'))); }),
            Code::kSbomMismatch)
      << "itself";
}

// A type that is not "file" would hide a file from the comparison, but then the file is missing from the list.
TEST(Sbom, RC_T_PACK_AFileCannotHideAsSomethingElse) {
  EXPECT_EQ(why_changed([](json::Value& sbom) { components(sbom)[0].object()->set("type", "data"); }),
            Code::kSbomMismatch);
  EXPECT_EQ(why_changed([](json::Value& sbom) { components(sbom)[0] = "rules.clp"; }), Code::kSbomMismatch);
}

TEST(Sbom, RC_T_PACK_OtherFormatsAreRefused) {
  for (const char* text : {"", "[]", "{}", "null", R"({"spdxVersion":"SPDX-2.3"})", "not json"}) {
    EXPECT_EQ(why_with_sbom(text), Code::kSbomMismatch) << text;
  }
  EXPECT_EQ(why_changed([](json::Value& sbom) { sbom.object()->set("specVersion", "1.5"); }), Code::kSbomMismatch);
  EXPECT_EQ(why_changed([](json::Value& sbom) { sbom.object()->set("bomFormat", "SPDX"); }), Code::kSbomMismatch);
  EXPECT_EQ(why_changed([](json::Value& sbom) { sbom.object()->erase("components"); }), Code::kSbomMismatch);
  std::string twice = json::canonical(sample_sbom());
  twice.insert(1, R"("bomFormat":"CycloneDX",)");
  EXPECT_EQ(why_with_sbom(twice), Code::kSbomMismatch) << "a member twice";
}

// The sample with its manifest's member set, and an SBOM and a header that go with it.
Code why_with_manifest(const std::string& member, json::Value with) {
  auto compiled = *compile(rules_sources(), at_epoch(1));
  json::Value manifest = *json::parse(compiled.files[0].bytes);
  manifest.object()->set(member, std::move(with));
  compiled.files[0].bytes = base::to_bytes(json::canonical(manifest));
  Header header = compiled.header;
  const auto refresh = [&](std::size_t i) {
    const SourceFile& file = compiled.files[i];
    header.files[i] = {file.path, file.bytes.size(), crypto::sha384(file.bytes)};
  };
  refresh(0);
  compiled.files[2].bytes = base::to_bytes(make_sbom(header));
  refresh(2);
  base::Bytes payload;
  for (const SourceFile& file : compiled.files) payload.insert(payload.end(), file.bytes.begin(), file.bytes.end());
  return why_refused(raw_pack(encode_header(header), payload));
}

TEST(ManifestAgreement, RC_T_PACK_KindIdAndVersionAreTheHeaders) {
  EXPECT_EQ(why_with_manifest("description", "other words"), Code::kInternal) << "nothing else has to agree";
  EXPECT_EQ(why_with_manifest("id", "soc.other"), Code::kManifestMismatch);
  EXPECT_EQ(why_with_manifest("version", "1.0.0+build"), Code::kManifestMismatch) << "to the byte";
  EXPECT_EQ(why_with_manifest("kind", "policy"), Code::kManifestInvalid) << "with the members of another kind";
}

TEST(ManifestAgreement, RC_E_PACK_CapabilitiesAreNamesAndStandOnce) {
  EXPECT_EQ(why_with_manifest("capabilities", json::Array{"runs:start", "runs:start"}), Code::kManifestInvalid);
  EXPECT_EQ(why_with_manifest("capabilities", json::Array{"runs:start\n"}), Code::kManifestInvalid);
  EXPECT_EQ(why_with_manifest("capabilities", json::Array{""}), Code::kManifestInvalid);
  EXPECT_EQ(why_with_manifest("capabilities", "runs:start"), Code::kManifestInvalid);
  EXPECT_EQ(why_with_manifest("Capabilities", json::Array{}), Code::kManifestInvalid);
}

}  // namespace
}  // namespace stargraph::pack
