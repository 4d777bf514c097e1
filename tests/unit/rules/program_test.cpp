// check_stages: what a program may declare, require and provide.
#include "stargraph/rules/program.hpp"

#include <gtest/gtest.h>

#include "unit/rules/programs.hpp"

namespace stargraph::rules {
namespace {

using base::Code;

Code refusal(const Program& program) {
  const auto checked = check_stages(program);
  EXPECT_FALSE(checked.has_value());
  return checked ? Code::kInternal : checked.error().code;
}

TEST(CheckStages, RC_E_POLICY_APackCannotProvideHostFacts) {
  // A provided stargraph.response would be an approval nobody gave, seen by every later stage.
  for (const char* name : {"stargraph.response", "node-id", "state", "stargraph_action"}) {
    Program forged = program("");
    forged.stages[0].provides = {name};
    EXPECT_EQ(refusal(forged), Code::kRulesTemplate) << name;
  }
}

TEST(CheckStages, RefusesProvidedTemplatesThatAreNotDeclared) {
  Program hollow = program(std::string(kGotoRule));
  hollow.stages[0].provides = {"verdict"};
  EXPECT_EQ(refusal(hollow), Code::kRulesTemplate);
}

TEST(CheckStages, RefusesRequiredFactsThatNobodyDeclares) {
  Program wanting = program(std::string(kGotoRule));
  wanting.stages[0].requires_facts = {"stargraph.response"};
  EXPECT_TRUE(check_stages(wanting));
  wanting.stages[0].requires_facts = {"soc.policy.input"};
  EXPECT_EQ(refusal(wanting), Code::kRulesTemplate);
}

TEST(CheckStages, RefusesCollisionsWithHostTemplates) {
  Program twice = program("(deftemplate verdict (slot value))");
  twice.stages[0].host_templates = {{"verdict", {{"value", false}}}};
  EXPECT_EQ(refusal(twice), Code::kRulesTemplate);
  twice.stages[0].host_templates = {{"node-id", {{"id", false}}}};
  EXPECT_EQ(refusal(twice), Code::kRulesTemplate);
  twice.stages[0].host_templates = {{"a) (b", {}}};
  EXPECT_EQ(refusal(twice), Code::kRulesTemplate);
}

TEST(CheckStages, RefusesEmptyAndDoubledPrograms) {
  EXPECT_EQ(refusal({}), Code::kRulesSyntax);
  Program doubled = program("");
  doubled.stages.push_back(doubled.stages[0]);
  EXPECT_EQ(refusal(doubled), Code::kRulesTemplate);
}

TEST(CheckStages, NamesTheStageOfASourceItRefuses) {
  const auto checked = check_stages(program("(defrule r => (system \"id\"))"));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Code::kRulesFunction);
  EXPECT_NE(checked.error().message.find("stage pack"), std::string::npos);
}

}  // namespace
}  // namespace stargraph::rules
