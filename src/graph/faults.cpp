#include "graph/faults.hpp"

#include <algorithm>
#include <utility>

#include "stargraph/json/reader.hpp"

namespace stargraph::graph {
namespace {

bool is_plain(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-' || c == '~' || c == '/';
  });
}

}  // namespace

void Faults::add(std::string path, std::string_view expected, std::string_view actual, std::string_view hint,
                 std::string_view message, base::Code code) {
  if (list_.size() >= kMaxFaults) return;
  list_.push_back(Fault{.code = code,
                        .message = std::string(message),
                        .path = std::move(path),
                        .expected = std::string(expected),
                        .actual = std::string(actual),
                        .hint = std::string(hint)});
}

std::string child(const std::string& path, std::string_view name) {
  return is_plain(name) ? path + json::pointer_step(name) : path;
}

std::string child(const std::string& path, std::size_t index) { return path + json::pointer_step(index); }

std::string_view shown(std::string_view id) { return is_slug(id) ? id : std::string_view("string"); }

Members::Members(const json::Value& value, std::string path, Faults& faults)
    : path_(std::move(path)), faults_(faults), object_(value.object()) {
  if (object_ == nullptr) faults_.add(path_, "object", value.type_name(), kHintType);
}

const json::Value* Members::take(std::string_view name) {
  if (object_ == nullptr) return nullptr;
  known_.emplace(name);
  return object_->find(name);
}

const json::Value* Members::need(std::string_view name) {
  const json::Value* value = take(name);
  if (value == nullptr && object_ != nullptr) faults_.add(child(path_, name), "a value", "nothing", kHintMissing);
  return value;
}

void Members::wrong_type(std::string_view name, std::string_view expected, const json::Value& actual) {
  faults_.add(child(path_, name), expected, actual.type_name(), kHintType);
}

std::string Members::text(std::string_view name) {
  const json::Value* value = need(name);
  if (value == nullptr) return {};
  if (const std::string* text = value->string()) return *text;
  wrong_type(name, "string", *value);
  return {};
}

std::string Members::text_or(std::string_view name, std::string_view fallback) {
  const json::Value* value = take(name);
  if (value == nullptr) return std::string(fallback);
  if (const std::string* text = value->string()) return *text;
  wrong_type(name, "string", *value);
  return std::string(fallback);
}

std::optional<std::string> Members::nullable_text(std::string_view name) {
  const json::Value* value = take(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (const std::string* text = value->string()) return *text;
  wrong_type(name, "string or null", *value);
  return std::nullopt;
}

std::int64_t Members::integer_or(std::string_view name, std::int64_t fallback, std::int64_t min, std::int64_t max) {
  const json::Value* value = take(name);
  if (value == nullptr) return fallback;
  const std::int64_t* number = value->integer();
  if (number == nullptr) {
    wrong_type(name, "integer", *value);
    return fallback;
  }
  if (*number >= min && *number <= max) return *number;
  faults_.add(child(path_, name), std::to_string(min) + " to " + std::to_string(max), "integer", kHintBound);
  return fallback;
}

bool Members::boolean_or(std::string_view name, bool fallback) {
  const json::Value* value = take(name);
  if (value == nullptr) return fallback;
  if (const bool* boolean = value->boolean()) return *boolean;
  wrong_type(name, "boolean", *value);
  return fallback;
}

json::Object Members::object_or_empty(std::string_view name) {
  const json::Value* value = take(name);
  if (value == nullptr) return {};
  if (const json::Object* object = value->object()) return *object;
  wrong_type(name, "object", *value);
  return {};
}

const json::Array* Members::items(std::string_view name, bool required, std::size_t max_items) {
  const json::Value* value = required ? need(name) : take(name);
  if (value == nullptr) return nullptr;
  const json::Array* array = value->array();
  if (array == nullptr) {
    wrong_type(name, "array", *value);
    return nullptr;
  }
  if (array->size() <= max_items) return array;
  faults_.add(child(path_, name), "at most " + std::to_string(max_items) + " items", "array", kHintLength, kInvalid,
              base::Code::kTooLarge);
  return nullptr;
}

std::vector<std::string> Members::texts(std::string_view name, bool required) {
  std::vector<std::string> out;
  const json::Array* array = items(name, required, kMaxNodes);
  if (array == nullptr) return out;
  for (std::size_t i = 0; i < array->size(); ++i) {
    if (const std::string* text = (*array)[i].string()) {
      out.push_back(*text);
    } else {
      faults_.add(child(child(path_, name), i), "string", (*array)[i].type_name(), kHintType);
    }
  }
  return out;
}

void Members::finish() {
  if (object_ == nullptr) return;
  for (const auto& [name, value] : *object_) {
    if (!known_.contains(name)) faults_.add(child(path_, name), "no such field", value.type_name(), kHintUnknown);
  }
}

}  // namespace stargraph::graph
