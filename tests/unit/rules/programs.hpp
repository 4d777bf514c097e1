// Programs and facts that the tests of this module share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "stargraph/rules/program.hpp"

namespace stargraph::rules {

inline Stage stage(std::string name, std::string source) {
  Stage made;
  made.name = std::move(name);
  made.digest = "test";
  made.source = std::move(source);
  return made;
}

inline Program program(std::string source) {
  Program made;
  made.stages.push_back(stage("pack", std::move(source)));
  made.digest = "test";
  return made;
}

inline Fact node(std::string id) { return {"node-id", {{"id", Symbol{std::move(id)}}}}; }

inline EvaluationInput at_node(std::string id) {
  EvaluationInput input;
  input.facts.push_back(node(std::move(id)));
  return input;
}

// Goes to b from a.
inline constexpr std::string_view kGotoRule =
    "(defrule go (node-id (id a)) => (assert (stargraph_action (kind goto) (target b) (reason \"because\"))))";

}  // namespace stargraph::rules
