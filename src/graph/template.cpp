#include "stargraph/graph/template.hpp"

#include <algorithm>
#include <utility>

#include "stargraph/graph/parse.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::graph {
namespace {

// Walks the text once: literal pieces and the names of places, in order.
template <class OnText, class OnField>
base::Result<> scan(std::string_view text, OnText on_text, OnField on_field) {
  constexpr std::string_view kWhere = "template: text: ";
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t brace = text.find_first_of("{}", at);
    SG_TRY(on_text(text.substr(at, brace == std::string_view::npos ? brace : brace - at)));
    if (brace == std::string_view::npos) break;
    const bool doubled = brace + 1 < text.size() && text[brace + 1] == text[brace];
    if (doubled) {
      SG_TRY(on_text(text.substr(brace, 1)));
      at = brace + 2;
      continue;
    }
    const std::size_t close = text.find('}', brace);
    if (text[brace] == '}' || close == std::string_view::npos) {
      return base::fail(base::Code::kGraphInvalid, std::string(kWhere) + "lone brace at byte " + std::to_string(brace));
    }
    const std::string_view field = text.substr(brace + 1, close - brace - 1);
    if (!is_field_name(field)) {
      return base::fail(base::Code::kGraphInvalid,
                        std::string(kWhere) + "no field name at byte " + std::to_string(brace));
    }
    SG_TRY(on_field(field));
    at = close + 1;
  }
  return {};
}

}  // namespace

base::Result<std::vector<std::string>> template_fields(std::string_view text) {
  std::vector<std::string> out;
  SG_TRY(scan(
      text, [](std::string_view) { return base::Result<>{}; },
      [&out](std::string_view field) {
        if (std::ranges::find(out, field) != out.end()) return base::Result<>{};
        if (out.size() == kMaxPlaces) {
          return base::Result<>(base::fail(base::Code::kGraphInvalid, "template: text: too many places"));
        }
        out.emplace_back(field);
        return base::Result<>{};
      }));
  return out;
}

base::Result<std::string> render(std::string_view text, const json::Object& state) {
  std::string out;
  const auto append = [&out](std::string_view piece) -> base::Result<> {
    if (piece.size() > kMaxRenderedBytes - out.size()) {
      return base::fail(base::Code::kTooLarge,
                        "template: text: longer than " + std::to_string(kMaxRenderedBytes) + " bytes");
    }
    out += piece;
    return {};
  };
  SG_TRY(scan(text, append, [&](std::string_view field) -> base::Result<> {
    const json::Value* value = state.find(field);
    if (value == nullptr)
      return base::fail(base::Code::kStateField, "template: " + std::string(field) + ": not in state");
    if (const std::string* string = value->string()) return append(*string);
    return append(json::canonical(*value));
  }));
  return out;
}

}  // namespace stargraph::graph
