#include "stargraph/json/reader.hpp"

#include <algorithm>

namespace stargraph::json {
namespace {

using base::Code;

// A pointer as a message may show it: names can come from outside, so what could harm a terminal or
// forge a log line becomes '?', and the text is bounded.
std::string shown(std::string_view pointer) {
  constexpr std::size_t kMaxShown = 256;
  if (pointer.empty()) return "document";
  std::string text(pointer.substr(0, kMaxShown));
  std::ranges::replace_if(text, [](char c) { return c < 0x21 || c > 0x7E || c == '"' || c == '\\'; }, '?');
  if (pointer.size() > kMaxShown) text += "...";
  return text;
}

std::string not_a(std::string_view wanted, const Value& value) {
  return "expected " + std::string(wanted) + ", found " + std::string(value.type_name());
}

}  // namespace

std::string pointer_step(std::string_view name) {
  std::string step = "/";
  for (const char c : name) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

std::string pointer_step(std::size_t index) { return "/" + std::to_string(index); }

Reader::Reader(const Value& value, std::string context, std::string pointer)
    : object_(value.object()), context_(std::move(context)), pointer_(std::move(pointer)) {
  if (object_ == nullptr) refuse_at(pointer_, Code::kMalformed, not_a("object", value));
}

std::string Reader::pointer_of(std::string_view name) const { return pointer_ + pointer_step(name); }

void Reader::refuse_at(std::string pointer, Code code, std::string_view why) {
  if (error_) return;
  error_ = base::Error{code, context_ + ": " + shown(pointer) + ": " + std::string(why)};
  error_pointer_ = std::move(pointer);
}

void Reader::refuse(std::string_view name, Code code, std::string_view why) { refuse_at(pointer_of(name), code, why); }

const Value* Reader::take(std::string_view name, bool required) {
  if (failed()) return nullptr;
  seen_.emplace(name);
  const Value* member = object_->find(name);
  if (member == nullptr && required) refuse(name, Code::kMalformed, "missing");
  return member;
}

std::optional<std::string> Reader::text_of(std::string_view name, bool required, std::size_t min_bytes,
                                           std::size_t max_bytes) {
  const Value* member = take(name, required);
  if (member == nullptr) return std::nullopt;
  const std::string* text = member->string();
  if (text == nullptr) {
    refuse(name, Code::kMalformed, not_a("string", *member));
    return std::nullopt;
  }
  if (text->size() < min_bytes) {
    refuse(name, Code::kMalformed, "shorter than " + std::to_string(min_bytes) + " bytes");
    return std::nullopt;
  }
  if (text->size() > max_bytes) {
    refuse(name, Code::kTooLarge, "longer than " + std::to_string(max_bytes) + " bytes");
    return std::nullopt;
  }
  return *text;
}

std::string Reader::text(std::string_view name, std::size_t min_bytes, std::size_t max_bytes) {
  return text_of(name, true, min_bytes, max_bytes).value_or("");
}

std::optional<std::string> Reader::optional_text(std::string_view name, std::size_t min_bytes, std::size_t max_bytes) {
  return text_of(name, false, min_bytes, max_bytes);
}

std::optional<std::int64_t> Reader::integer_of(std::string_view name, bool required, std::int64_t min,
                                               std::int64_t max) {
  const Value* member = take(name, required);
  if (member == nullptr) return std::nullopt;
  const std::int64_t* integer = member->integer();
  if (integer == nullptr) {
    refuse(name, Code::kMalformed, not_a("integer", *member));
    return std::nullopt;
  }
  if (*integer < min || *integer > max) {
    refuse(name, Code::kNumberRange, "not within " + std::to_string(min) + " and " + std::to_string(max));
    return std::nullopt;
  }
  return *integer;
}

std::int64_t Reader::integer(std::string_view name, std::int64_t min, std::int64_t max) {
  return integer_of(name, true, min, max).value_or(0);
}

std::optional<std::int64_t> Reader::optional_integer(std::string_view name, std::int64_t min, std::int64_t max) {
  return integer_of(name, false, min, max);
}

std::optional<bool> Reader::boolean_of(std::string_view name, bool required) {
  const Value* member = take(name, required);
  if (member == nullptr) return std::nullopt;
  const bool* boolean = member->boolean();
  if (boolean == nullptr) {
    refuse(name, Code::kMalformed, not_a("boolean", *member));
    return std::nullopt;
  }
  return *boolean;
}

bool Reader::boolean(std::string_view name) { return boolean_of(name, true).value_or(false); }

std::optional<bool> Reader::optional_boolean(std::string_view name) { return boolean_of(name, false); }

const Array& Reader::array_of(std::string_view name, bool required, std::size_t max_items) {
  static const Array empty;
  const Value* member = take(name, required);
  if (member == nullptr) return empty;
  const Array* array = member->array();
  if (array == nullptr) {
    refuse(name, Code::kMalformed, not_a("array", *member));
    return empty;
  }
  if (array->size() > max_items) {
    refuse(name, Code::kTooLarge, "more than " + std::to_string(max_items) + " items");
    return empty;
  }
  return *array;
}

const Array& Reader::array(std::string_view name, std::size_t max_items) { return array_of(name, true, max_items); }

const Array& Reader::optional_array(std::string_view name, std::size_t max_items) {
  return array_of(name, false, max_items);
}

const Value& Reader::value(std::string_view name) {
  static const Value null;
  const Value* member = take(name, true);
  return member == nullptr ? null : *member;
}

const Value* Reader::optional_value(std::string_view name) { return take(name, false); }

std::vector<std::string> Reader::texts_of(std::string_view name, bool required, std::size_t max_items) {
  std::vector<std::string> texts;
  const Array& items = array_of(name, required, max_items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (const std::string* text = items[i].string()) {
      texts.push_back(*text);
      continue;
    }
    refuse_at(pointer_of(name) + pointer_step(i), Code::kMalformed, not_a("string", items[i]));
    return {};
  }
  return texts;
}

std::vector<std::string> Reader::texts(std::string_view name, std::size_t max_items) {
  return texts_of(name, true, max_items);
}

std::vector<std::string> Reader::optional_texts(std::string_view name, std::size_t max_items) {
  return texts_of(name, false, max_items);
}

base::Result<> Reader::finish() {
  if (!failed()) {
    for (const auto& [name, value] : *object_) {
      if (seen_.contains(name)) continue;
      refuse(name, Code::kUnknownField, "unknown");
      break;
    }
  }
  if (error_) return std::unexpected(*error_);
  return {};
}

}  // namespace stargraph::json
