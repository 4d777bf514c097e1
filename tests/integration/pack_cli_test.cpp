// stargraph-pack as an admin and a publisher use it: the real program, with a real audit writer behind
// trust.sock (in this process), a real encrypted database, and the recipe of SIGNING.md.
#include "integration/pack_cli.hpp"

namespace stargraph {
namespace {

TEST_F(PackCli, SG_S_PACK_CeremonyExitCodes) {
  const CommandResult missing = run({"import", "policy.sgpack"});
  EXPECT_EQ(missing.exit_code, 3) << missing.err;
  EXPECT_NE(missing.err.find("fingerprint-missing"), std::string::npos) << missing.err;
  EXPECT_EQ(run({"import", "policy.sgpack", "--fingerprint", fingerprint("other")}).exit_code, 3);
  EXPECT_EQ(run({"import", "policy.sgpack", "--fingerprint", "not a fingerprint"}).exit_code, 3);
  const CommandResult done = run({"import", "policy.sgpack", "--fingerprint", fingerprint("publisher")});
  EXPECT_EQ(done.exit_code, 0) << done.err;

  std::string tampered = directory_.read("policy.sgpack");
  tampered[tampered.size() - 5] ^= 1;
  directory_.write("tampered.sgpack", tampered);
  const CommandResult refused = run({"import", "tampered.sgpack"});
  EXPECT_EQ(refused.exit_code, 4) << refused.err;
  EXPECT_NE(refused.err.find("digest-mismatch"), std::string::npos) << refused.err;

  EXPECT_EQ(text(run_json({"pins"}).object()->find("pins")->array()->at(0), "scope"), "soc.policy");
  const json::Value packs = run_json({"list"});
  ASSERT_EQ(packs.object()->find("packs")->array()->size(), 1U);
  EXPECT_EQ(*packs.object()->find("packs")->array()->front().object()->find("active")->boolean(), true);
}

TEST_F(PackCli, SG_S_PACK_WordsAreAFingerprintToo) {
  const std::string words = text(run_json({"fingerprint", "keys/publisher.pub.pem"}), "words");
  EXPECT_EQ(run({"import", "policy.sgpack", "--fingerprint", words}).exit_code, 0);
}

TEST_F(PackCli, RC_E_PACK_OldEpochAndOtherSignerAreTrustErrors) {
  ASSERT_EQ(run({"import", "policy.sgpack", "--fingerprint", fingerprint("publisher")}).exit_code, 0);
  write_sources("newer", "soc.policy", "1.1.0");
  ASSERT_EQ(build("newer", "publisher", 3, "newer.sgpack").exit_code, 0);
  ASSERT_EQ(run({"import", "newer.sgpack"}).exit_code, 0);
  EXPECT_EQ(text(run_json({"activate", "soc.policy"}), "version"), "1.1.0");
  write_sources("old", "soc.policy", "1.0.5");
  ASSERT_EQ(build("old", "publisher", 2, "old.sgpack").exit_code, 0);
  EXPECT_NE(run({"import", "old.sgpack"}).err.find("epoch-below-floor"), std::string::npos);
  ASSERT_EQ(build("newer", "other", 4, "stranger.sgpack").exit_code, 0);
  const CommandResult stranger = run({"import", "stranger.sgpack", "--fingerprint", fingerprint("other")});
  EXPECT_EQ(stranger.exit_code, 3);
  EXPECT_NE(stranger.err.find("signer-mismatch"), std::string::npos) << stranger.err;
}

TEST_F(PackCli, SG_R_PACK_EveryImportAndRefusalIsInTheLog) {
  ASSERT_EQ(run({"import", "policy.sgpack"}).exit_code, 3);
  ASSERT_EQ(run({"import", "policy.sgpack", "--fingerprint", fingerprint("publisher")}).exit_code, 0);
  const std::string log = directory_.read("log/audit-00000001.jsonl");
  for (const char* event : {"pack.refused", "trust.key_added", "trust.pinned", "pack.imported", "pack.activated"}) {
    EXPECT_NE(log.find("\"event\":\"" + std::string(event) + "\""), std::string::npos) << event;
  }
}

TEST_F(PackCli, RC_R_PACK_WithoutTheAuditWriterNothingIsImported) {
  audit_.reset();
  EXPECT_EQ(run({"import", "policy.sgpack", "--fingerprint", fingerprint("publisher")}).exit_code, 6);
  EXPECT_EQ(run_json({"list"}).object()->find("packs")->array()->size(), 0U);
}

TEST_F(PackCli, SG_T_PACK_HostileRulesAreRefusedAtBuildAndImport) {
  write_sources("hostile", "soc.hostile", "1.0.0",
                "(deftemplate soc.input (slot tier))\n(defrule r => (system \"id\"))\n");
  const CommandResult refused = build("hostile", "publisher", 1, "hostile.sgpack");
  EXPECT_EQ(refused.exit_code, 4) << refused.err;
  EXPECT_NE(refused.err.find("rules-function"), std::string::npos) << refused.err;
  EXPECT_FALSE(std::filesystem::exists(directory_ / "hostile.sgpack"));
}

TEST_F(PackCli, RC_D_PACK_EndlessRulesAreRefusedAtBuild) {
  write_sources("endless", "soc.endless", "1.0.0",
                "(deftemplate soc.input (slot tier))\n(defrule r => (while TRUE do (bind ?x 1)))\n");
  const CommandResult refused = build("endless", "publisher", 1, "endless.sgpack");
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_NE(refused.err.find("(pack-limit)"), std::string::npos) << refused.err;
}

TEST_F(PackCli, RC_E_PACK_GraphsAreValidatedAndWorkersDeclared) {
  ASSERT_TRUE(base::real_env().make_directory(directory_ / "exec", 0700));
  ASSERT_TRUE(base::real_env().make_directory(directory_ / "exec/graphs", 0700));
  const auto manifest = [&](const std::string& workers) {
    directory_.write("exec/manifest.yaml",
                     "kind: execution\nid: soc.exec\nversion: \"1.0.0\"\nrequires: {api_version: \"1\"}\nworkers: [" +
                         workers + "]\n");
  };
  const auto graph = [&](const std::string& kind) {
    directory_.write("exec/graphs/a.yaml", "ir_version: \"1.0.0\"\nid: a\nnodes: [{id: x, kind: \"" + kind + "\"}]\n");
  };
  manifest("");
  graph("echo");
  EXPECT_EQ(build("exec", "publisher", 1, "exec.sgpack").exit_code, 0);
  graph("soc.enrich");
  EXPECT_NE(build("exec", "publisher", 1, "exec.sgpack").err.find("manifest-mismatch"), std::string::npos);
  manifest("soc.enrich");
  EXPECT_EQ(build("exec", "publisher", 1, "exec.sgpack").exit_code, 0);
  directory_.write("exec/graphs/a.yaml", "ir_version: \"1.0.0\"\nid: a\nnodes: [{id: x, kind: echo, extra: 1}]\n");
  EXPECT_EQ(build("exec", "publisher", 1, "exec.sgpack").exit_code, 4);
}

TEST_F(PackCli, SG_I_PACK_InspectShowsNoFingerprint) {
  const CommandResult shown = run({"--json", "inspect", "policy.sgpack"});
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  std::string hex = fingerprint("publisher");
  std::erase(hex, ' ');
  const CommandResult as_text = run({"inspect", "policy.sgpack"});
  for (const std::string& out : {shown.out, as_text.out, as_text.err}) {
    std::string packed = out;
    std::erase(packed, ' ');
    EXPECT_EQ(packed.find(hex.substr(0, 16)), std::string::npos);
  }
  EXPECT_EQ(text(*json::parse(shown.out), "trust"), "not decided");
}

TEST_F(PackCli, InspectShowsWhatADryRunWouldSayOrThatNobodyLooked) {
  EXPECT_NE(run({"inspect", "policy.sgpack"}).out.find("was not looked at"), std::string::npos) << "no store yet";
  EXPECT_FALSE(std::filesystem::exists(directory_ / "db" / "stargraph.db")) << "and none made by looking";
  ASSERT_EQ(run({"import", "policy.sgpack", "--fingerprint", fingerprint("publisher")}).exit_code, 0);
  write_sources("next", "soc.policy", "1.1.0");
  directory_.write("next/manifest.yaml", directory_.read("next/manifest.yaml") + "capabilities: [\"runs:cancel\"]\n");
  ASSERT_EQ(build("next", "publisher", 2, "next.sgpack").exit_code, 0);
  const CommandResult shown = run({"inspect", "next.sgpack"});
  EXPECT_NE(shown.out.find("Beside soc.policy 1.0.0"), std::string::npos) << shown.out << shown.err;
  EXPECT_NE(shown.out.find("! + capability runs:cancel"), std::string::npos) << shown.out;
  const json::Value inspected = run_json({"inspect", "next.sgpack"});
  const json::Value planned = run_json({"import", "next.sgpack", "--dry-run"});
  EXPECT_EQ(*inspected.object()->find("difference"), *planned.object()->find("difference"));
  EXPECT_EQ(text(*inspected.object()->find("compared_with"), "version"), "1.0.0");
  write_sources("fresh", "net.flow", "1.0.0");
  ASSERT_EQ(build("fresh", "publisher", 1, "fresh.sgpack").exit_code, 0);
  EXPECT_NE(run({"inspect", "fresh.sgpack"}).out.find("No version of it was in force here."), std::string::npos);
  // Another key than the database's: it says so, and shows the rest.
  ASSERT_TRUE(base::real_env().remove(directory_ / "db.key"));
  const json::Value blind = run_json({"inspect", "next.sgpack"});
  EXPECT_EQ(text(blind, "version"), "1.1.0");
  EXPECT_NE(blind.object()->find("not_compared"), nullptr);
}

TEST_F(PackCli, SG_S_PACK_VerifyByKeysAndByStore) {
  EXPECT_EQ(run({"verify", "policy.sgpack", "--pubkey", "keys/publisher.pub.pem"}).exit_code, 0);
  EXPECT_EQ(run({"verify", "policy.sgpack", "--pubkey", "keys/other.pub.pem"}).exit_code, 3);
  EXPECT_EQ(run({"verify", "policy.sgpack"}).exit_code, 3) << "nothing is pinned";
  ASSERT_EQ(run({"import", "policy.sgpack", "--fingerprint", fingerprint("publisher")}).exit_code, 0);
  EXPECT_EQ(run({"verify", "policy.sgpack"}).exit_code, 0);
  ASSERT_EQ(run({"sign", "policy.sgpack", "--key", "keys/other.key.pem", "--out", "two.sgpack"}).exit_code, 0);
  EXPECT_EQ(
      run({"verify", "two.sgpack", "--pubkey", "keys/publisher.pub.pem", "--pubkey", "keys/other.pub.pem"}).exit_code,
      0);
  EXPECT_EQ(run({"verify", "two.sgpack"}).exit_code, 3) << "a signer that is not known";
}

TEST_F(PackCli, DryRunDoesNothing) {
  ASSERT_EQ(run({"import", "policy.sgpack", "--fingerprint", fingerprint("publisher"), "--dry-run"}).exit_code, 0);
  EXPECT_EQ(run_json({"list"}).object()->find("packs")->array()->size(), 0U);
}

TEST_F(PackCli, BuildIsReproducible) {
  ASSERT_EQ(build("policy", "publisher", 1, "again.sgpack").exit_code, 0);
  EXPECT_EQ(directory_.read("again.sgpack"), directory_.read("policy.sgpack"));
}

TEST_F(PackCli, RC_I_PACK_PrivateKeysAreKeptPrivate) {
  struct stat info{};
  ASSERT_EQ(::stat((directory_ / "keys/publisher.key.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  EXPECT_NE(run({"keygen", "--out", "keys", "--name", "publisher"}).exit_code, 0) << "never overwritten";
  ASSERT_EQ(::chmod((directory_ / "keys/publisher.key.pem").c_str(), 0644), 0);
  EXPECT_EQ(build("policy", "publisher", 1, "x.sgpack").exit_code, 7) << "a key others can read is not used";
}

TEST_F(PackCli, RC_I_PACK_PassphraseComesFromADescriptor) {
  CommandOptions input;
  input.input = "correct horse\n";
  ASSERT_EQ(run({"keygen", "--out", "keys", "--name", "locked", "--passphrase-fd", "0"}, input).exit_code, 0);
  EXPECT_NE(directory_.read("keys/locked.key.pem").find("BEGIN ENCRYPTED PRIVATE KEY"), std::string::npos);
  const std::vector<std::string> command{"build", "policy", "--key",    "keys/locked.key.pem", "--epoch",
                                         "1",     "--out",  "l.sgpack", "--passphrase-fd",     "0"};
  EXPECT_EQ(run(command, input).exit_code, 0);
  input.input = "wrong\n";
  EXPECT_NE(run(command, input).exit_code, 0);
}

// Looked at while it waits for the passphrase; the loop ends when the limit is there or the program is gone.
TEST_F(PackCli, RC_I_PACK_AProcessWithKeysLeavesNoCoreFile) {
  const std::string script =
      "ulimit -c unlimited && mkfifo passphrase || exit 9\n\"$0\" keygen --out keys --name cored "
      "--passphrase-fd 3 3<passphrase & exec 4>passphrase\n"
      "until grep -Eq '^Max core file size +0 +0 ' /proc/$!/limits; do kill -0 $! || exit 8; done\n"
      "echo secret >&4; exec 4>&-; wait $!";
  CommandOptions options;
  options.directory = directory_.path();
  const CommandResult result = test::run_command({"/bin/sh", "-c", script, program()}, options);
  if (result.exit_code == 9) GTEST_SKIP() << "this machine's own limit on core files cannot be raised";
  EXPECT_EQ(result.exit_code, 0) << result.err << (result.timed_out ? "the limit never came" : "");
}

TEST_F(PackCli, UsageErrorsAreExitTwo) {
  EXPECT_EQ(run({}).exit_code, 2);
  EXPECT_EQ(run({"import"}).exit_code, 2);
  EXPECT_EQ(run({"build", "policy", "--epoch", "x", "--key", "k", "--out", "o"}).exit_code, 2);
  EXPECT_EQ(run({"--help"}).exit_code, 0);
  EXPECT_EQ(run({"--version"}).exit_code, 0);
}

TEST_F(PackCli, MissingConfigurationIsExitSeven) {
  const CommandResult result = test::run_command({program(), "--config", "/nonexistent/stargraph.yaml", "list"});
  EXPECT_EQ(result.exit_code, 7) << result.err;
}

// Offline means that the code for being online is not there.
TEST_F(PackCli, RC_E_PACK_LinksNoNetworkLibrary) {
  const CommandResult dynamic = test::run_command({"readelf", "-d", "-W", program()});
  ASSERT_EQ(dynamic.exit_code, 0) << dynamic.err;
  EXPECT_NE(dynamic.out.find("libcrypto"), std::string::npos);
  for (const char* library : {"libssl", "libcurl", "libsystemd", "libresolv", "libnss"}) {
    EXPECT_EQ(dynamic.out.find(library), std::string::npos) << library;
  }
  const CommandResult symbols = test::run_command({"nm", "-D", "--undefined-only", program()});
  ASSERT_EQ(symbols.exit_code, 0) << symbols.err;
  for (const char* function : {"getaddrinfo", "gethostbyname", "res_query"}) {
    EXPECT_EQ(symbols.out.find(function), std::string::npos) << function;
  }
}

class SigningRecipe : public PackCli {
 protected:
  CommandResult by_hand(const std::string& pack, const std::string& key) const {
    CommandOptions options;
    options.directory = directory_.path();
    return test::run_command({"sh", "recipe.sh", pack, key}, options);
  }
  void SetUp() override {
    PackCli::SetUp();
    directory_.write("recipe.sh", recipe());
  }
};

TEST_F(SigningRecipe, VerifiesAPackWithOpensslAndJqAlone) {
  const CommandResult result = by_hand("policy.sgpack", "keys/publisher.pub.pem");
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  std::string hex = fingerprint("publisher");
  std::erase(hex, ' ');
  EXPECT_NE(result.out.find(hex), std::string::npos) << result.out;
}

TEST_F(SigningRecipe, VerifiesP384Too) {
  ASSERT_EQ(run({"keygen", "--out", "keys", "--name", "nist", "--alg", "ecdsa-p384-sha384"}).exit_code, 0);
  ASSERT_EQ(build("policy", "nist", 1, "nist.sgpack").exit_code, 0);
  const CommandResult result = by_hand("nist.sgpack", "keys/nist.pub.pem");
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

TEST_F(SigningRecipe, SG_T_PACK_RefusesChangedFilesAndHeaders) {
  for (const std::size_t from_end : {std::size_t{1}, std::size_t{0}}) {
    std::string bytes = directory_.read("policy.sgpack");
    bytes[from_end == 0 ? 20 : bytes.size() - from_end] ^= 1;
    directory_.write("bad.sgpack", bytes);
    EXPECT_NE(by_hand("bad.sgpack", "keys/publisher.pub.pem").exit_code, 0) << from_end;
  }
  directory_.write("long.sgpack", directory_.read("policy.sgpack") + "x");
  EXPECT_NE(by_hand("long.sgpack", "keys/publisher.pub.pem").exit_code, 0);
  EXPECT_NE(by_hand("policy.sgpack", "keys/other.pub.pem").exit_code, 0) << "not a signer";
}

}  // namespace
}  // namespace stargraph
