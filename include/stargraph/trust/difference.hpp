// Difference: what a version of a pack has that the one before it had not. A version that asks for more waits
// for an approver (docs/formats/trust.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stargraph/json/value.hpp"
#include "stargraph/pack/header.hpp"
#include "stargraph/pack/manifest.hpp"

namespace stargraph::trust {

// Names that came and went, sorted.
struct Changes {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  [[nodiscard]] bool empty() const { return added.empty() && removed.empty(); }
};

struct LimitChange {
  std::string name;  // "max_facts"
  std::int64_t from = 0;
  std::int64_t to = 0;
};

struct Difference {
  Changes files;
  std::vector<std::string> files_changed;
  Changes capabilities;
  Changes provides;  // rules
  Changes workers;   // execution, like the rest
  Changes tools;
  Changes permissions;
  Changes models;  // "name=value"
  std::vector<LimitChange> limits;
  bool lost_determinism = false;

  // More capabilities, provided facts, workers, tools, permissions or models, a higher limit, or no longer
  // deterministic. Other rules or graphs alone are what a new version is for.
  [[nodiscard]] bool asks_for_more() const;
};

// Two versions of one id and kind.
[[nodiscard]] Difference compare(const pack::Header& before, const pack::Manifest& manifest_before,
                                 const pack::Header& after, const pack::Manifest& manifest_after);

// What people and approvers see; empty parts are left out.
[[nodiscard]] json::Object encode_difference(const Difference& difference);
// Only what grows, for an approval's subject.
[[nodiscard]] json::Object encode_growth(const Difference& difference);

}  // namespace stargraph::trust
