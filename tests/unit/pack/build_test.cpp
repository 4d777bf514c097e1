#include "stargraph/pack/build.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "sample_pack.hpp"
#include "stargraph/base/memory_env.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/pack/sbom.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::pack {
namespace {

using base::Code;

TEST(PackBuild, TwoBuildsAreIdenticalToTheByte) {
  EXPECT_EQ(sample_pack(execution_sources()), sample_pack(execution_sources()));
  auto shuffled = execution_sources();
  std::ranges::reverse(shuffled);
  EXPECT_EQ(sample_pack(execution_sources()), sample_pack(shuffled)) << "the order of a directory does not matter";
}

TEST(PackBuild, EpochAndTimeAreTheOnlyOtherInputs) {
  EXPECT_NE(sample_pack(rules_sources(), 1), sample_pack(rules_sources(), 2));
}

TEST(PackBuild, RulesPackHoldsManifestRulesSbomAndSources) {
  const base::Bytes bytes = sample_pack();
  const auto container = parse(bytes);
  ASSERT_TRUE(container) << container.error().message;
  std::vector<std::string> paths;
  for (const FileEntry& file : container->header.files) paths.push_back(file.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"manifest.json", "rules.clp", "sbom.cdx.json", "source/manifest.yaml"}));
  EXPECT_EQ(container->header.id.str(), "soc.triage");
  EXPECT_EQ(container->header.created, "2026-01-01T00:00:00.000000Z");
  const auto contents = check_contents(*container);
  ASSERT_TRUE(contents) << contents.error().message;
  const auto& manifest = std::get<RulesManifest>(contents->manifest);
  EXPECT_EQ(manifest.provides, std::vector<std::string>{"bosun.violation"});
  EXPECT_EQ(manifest.required_facts, std::vector<std::string>{"triage"});
  EXPECT_EQ(manifest.limits, EvaluationLimits{});
  EXPECT_EQ(base::as_text(contents->find("rules.clp")->bytes), kSampleRules);
  EXPECT_EQ(contents->find("rules.cl"), nullptr);
}

TEST(PackBuild, ExecutionPackHoldsGraphsAsJson) {
  const base::Bytes bytes = sample_pack(execution_sources());
  const auto container = parse(bytes);
  ASSERT_TRUE(container);
  const auto contents = check_contents(*container);
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_EQ(base::as_text(contents->find("graphs/hello.json")->bytes),
            R"({"id":"hello","ir_version":"1.0.0","nodes":[{"id":"a","kind":"echo"}]})");
  EXPECT_NE(contents->find("source/graphs/hello.yaml"), nullptr);
  EXPECT_NE(contents->find("source/README.md"), nullptr);
  const auto& manifest = std::get<ExecutionManifest>(contents->manifest);
  EXPECT_EQ(manifest.workers, std::vector<std::string>{"graph.nodes:IngestAlert"});
  EXPECT_TRUE(manifest.deterministic);
  ASSERT_EQ(manifest.model_requirements.size(), 1U);
  EXPECT_EQ(manifest.model_requirements.front().value, "small");
}

TEST(PackBuild, SbomListsEveryFileButItself) {
  const base::Bytes bytes = sample_pack(execution_sources());
  const auto container = parse(bytes);
  const auto contents = check_contents(*container);
  ASSERT_TRUE(contents);
  const auto sbom = json::parse(contents->find(kSbomPath)->bytes);
  ASSERT_TRUE(sbom);
  EXPECT_EQ(*sbom->object()->find("specVersion")->string(), "1.6");
  EXPECT_EQ(sbom->object()->find("components")->array()->size(), container->header.files.size() - 1);
}

TEST(PackBuild, RefusesFilesNoKindKnows) {
  auto sources = rules_sources();
  sources.push_back(source("rules.clp.orig", ""));
  EXPECT_EQ(compile(sources, at_epoch(1)).error().code, Code::kFileUnexpected);
  sources = rules_sources();
  sources.push_back(source("graphs/a.yaml", "{}"));
  EXPECT_EQ(compile(sources, at_epoch(1)).error().code, Code::kFileUnexpected);
  sources = execution_sources();
  sources.push_back(source("graphs/deep/a.yaml", "{}"));
  EXPECT_EQ(compile(sources, at_epoch(1)).error().code, Code::kFileUnexpected);
}

TEST(PackBuild, RefusesTwoSourcesForOneFile) {
  auto sources = execution_sources();
  sources.push_back(source("graphs/hello.yml", "{}"));
  EXPECT_EQ(compile(sources, at_epoch(1)).error().code, Code::kPathInvalid);
}

TEST(PackBuild, MissingFilesAreNamed) {
  EXPECT_EQ(compile({}, at_epoch(1)).error().code, Code::kFileMissing);
  const auto compiled = compile({rules_sources().front()}, at_epoch(1));
  ASSERT_TRUE(compiled);
  EXPECT_EQ(sign(*compiled, sample_key()).error().code, Code::kFileMissing) << "rules.clp";
  const auto no_graph = compile({execution_sources().front()}, at_epoch(1));
  ASSERT_TRUE(no_graph);
  EXPECT_EQ(sign(*no_graph, sample_key()).error().code, Code::kFileMissing) << "graphs/";
}

TEST(PackBuild, YamlErrorsNameFileAndCode) {
  auto sources = execution_sources();
  sources[1] = source("graphs/hello.yaml", "a: &x 1\nb: *x\n");
  const auto compiled = compile(sources, at_epoch(1));
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().code, Code::kYamlAlias);
  EXPECT_NE(compiled.error().message.find("graphs/hello.yaml"), std::string::npos) << compiled.error().message;
}

TEST(PackBuild, EpochIsAtLeastOne) { EXPECT_EQ(compile(rules_sources(), at_epoch(0)).error().code, Code::kUsage); }

TEST(PackBuild, AddedSignatureKeepsTheDigest) {
  const base::Bytes one = sample_pack();
  const auto first = parse(one);
  const auto two = add_signature(*first, sample_key(1, crypto::Algorithm::kEcdsaP384Sha384));
  ASSERT_TRUE(two) << two.error().message;
  const auto second = parse(*two);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->digest, first->digest);
  EXPECT_EQ(second->signatures.size(), 2U);
  const crypto::PublicKey keys[] = {sample_key(1, crypto::Algorithm::kEcdsaP384Sha384).public_key(),
                                    sample_key().public_key()};
  EXPECT_TRUE(verify(*second, keys));
  EXPECT_EQ(add_signature(*second, sample_key()).error().code, Code::kSignatureDuplicate);
}

TEST(PackBuild, RC_D_PACK_SeventeenthSignatureIsRefused) {
  base::Bytes bytes = sample_pack();
  for (int i = 1; i < 16; ++i) {
    auto more = add_signature(*parse(bytes), sample_key(i));
    ASSERT_TRUE(more) << more.error().message;
    bytes = *std::move(more);
  }
  EXPECT_EQ(add_signature(*parse(bytes), sample_key(16)).error().code, Code::kTooLarge);
}

class PackSources : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(env_.make_directory("/pack", 0755));
    put("/pack/manifest.yaml", rules_manifest());
    put("/pack/rules.clp", kSampleRules);
  }
  void put(const char* path, std::string_view text) { ASSERT_TRUE(env_.write_file(path, base::as_bytes(text), 0644)); }
  base::MemoryEnv env_;
};

TEST_F(PackSources, AreReadSorted) {
  const auto sources = read_sources(env_, "/pack");
  ASSERT_TRUE(sources) << sources.error().message;
  ASSERT_EQ(sources->size(), 2U);
  EXPECT_EQ(sources->at(0).path, "manifest.yaml");
  EXPECT_EQ(sources->at(1).path, "rules.clp");
}

TEST_F(PackSources, RefuseNamesAHeaderMayNotHold) {
  put("/pack/a b", "");
  EXPECT_EQ(read_sources(env_, "/pack").error().code, Code::kPathInvalid);
}

TEST_F(PackSources, RC_D_PACK_OneFileMoreThanAPackMayHoldIsRefused) {
  const test::TempDir directory;
  std::filesystem::create_directory(directory / "pack");
  const base::Path one = directory.write("one", "");
  for (std::size_t i = 0; i <= kMaxFiles; ++i)
    std::filesystem::create_hard_link(one, directory / ("pack/g" + std::to_string(i)));
  EXPECT_EQ(read_sources(base::real_env(), directory / "pack").error().code, Code::kTooLarge);
}

// Each file is within its limit, all together are not: refused while reading, not after.
TEST_F(PackSources, RC_D_PACK_MoreThanAPackMayHoldIsNotReadIntoMemory) {
  std::uint64_t read = 0;
  const std::string mebibytes(std::size_t{16} << 20, 'x');
  for (const char* name : {"/pack/a", "/pack/b", "/pack/c", "/pack/d", "/pack/e", "/pack/f"}) put(name, mebibytes);
  env_.set_fault([&](base::EnvOperation operation, const base::Path&) -> base::Result<> {
    read += operation == base::EnvOperation::kRead ? 1 : 0;
    return {};
  });
  EXPECT_EQ(read_sources(env_, "/pack").error().code, Code::kTooLarge);
  EXPECT_EQ(read, 5U) << "four fill the pack, and the fifth is one too many";
}

TEST_F(PackSources, ReadErrorsAreTold) {
  env_.set_fault([](base::EnvOperation operation, const base::Path& path) -> base::Result<> {
    if (operation == base::EnvOperation::kRead && path.filename() == "rules.clp")
      return base::fail(Code::kIo, "rules.clp: gone");
    return {};
  });
  EXPECT_EQ(read_sources(env_, "/pack").error().code, Code::kIo);
}

TEST(PackSourceDate, IsSecondsSince1970) {
  EXPECT_EQ(parse_source_date_epoch("1767225600").value(), sample_time());
  for (const char* text : {"", "-1", "1.5", "12x", "253402300800", "99999999999999999999"}) {
    EXPECT_FALSE(parse_source_date_epoch(text)) << text;
  }
}

}  // namespace
}  // namespace stargraph::pack
