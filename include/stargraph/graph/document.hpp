// A graph document ("IR") as types: what docs/formats/graph.md describes.
//
// A Document holds what was written, with `when` sugar lowered to CLIPS text and durations in
// microseconds. It says nothing about validity beyond its form: parse.hpp gives only valid ones to
// the engine. Plain values; safe to copy and to read from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stargraph/base/strong.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::graph {

// Caps on one document (docs/formats/graph.md, limits).
inline constexpr std::size_t kMaxDocumentBytes = std::size_t{1} << 20;
inline constexpr int kMaxDocumentDepth = 32;
inline constexpr std::size_t kMaxNodes = 4096;
inline constexpr std::size_t kMaxRules = 4096;
inline constexpr std::size_t kMaxStateFields = 1024;

enum class FieldType : std::uint8_t { kStr, kInt, kBool, kFloat, kList, kMap, kBytes };
enum class Reducer : std::uint8_t { kLastWrite, kAppend, kMax, kMin };

[[nodiscard]] std::string_view field_type_name(FieldType type);  // as written: "str", "int", ...
[[nodiscard]] std::optional<FieldType> field_type_from_name(std::string_view name);
[[nodiscard]] std::string_view reducer_name(Reducer reducer);  // "last-write", "append", ...
[[nodiscard]] std::optional<Reducer> reducer_from_name(std::string_view name);

// One declared state field. Without a default a run must bring a value when it starts.
struct StateField {
  std::string name;
  FieldType type = FieldType::kStr;
  std::optional<json::Value> fallback;  // member "default"
  bool route = false;                   // mirrored into facts even when no rule names it
  Reducer reducer = Reducer::kLastWrite;
};

struct Goto {
  std::string target;
};
struct Halt {
  std::string reason;
};
struct Parallel {
  std::vector<std::string> targets;
  std::string join;
  std::string strategy = "all";
};
struct Retry {
  std::string target;
  std::int64_t backoff_ms = 0;
};
struct Assert {
  std::string fact;
  std::string slots;
};
struct Retract {
  std::string pattern;
};
// A question to a person: a rule's action, and the config of a node of kind "interrupt".
struct Interrupt {
  std::string prompt;  // may hold {field}; see template.hpp
  json::Object payload;
  std::optional<std::string> requested_capability;
  std::optional<base::Duration> timeout;
  std::string on_timeout = "halt";    // or "goto:<node id>"
  std::optional<std::string> guards;  // node whose input digest the answer is bound to
};
using Action = std::variant<Goto, Halt, Parallel, Retry, Assert, Retract, Interrupt>;

[[nodiscard]] std::string_view action_kind(const Action& action);  // "goto", "halt", ...

struct Node {
  base::NodeId id;
  std::string kind;
  std::optional<std::string> spec;
  json::Object config;
};

struct Rule {
  std::string id;
  std::string when;  // CLIPS left-hand side; sugar is lowered already
  std::vector<Action> then;
  std::optional<base::NodeId> node_id;  // attribution only
};

struct PackRequires {
  std::optional<std::string> stargraph_facts_version;
  std::optional<std::string> api_version;
};
struct PackMount {
  base::PackId id;
  std::optional<std::string> version;
  std::optional<PackRequires> requirements;  // member "requires"
};
struct Reference {  // tools and skills
  std::string id;
  std::optional<std::string> version;
};
struct StoreReference {
  std::string name;
  std::string provider;
};
struct Migration {
  std::string from_hash;
  std::string to_hash;
};
struct Checkpoints {
  std::string every = "node-exit";
  std::string store = "sqlite:./.stargraph/run.sqlite";
};
struct LanguageModel {
  std::string provider = "sglang";
  std::string model;
  std::string host = "127.0.0.1";
  std::int64_t port = 30000;
  std::vector<std::string> args;
  std::int64_t startup_timeout_s = 600;
};

struct Document {
  std::string ir_version;
  base::GraphId id;
  std::vector<Node> nodes;  // the first is the entry; list order is fall-through order
  std::vector<Rule> rules;
  std::vector<Reference> tools;
  std::vector<Reference> skills;
  std::vector<StoreReference> stores;
  std::vector<StateField> state_schema;
  std::optional<std::string> state_class;  // state is open: no schema is known here
  std::vector<Parallel> parallel;
  std::vector<PackMount> governance;
  std::vector<Migration> migrate;
  std::optional<Checkpoints> checkpoints;  // declared only; this engine always checkpoints
  std::optional<LanguageModel> lm;         // declared only; this engine never dials

  // Without declared fields state is open: any field, any JSON value.
  [[nodiscard]] bool open_state() const { return state_class.has_value() || state_schema.empty(); }
};

// The document as JSON in the model's field order, fields equal to their default left out.
[[nodiscard]] json::Value to_json(const Document& document);
// Its canonical text: compact, not sorted, non-ASCII kept. A canonical file round trips byte for byte.
[[nodiscard]] std::string canonical_dump(const Document& document);

// An interrupt as its JSON object without "kind" (what stands in an interrupt node's config).
[[nodiscard]] json::Object to_json(const Interrupt& interrupt);

// Node kinds the daemon runs itself; every other kind is leased by a worker.
[[nodiscard]] bool is_local_kind(std::string_view kind);

}  // namespace stargraph::graph
