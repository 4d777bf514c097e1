// Site: what the configuration and the accounts of a machine say, as far as the doctor looks where they point.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "doctor.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::cli {

class Site {
 public:
  explicit Site(const Surroundings& around);

  enum class Configuration : std::uint8_t { kRead, kUnseen, kMalformed };
  [[nodiscard]] Configuration configuration() const { return state_; }
  // `name` in `group` of the configuration; `otherwise` where it does not say, which is the daemon's own default.
  [[nodiscard]] std::string setting(std::string_view group, std::string_view name, std::string_view otherwise) const;
  // A key file in the open, in whatever form it is written, and in whatever group.
  [[nodiscard]] bool names_key_file() const;
  // The daemon's and the audit writer's user, by the configuration and this machine's /etc/passwd.
  [[nodiscard]] std::optional<std::uint32_t> daemon_user() const;
  [[nodiscard]] std::optional<std::uint32_t> writer_user() const { return account("/etc/passwd", "stargraph-audit"); }
  [[nodiscard]] std::optional<std::uint32_t> daemon_group() const { return account("/etc/group", "stargraph"); }

 private:
  // The number of a name: the third field of its line, in passwd(5) as in group(5).
  [[nodiscard]] std::optional<std::uint32_t> account(std::string_view file, std::string_view name) const;
  [[nodiscard]] const json::Value* find(std::string_view group, std::string_view name) const;

  base::Path root_;
  json::Value document_;
  Configuration state_ = Configuration::kUnseen;
};

}  // namespace stargraph::cli
