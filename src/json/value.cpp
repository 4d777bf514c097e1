#include "stargraph/json/value.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace stargraph::json {
namespace {

std::vector<const Member*> by_name(const Object& object) {
  std::vector<const Member*> members;
  members.reserve(object.size());
  for (const Member& member : object) members.push_back(&member);
  std::ranges::sort(members, {}, [](const Member* member) -> const std::string& { return member->first; });
  return members;
}

// Exact: a cast of the integer would round beyond 2^53.
bool same_number(std::int64_t integer, double number) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (!(number >= -kTwoTo63 && number < kTwoTo63)) return false;
  return static_cast<double>(static_cast<std::int64_t>(number)) == number &&
         static_cast<std::int64_t>(number) == integer;
}

}  // namespace

bool is_portable(std::int64_t number) { return number >= -kMaxInteger && number <= kMaxInteger; }

bool is_portable(double number) {
  const double size = std::abs(number);
  return std::isfinite(number) && (size <= static_cast<double>(kMaxInteger) || size >= 1e21);
}

Object::Object(std::initializer_list<Field> fields) {
  members_.reserve(fields.size());
  for (const Field& field : fields) set(std::move(field.name), std::move(field.value));
}

const Value* Object::find(std::string_view name) const {
  const auto at = std::ranges::find(members_, name, &Member::first);
  return at == members_.end() ? nullptr : &at->second;
}

Value* Object::find(std::string_view name) {
  const auto at = std::ranges::find(members_, name, &Member::first);
  return at == members_.end() ? nullptr : &at->second;
}

void Object::set(std::string name, Value value) {
  if (Value* old = find(name)) {
    *old = std::move(value);
    return;
  }
  append_new(std::move(name), std::move(value));
}

void Object::append_new(std::string name, Value value) { members_.emplace_back(std::move(name), std::move(value)); }

bool Object::erase(std::string_view name) {
  return std::erase_if(members_, [name](const Member& member) { return member.first == name; }) != 0;
}

bool Object::operator==(const Object& other) const {
  if (size() != other.size()) return false;
  return std::ranges::equal(by_name(*this), by_name(other),
                            [](const Member* left, const Member* right) { return *left == *right; });
}

Value::Value(Array value) : data_(std::move(value)) {}
Value::Value(Object value) : data_(std::move(value)) {}

std::string_view Value::type_name() const {
  static constexpr std::array<std::string_view, 7> kNames = {"null",   "boolean", "integer", "number",
                                                             "string", "array",   "object"};
  return kNames[data_.index()];
}

bool Value::operator==(const Value& other) const {
  if (is_integer() && other.is_double()) return same_number(*integer(), *other.number());
  if (is_double() && other.is_integer()) return same_number(*other.integer(), *number());
  return data_ == other.data_;
}

}  // namespace stargraph::json
