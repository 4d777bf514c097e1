// Plan: what the engine executes of a valid document: nodes by index, the state schema, which fields
// are mirrored into facts, and the CLIPS source of the jail's stage "graph".
//
// Immutable once made; one Plan serves all runs of a graph, from any thread.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/clp/source.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/graph/document.hpp"
#include "stargraph/graph/state.hpp"

namespace stargraph::graph {

// A template that a mounted pack provides, with its whole `(deftemplate ...)` text, so that the
// graph's rules may match it.
struct ProvidedTemplate {
  std::string name;
  std::string source;
};

// A state field that rules see. Sorted by `field` in a Plan, so that the order of keys in a document
// decides nothing.
struct MirroredField {
  std::string field;          // as in state
  std::string template_name;  // of its own fact: dots are dashes
};

// A template the jail declares for stage "graph" (its Stage::host_templates) before clips() is loaded.
struct FactTemplate {
  std::string name;
  std::vector<clp::SlotDefinition> slots;
};

class Plan {
 public:
  [[nodiscard]] const Document& document() const { return document_; }
  [[nodiscard]] const crypto::Digest& hash() const { return hash_; }
  [[nodiscard]] const StateSchema& schema() const { return schema_; }

  [[nodiscard]] const std::vector<Node>& nodes() const { return document_.nodes; }  // never empty
  [[nodiscard]] std::optional<std::size_t> index_of(std::string_view node_id) const;
  // The next node in list order; nothing after the last.
  [[nodiscard]] std::optional<std::size_t> successor(std::size_t index) const;
  // The parallel block that starts at this node (its first target), if any.
  [[nodiscard]] const Parallel* parallel_at(std::string_view node_id) const;

  [[nodiscard]] const std::vector<MirroredField>& mirrored() const { return mirrored_; }
  // `state` with a slot for every mirrored field, then one template with slot `value` for each.
  [[nodiscard]] const std::vector<FactTemplate>& fact_templates() const { return fact_templates_; }
  // CLIPS text of stage "graph": the pack templates its rules match, and one defrule a rule. Empty when
  // the document has no rules. Rules fire with more patterns first, then in the order of the document:
  // each has a salience of its own, so that CLIPS's conflict strategy decides nothing.
  [[nodiscard]] const std::string& clips() const { return clips_; }
  // Pack templates the rules match (the stage's requires_facts), sorted.
  [[nodiscard]] const std::vector<std::string>& required_templates() const { return required_templates_; }
  // The rule a defrule of clips() came from; null for another name.
  [[nodiscard]] const Rule* rule_of(std::string_view defrule_name) const;

 private:
  friend class PlanBuilder;
  Document document_;
  crypto::Digest hash_;
  StateSchema schema_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::string, std::size_t, std::less<>> rule_index_;
  std::vector<MirroredField> mirrored_;
  std::vector<FactTemplate> fact_templates_;
  std::string clips_;
  std::vector<std::string> required_templates_;
};

// `provided`: templates of the mounted packs. `pack_fields`: fields that mounted packs ask for (slots of
// their input templates); they are mirrored too where state is open, while a declared state
// mirrors only what it routes or its rules name. kGraphInvalid for a document without nodes, a rule that matches
// a template nobody declares, or mirrored fields whose templates collide; kWhenInvalid as parse().
[[nodiscard]] base::Result<Plan> make_plan(Document document, std::span<const ProvidedTemplate> provided = {},
                                           std::span<const std::string> pack_fields = {});

// The value of a mirrored field as facts show it, or null when state does not hold it. In open state a name
// written with dashes also finds the field written with dots.
[[nodiscard]] std::optional<json::Value> mirrored_value(const Plan& plan, const MirroredField& mirrored,
                                                        const json::Object& state);

}  // namespace stargraph::graph
