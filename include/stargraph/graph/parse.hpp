// From text or JSON to a valid Document.
//
// Checks run in stages; a stage that finds faults hides the later ones: form (caps, JSON or YAML) ->
// structure (types, required, unknown members) -> ids -> `when` sugar -> duplicates -> ir_version ->
// references (every target, join, guard and on_timeout names a node) -> what this engine does not run
// -> config of the daemon's own node kinds -> `when` text (it cannot close its
// pattern, acts on nothing and calls allow-listed functions only).
//
// No function throws, and no fault repeats bytes of the document: `actual` is a JSON type name or an
// id that passed the slug check, and `path` names a member only when its name is plain ASCII.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/graph/document.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::graph {

// At most this many faults are told about one document.
inline constexpr std::size_t kMaxFaults = 256;

struct Fault {
  base::Code code = base::Code::kGraphInvalid;
  std::string message;  // "IR validation failed", "IR JSON parse error", "IR version mismatch"
  std::string path;     // RFC 6901 pointer; "" is the whole document
  std::string expected;
  std::string actual;
  std::string hint;

  // "graph: /nodes/0/id: IR validation failed: expected ..., got ...; hint"
  [[nodiscard]] base::Error as_error() const;
};

// True for the short form people write by hand: no `ir_version`, and `nodes` is a mapping.
[[nodiscard]] bool is_authoring(const json::Value& value);
// The short form compiled to a document: id "graph:<id>", ir_version "1.0.0". Messages begin with
// "authoring: ". The result still has to be validated.
[[nodiscard]] base::Result<json::Value> compile_authoring(const json::Value& value);

// All faults of a document or short form; empty means valid.
[[nodiscard]] std::vector<Fault> validate(const json::Value& value);
[[nodiscard]] std::vector<Fault> validate_json(std::string_view text);
[[nodiscard]] std::vector<Fault> validate_yaml(std::string_view text);

// The valid document, or its first fault as an error.
[[nodiscard]] base::Result<Document> parse(const json::Value& value);
[[nodiscard]] base::Result<Document> load_json(std::string_view text);
[[nodiscard]] base::Result<Document> load_yaml(std::string_view text);

// Structure only (the first two stages and sugar): for tools that rewrite documents this engine would
// not run. Never give its result to make_plan.
[[nodiscard]] base::Result<Document> read(const json::Value& value);

// The config of a node of kind "interrupt", as validate() accepted it.
[[nodiscard]] base::Result<Interrupt> read_interrupt(const json::Object& config);

// ^[a-z0-9][a-z0-9_\-.]{0,127}$ : node, rule and pack ids.
[[nodiscard]] bool is_slug(std::string_view text);
// ^[A-Za-z][A-Za-z0-9_.-]{0,127}$ : state fields. A leading underscore is the host's.
[[nodiscard]] bool is_field_name(std::string_view text);

}  // namespace stargraph::graph
