// JSON writers. All of them write numbers as ECMAScript does and give valid UTF-8 JSON whatever the
// value holds: bytes that are not UTF-8 become U+FFFD, numbers that are not finite become null. The
// strict parser gives no such value; code that makes values of its own asks check_portable().
#pragma once

#include <span>
#include <string>

#include "stargraph/json/value.hpp"

namespace stargraph::json {

// RFC 8785 (JCS): members sorted by UTF-16 code units, shortest numbers as ECMAScript writes them.
[[nodiscard]] std::string canonical(const Value& value);
// A member of an object that need not exist: what it points to must outlive the call that takes it.
struct MemberView {
  MemberView(std::string_view member_name, const Value& of) : name(member_name), value(&of) {}
  MemberView(std::string_view member_name, const Object& of) : name(member_name), object(&of) {}
  MemberView(const Member& member) : MemberView(member.first, member.second) {}  // NOLINT(google-explicit-constructor)
  MemberView(std::string_view, Value&&) = delete;  // a temporary does not outlive anything
  std::string_view name;
  const Value* value = nullptr;  // one of the two
  const Object* object = nullptr;
};
// canonical() of the object with these members, none of them copied. No name stands twice.
[[nodiscard]] std::string canonical_of(std::span<const MemberView> members);
// Compact, members in the order they stand in memory. For documents whose order is part of a format.
[[nodiscard]] std::string compact(const Value& value);
// Two spaces a level, for people.
[[nodiscard]] std::string pretty(const Value& value);
// One JSON string with its quotes, escaped as RFC 8785 3.2.2.2.
[[nodiscard]] std::string quoted(std::string_view text);

// Whether the strict parser takes back what the writers make of `value`, with the code and the reason
// it would refuse it for: kNumberRange, kBadUtf8, kTooDeep, or kMalformed for NUL.
[[nodiscard]] base::Result<> check_portable(const Value& value, int max_depth = 32);

}  // namespace stargraph::json
