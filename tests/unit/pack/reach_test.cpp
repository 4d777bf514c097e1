// Reach "Schema A" packs: the content hash against that system's own values, its rules, and the conversion.
#include "stargraph/pack/reach_pack.hpp"

#include <gtest/gtest.h>

#include "pack/raw_json.hpp"
#include "sample_pack.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::pack {
namespace {

using base::Code;

constexpr std::string_view kPackA =
    R"({"metadata":{"id":"pack-a","version":"1.0.0","spec_version":"1.0.0","name":"","description":"","author":"","created":""},
"declared_tools":["tool.safe"],"declared_permissions":[],"model_requirements":{"tier":"standard"},
"execution_graph":null,"deterministic":true,
"signature_hash":"3167b52d1e35870448dd46e252df0293b56bfb55cf65722864b3412f9e961534"})";

// A document whose hash is what its own content gives: the hash is not what its test is about.
std::string hashed(std::string_view text) {
  json::Value value = *json::parse(text);
  const auto set = [&](const std::string& hash) { value.object()->set("signature_hash", hash); };
  set(std::string(64, '0'));
  const auto first = decode_reach(base::as_bytes(json::compact(value)));
  if (first || first.error().code != Code::kDigestMismatch) return json::compact(value);
  const std::string& message = first.error().message;
  set(message.substr(message.find("computed ") + 9, 64));
  return json::compact(value);
}

Code why(std::string_view text) {
  const auto pack = decode_reach(base::as_bytes(text));
  return pack ? Code::kInternal : pack.error().code;
}

constexpr std::string_view kGraphPack =
    R"({"metadata":{"id":"acme.triage","version":"1.2.3","spec_version":"1.0.0","name":"Triage"},
"declared_tools":["net.lookup"],"declared_permissions":["net:read"],"model_requirements":{"tier":"standard"},
"execution_graph":{"start_node_id":"start","nodes":{
 "start":{"id":"start","type":"condition","name":"Start","config":{"z":1, "a":2}},
 "left":{"id":"left","type":"action"},"right":{"id":"right","type":"action"},"end":{"id":"end","type":"action"}},
"edges":[{"from":"start","to":"left","type":"conditional","condition":"x>1 & y"},
 {"from":"start","to":"right","type":"default"},{"from":"left","to":"end","type":"default"}]},
"deterministic":true,"signature_hash":""})";

// kGraphPack with its graph's member set.
Code why_graph(const std::string& member, std::string_view json) {
  json::Value value = *json::parse(kGraphPack);
  value.object()->find("execution_graph")->object()->set(member, *json::parse(json));
  return why(hashed(json::compact(value)));
}

Code why_metadata(const std::string& member, json::Value with) {
  json::Value value = *json::parse(kGraphPack);
  value.object()->find("metadata")->object()->set(member, std::move(with));
  return why(hashed(json::compact(value)));
}

Code why_member(const std::string& member, json::Value with) {
  json::Value value = *json::parse(kGraphPack);
  value.object()->set(member, std::move(with));
  return why(hashed(json::compact(value)));
}

TEST(ReachHash, FirstVector) {
  const auto pack = decode_reach(base::as_bytes(kPackA));
  ASSERT_TRUE(pack) << pack.error().message;
  EXPECT_EQ(
      reach_canonical(*pack),
      R"({"metadata":{"id":"pack-a","version":"1.0.0","spec_version":"1.0.0","name":"","description":"","author":"","created":""},"declared_tools":["tool.safe"],"declared_permissions":[],"model_requirements":{"tier":"standard"},"execution_graph":null,"deterministic":true,"signature_hash":""})");
  EXPECT_EQ(reach_content_hash(*pack), "3167b52d1e35870448dd46e252df0293b56bfb55cf65722864b3412f9e961534");
}

TEST(ReachHash, SecondVectorHasNoModelsAndIsNotDeterministic) {
  EXPECT_EQ(
      why(R"({"metadata":{"id":"pack.conf","version":"1.0.0","spec_version":"1.0.0"},"declared_tools":["tool.safe"],
"declared_permissions":["net:read"],"deterministic":false,
"signature_hash":"6eda17f9c8ba3e9ae0acfd04bcd4cd598d528a7ee83adfe2697f716bc4cce897"})"),
      Code::kInternal);
}

// Escapes for HTML, raw UTF-8, a config as it was typed, and a conditional edge.
TEST(ReachHash, ThirdVectorHasAGraph) {
  const std::string text =
      R"({"metadata":{"id":"pack.graph","version":"1.2.3","spec_version":"1.0.0","name":"A<B>&é","description":"","author":"acme","created":""},
"declared_tools":["b","a"],"declared_permissions":null,"execution_graph":{"nodes":{
"start":{"id":"start","type":"action","name":"Start","config":{"z":1, "a":2},"deterministic":false},
"next":{"id":"next","type":"condition","name":"Next","deterministic":true}},
"edges":[{"from":"start","to":"next","type":"conditional","condition":"x>1 & y"}],"start_node_id":"start"},
"deterministic":false,"signature_hash":"0a0ed98ccf9e41dbecace96e0b590989770656655330e9c34d6afabf7ef3a22c"})";
  const auto pack = decode_reach(base::as_bytes(text));
  ASSERT_TRUE(pack) << pack.error().message;
  EXPECT_NE(reach_canonical(*pack).find(R"("name":"A\u003cB\u003e\u0026é")"), std::string::npos);
  EXPECT_NE(reach_canonical(*pack).find(R"("config":{"z":1,"a":2},"strategy")"), std::string::npos);
}

// The id of the fourth published vector, "p", is too short for the rules of an id; its hash is not.
TEST(ReachHash, FourthVector) {
  ReachPack pack;
  pack.id = "p";
  pack.version = "1.0.0";
  pack.spec_version = "1.0.0";
  pack.tools = {"tool.safe"};
  EXPECT_EQ(reach_content_hash(pack), "1ee7ab14054d5725267e88a83c6df0e259305ac8512a9fcd34726b16698b8318");
}

// Upstream remembers the hash of an id and version, and then accepts this.
TEST(ReachHash, RC_T_PACK_AToolMoreUnderAKnownIdAndHashIsRefused) {
  ASSERT_EQ(why(kPackA), Code::kInternal) << "seen before";
  std::string tampered(kPackA);
  tampered.replace(tampered.find("\"tool.safe\""), 11, "\"tool.safe\",\"tool.exec\"");
  const auto pack = decode_reach(base::as_bytes(tampered));
  ASSERT_FALSE(pack);
  EXPECT_EQ(pack.error().code, Code::kDigestMismatch);
  EXPECT_NE(pack.error().message.find("ed541f3a0fa49489a11e5f8c87b7527edd5aad8f8a65e18d3b562d245a89de91"),
            std::string::npos)
      << "that system's own value for it";
}

TEST(ReachHash, RC_S_PACK_WithoutAHashItIsRefused) {
  std::string text(kPackA);
  text.replace(text.find("3167"), 64, "");
  EXPECT_EQ(why(text), Code::kSignatureMissing);
}

TEST(ReachHash, RC_T_PACK_NoByteOfTheContentMayChange) {
  const std::string good = hashed(kGraphPack);
  ASSERT_EQ(why(good), Code::kInternal);
  const auto original = reach_canonical(decode_reach(base::as_bytes(good)).value());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x01);
    const auto pack = decode_reach(base::as_bytes(bad));
    EXPECT_TRUE(!pack || reach_canonical(*pack) == original) << "byte " << i;
  }
}

TEST(ReachForm, RC_T_PACK_UnknownRepeatedAndMisspelledMembersAreRefused) {
  EXPECT_EQ(why_member("exec", "x"), Code::kUnknownField);
  EXPECT_EQ(why_member("Declared_Tools", json::Array{"x"}), Code::kUnknownField) << "names are matched exactly";
  EXPECT_EQ(why_metadata("critical_features", json::Array{"x"}), Code::kUnknownField);
  std::string twice(kGraphPack);
  twice.insert(1, R"("deterministic":false,)");
  EXPECT_EQ(why(twice), Code::kDuplicateKey);
  EXPECT_EQ(why("[]"), Code::kMalformed);
}

TEST(ReachForm, IsToldFromOtherJson) {
  EXPECT_TRUE(is_reach_pack(base::as_bytes(kPackA)));
  EXPECT_FALSE(is_reach_pack(base::as_bytes(R"({"metadata":{}})")));
  EXPECT_FALSE(is_reach_pack(base::as_bytes("SGPACK")));
}

TEST(ReachRules, RC_E_SPEC_VersionsAreStrict) {
  const auto message = [](json::Value version) {
    json::Value value = *json::parse(kGraphPack);
    value.object()->find("metadata")->object()->set("spec_version", std::move(version));
    const auto pack = decode_reach(base::as_bytes(hashed(json::compact(value))));
    return pack ? std::string() : pack.error().message;
  };
  EXPECT_EQ(message("1.0.0"), "");
  EXPECT_EQ(message("1.0.9"), "");
  const std::string failed = "execution pack spec compatibility failed: ";
  EXPECT_EQ(message(""), failed + "spec version is required");
  EXPECT_EQ(message("2.0.0"), failed + "incompatible spec version \"2.0.0\": expected major 1");
  EXPECT_EQ(message("0.9.0"), failed + "incompatible spec version \"0.9.0\": expected major 1");
  EXPECT_EQ(message("1.1.0"), failed + "incompatible spec version \"1.1.0\": newer than 1.0");
  EXPECT_EQ(message("1.0.0-rc1"), failed + "incompatible spec version \"1.0.0-rc1\": newer than 1.0");
  // What that system reads as version 1, and what it calls invalid itself.
  for (const char* text : {"1", "1.garbage", " 1.0.0", "+1.2.0", "01.0.0", "v1.0.0", "-1.0.0", "1e0", "1,0", ".1"}) {
    EXPECT_EQ(message(text), failed + "spec version is invalid") << text;
  }
}

TEST(ReachRules, RC_T_PACK_IdsFollowTheirPattern) {
  for (const char* id : {"", "ab", "Abc", "1abc", "a b", "../x", "a/b", "_abc", "abc\n", "äbc"}) {
    EXPECT_EQ(why_metadata("id", id), Code::kManifestInvalid) << id;
  }
  EXPECT_EQ(why_metadata("id", std::string(129, 'a')), Code::kManifestInvalid);
  EXPECT_EQ(why_metadata("id", std::string(128, 'a')), Code::kInternal);
  EXPECT_EQ(why_metadata("id", "a-1"), Code::kInternal);
}

TEST(ReachRules, VersionsAndNamesFollowTheirPattern) {
  for (const char* version : {"", "1.0", "01.0.0", "1.0.0-", "1.0.0+", "1.0.0 ", "v1.0.0", "1.0.0-a_b"}) {
    EXPECT_EQ(why_metadata("version", version), Code::kManifestInvalid) << version;
  }
  EXPECT_EQ(why_metadata("version", "1.0.0-rc.1+5"), Code::kInternal);
  EXPECT_EQ(why_metadata("name", std::string(257, 'n')), Code::kManifestInvalid);
  EXPECT_EQ(why_metadata("name", std::string(256, 'n')), Code::kInternal);
}

TEST(ReachRules, RC_E_PACK_ToolsFollowTheirPattern) {
  for (const char* tool : {"", "1tool", ".tool", "a b", "a/b", "a*", "tool\n"}) {
    EXPECT_EQ(why_member("declared_tools", json::Array{tool}), Code::kManifestInvalid) << tool;
  }
  EXPECT_EQ(why_member("declared_tools", json::Array{"A.b_c:d-9"}), Code::kInternal);
  EXPECT_EQ(why_member("declared_tools", json::Array{"a", "a"}), Code::kManifestInvalid) << "repeated";
  EXPECT_EQ(why_member("declared_tools", json::Array{7}), Code::kMalformed);
  EXPECT_EQ(why_member("declared_tools", std::string("a")), Code::kMalformed);
}

TEST(ReachRules, RC_E_PACK_PermissionsFollowTheirPattern) {
  for (const char* permission : {"", "net", "net:", ":read", "Net:read", "net:Read", "net:*", "net:read:all",
                                 "n-t:read", "*:read", "net :read"}) {
    EXPECT_EQ(why_member("declared_permissions", json::Array{permission}), Code::kManifestInvalid) << permission;
  }
  EXPECT_EQ(why_member("declared_permissions", json::Array{"net_2:read*"}), Code::kInternal);
  EXPECT_EQ(why_member("declared_permissions", json::Array{"a:b", "a:b"}), Code::kManifestInvalid) << "repeated";
}

TEST(ReachRules, RC_E_PACK_AdminAndExecAreNeverGiven) {
  EXPECT_EQ(why_member("declared_permissions", json::Array{"sys:admin"}), Code::kManifestInvalid);
  EXPECT_EQ(why_member("declared_permissions", json::Array{"net:read", "sys:exec"}), Code::kManifestInvalid);
  json::Value value = *json::parse(kGraphPack);
  value.object()->set("declared_permissions", json::Array{"sys:read"});
  const auto pack = decode_reach(base::as_bytes(hashed(json::compact(value))));
  ASSERT_TRUE(pack);
  EXPECT_EQ(pack->warnings, std::vector<std::string>{"asks for the system permission sys:read"});
}

TEST(ReachGraphRules, RC_T_PACK_TheStartExists) {
  EXPECT_EQ(why_graph("start_node_id", "\"nowhere\""), Code::kGraphInvalid);
  EXPECT_EQ(why_graph("start_node_id", "\"\""), Code::kGraphInvalid);
  EXPECT_EQ(why_graph("nodes", "{}"), Code::kGraphInvalid) << "no node at all";
}

TEST(ReachGraphRules, RC_T_PACK_BothEndsOfAnEdgeAreNodes) {
  EXPECT_EQ(why_graph("edges", R"([{"from":"start","to":"x","type":"default"}])"), Code::kGraphInvalid);
  EXPECT_EQ(why_graph("edges", R"([{"from":"x","to":"start","type":"default"}])"), Code::kGraphInvalid);
}

TEST(ReachGraphRules, NodesAreNamedOnce) {
  EXPECT_EQ(why_graph("nodes", R"({"start":{"id":"other","type":"action"}})"), Code::kGraphInvalid);
  std::string twice = hashed(kGraphPack);
  twice.replace(twice.find("\"left\":{"), 8, "\"end\":{");
  EXPECT_EQ(why(twice), Code::kDuplicateKey);
}

TEST(ReachGraphRules, AConditionalEdgeHasACondition) {
  EXPECT_EQ(why_graph("edges", R"([{"from":"start","to":"end","type":"conditional"}])"), Code::kGraphInvalid);
  EXPECT_EQ(why_graph("edges", R"([{"from":"start","to":"end","type":"conditional","condition":""}])"),
            Code::kGraphInvalid);
  EXPECT_EQ(why_graph("edges", R"([{"from":"start","to":"end","type":"conditional","condition":null}])"),
            Code::kGraphInvalid);
}

TEST(ReachGraphRules, RC_D_PACK_CyclesAreRefused) {
  EXPECT_EQ(why_graph("edges", R"([{"from":"end","to":"end","type":"default"}])"), Code::kGraphInvalid);
  EXPECT_EQ(why_graph("edges", R"([{"from":"start","to":"left","type":"default"},
{"from":"left","to":"end","type":"default"},{"from":"end","to":"left","type":"fallback"}])"),
            Code::kGraphInvalid);
  EXPECT_EQ(why_graph("edges", R"([{"from":"start","to":"left","type":"default"},
{"from":"start","to":"end","type":"fallback"},{"from":"left","to":"end","type":"default"}])"),
            Code::kInternal)
      << "two ways to one node are no cycle";
}

// A chain this long would end a reader that recurses; a cycle at its far end is found all the same.
TEST(ReachGraphRules, RC_D_PACK_ALongChainIsReadToItsEnd) {
  json::Object nodes;
  json::Array edges;
  for (int i = 0; i < 1500; ++i) {
    const std::string id = "n" + std::to_string(i);
    nodes.append_new(id, json::Object{{"id", id}, {"type", "action"}});
    if (i > 0) edges.push_back(json::Object{{"from", "n" + std::to_string(i - 1)}, {"to", id}, {"type", "default"}});
  }
  json::Value value = *json::parse(kGraphPack);
  json::Object* graph = value.object()->find("execution_graph")->object();
  graph->set("nodes", nodes);
  graph->set("edges", edges);
  graph->set("start_node_id", "n0");
  EXPECT_EQ(why(hashed(json::compact(value))), Code::kInternal);
  edges.push_back(json::Object{{"from", "n1499"}, {"to", "n1498"}, {"type", "default"}});
  value.object()->find("execution_graph")->object()->set("edges", edges);
  EXPECT_EQ(why(hashed(json::compact(value))), Code::kGraphInvalid);
}

TEST(ReachGraphRules, TypesAreThoseOfTheSchema) {
  EXPECT_EQ(why_graph("nodes", R"({"start":{"id":"start","type":"script"}})"), Code::kMalformed);
  EXPECT_EQ(why_graph("edges", R"([{"from":"start","to":"end","type":"jump"}])"), Code::kMalformed);
  for (const char* strategy : {R"({"retry_policy":{"strategy_type":"forever"}})",
                               R"({"model_options":{"optimization_mode":"fast"}})", R"({"more":1})"}) {
    const std::string node = std::string(R"({"start":{"id":"start","type":"action","strategy":)") + strategy + "}}";
    EXPECT_EQ(base::reason(why_graph("nodes", node)).exit_code, base::kExitIntegrity) << strategy;
  }
}

TEST(ReachConvert, MakesAnExecutionPack) {
  const std::string text = hashed(kGraphPack);
  const auto pack = decode_reach(base::as_bytes(text));
  ASSERT_TRUE(pack) << pack.error().message;
  auto converted = convert_reach(*pack, base::as_bytes(text));
  ASSERT_TRUE(converted) << converted.error().message;
  const auto& manifest = std::get<ExecutionManifest>(converted->manifest);
  EXPECT_EQ(manifest.workers, (std::vector<std::string>{"reach:action", "reach:condition"}));
  EXPECT_EQ(manifest.declared_permissions, std::vector<std::string>{"net:read"});
  EXPECT_TRUE(manifest.capabilities.empty()) << "a pack of another system is given none";
  EXPECT_EQ(
      base::as_text(converted->files[0].bytes),
      R"({"id":"acme.triage","ir_version":"1.0.0","nodes":[)"
      R"({"config":{"config":{"a":2,"z":1},"deterministic":false,"edges":[{"condition":"x>1 & y","to":"left","type":"conditional"}],"name":"Start","next_field":"next.0"},"id":"start","kind":"reach:condition"},)"
      R"({"config":{"deterministic":false,"name":""},"id":"end","kind":"reach:action"},)"
      R"({"config":{"deterministic":false,"name":""},"id":"left","kind":"reach:action"},)"
      R"({"config":{"deterministic":false,"name":""},"id":"right","kind":"reach:action"}],"rules":[)"
      R"({"id":"n0-1","then":[{"kind":"goto","target":"left"}],"when":{"next.0":"left","node":"start"}},)"
      R"({"id":"n0","then":[{"kind":"goto","target":"right"}],"when":{"node":"start"}},)"
      R"({"id":"n1","then":[{"kind":"halt","reason":"complete"}],"when":{"node":"end"}},)"
      R"({"id":"n2","then":[{"kind":"goto","target":"end"}],"when":{"node":"left"}},)"
      R"({"id":"n3","then":[{"kind":"halt","reason":"complete"}],"when":{"node":"right"}}]})");
  const auto compiled = compile_files(std::move(converted->manifest), std::move(converted->files), at_epoch(1));
  ASSERT_TRUE(compiled) << compiled.error().message;
  EXPECT_EQ(why_refused(sign(*compiled, sample_key()).value()), Code::kInternal);
}

TEST(ReachConvert, KeepsTheOriginal) {
  const std::string text = hashed(kGraphPack);
  const auto converted = convert_reach(decode_reach(base::as_bytes(text)).value(), base::as_bytes(text));
  ASSERT_TRUE(converted);
  EXPECT_EQ(converted->files[1].path, "source/pack.json");
  EXPECT_EQ(base::as_text(converted->files[1].bytes), text);
}

Code why_converted(std::string_view edges) {
  json::Value value = *json::parse(kGraphPack);
  value.object()->find("execution_graph")->object()->set("edges", *json::parse(edges));
  const std::string text = hashed(json::compact(value));
  const auto pack = decode_reach(base::as_bytes(text));
  if (!pack) return pack.error().code;
  const auto converted = convert_reach(*pack, base::as_bytes(text));
  return converted ? Code::kInternal : converted.error().code;
}

TEST(ReachConvert, ParallelBranchesMeet) {
  EXPECT_EQ(
      why_converted(R"([{"from":"start","to":"left","type":"parallel"},{"from":"start","to":"right","type":"parallel"},
{"from":"left","to":"end","type":"default"},{"from":"right","to":"end","type":"default"}])"),
      Code::kInternal);
  EXPECT_EQ(
      why_converted(R"([{"from":"start","to":"left","type":"parallel"},{"from":"start","to":"right","type":"parallel"},
{"from":"left","to":"end","type":"default"}])"),
      Code::kUnsupportedFeature)
      << "one branch does not";
}

TEST(ReachConvert, WhatHasNoReadingIsRefused) {
  EXPECT_EQ(why_converted(
                R"([{"from":"start","to":"left","type":"default"},{"from":"start","to":"right","type":"default"}])"),
            Code::kUnsupportedFeature);
  EXPECT_EQ(why_converted(R"([{"from":"start","to":"left","type":"conditional","condition":"a"},
{"from":"start","to":"left","type":"fallback"}])"),
            Code::kUnsupportedFeature);
  EXPECT_EQ(
      why_converted(R"([{"from":"start","to":"left","type":"parallel"},{"from":"left","to":"end","type":"default"},
{"from":"start","to":"right","type":"default"}])"),
      Code::kUnsupportedFeature);
  EXPECT_EQ(why_converted(R"([{"from":"start","to":"left","type":"default","condition":"a"}])"),
            Code::kUnsupportedFeature)
      << "a condition that nobody would look at";
  const auto no_graph = convert_reach(decode_reach(base::as_bytes(kPackA)).value(), base::as_bytes(kPackA));
  EXPECT_EQ(no_graph.error().code, Code::kGraphInvalid);
}

TEST(RawJson, MembersAreCutAsTheyWereTyped) {
  const auto members = raw_members(R"( { "a" : [ 1 , {"b":"}"} ] , "\u0062":1.50, "c":"x\"}" } )");
  ASSERT_EQ(members.size(), 3U);
  EXPECT_EQ(members[0].second, R"([ 1 , {"b":"}"} ])");
  EXPECT_EQ(members[1].first, "b");
  EXPECT_EQ(members[1].second, "1.50");
  EXPECT_EQ(members[2].second, R"("x\"}")");
  EXPECT_TRUE(raw_members("{}").empty());
  EXPECT_TRUE(raw_members("[1]").empty());
}

TEST(RawJson, IsCompactedAndQuotedAsGoDoes) {
  EXPECT_EQ(go_compact("{ \"a b\" : \"<\\\" \\\\\" , \"c\":1.0 }"), "{\"a b\":\"\\u003c\\\" \\\\\",\"c\":1.0}");
  EXPECT_EQ(go_compact("\"\xE2\x80\xA8\""), "\"\\u2028\"");
  EXPECT_EQ(go_quoted("a\"\\\n\x01\x7f<é\xE2\x80\xA9"), "\"a\\\"\\\\\\n\\u0001\x7f\\u003cé\\u2029\"");
}

}  // namespace
}  // namespace stargraph::pack
