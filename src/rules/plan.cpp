#include "rules/plan.hpp"

#include <algorithm>
#include <map>

namespace stargraph::rules {
namespace {

using base::Result;

std::string deftemplate_text(const std::string& name, const std::vector<clp::SlotDefinition>& slots, bool provenance) {
  std::string text = "(deftemplate " + name;
  for (const clp::SlotDefinition& slot : slots) text += (slot.multi ? " (multislot " : " (slot ") + slot.name + ')';
  // ?NONE would make the slots obligatory; nil stands for "not given".
  for (const std::string& slot : provenance_slots()) {
    if (provenance) text += " (slot " + slot + " (default nil))";
  }
  return text + ')';
}

std::string label_of(const clp::Construct& construct) {
  const std::size_t end = construct.text.find_first_of(" )");
  return construct.text.substr(1, end - 1) + (construct.name.empty() ? "" : " " + construct.name.substr(0, 64));
}

void add_own(PlannedStage& planned, const std::vector<clp::Construct>& constructs) {
  for (const clp::Construct& construct : constructs)
    planned.constructs.push_back({label_of(construct), construct.line, construct.text});
}

void add_host_templates(PlannedStage& planned, const Stage& stage) {
  for (const auto* templates : {&standard_templates(), &stage.host_templates}) {
    for (const HostTemplate& host : *templates)
      planned.constructs.push_back({"host template " + host.name, 0, deftemplate_text(host.name, host.slots, true)});
  }
}

bool declares(const Stage& stage, const std::vector<clp::Construct>& own, const std::string& name) {
  const bool in_text = std::ranges::any_of(own, [&](const clp::Construct& construct) {
    return construct.kind == clp::ConstructKind::kDeftemplate && construct.name == name;
  });
  return in_text || std::ranges::find(stage.host_templates, name, &HostTemplate::name) != stage.host_templates.end();
}

}  // namespace

Result<Plan> make_plan(const Program& program, bool checked) {
  Plan plan;
  std::map<std::string, clp::TemplateDefinition> handed_over;  // provided by stages so far
  for (const Stage& stage : program.stages) {
    PlannedStage planned{stage.name, stage.provides, stage.limits.max_facts, stage.limits.max_firings, {}};
    add_host_templates(planned, stage);
    auto own = clp::split_constructs(stage.source);
    if (!own && checked) return std::unexpected(base::in_context("stage " + stage.name, std::move(own).error()));
    if (!own) {
      planned.constructs.push_back({"source", 1, stage.source});
      plan.push_back(std::move(planned));
      continue;
    }
    for (const auto& [name, definition] : handed_over) {
      if (!declares(stage, *own, name))
        planned.constructs.push_back(
            {"handed-over template " + name, 0, deftemplate_text(name, definition.slots, false)});
    }
    add_own(planned, *own);
    if (const auto source = clp::check_source(stage.source)) {
      for (const std::string& name : stage.provides) {
        if (const auto* definition = source->find_template(name)) handed_over.try_emplace(name, *definition);
      }
    }
    plan.push_back(std::move(planned));
  }
  return plan;
}

}  // namespace stargraph::rules
