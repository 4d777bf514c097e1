// The graph hash: what must change it, what must not, and one value computed elsewhere.
#include "stargraph/graph/hash.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "documents.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::graph {
namespace {

constexpr std::string_view kRich = R"j({
  "ir_version": "1.0.0", "id": "graph:rich",
  "nodes": [{"id": "a", "kind": "soc.x", "config": {"k": 1}}, {"id": "b", "kind": "interrupt", "config": {"prompt": "?", "timeout": "PT15M"}},
            {"id": "c", "kind": "halt"}, {"id": "d", "kind": "halt"}],
  "rules": [{"id": "r1", "when": "(node-id (id a))", "then": [{"kind": "goto", "target": "b"}]},
            {"id": "r2", "when": {"node": "c"}, "then": [{"kind": "halt", "reason": "over"}]},
            {"id": "r3", "when": "(node-id (id d))", "then": [{"kind": "parallel", "targets": ["a", "c"], "join": "d"},
              {"kind": "retry", "target": "a", "backoff_ms": 5}, {"kind": "interrupt", "prompt": "go?", "timeout": 900}]}],
  "tools": [{"id": "t", "version": "1"}],
  "state_schema": {"s": "str", "n": {"type": "int", "default": 1}},
  "parallel": [{"targets": ["a", "c"], "join": "d"}],
  "governance": [{"id": "p", "version": "1.0"}],
  "lm": {"model": "m"}
})j";

// As docs/formats/graph.md shows it; computed with printf and sha384sum.
constexpr std::string_view kSmallHash =
    "1c1ed31295420d917df9d93bd49b8fbdfdbfb45b62685870d21ac4a65cd480a77295652baa580a4a7dca14a3166ce31b";

crypto::Digest hash_of(const json::Value& value) {
  const auto document = parse(value);
  EXPECT_TRUE(document) << (document ? "" : document.error().message);
  return document ? graph_hash(*document) : crypto::Digest();
}

json::Value& at(json::Value& value, std::string_view name) { return *value.object()->find(name); }
json::Value& item(json::Value& value, std::size_t index) { return (*value.array())[index]; }

struct Change {
  const char* name;
  std::function<void(json::Value&)> apply;
};

TEST(GraphHash, EveryChangeOfBehaviourChangesIt) {
  const std::vector<Change> changes = {
      {"document id", [](json::Value& d) { at(d, "id") = "graph:other"; }},
      {"kind", [](json::Value& d) { at(item(at(d, "nodes"), 0), "kind") = "soc.y"; }},
      {"config value", [](json::Value& d) { at(at(item(at(d, "nodes"), 0), "config"), "k") = 2; }},
      {"config member", [](json::Value& d) { at(item(at(d, "nodes"), 0), "config").object()->set("l", nullptr); }},
      {"spec", [](json::Value& d) { item(at(d, "nodes"), 0).object()->set("spec", "x"); }},
      {"interrupt prompt", [](json::Value& d) { at(at(item(at(d, "nodes"), 1), "config"), "prompt") = "!"; }},
      {"interrupt timeout", [](json::Value& d) { at(at(item(at(d, "nodes"), 1), "config"), "timeout") = "PT16M"; }},
      {"node order", [](json::Value& d) { std::swap(item(at(d, "nodes"), 2), item(at(d, "nodes"), 3)); }},
      {"node added",
       [](json::Value& d) { at(d, "nodes").array()->push_back(value_of(R"({"id": "e", "kind": "halt"})")); }},
      {"raw when", [](json::Value& d) { at(item(at(d, "rules"), 0), "when") = "(node-id (id c))"; }},
      {"sugar when", [](json::Value& d) { at(item(at(d, "rules"), 1), "when").object()->set("node", "d"); }},
      {"rule order", [](json::Value& d) { std::swap(item(at(d, "rules"), 0), item(at(d, "rules"), 1)); }},
      {"rule id", [](json::Value& d) { at(item(at(d, "rules"), 0), "id") = "r9"; }},
      {"goto target", [](json::Value& d) { at(item(at(item(at(d, "rules"), 0), "then"), 0), "target") = "c"; }},
      {"halt reason", [](json::Value& d) { at(item(at(item(at(d, "rules"), 1), "then"), 0), "reason") = "done"; }},
      {"parallel action order",
       [](json::Value& d) {
         std::swap(item(at(item(at(item(at(d, "rules"), 2), "then"), 0), "targets"), 0),
                   item(at(item(at(item(at(d, "rules"), 2), "then"), 0), "targets"), 1));
       }},
      {"backoff", [](json::Value& d) { at(item(at(item(at(d, "rules"), 2), "then"), 1), "backoff_ms") = 6; }},
      {"rule interrupt prompt",
       [](json::Value& d) { at(item(at(item(at(d, "rules"), 2), "then"), 2), "prompt") = "stop?"; }},
      {"rule interrupt guards",
       [](json::Value& d) { item(at(item(at(d, "rules"), 2), "then"), 2).object()->set("guards", "a"); }},
      {"tool version", [](json::Value& d) { at(item(at(d, "tools"), 0), "version") = "2"; }},
      {"state type", [](json::Value& d) { at(at(d, "state_schema"), "s") = "bytes"; }},
      {"state default", [](json::Value& d) { at(at(at(d, "state_schema"), "n"), "default") = 2; }},
      {"state route", [](json::Value& d) { at(at(d, "state_schema"), "n").object()->set("route", true); }},
      {"state reducer", [](json::Value& d) { at(at(d, "state_schema"), "n").object()->set("reducer", "max"); }},
      {"state default gone", [](json::Value& d) { at(at(d, "state_schema"), "n").object()->erase("default"); }},
      {"parallel block", [](json::Value& d) { at(item(at(d, "parallel"), 0), "join") = "b"; }},
      {"parallel gone", [](json::Value& d) { d.object()->erase("parallel"); }},
      {"mount added", [](json::Value& d) { at(d, "governance").array()->push_back(value_of(R"({"id": "q"})")); }},
      {"mount version", [](json::Value& d) { at(item(at(d, "governance"), 0), "version") = "1.1"; }},
      {"mount requires",
       [](json::Value& d) {
         item(at(d, "governance"), 0).object()->set("requires", value_of(R"({"api_version": "1"})"));
       }},
      {"mount gone", [](json::Value& d) { d.object()->erase("governance"); }},
      {"model", [](json::Value& d) { at(at(d, "lm"), "model") = "other"; }},
  };
  std::set<std::string> seen = {hash_of(value_of(kRich)).hex()};
  for (const Change& change : changes) {
    json::Value document = value_of(kRich);
    change.apply(document);
    EXPECT_TRUE(seen.insert(hash_of(document).hex()).second)
        << change.name << " leaves the hash as it was, or is like another change";
  }
}

TEST(GraphHash, WritingItAnotherWayDoesNotChangeIt) {
  const std::vector<Change> changes = {
      {"sugar lowered", [](json::Value& d) { at(item(at(d, "rules"), 1), "when") = "(node-id (id c))"; }},
      {"seconds", [](json::Value& d) { at(at(item(at(d, "nodes"), 1), "config"), "timeout") = 900; }},
      {"iso", [](json::Value& d) { at(item(at(item(at(d, "rules"), 2), "then"), 2), "timeout") = "PT900S"; }},
      {"default on_timeout",
       [](json::Value& d) { at(item(at(d, "nodes"), 1), "config").object()->set("on_timeout", "halt"); }},
      {"default strategy", [](json::Value& d) { item(at(d, "parallel"), 0).object()->set("strategy", "all"); }},
      {"empty lists", [](json::Value& d) { d.object()->set("skills", json::Array{}); }},
      {"null spec", [](json::Value& d) { item(at(d, "nodes"), 0).object()->set("spec", nullptr); }},
      {"empty config", [](json::Value& d) { item(at(d, "nodes"), 2).object()->set("config", json::Object{}); }},
      {"null state_class", [](json::Value& d) { d.object()->set("state_class", nullptr); }},
      {"long form of a type",
       [](json::Value& d) {
         at(at(d, "state_schema"), "s") = value_of(R"({"type": "str", "route": false, "reducer": "last-write"})");
       }},
      {"empty requires",
       [](json::Value& d) { item(at(d, "governance"), 0).object()->set("requires", json::Object{}); }},
      {"default port", [](json::Value& d) { at(d, "lm").object()->set("port", 30000); }},
      {"attribution", [](json::Value& d) { item(at(d, "rules"), 0).object()->set("node_id", "a"); }},
      {"migrate",
       [](json::Value& d) { d.object()->set("migrate", value_of(R"([{"from_hash": "x", "to_hash": "y"}])")); }},
      {"key order",
       [](json::Value& d) {
         json::Array members;
         json::Object reversed;
         std::vector<json::Member> all(d.object()->begin(), d.object()->end());
         for (auto member = all.rbegin(); member != all.rend(); ++member) reversed.set(member->first, member->second);
         d = json::Value(std::move(reversed));
       }},
  };
  const crypto::Digest hash = hash_of(value_of(kRich));
  for (const Change& change : changes) {
    json::Value document = value_of(kRich);
    change.apply(document);
    EXPECT_EQ(hash_of(document), hash) << change.name;
  }
}

TEST(GraphHash, YamlAndJsonAgreeAndCommentsDoNotCount) {
  const auto yaml = load_yaml(R"(# a comment
id: "run:small"
state_schema: {message: str}
nodes:
  - {kind: echo, id: a}   # another
  - {id: b, kind: halt}
rules:
  - id: r-a
    when: {node: a}
    then: [{target: b, kind: goto}]
ir_version: '1.0.0'
)");
  ASSERT_TRUE(yaml) << yaml.error().message;
  EXPECT_EQ(graph_hash(*yaml), hash_of(value_of(kSmall)));
}

TEST(GraphHash, SurvivesTheCanonicalDump) {
  const auto document = parse(value_of(kRich));
  ASSERT_TRUE(document);
  const std::string dump = canonical_dump(*document);
  const auto again = load_json(dump);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(graph_hash(*again), graph_hash(*document));
  EXPECT_EQ(canonical_dump(*again), dump);
}

TEST(GraphHash, IsTheValueOfTheFormatDocument) {
  const auto document = parse(value_of(kSmall));
  ASSERT_TRUE(document);
  EXPECT_EQ(graph_hash(*document).hex(), kSmallHash);
  const std::string text = read_text(std::filesystem::path(STARGRAPH_SOURCE_DIR) / "docs/formats/graph.md");
  EXPECT_NE(text.find("`" + std::string(kSmallHash) + "`"), std::string::npos);
  EXPECT_NE(text.find("\n" + json::canonical(normalise(*document)) + "\n"), std::string::npos);
}

}  // namespace
}  // namespace stargraph::graph
