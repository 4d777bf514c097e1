// What Appliance::curl() and programs answer, taken apart as far as these tests need it.
#pragma once

#include <string>

#include "support/command.hpp"

namespace stargraph::test {

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// The three digits that curl() puts behind the body.
inline std::string status_of(const CommandResult& result) {
  return result.out.size() < 3 ? "" : result.out.substr(result.out.size() - 3);
}

// The text of the first member of that name; empty when there is none.
inline std::string member(const std::string& json, const std::string& name) {
  const std::size_t at = json.find("\"" + name + "\":\"");
  if (at == std::string::npos) return "";
  const std::size_t from = at + name.size() + 4;
  return json.substr(from, json.find('"', from) - from);
}

}  // namespace stargraph::test
