// Small documents that tests bend.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/graph/parse.hpp"
#include "stargraph/json/parse.hpp"

namespace stargraph::graph {

inline constexpr std::string_view kSmall = R"j({
  "ir_version": "1.0.0",
  "id": "run:small",
  "nodes": [{"id": "a", "kind": "echo"}, {"id": "b", "kind": "halt"}],
  "rules": [{"id": "r-a", "when": "(node-id (id a))", "then": [{"kind": "goto", "target": "b"}]}],
  "state_schema": {"message": "str"}
})j";

inline json::Value value_of(std::string_view text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value) << (value ? "" : value.error().message) << "\n" << text;
  return value ? *std::move(value) : json::Value();
}

// kSmall with members set or replaced: with(R"({"id": "x"})").
inline json::Value with(std::string_view members) {
  json::Value out = value_of(kSmall);
  const json::Value changes = value_of(members);
  for (const auto& [name, value] : *changes.object()) out.object()->set(name, value);
  return out;
}

inline json::Value with_when(std::string_view when) {
  json::Value out = value_of(kSmall);
  (*out.object()->find("rules")->array())[0].object()->set("when", when);
  return out;
}

inline std::vector<std::string> paths(const std::vector<Fault>& faults) {
  std::vector<std::string> out;
  for (const Fault& fault : faults) out.push_back(fault.path);
  return out;
}

// The paths of all faults of kSmall with these members.
inline std::vector<std::string> paths_with(std::string_view members) { return paths(validate(with(members))); }

inline std::string read_text(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in.is_open()) << file << ": cannot be read";
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace stargraph::graph
