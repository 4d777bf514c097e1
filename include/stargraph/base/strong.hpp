// Strong types: a name for what a string or number means, so that one cannot stand for another.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace stargraph::base {

// Text with a meaning. Construction is explicit; comparison and hashing are by value.
template <class Tag>
class Text {
 public:
  Text() = default;
  explicit Text(std::string value) : value_(std::move(value)) {}
  [[nodiscard]] const std::string& str() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  auto operator<=>(const Text&) const = default;

 private:
  std::string value_;
};

// Number with a meaning.
template <class Tag, class Rep = std::int64_t>
class Number {
 public:
  constexpr Number() = default;
  constexpr explicit Number(Rep value) : value_(value) {}
  [[nodiscard]] constexpr Rep value() const { return value_; }
  [[nodiscard]] constexpr Number next() const { return Number(value_ + 1); }
  auto operator<=>(const Number&) const = default;

 private:
  Rep value_ = 0;
};

using TenantId = Text<struct TenantIdTag>;        // [a-z0-9][a-z0-9_.-]{0,63}
using ActorName = Text<struct ActorNameTag>;      // a principal's name as audit shows it
using RunId = Text<struct RunIdTag>;              // UUIDv7, lower case
using NodeId = Text<struct NodeIdTag>;            // slug of stargraph.md 1.2
using TaskId = Text<struct TaskIdTag>;            // UUIDv7
using InterruptId = Text<struct InterruptIdTag>;  // 96 hex digits
using PackId = Text<struct PackIdTag>;            // slug
using GraphId = Text<struct GraphIdTag>;          // free text of at most 256 bytes
using KeyId = Text<struct KeyIdTag>;              // hex SHA-384 of a DER SubjectPublicKeyInfo
using StepNumber = Number<struct StepNumberTag>;  // from 0
using EventSeq = Number<struct EventSeqTag>;      // per run, from 1, no gaps
using Epoch = Number<struct EpochTag>;            // >= 1

}  // namespace stargraph::base

template <class Tag>
struct std::hash<stargraph::base::Text<Tag>> {
  std::size_t operator()(const stargraph::base::Text<Tag>& text) const noexcept {
    return std::hash<std::string>{}(text.str());
  }
};
