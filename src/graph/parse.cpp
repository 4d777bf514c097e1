#include "stargraph/graph/parse.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "graph/checks.hpp"
#include "graph/faults.hpp"
#include "graph/structure.hpp"
#include "graph/sugar.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/yaml/parse.hpp"

namespace stargraph::graph {
namespace {

constexpr std::array kStages = {check_ids,        check_duplicates,  check_version,   check_references,
                                check_executable, check_local_nodes, check_conditions};

// Depth of a value made in memory; the text parsers have their own cap.
bool deeper_than(const json::Value& value, int levels) {
  if (levels == 0) return value.is_array() || value.is_object();
  if (const json::Array* array = value.array()) {
    return std::ranges::any_of(*array, [levels](const json::Value& item) { return deeper_than(item, levels - 1); });
  }
  if (const json::Object* object = value.object()) {
    for (const auto& [name, member] : *object) {
      if (deeper_than(member, levels - 1)) return true;
    }
  }
  return false;
}

struct Checked {
  Document document;
  std::vector<Fault> faults;
};

// Stages 2 to 4 of upstream's order: structure, ids, sugar.
Checked check_form(const json::Value& value) {
  Faults faults;
  if (deeper_than(value, kMaxDocumentDepth)) {
    faults.add("", "nesting of at most 32", value.type_name(), kHintBound, kInvalid, base::Code::kTooDeep);
    return {{}, faults.take()};
  }
  Structure structure = read_structure(value, faults);
  if (!faults.any()) check_ids(structure.document, faults);
  if (!faults.any()) lower_sugar(structure, faults);
  return {std::move(structure.document), faults.take()};
}

Checked check_document(const json::Value& value) {
  Checked out = check_form(value);
  Faults faults;
  for (std::size_t i = 0; i < kStages.size() && out.faults.empty(); ++i) {
    kStages.at(i)(out.document, faults);
    out.faults = faults.take();
  }
  return out;
}

Fault authoring_fault(const base::Error& error) {
  return Fault{.code = error.code,
               .message = std::string(kInvalid),
               .path = "",
               .expected = "short form",
               .actual = "object",
               .hint = error.message};
}

Checked check_any(const json::Value& value) {
  if (!is_authoring(value)) return check_document(value);
  const auto compiled = compile_authoring(value);
  if (!compiled) return {{}, {authoring_fault(compiled.error())}};
  Checked out = check_document(*compiled);
  for (Fault& fault : out.faults) fault.hint.insert(0, "authoring: ");
  return out;
}

Checked not_parsed(const base::Error& error, std::string_view expected) {
  // The parsers' messages give places, never bytes.
  return {{},
          {Fault{.code = error.code,
                 .message = std::string(kParseError),
                 .path = "/",
                 .expected = std::string(expected),
                 .actual = "text",
                 .hint = error.message}}};
}

Checked check_json(std::string_view text) {
  const auto value = json::parse(text, {.max_bytes = kMaxDocumentBytes, .max_depth = kMaxDocumentDepth});
  return value ? check_any(*value) : not_parsed(value.error(), "valid JSON");
}

Checked check_yaml(std::string_view text) {
  yaml::ParseLimits limits;
  limits.max_bytes = kMaxDocumentBytes;
  limits.max_depth = kMaxDocumentDepth;
  const auto document = yaml::parse(text, limits);
  return document ? check_any(document->value) : not_parsed(document.error(), "valid YAML");
}

base::Result<Document> to_result(Checked checked) {
  if (checked.faults.empty()) return std::move(checked.document);
  return std::unexpected(checked.faults.front().as_error());
}

bool is_slug_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

base::Error Fault::as_error() const {
  std::string text = "graph: " + (path.empty() ? std::string("document") : path) + ": " + message + ": expected " +
                     expected + ", got " + actual;
  if (!hint.empty()) text += ": " + hint;
  return base::Error{code, std::move(text)};
}

std::vector<Fault> validate(const json::Value& value) { return check_any(value).faults; }
std::vector<Fault> validate_json(std::string_view text) { return check_json(text).faults; }
std::vector<Fault> validate_yaml(std::string_view text) { return check_yaml(text).faults; }

base::Result<Document> parse(const json::Value& value) { return to_result(check_any(value)); }
base::Result<Document> load_json(std::string_view text) { return to_result(check_json(text)); }
base::Result<Document> load_yaml(std::string_view text) { return to_result(check_yaml(text)); }
base::Result<Document> read(const json::Value& value) { return to_result(check_form(value)); }

base::Result<Interrupt> read_interrupt(const json::Object& config) {
  Faults faults;
  const json::Value value(config);
  Members in(value, "", faults);
  Interrupt out = read_interrupt(in);
  in.finish();
  if (faults.any()) return std::unexpected(faults.list().front().as_error());
  return out;
}

bool is_slug(std::string_view text) {
  if (text.empty() || text.size() > 128 || !std::ranges::all_of(text, is_slug_char)) return false;
  return text.front() != '_' && text.front() != '-' && text.front() != '.';
}

bool is_field_name(std::string_view text) {
  if (text.empty() || text.size() > 128 || !is_letter(text.front())) return false;
  return std::ranges::all_of(text, [](char c) { return is_letter(c) || is_slug_char(c); });
}

}  // namespace stargraph::graph
