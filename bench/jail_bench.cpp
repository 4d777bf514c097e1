// A decision through the jail beside bare CLIPS in this process: the same rules, the same facts in through the C
// interface, the same decision read out. The difference is the walls: two processes, two copies, one switch there and
// back.
//
// Two figures: a small routing program (one node's rules), and forty rules over eight facts as a pack with its graph
// has.
#include <memory>
#include <string>

#include "figure.hpp"
#include "rules/clips.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/rules/jail.hpp"

namespace {

using namespace stargraph;

struct Case {
  std::string source;
  std::vector<rules::Fact> facts;
};

Case small_case() {
  return {
      "(defrule go (node-id (id a)) => (assert (stargraph_action (kind goto) (target b) (reason \"next\"))))"
      "(defrule stop (node-id (id z)) => (assert (stargraph_action (kind halt) (reason \"end\"))))",
      {{"node-id", {{"id", rules::Symbol{"a"}}}}}};
}

Case pack_case() {
  Case made;
  for (int i = 0; i < 40; ++i) {
    made.source += "(defrule r" + std::to_string(i) + " (node-id (id n" + std::to_string(i) +
                   ")) (stargraph.field (name \"risk\") (value ?v&:(>= ?v " + std::to_string(i) +
                   "))) => (assert (stargraph_action (kind goto) (target t) (reason \"risk\"))))";
  }
  made.facts.push_back({"node-id", {{"id", rules::Symbol{"n7"}}}});
  made.facts.push_back({"stargraph.field", {{"name", std::string("risk")}, {"value", std::int64_t{9}}}});
  for (int i = 0; i < 6; ++i)
    made.facts.push_back(
        {"stargraph.field", {{"name", "f" + std::to_string(i)}, {"value", "text " + std::to_string(i)}}});
  return made;
}

// What a program that trusts its rules would write.
class BareClips {
 public:
  explicit BareClips(const Case& given) : facts_(given.facts), env_(CreateEnvironment()) {
    for (const rules::HostTemplate& host : rules::standard_templates()) {
      std::string text = "(deftemplate " + host.name;
      for (const auto& slot : host.slots) text += (slot.multi ? " (multislot " : " (slot ") + slot.name + ")";
      for (const std::string& slot : rules::provenance_slots()) text += " (slot " + slot + " (default nil))";
      SG_CHECK(EnvBuild(env_, (text + ")").c_str()) == TRUE);
    }
    const auto constructs = clp::split_constructs(given.source);
    for (const clp::Construct& construct : *constructs) SG_CHECK(EnvBuild(env_, construct.text.c_str()) == TRUE);
    action_ = EnvFindDeftemplate(env_, "stargraph_action");
  }
  ~BareClips() { DestroyEnvironment(env_); }
  BareClips(const BareClips&) = delete;
  BareClips& operator=(const BareClips&) = delete;

  std::string decide() {
    EnvReset(env_);
    for (const rules::Fact& fact : facts_) {
      void* made = EnvCreateFact(env_, EnvFindDeftemplate(env_, fact.template_name.c_str()));
      for (const auto& [name, value] : fact.slots) put(made, name, value);
      EnvAssignFactSlotDefaults(env_, made);
      EnvAssert(env_, made);
    }
    EnvRun(env_, -1);
    std::string target;
    for (void* fact = EnvGetNextFactInTemplate(env_, action_, nullptr); fact != nullptr;
         fact = EnvGetNextFactInTemplate(env_, action_, fact)) {
      for (const char* slot : {"kind", "target", "reason", "rule_id", "prompt", "payload"}) {
        DATA_OBJECT value{};
        EnvGetFactSlot(env_, fact, const_cast<char*>(slot), &value);
        target += ValueToString(value.value);
      }
    }
    return target;
  }

 private:
  void put(void* fact, const std::string& slot, const rules::SlotValue& value) {
    DATA_OBJECT field{};
    if (const auto* symbol = std::get_if<rules::Symbol>(&value)) {
      field.type = SYMBOL;
      field.value = EnvAddSymbol(env_, symbol->text.c_str());
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      field.type = STRING;
      field.value = EnvAddSymbol(env_, text->c_str());
    } else {
      field.type = INTEGER;
      field.value = EnvAddLong(env_, std::get<std::int64_t>(value));
    }
    EnvPutFactSlot(env_, fact, slot.c_str(), &field);
  }

  std::vector<rules::Fact> facts_;
  void* env_;
  void* action_ = nullptr;
};

void measure(rules::Jail& jail, const std::string& name, const Case& given) {
  constexpr std::size_t kDecisions = 4'000;
  rules::Program program;
  program.stages.push_back({"graph", "bench", given.source, {}, {}, {}, {}});
  program.digest = "bench";
  const auto evaluator = jail.evaluator(program).value();
  rules::EvaluationInput input;
  input.facts = given.facts;
  BareClips bare(given);
  SG_CHECK(evaluator->evaluate(input)->actions.size() == 1);
  SG_CHECK(!bare.decide().empty());
  const auto ours = [&] {
    return bench::per_second(kDecisions, [&] {
      for (std::size_t i = 0; i < kDecisions; ++i) SG_CHECK(evaluator->evaluate(input).has_value());
    });
  };
  const auto theirs = [&] {
    return bench::per_second(kDecisions, [&] {
      for (std::size_t i = 0; i < kDecisions; ++i) SG_CHECK(!bare.decide().empty());
    });
  };
  bench::compare(name, "decisions/s", ours, "bare_clips", theirs);
}

}  // namespace

int main() {
  const auto jail = rules::Jail::start().value();
  measure(*jail, "decision_jail", small_case());
  measure(*jail, "decision_jail_pack", pack_case());
}
