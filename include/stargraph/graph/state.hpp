// Run state: checked when a run starts and at every merge, so that no node can write a field that was
// not declared or a value of another type.
//
// Values are held as RFC 8785 would give them back (1.0 is 1), so that a state read from the database
// after a crash is the state that was in memory. Fields are sorted by name. All functions are pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/graph/document.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::graph {

inline constexpr std::size_t kMaxStateBytes = std::size_t{1} << 20;  // as canonical JSON
inline constexpr int kMaxStateDepth = 24;                            // the state object is level 1: records may wrap it

struct StateSchema {
  bool open = true;                // any field, any value, last write wins
  std::vector<StateField> fields;  // sorted by name; empty when open

  [[nodiscard]] const StateField* find(std::string_view name) const;
};

[[nodiscard]] StateSchema state_schema(const Document& document);

// `max_bytes`: of the whole state as canonical JSON (kTooLarge); a site may allow less than kMaxStateBytes.
//
// The first state of a run: parameters checked, defaults filled in. kStateField for a field that is
// unknown or missing, kStateType for a value of another type, kTooLarge, kTooDeep.
[[nodiscard]] base::Result<json::Object> check_start_state(const StateSchema& schema, const json::Object& params,
                                                           std::size_t max_bytes = kMaxStateBytes);

// The state after a node's output. The same errors; `state` is untouched.
[[nodiscard]] base::Result<json::Object> merge(const StateSchema& schema, const json::Object& state,
                                               const json::Object& patch, std::size_t max_bytes = kMaxStateBytes);

// The value as facts show it: an integer in a field declared float becomes a double, so that a rule
// sees the declared type and not the accident of a whole number.
[[nodiscard]] json::Value typed_value(const StateSchema& schema, std::string_view field, const json::Value& value);

// The text of a value in a `(<field> (value "..."))` fact and in `when` sugar: True and False, 0.5 and
// 1.0 as upstream writes them, strings as they are, lists and maps as RFC 8785 JSON. Null: nothing.
[[nodiscard]] std::optional<std::string> text_of(const json::Value& value);

}  // namespace stargraph::graph
