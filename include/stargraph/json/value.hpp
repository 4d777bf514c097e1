// JSON values: what the strict parser gives and what the RFC 8785 writer takes.
//
// Numbers are I-JSON (RFC 7493): integers within +-(2^53-1) are kept exactly as std::int64_t, all
// other finite numbers are double. A double with a whole value is written without a fraction, as
// RFC 8785 has it, and reads back as an integer. Members are sorted by RFC 8785 order only when they
// are written; in memory they are in the order they came, and no name stands twice.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "stargraph/base/result.hpp"

namespace stargraph::json {

inline constexpr std::int64_t kMaxInteger = 9007199254740991;  // 2^53 - 1

// Whether a number keeps its value and can be read again after RFC 8785 wrote it. For a double that
// means finite and not a whole number between 2^53 and 10^21: ECMAScript writes those as integers,
// beyond what an integer may be.
[[nodiscard]] bool is_portable(std::int64_t number);
[[nodiscard]] bool is_portable(double number);

class Value;
using Array = std::vector<Value>;
using Member = std::pair<std::string, Value>;

class Object {
 public:
  using const_iterator = std::vector<Member>::const_iterator;
  struct Field;  // one member as it is written in source: {"name", value}
  Object() = default;
  // A name that stands twice keeps its first place and its last value. Takes the values, it does not copy them.
  Object(std::initializer_list<Field> fields);
  // Linear in the number of members. Pointers live until the next change of this object.
  [[nodiscard]] const Value* find(std::string_view name) const;
  [[nodiscard]] Value* find(std::string_view name);
  // Replaces the member of that name or appends it.
  void set(std::string name, Value value);
  // Appends without looking; the caller knows that the name is new (parsers, which check it in
  // another way: looking every time would make hostile documents quadratic).
  void append_new(std::string name, Value value);
  bool erase(std::string_view name);
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool empty() const;
  [[nodiscard]] const_iterator begin() const;
  [[nodiscard]] const_iterator end() const;
  bool operator==(const Object& other) const;  // order does not matter

 private:
  std::vector<Member> members_;
};

class Value {
 public:
  // Implicit, so that a value can be written as it reads: Object{{"id", "soc"}, {"epoch", 3}}.
  // NOLINTBEGIN(google-explicit-constructor)
  Value() : data_(nullptr) {}
  Value(std::nullptr_t) : data_(nullptr) {}
  Value(bool value) : data_(value) {}
  Value(std::int64_t value) : data_(value) {}
  Value(int value) : data_(static_cast<std::int64_t>(value)) {}
  Value(double value) : data_(value) {}
  Value(std::string value) : data_(std::move(value)) {}
  Value(std::string_view value) : data_(std::string(value)) {}
  Value(const char* value) : data_(std::string(value)) {}
  Value(Array value);
  Value(Object value);
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::nullptr_t>(data_); }
  [[nodiscard]] bool is_bool() const { return std::holds_alternative<bool>(data_); }
  [[nodiscard]] bool is_integer() const { return std::holds_alternative<std::int64_t>(data_); }
  [[nodiscard]] bool is_double() const { return std::holds_alternative<double>(data_); }
  [[nodiscard]] bool is_string() const { return std::holds_alternative<std::string>(data_); }
  [[nodiscard]] bool is_array() const { return std::holds_alternative<Array>(data_); }
  [[nodiscard]] bool is_object() const { return std::holds_alternative<Object>(data_); }

  // Pointers into this value, null when it is of another type.
  [[nodiscard]] const bool* boolean() const { return std::get_if<bool>(&data_); }
  [[nodiscard]] const std::int64_t* integer() const { return std::get_if<std::int64_t>(&data_); }
  [[nodiscard]] const double* number() const { return std::get_if<double>(&data_); }
  [[nodiscard]] const std::string* string() const { return std::get_if<std::string>(&data_); }
  [[nodiscard]] const Array* array() const { return std::get_if<Array>(&data_); }
  [[nodiscard]] const Object* object() const { return std::get_if<Object>(&data_); }
  [[nodiscard]] Array* array() { return std::get_if<Array>(&data_); }
  [[nodiscard]] Object* object() { return std::get_if<Object>(&data_); }
  // "null", "boolean", "integer", "number", "string", "array", "object".
  [[nodiscard]] std::string_view type_name() const;
  // 1 and 1.0 are one number, as they are in RFC 8785; types differ otherwise.
  bool operator==(const Value& other) const;

 private:
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> data_;
};

// An initializer_list gives const elements only; `mutable` is what lets a value be moved out of one.
struct Object::Field {
  Field(std::string field_name, Value field_value) : name(std::move(field_name)), value(std::move(field_value)) {}
  mutable std::string name;
  mutable Value value;
};

// Here because they need Member to be whole.
inline std::size_t Object::size() const { return members_.size(); }
inline bool Object::empty() const { return members_.empty(); }
inline Object::const_iterator Object::begin() const { return members_.begin(); }
inline Object::const_iterator Object::end() const { return members_.end(); }

}  // namespace stargraph::json
