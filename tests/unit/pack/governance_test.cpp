// Packs of the kinds that govern a site: policy, revocation, rotation. Here only their form; what they
// say is read by the modules that act on it.
#include <gtest/gtest.h>

#include <algorithm>

#include "sample_pack.hpp"

namespace stargraph::pack {
namespace {

using base::Code;

class GovernancePack : public ::testing::TestWithParam<PackKind> {};

TEST_P(GovernancePack, IsBuiltAndVerifies) {
  const base::Bytes bytes = sample_pack(governance_sources(GetParam()));
  EXPECT_EQ(why_refused(bytes), Code::kInternal);
  const auto container = parse(bytes);
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_EQ(container->header.kind, GetParam());
  const auto contents = check_contents(*container);
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_EQ(kind_of(contents->manifest), GetParam());
  EXPECT_EQ(id_of(contents->manifest).str(), "site.governance");
  EXPECT_TRUE(capabilities_of(contents->manifest).empty());
  const File* content = contents->find(governance_path(GetParam()));
  ASSERT_NE(content, nullptr);
  EXPECT_EQ(base::as_text(content->bytes), R"({"format":"x","number":7})");
}

TEST_P(GovernancePack, KeepsItsSources) {
  const base::Bytes bytes = sample_pack(governance_sources(GetParam()));
  const auto container = parse(bytes);
  const auto contents = check_contents(*container);
  ASSERT_TRUE(contents);
  const std::string name(governance_path(GetParam()));
  EXPECT_NE(contents->find("source/" + name.substr(0, name.rfind('.')) + ".yaml"), nullptr);
  EXPECT_NE(contents->find("source/manifest.yaml"), nullptr);
}

TEST_P(GovernancePack, NeedsItsContent) {
  const auto compiled = compile({governance_sources(GetParam()).front()}, at_epoch(1));
  ASSERT_TRUE(compiled);
  EXPECT_EQ(sign(*compiled, sample_key()).error().code, Code::kFileMissing);
}

TEST_P(GovernancePack, SG_E_PACK_HoldsNothingElse) {
  for (const char* name : {"rules.clp", "graphs/a.yaml", "policy.json", "hook.sh"}) {
    auto sources = governance_sources(GetParam());
    sources.push_back(source(name, "{}"));
    EXPECT_EQ(compile(sources, at_epoch(1)).error().code, Code::kFileUnexpected) << name;
  }
}

TEST_P(GovernancePack, SG_E_PACK_ManifestAsksForNothing) {
  for (const char* line : {"capabilities: [\"runs:start\"]\n", "requires: {api_version: \"1\"}\n", "workers: [x]\n"}) {
    auto sources = governance_sources(GetParam());
    sources.front() = source("manifest.yaml", base::to_text(sources.front().bytes) + line);
    EXPECT_EQ(compile(sources, at_epoch(1)).error().code, Code::kManifestInvalid) << line;
  }
}

TEST_P(GovernancePack, RC_S_PACK_SignatureOfOneKindSaysNothingOfAnother) {
  const base::Bytes bytes = sample_pack(governance_sources(GetParam()));
  const auto container = parse(bytes);
  for (const PackKind other : {PackKind::kPolicy, PackKind::kRevocation, PackKind::kRotation, PackKind::kRules}) {
    if (other == GetParam()) continue;
    Header header = container->header;
    header.kind = other;
    const std::string signatures = encode_signatures(container->signatures);
    const std::string header_bytes = encode_header(header);
    EXPECT_EQ(why_refused(assemble(base::as_bytes(header_bytes), signatures, container->payload)),
              Code::kSignatureInvalid);
    EXPECT_EQ(why_refused(raw_pack(header_bytes, container->payload)), Code::kFileUnexpected) << "signed anew";
  }
}

INSTANTIATE_TEST_SUITE_P(All, GovernancePack,
                         ::testing::Values(PackKind::kPolicy, PackKind::kRevocation, PackKind::kRotation),
                         [](const auto& kind) { return std::string(kind_name(kind.param)); });

}  // namespace
}  // namespace stargraph::pack
