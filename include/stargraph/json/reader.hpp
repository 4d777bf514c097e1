// Reader: checked access to one JSON object, so that a parsed document becomes a type and every
// unknown member is refused.
//
//   json::Reader in(value, "manifest");
//   const std::string id = in.text("id", 1, 128);
//   const std::int64_t epoch = in.integer("epoch", 1, json::kMaxInteger);
//   const auto* files = in.array("files");
//   SG_TRY(in.finish());             // first error, or kUnknownField for what was not asked for
//
// The first error sticks; later calls return empty values, so a caller may read straight through and
// look once. Messages carry an RFC 6901 pointer: "manifest: /files/0/size: expected integer". Codes:
// kMalformed for a missing member, a wrong type or a text that is too short, kTooLarge for too many
// bytes or items, kNumberRange, kUnknownField. A null is a value, not an absent member, and 1.0 is not
// an integer. Characters of a pointer that could harm a log show as '?' in a message.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::json {

class Reader {
 public:
  // `value` must outlive the reader. `pointer` is where it stands in its document.
  Reader(const Value& value, std::string context, std::string pointer = "");

  [[nodiscard]] std::string text(std::string_view name, std::size_t min_bytes = 0, std::size_t max_bytes = 65536);
  [[nodiscard]] std::optional<std::string> optional_text(std::string_view name, std::size_t min_bytes = 0,
                                                         std::size_t max_bytes = 65536);
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t min, std::int64_t max);
  [[nodiscard]] std::optional<std::int64_t> optional_integer(std::string_view name, std::int64_t min, std::int64_t max);
  [[nodiscard]] bool boolean(std::string_view name);
  [[nodiscard]] std::optional<bool> optional_boolean(std::string_view name);
  // Never null: an empty array or object stands in after an error or for an absent optional.
  [[nodiscard]] const Array& array(std::string_view name, std::size_t max_items = 65536);
  [[nodiscard]] const Array& optional_array(std::string_view name, std::size_t max_items = 65536);
  [[nodiscard]] const Value& value(std::string_view name);           // any type, must be there
  [[nodiscard]] const Value* optional_value(std::string_view name);  // null when absent
  [[nodiscard]] std::vector<std::string> texts(std::string_view name, std::size_t max_items = 65536);
  [[nodiscard]] std::vector<std::string> optional_texts(std::string_view name, std::size_t max_items = 65536);
  // Records an error (unless there is one) about a member, with its pointer.
  void refuse(std::string_view name, base::Code code, std::string_view why);
  [[nodiscard]] bool failed() const { return error_.has_value(); }
  // Where the first error stands, for yaml::Document::lines; empty when there is none.
  [[nodiscard]] const std::string& error_pointer() const { return error_pointer_; }
  // For a Reader of that member: Reader inner(in.value("limits"), "manifest", in.pointer_of("limits"));
  [[nodiscard]] std::string pointer_of(std::string_view name) const;
  // The first error, or kUnknownField when a member was never asked for.
  [[nodiscard]] base::Result<> finish();

 private:
  const Value* take(std::string_view name, bool required);
  void refuse_at(std::string pointer, base::Code code, std::string_view why);
  std::optional<std::string> text_of(std::string_view name, bool required, std::size_t min_bytes,
                                     std::size_t max_bytes);
  std::optional<std::int64_t> integer_of(std::string_view name, bool required, std::int64_t min, std::int64_t max);
  std::optional<bool> boolean_of(std::string_view name, bool required);
  const Array& array_of(std::string_view name, bool required, std::size_t max_items);
  std::vector<std::string> texts_of(std::string_view name, bool required, std::size_t max_items);

  const Object* object_ = nullptr;
  std::string context_;
  std::string pointer_;
  std::set<std::string, std::less<>> seen_;
  std::optional<base::Error> error_;
  std::string error_pointer_;
};

// One step of an RFC 6901 pointer: "/" + name with ~ and / escaped.
[[nodiscard]] std::string pointer_step(std::string_view name);
[[nodiscard]] std::string pointer_step(std::size_t index);

}  // namespace stargraph::json
