// The ceremony with a stick and nothing but the real programs: a governor and a publisher make keys and packs, root
// imports them, the daemon starts in `cleared`, and `stargraph-pack reload` changes what it serves, or says why not.
#include <gtest/gtest.h>

#include "integration/answer.hpp"
#include "integration/appliance.hpp"
#include "stargraph/base/env.hpp"
#include "stargraph/base/time.hpp"

namespace stargraph::test {
namespace {

class Ceremony : public ::testing::Test {
 protected:
  Ceremony() : box_(STARGRAPH_PROGRAMS, options()) {}
  void SetUp() override {
    box_.start_auditd();
    for (const char* name : {"governor", "publisher"}) {
      ASSERT_TRUE(good(offline({"keygen", "--out", stick_.path().string(), "--name", name})));
    }
    ASSERT_TRUE(good(site({"key", "add", file("governor.pub.pem"), "--role", "governor", "--holder", "Grace",
                           "--fingerprint", fingerprint("governor")})));
    write_policy("site", "[\"runs:start\", \"runs:read\", \"packs:read\"]");
    ASSERT_TRUE(good(build("site", "governor", 1)));
    write_graph("line", "soc.line", "line", 1);
    ASSERT_TRUE(good(build("line", "publisher", 1)));
    ASSERT_TRUE(good(site({"import", file("site-1.sgpack")})));
    ASSERT_TRUE(good(site({"import", file("line-1.sgpack"), "--fingerprint", fingerprint("publisher")})));
  }
  static Appliance::Options options() {
    Appliance::Options options;
    options.profile = "cleared";
    options.start = false;
    options.more = "side_effects: deny\n";
    return options;
  }
  static ::testing::AssertionResult good(const CommandResult& result) {
    if (result.ok()) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << result.exit_code << ": " << result.out << result.err;
  }
  [[nodiscard]] std::string file(const std::string& name) const { return (stick_.path() / name).string(); }
  static CommandResult offline(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), std::string(STARGRAPH_PROGRAMS) + "/stargraph-pack");
    return run_command(arguments);
  }
  CommandResult site(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--config", box_.path("stargraph.yaml")});
    return offline(std::move(arguments));
  }
  // As the signer reads it out: hex groups in one line of the output.
  std::string fingerprint(const std::string& name) {
    const CommandResult shown = offline({"--json", "fingerprint", file(name + ".pub.pem")});
    const std::string key = "\"fingerprint\": \"";
    const std::size_t at = shown.out.find(key) + key.size();
    return shown.out.substr(at, shown.out.find('"', at) - at);
  }
  CommandResult build(const std::string& directory, const std::string& key, int epoch) {
    return offline({"build", file(directory), "--key", file(key + ".key.pem"), "--epoch", std::to_string(epoch),
                    "--out", file(directory + "-" + std::to_string(epoch) + ".sgpack")});
  }
  void write_policy(const std::string& directory, const std::string& grants, int version = 1) {
    const base::Timestamp now = base::real_env().now();
    std::filesystem::create_directories(stick_.path() / directory);
    static_cast<void>(stick_.write(directory + "/manifest.yaml", "kind: policy\nid: site.policy\nversion: \"" +
                                                                     std::to_string(version) + ".0.0\"\n"));
    static_cast<void>(stick_.write(
        directory + "/policy.yaml",
        "format: stargraph.policy.v1\nlabel: test\nmode: enforce\nnot_before: \"" +
            base::format_rfc3339(now - std::chrono::hours(1)) + "\"\nnot_after: \"" +
            base::format_rfc3339(now + std::chrono::hours(1)) +
            "\"\nsupersedes: null\norg_policy: {version: \"1\", allowed_permissions: [], allowed_models: {}, "
            "allow_legacy_unsigned: false, require_deterministic: false}\n"
            "governance: {version: 1, require_deterministic: false, max_external_dependencies: 0}\nroles:\n  some: " +
            grants + "\nassignments: {operator: [some]}\n"));
  }
  void write_graph(const std::string& directory, const std::string& pack, const std::string& graph, int version) {
    std::filesystem::create_directories(stick_.path() / directory / "graphs");
    static_cast<void>(stick_.write(directory + "/manifest.yaml", "kind: execution\nid: " + pack + "\nversion: \"" +
                                                                     std::to_string(version) +
                                                                     ".0.0\"\nrequires: {api_version: \"1\"}\n"));
    static_cast<void>(
        stick_.write(directory + "/graphs/one.yaml",
                     "ir_version: \"1.0.0\"\nid: " + graph + "\nnodes: [{id: a, kind: echo}, {id: b, kind: halt}]\n"));
  }
  CommandResult reload() { return site({"reload", "--pid", std::to_string(box_.daemon_pid())}); }
  std::string graphs() { return box_.curl("operator", {"/v1/graphs"}).out; }
  std::string start(const std::string& who, const std::string& graph) {
    return status_of(box_.post(who, "/v1/runs", R"({"graph_id":")" + graph + R"("})"));
  }

  TempDir stick_;
  Appliance box_;
};

TEST_F(Ceremony, AStickMakesAnApplianceThatObeysIt) {
  box_.start_daemon();
  EXPECT_EQ(start("operator", "line"), "202");
  EXPECT_EQ(start("viewer", "line"), "403");
  EXPECT_EQ(status_of(box_.curl("viewer", {"/v1/runs"})), "403");
  EXPECT_EQ(box_.stop(), 0) << box_.daemon_log();
}

TEST_F(Ceremony, AReloadTakesUpAStagedVersion) {
  box_.start_daemon();
  write_graph("line", "soc.line", "longer", 2);
  ASSERT_TRUE(good(build("line", "publisher", 2)));
  ASSERT_TRUE(good(site({"import", file("line-2.sgpack")})));
  EXPECT_FALSE(has(graphs(), "longer"));  // staged
  EXPECT_TRUE(good(reload()));
  EXPECT_TRUE(has(graphs(), "longer")) << graphs();
  EXPECT_EQ(start("operator", "line"), "404");
  EXPECT_EQ(start("operator", "longer"), "202");
  EXPECT_TRUE(good(reload()));  // nothing staged: the daemon says that it has it all
}

// What the daemon could not use is never on record as active: neither a reload nor a restart meets it.
TEST_F(Ceremony, SG_T_PACK_APackThatDoesNotGoWithTheOthersIsNeverMadeActive) {
  box_.start_daemon();
  const std::string before = graphs();
  write_graph("twin", "soc.twin", "line", 1);  // the id of another pack's graph
  ASSERT_TRUE(good(build("twin", "publisher", 1)));
  for (const std::string how : {"--dry-run", "--activate"}) {
    const CommandResult refused =
        site({"import", file("twin-1.sgpack"), "--fingerprint", fingerprint("publisher"), how});
    EXPECT_EQ(refused.exit_code, 1) << refused.out << refused.err;
    EXPECT_TRUE(has(refused.err, "soc.twin: graphs/one.json: another graph has this id (conflict)")) << refused.err;
  }
  EXPECT_FALSE(has(site({"list"}).out, "soc.twin"));
  EXPECT_TRUE(good(reload()));
  EXPECT_EQ(graphs(), before);
  EXPECT_EQ(start("operator", "line"), "202");
}

TEST_F(Ceremony, RC_E_POLICY_ANewPolicyCountsFromTheReloadOn) {
  box_.start_daemon();
  write_policy("site", "[\"runs:read\"]", 2);
  ASSERT_TRUE(good(build("site", "governor", 2)));
  ASSERT_TRUE(good(site({"import", file("site-2.sgpack")})));
  EXPECT_EQ(start("operator", "line"), "202");
  EXPECT_TRUE(good(reload()));
  EXPECT_EQ(start("operator", "line"), "403");
  EXPECT_EQ(status_of(box_.curl("operator", {"/v1/runs"})), "200");
}

TEST_F(Ceremony, RC_E_POLICY_APolicyWithAnUnknownCapabilityIsNotEvenBuilt) {
  write_policy("bad", "[\"runs:*\"]", 2);
  const CommandResult refused = build("bad", "governor", 2);
  EXPECT_EQ(refused.exit_code, 4) << refused.out << refused.err;
  EXPECT_TRUE(has(refused.err, "/roles/some/0")) << refused.err;
}

}  // namespace
}  // namespace stargraph::test
