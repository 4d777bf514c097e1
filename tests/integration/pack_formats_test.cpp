// stargraph-pack over the formats it reads beside its own, and over the governance kinds: the real program, real files.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"
#include "support/command.hpp"
#include "support/fips_module.hpp"
#include "support/temp_dir.hpp"
#include "support/upstream.hpp"

namespace stargraph {
namespace {

using test::CommandResult;

std::string program() {
  std::error_code error;
  return (std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "stargraph-pack").string();
}

class PackFormats : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(program())) << program();
    ASSERT_EQ(run({"keygen", "--out", "keys", "--name", "publisher"}).exit_code, 0);
    ASSERT_EQ(run({"keygen", "--out", "keys", "--name", "other"}).exit_code, 0);
  }
  CommandResult run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {program(), "--config", (directory_ / "none.yaml").string()});
    test::CommandOptions options;
    options.directory = directory_.path();
    return test::run_command(std::move(arguments), options);
  }
  CommandResult build(const std::string& from, const std::string& out) const {
    return run({"build", from, "--key", "keys/publisher.key.pem", "--epoch", "1", "--out", out});
  }
  json::Value json_of(const CommandResult& result) const {
    auto value = json::parse(result.out);
    EXPECT_TRUE(value) << result.out << result.err;
    return value ? *value : json::Value(json::Object());
  }
  static std::string text(const json::Value& value, std::string_view name) {
    const json::Value* member = value.object() == nullptr ? nullptr : value.object()->find(name);
    return member == nullptr || member->string() == nullptr ? "" : *member->string();
  }
  void write_bosun() const {
    std::filesystem::create_directory(directory_ / "bosun");
    directory_.write(
        "bosun/manifest.yaml",
        "id: soc-policy\nversion: \"1.0\"\nrequires: {stargraph_facts_version: \"1.0\", api_version: \"1\"}\n"
        "provides: [\"stargraph_facts:soc.action\"]\n");
    directory_.write("bosun/rules.clp",
                     "(deftemplate soc.input (slot tier))\n(deftemplate soc.action (slot kind))\n"
                     "(defrule stop (soc.input (tier prod)) => (assert (soc.action (kind \"interrupt\"))))\n");
  }
  void write_governance(const std::string& kind, const std::string& file, const std::string& content) const {
    std::filesystem::create_directory(directory_ / kind);
    directory_.write(kind + "/manifest.yaml", "kind: " + kind + "\nid: site." + kind + "\nversion: \"1.0.0\"\n");
    directory_.write(kind + "/" + file, content);
  }
  const test::TempDir directory_;
};

// A publisher's station has no configuration: the flag asks for the module, and without one no key is made.
TEST_F(PackFormats, SG_E_PACK_KeysAndSignaturesComeFromTheFipsModuleWhenAskedOrNotAtAll) {
  const CommandResult made = run({"keygen", "--out", "keys", "--name", "fips", "--alg", "ecdsa-p384-sha384", "--fips"});
  if (test::fips_module_installed()) {
    EXPECT_EQ(made.exit_code, 0) << made.err;
    return;
  }
  EXPECT_EQ(made.exit_code, 7) << made.out;
  EXPECT_NE(made.err.find("fips-unavailable"), std::string::npos) << made.err;
  EXPECT_FALSE(std::filesystem::exists(directory_ / "keys/fips.key.pem"));
}

TEST_F(PackFormats, UpstreamsPacksHaveAValidSignatureAndAHashThatIsNotApproved) {
  SG_UPSTREAM_OR_SKIP(upstream);
  for (const char* name : {"packs/soc-policy", "packs/soc-budgets", "packs-stale/audit", "packs-stale/budgets"}) {
    const CommandResult result = run({"--json", "verify", (upstream / "stargraph" / name).string()});
    EXPECT_EQ(result.exit_code, 4) << name;
    const json::Value report = json_of(result);
    EXPECT_EQ(text(report, "code"), "hash-not-approved") << name;
    EXPECT_EQ(text(report, "signature"), "valid") << name;
    EXPECT_EQ(text(report, "hash"), "BLAKE3") << name;
  }
}

TEST_F(PackFormats, UpstreamsPacksAreWrappedAndTheirRulesLoad) {
  SG_UPSTREAM_OR_SKIP(upstream);
  for (const char* name : {"packs/soc-policy", "packs/soc-budgets"}) {
    const CommandResult built = build((upstream / "stargraph" / name).string(), "wrapped.sgpack");
    EXPECT_EQ(built.exit_code, 0) << name << built.err;
    EXPECT_EQ(run({"verify", "wrapped.sgpack", "--pubkey", "keys/publisher.pub.pem"}).exit_code, 0) << name;
  }
}

TEST_F(PackFormats, ABosunDirectoryIsSignedVerifiedAndWrapped) {
  write_bosun();
  ASSERT_EQ(run({"sign-bosun", "bosun", "--key", "keys/publisher.key.pem"}).exit_code, 0);
  const CommandResult good = run({"--json", "verify", "bosun", "--pubkey", "keys/publisher.pub.pem"});
  ASSERT_EQ(good.exit_code, 0) << good.err;
  EXPECT_EQ(text(json_of(good), "verified_by"), "given keys");
  EXPECT_TRUE(text(json_of(good), "key_id").starts_with("publisher-"));
  const CommandResult built = build("bosun", "wrapped.sgpack");
  ASSERT_EQ(built.exit_code, 0) << built.err;
  EXPECT_NE(built.out.find("counts for nothing in the pack"), std::string::npos);
  EXPECT_EQ(run({"verify", "wrapped.sgpack", "--pubkey", "keys/publisher.pub.pem"}).exit_code, 0);
}

TEST_F(PackFormats, SG_S_PACK_ABosunDirectoryOfAnotherKeyIsNotTrusted) {
  write_bosun();
  ASSERT_EQ(run({"sign-bosun", "bosun", "--key", "keys/other.key.pem", "--kid", "publisher-12345678"}).exit_code, 0);
  const CommandResult other = run({"verify", "bosun", "--pubkey", "keys/publisher.pub.pem"});
  EXPECT_EQ(other.exit_code, 3) << other.err;
  EXPECT_NE(other.err.find("untrusted-key"), std::string::npos) << other.err;
  std::filesystem::create_directory(directory_ / "records");
  EXPECT_EQ(run({"verify", "bosun", "--records", "records"}).exit_code, 3) << "no record of its first use";
  EXPECT_EQ(run({"verify", "bosun"}).exit_code, 7) << "no keys, and no trust store to ask";
}

TEST_F(PackFormats, SG_T_PACK_AChangedBosunDirectoryIsNeitherVerifiedNorWrapped) {
  write_bosun();
  ASSERT_EQ(run({"sign-bosun", "bosun", "--key", "keys/publisher.key.pem"}).exit_code, 0);
  directory_.write("bosun/.rules.clp.swp", "");
  const CommandResult changed = run({"verify", "bosun", "--pubkey", "keys/publisher.pub.pem"});
  EXPECT_EQ(changed.exit_code, 4);
  EXPECT_NE(changed.err.find("tree-hash-mismatch"), std::string::npos) << changed.err;
  EXPECT_NE(changed.out.find("signature valid"), std::string::npos) << changed.out;
  EXPECT_EQ(build("bosun", "wrapped.sgpack").exit_code, 4);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "wrapped.sgpack"));
}

constexpr std::string_view kReach =
    R"({"metadata":{"id":"acme.triage","version":"1.2.3","spec_version":"1.0.0","name":"Triage"},
"declared_tools":["net.lookup"],"declared_permissions":["net:read"],"execution_graph":{"start_node_id":"start","nodes":{
"start":{"id":"start","type":"condition"},"left":{"id":"left","type":"action"},"right":{"id":"right","type":"action"},
"end":{"id":"end","type":"action"}},"edges":[{"from":"start","to":"left","type":"conditional","condition":"x>1"},
{"from":"start","to":"right","type":"default"},{"from":"left","to":"end","type":"default"}]},
"deterministic":true,"signature_hash":"0000000000000000000000000000000000000000000000000000000000000000"})";

TEST_F(PackFormats, RC_T_PACK_AReachPackIsConvertedWhenItsHashHolds) {
  directory_.write("reach.json", std::string(kReach));
  const CommandResult wrong = build("reach.json", "reach.sgpack");
  ASSERT_EQ(wrong.exit_code, 4) << wrong.err;
  EXPECT_NE(wrong.err.find("digest-mismatch"), std::string::npos) << wrong.err;
  EXPECT_FALSE(std::filesystem::exists(directory_ / "reach.sgpack"));
  // What anybody can do, and why the hash proves nothing: put in the one that the content has.
  json::Value document = *json::parse(kReach);
  document.object()->set("signature_hash", wrong.err.substr(wrong.err.find("computed ") + 9, 64));
  directory_.write("reach.json", json::compact(document));
  const CommandResult built = build("reach.json", "reach.sgpack");
  ASSERT_EQ(built.exit_code, 0) << built.err;
  EXPECT_NE(built.out.find("says nothing about who made the pack"), std::string::npos) << built.out;
  const CommandResult shown = run({"--json", "inspect", "reach.sgpack"});
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_EQ(text(json_of(shown), "kind"), "execution");
  EXPECT_EQ(run({"verify", "reach.sgpack", "--pubkey", "keys/publisher.pub.pem"}).exit_code, 0);
}

TEST_F(PackFormats, InspectShowsWhatARevocationPackSays) {
  write_governance("revocation", "revocations.yaml",
                   "format: stargraph.revocations.v1\nnumber: 3\ndigests: [{digest: " + std::string(96, 'a') +
                       ", reason: \"rules of another site\", date: \"2026-11-01\"}]\n");
  ASSERT_EQ(build("revocation", "r.sgpack").exit_code, 0);
  const CommandResult shown = run({"inspect", "r.sgpack"});
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_NE(shown.out.find("rules of another site"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("SBOM: CycloneDX 1.6, 4 files"), std::string::npos) << shown.out;
  const json::Value report = json_of(run({"--json", "inspect", "r.sgpack"}));
  EXPECT_EQ(text(*report.object()->find("content"), "format"), "stargraph.revocations.v1");
}

TEST_F(PackFormats, RC_T_POLICY_GovernanceThatCannotBeReadIsNotBuilt) {
  write_governance("revocation", "revocations.yaml", "format: stargraph.revocations.v1\nnumber: 0\n");
  write_governance("rotation", "rotation.yaml", "format: stargraph.rotation.v1\nscope: \"*\"\n");
  write_governance("policy", "policy.yaml", "format: stargraph.policy.v1\nroles: {operator: [everything]}\n");
  for (const char* kind : {"revocation", "rotation", "policy"}) {
    const CommandResult built = build(kind, "x.sgpack");
    EXPECT_NE(built.exit_code, 0) << kind;
    EXPECT_FALSE(std::filesystem::exists(directory_ / "x.sgpack")) << kind;
  }
}

// A second signature of one key is none, and each signer must be known to who verifies.
TEST_F(PackFormats, RC_S_PACK_SignAddsOneMore) {
  write_governance("revocation", "revocations.yaml",
                   "format: stargraph.revocations.v1\nnumber: 3\nkeys: [{key_id: " + std::string(96, 'b') +
                       ", reason: stolen, date: \"2026-11-01\"}]\n");
  ASSERT_EQ(build("revocation", "r.sgpack").exit_code, 0);
  ASSERT_EQ(run({"sign", "r.sgpack", "--key", "keys/other.key.pem"}).exit_code, 0);
  EXPECT_EQ(run({"sign", "r.sgpack", "--key", "keys/other.key.pem"}).exit_code, 4);
  EXPECT_EQ(run({"verify", "r.sgpack", "--pubkey", "keys/publisher.pub.pem"}).exit_code, 3);
  EXPECT_EQ(
      run({"verify", "r.sgpack", "--pubkey", "keys/publisher.pub.pem", "--pubkey", "keys/other.pub.pem"}).exit_code, 0);
}

}  // namespace
}  // namespace stargraph
