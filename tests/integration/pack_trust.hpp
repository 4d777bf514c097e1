// The appliance of pack_cli.hpp with its people: a governor, an approver, a publisher whose pack is active and one
// whose key waits.
#pragma once

#include <algorithm>

#include "integration/pack_cli.hpp"

namespace stargraph {

class PackTrust : public PackCli {
 protected:
  void SetUp() override {
    PackCli::SetUp();
    for (const char* name : {"governor", "approver", "next"}) {
      ASSERT_EQ(run({"keygen", "--out", "keys", "--name", name}).exit_code, 0);
    }
    ASSERT_EQ(add_key("governor", "governor", "Grace Hopper").exit_code, 0);
    ASSERT_EQ(add_key("approver", "approver", "Barbara Liskov").exit_code, 0);
    ASSERT_EQ(run({"import", "policy.sgpack", "--fingerprint", fingerprint("publisher")}).exit_code, 0);
  }
  CommandResult add_key(const std::string& key, const std::string& role, const std::string& holder) const {
    return run({"key", "add", "keys/" + key + ".pub.pem", "--role", role, "--holder", holder, "--fingerprint",
                fingerprint(key)});
  }
  std::string key_id(const std::string& key) const {
    return text(run_json({"fingerprint", "keys/" + key + ".pub.pem"}), "key_id");
  }
  std::string spki(const std::string& key) const {
    std::string pem = directory_.read("keys/" + key + ".pub.pem");
    const auto from = pem.find('\n') + 1;
    pem = pem.substr(from, pem.find("-----END") - from);
    std::erase(pem, '\n');
    return pem;
  }
  // A pack of a governing kind, signed by `key`.
  void build_governed(const std::string& kind, const std::string& file, const std::string& content, int number,
                      const std::string& key, const std::string& out) const {
    const std::string name = kind + "-src";
    ASSERT_TRUE(base::real_env().make_directory(directory_ / name, 0700));
    directory_.write(name + "/manifest.yaml",
                     "kind: " + kind + "\nid: site." + kind + "\nversion: \"" + std::to_string(number) + ".0.0\"\n");
    directory_.write(name + "/" + file, content);
    const CommandResult made = build(name, key, number, out);
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  void build_wanting(const std::string& version, int epoch, const std::string& out) const {
    write_sources("wanting", "soc.policy", version);
    directory_.write("wanting/manifest.yaml",
                     directory_.read("wanting/manifest.yaml") + "capabilities: [\"runs:cancel\"]\n");
    ASSERT_EQ(build("wanting", "publisher", epoch, out).exit_code, 0);
  }
  std::string active_version() const {
    const json::Value shown = run_json({"show", "soc.policy"});
    for (const json::Value& pack : *shown.object()->find("packs")->array()) {
      if (*pack.object()->find("active")->boolean()) return text(pack, "version");
    }
    return "none";
  }
  std::string token(const std::string& request, const std::string& key = "approver") const {
    directory_.write("request.json", request + "\n");
    return text(run_json({"approve", "request.json", "--key", "keys/" + key + ".key.pem"}), "token");
  }
  // The request that a refused command shows.
  std::string request_of(std::vector<std::string> arguments) const {
    const json::Value refused = run_json(std::move(arguments));
    EXPECT_EQ(text(refused, "code"), "approval-missing");
    const json::Value* const requests = refused.object()->find("requests");
    return requests == nullptr || requests->array()->empty() ? "" : *requests->array()->front().string();
  }
};

}  // namespace stargraph
