// Collects faults of one document and reads JSON objects strictly while doing so.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/graph/parse.hpp"

namespace stargraph::graph {

inline constexpr std::string_view kInvalid = "IR validation failed";
inline constexpr std::string_view kVersionMismatch = "IR version mismatch";
inline constexpr std::string_view kParseError = "IR JSON parse error";

inline constexpr std::string_view kHintMissing = "Add the required field.";
inline constexpr std::string_view kHintUnknown = "Remove this field -- IR forbids unknown keys.";
inline constexpr std::string_view kHintKind = "Set a valid discriminator value (see schema).";
inline constexpr std::string_view kHintNoKind = "Add the discriminator field.";
inline constexpr std::string_view kHintBound = "Adjust value to meet the bound.";
inline constexpr std::string_view kHintLength = "Adjust length.";
inline constexpr std::string_view kHintType = "See docs/formats/graph.md for the type of each member.";

class Faults {
 public:
  void add(std::string path, std::string_view expected, std::string_view actual, std::string_view hint,
           std::string_view message = kInvalid, base::Code code = base::Code::kGraphInvalid);
  [[nodiscard]] bool any() const { return !list_.empty(); }
  [[nodiscard]] std::vector<Fault> take() { return std::move(list_); }
  [[nodiscard]] const std::vector<Fault>& list() const { return list_; }

 private:
  std::vector<Fault> list_;
};

// `path` + "/" + name, or `path` alone when the name is not plain ASCII: a hostile key must not reach a
// terminal or a log through a pointer.
[[nodiscard]] std::string child(const std::string& path, std::string_view name);
[[nodiscard]] std::string child(const std::string& path, std::size_t index);

// What a fault may say of a text that should have been an id: the text when it is a slug, else its type.
[[nodiscard]] std::string_view shown(std::string_view id);

// The members of one object. Faults go to the collector and reading goes on with defaults, so that one
// pass tells every defect. finish() reports what nobody asked for.
class Members {
 public:
  Members(const json::Value& value, std::string path, Faults& faults);

  [[nodiscard]] bool is_object() const { return object_ != nullptr; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Faults& faults() { return faults_; }

  // Marks the member as known; null when absent.
  [[nodiscard]] const json::Value* take(std::string_view name);
  [[nodiscard]] const json::Value* need(std::string_view name);

  [[nodiscard]] std::string text(std::string_view name);
  [[nodiscard]] std::string text_or(std::string_view name, std::string_view fallback);
  [[nodiscard]] std::optional<std::string> nullable_text(std::string_view name);
  [[nodiscard]] std::int64_t integer_or(std::string_view name, std::int64_t fallback, std::int64_t min,
                                        std::int64_t max);
  [[nodiscard]] bool boolean_or(std::string_view name, bool fallback);
  [[nodiscard]] json::Object object_or_empty(std::string_view name);
  [[nodiscard]] std::vector<std::string> texts(std::string_view name, bool required);
  // Items of an optional array; null when absent or not an array.
  [[nodiscard]] const json::Array* items(std::string_view name, bool required, std::size_t max_items);
  void wrong_type(std::string_view name, std::string_view expected, const json::Value& actual);
  void finish();

 private:
  std::string path_;
  Faults& faults_;
  const json::Object* object_ = nullptr;
  std::set<std::string, std::less<>> known_;
};

}  // namespace stargraph::graph
