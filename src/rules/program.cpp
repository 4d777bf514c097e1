#include "stargraph/rules/program.hpp"

#include <algorithm>
#include <set>

#include "rules/plan.hpp"
#include "stargraph/clp/form.hpp"

namespace stargraph::rules {
namespace {

using base::Code;
using base::fail;
using base::Result;

std::unexpected<base::Error> refuse(const Stage& stage, std::string_view reason) {
  return fail(Code::kRulesTemplate, "rules: stage " + stage.name + ": " + std::string(reason));
}

Result<> check_stage(const Stage& stage, const std::set<std::string>& provided_before) {
  auto checked = clp::check_source(stage.source);
  if (!checked) return std::unexpected(base::in_context("stage " + stage.name, std::move(checked).error()));
  for (const std::string& name : stage.provides) {
    // A host fact that a pack could provide would be a forged one in every later stage.
    if (clp::is_reserved_template(name)) return refuse(stage, "provides a template that is the host's");
    if (checked->find_template(name) == nullptr) return refuse(stage, "provides a template that it does not declare");
  }
  for (const std::string& name : stage.requires_facts) {
    const bool known = checked->find_template(name) != nullptr || provided_before.contains(name) ||
                       is_standard_template(name) ||
                       std::ranges::find(stage.host_templates, name, &HostTemplate::name) != stage.host_templates.end();
    if (!known) return refuse(stage, "requires facts of a template that nobody declares");
  }
  for (const HostTemplate& host : stage.host_templates) {
    if (is_standard_template(host.name)) return refuse(stage, "a host template declared twice");
    if (checked->find_template(host.name) != nullptr)
      return refuse(stage, "declares a template that the host declares");
    if (!clp::is_plain_symbol(host.name)) return refuse(stage, "a host template without a plain name");
  }
  return {};
}

}  // namespace

const std::vector<HostTemplate>& standard_templates() {
  static const std::vector<HostTemplate> templates = {
      {"node-id", {{"id", false}}},
      {"stargraph.field", {{"name", false}, {"value", false}}},
      {"stargraph.run-start", {}},
      {"stargraph.response", {{"interrupt_id", false}, {"actor", false}, {"key", false}, {"value", false}}},
      {"stargraph.error", {{"node", false}, {"code", false}, {"attempt", false}}},
      {std::string(kActionTemplate),
       {{"kind", false},
        {"target", false},
        {"targets", true},
        {"join", false},
        {"strategy", false},
        {"reason", false},
        {"rule_id", false},
        {"prompt", false},
        {"payload", false},
        {"guards", true},
        {"requested_capability", false},
        {"timeout", false},
        {"on_timeout", false},
        {"backoff_ms", false},
        {"fact", false},
        {"slots", false},
        {"pattern", false}}},
  };
  return templates;
}

const std::vector<std::string>& provenance_slots() {
  static const std::vector<std::string> slots = {"_origin", "_source", "_run_id", "_step", "_confidence", "_timestamp"};
  return slots;
}

bool is_standard_template(std::string_view name) {
  const auto& all = standard_templates();
  return std::ranges::find(all, name, &HostTemplate::name) != all.end();
}

Result<> check_stages(const Program& program) {
  if (program.stages.empty()) return fail(Code::kRulesSyntax, "rules: program: no stages");
  if (program.stages.size() > kMaxStages) return fail(Code::kTooLarge, "rules: program: more than 64 stages");
  std::set<std::string> names;
  std::set<std::string> provided;
  for (const Stage& stage : program.stages) {
    if (!names.insert(stage.name).second) return refuse(stage, "two stages of one name");
    SG_TRY(check_stage(stage, provided));
    provided.insert(stage.provides.begin(), stage.provides.end());
  }
  return {};
}

}  // namespace stargraph::rules
