#include "stargraph/trust/difference.hpp"

#include <algorithm>
#include <iterator>

namespace stargraph::trust {
namespace {

Changes changes(std::vector<std::string> before, std::vector<std::string> after) {
  std::ranges::sort(before);
  std::ranges::sort(after);
  Changes out;
  std::ranges::set_difference(after, before, std::back_inserter(out.added));
  std::ranges::set_difference(before, after, std::back_inserter(out.removed));
  return out;
}

void compare_files(const pack::Header& before, const pack::Header& after, Difference& out) {
  std::vector<std::string> old_paths;
  std::vector<std::string> new_paths;
  old_paths.reserve(before.files.size());
  new_paths.reserve(after.files.size());
  for (const pack::FileEntry& file : before.files) old_paths.push_back(file.path);
  for (const pack::FileEntry& file : after.files) {
    new_paths.push_back(file.path);
    const auto same = std::ranges::find(before.files, file.path, &pack::FileEntry::path);
    if (same != before.files.end() && *same != file) out.files_changed.push_back(file.path);
  }
  out.files = changes(std::move(old_paths), std::move(new_paths));
}

void compare_limits(const pack::EvaluationLimits& before, const pack::EvaluationLimits& after, Difference& out) {
  const auto one = [&](const char* name, std::int64_t from, std::int64_t to) {
    if (from != to) out.limits.push_back({name, from, to});
  };
  one("max_bytes", before.max_bytes, after.max_bytes);
  one("max_facts", before.max_facts, after.max_facts);
  one("max_firings", before.max_firings, after.max_firings);
  one("max_ms", before.max_ms, after.max_ms);
}

std::vector<std::string> models_of(const pack::ExecutionManifest& manifest) {
  std::vector<std::string> models;
  models.reserve(manifest.model_requirements.size());
  for (const pack::ModelRequirement& model : manifest.model_requirements) {
    models.push_back(model.name + "=" + model.value);
  }
  return models;
}

void compare_execution(const pack::ExecutionManifest& before, const pack::ExecutionManifest& after, Difference& out) {
  out.workers = changes(before.workers, after.workers);
  out.tools = changes(before.declared_tools, after.declared_tools);
  out.permissions = changes(before.declared_permissions, after.declared_permissions);
  out.models = changes(models_of(before), models_of(after));
  out.lost_determinism = before.deterministic && !after.deterministic;
}

json::Array array_of(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

struct Named {
  const char* name;
  Changes Difference::* part;
};
// What gives a pack more to do; files are only where it stands.
constexpr Named kGrowing[] = {{"capabilities", &Difference::capabilities},
                              {"models", &Difference::models},
                              {"permissions", &Difference::permissions},
                              {"provides", &Difference::provides},
                              {"tools", &Difference::tools},
                              {"workers", &Difference::workers}};

json::Object encode_limits(const Difference& difference, bool raised_only) {
  json::Object limits;
  for (const LimitChange& limit : difference.limits) {
    if (raised_only && limit.to < limit.from) continue;
    limits.set(limit.name, json::Object{{"from", limit.from}, {"to", limit.to}});
  }
  return limits;
}

}  // namespace

bool Difference::asks_for_more() const {
  return lost_determinism || std::ranges::any_of(limits, [](const LimitChange& l) { return l.to > l.from; }) ||
         std::ranges::any_of(kGrowing, [&](const Named& named) { return !(this->*named.part).added.empty(); });
}

Difference compare(const pack::Header& before, const pack::Manifest& manifest_before, const pack::Header& after,
                   const pack::Manifest& manifest_after) {
  Difference out;
  compare_files(before, after, out);
  out.capabilities = changes(pack::capabilities_of(manifest_before), pack::capabilities_of(manifest_after));
  const auto* rules_before = std::get_if<pack::RulesManifest>(&manifest_before);
  const auto* rules_after = std::get_if<pack::RulesManifest>(&manifest_after);
  if (rules_before != nullptr && rules_after != nullptr) {
    out.provides = changes(rules_before->provides, rules_after->provides);
    compare_limits(rules_before->limits, rules_after->limits, out);
  }
  const auto* execution_before = std::get_if<pack::ExecutionManifest>(&manifest_before);
  const auto* execution_after = std::get_if<pack::ExecutionManifest>(&manifest_after);
  if (execution_before != nullptr && execution_after != nullptr) {
    compare_execution(*execution_before, *execution_after, out);
  }
  return out;
}

json::Object encode_difference(const Difference& difference) {
  json::Object out;
  const auto set = [&](const char* name, const Changes& part) {
    if (part.empty()) return;
    out.set(name, json::Object{{"added", array_of(part.added)}, {"removed", array_of(part.removed)}});
  };
  set("files", difference.files);
  for (const Named& named : kGrowing) set(named.name, difference.*named.part);
  if (!difference.files_changed.empty()) out.set("files_changed", array_of(difference.files_changed));
  if (!difference.limits.empty()) out.set("limits", encode_limits(difference, false));
  if (difference.lost_determinism) out.set("lost_determinism", true);
  out.set("asks_for_more", difference.asks_for_more());
  return out;
}

json::Object encode_growth(const Difference& difference) {
  json::Object out;
  for (const Named& named : kGrowing) {
    const Changes& part = difference.*named.part;
    if (!part.added.empty()) out.set(named.name, array_of(part.added));
  }
  json::Object limits = encode_limits(difference, true);
  if (!limits.empty()) out.set("limits", std::move(limits));
  if (difference.lost_determinism) out.set("lost_determinism", true);
  return out;
}

}  // namespace stargraph::trust
