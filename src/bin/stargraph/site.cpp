#include "site.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "process.hpp"
#include "stargraph/yaml/parse.hpp"

namespace stargraph::cli {
namespace {

bool names_key_file_in(const json::Value& value) {
  if (value.array() != nullptr) return std::ranges::any_of(*value.array(), names_key_file_in);
  if (value.object() == nullptr) return false;
  return std::ranges::any_of(*value.object(), [](const auto& member) {
    return member.first == "key_file" || names_key_file_in(member.second);
  });
}

}  // namespace

Site::Site(const Surroundings& around) : root_(around.root) {
  const auto text = read_text(root_, "/etc/stargraph/stargraph.yaml");
  if (!text) return;
  auto document = yaml::parse(*text);
  state_ = document ? Configuration::kRead : Configuration::kMalformed;
  if (document) document_ = std::move(document->value);
}

const json::Value* Site::find(std::string_view group, std::string_view name) const {
  const json::Object* const top = document_.object();
  const json::Value* const members = top == nullptr ? nullptr : top->find(group);
  return members == nullptr || members->object() == nullptr ? nullptr : members->object()->find(name);
}

std::string Site::setting(std::string_view group, std::string_view name, std::string_view otherwise) const {
  const json::Value* const value = find(group, name);
  return value != nullptr && value->string() != nullptr ? *value->string() : std::string(otherwise);
}

bool Site::names_key_file() const { return names_key_file_in(document_); }

std::optional<std::uint32_t> Site::account(std::string_view file, std::string_view name) const {
  std::istringstream lines(read_text(root_, file).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(std::string(name) + ":")) continue;
    const auto second = line.find(':', name.size() + 1);
    if (second == std::string::npos) return std::nullopt;
    std::uint32_t number = 0;
    const char* const end = line.data() + line.size();
    const auto [stop, error] = std::from_chars(line.data() + second + 1, end, number);
    return error == std::errc() && stop != end && *stop == ':' ? std::optional(number) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Site::daemon_user() const {
  const json::Value* const configured = find("audit", "entries_uid");
  const std::int64_t* const number = configured == nullptr ? nullptr : configured->integer();
  if (number != nullptr && *number >= 0 && *number < UINT32_MAX) return static_cast<std::uint32_t>(*number);
  return account("/etc/passwd", "stargraph");
}

}  // namespace stargraph::cli
