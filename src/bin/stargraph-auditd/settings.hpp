// What stargraph-auditd runs with: the configuration's audit group, overridden by flags.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "stargraph/base/env.hpp"
#include "stargraph/base/result.hpp"

namespace stargraph::auditd {

struct Flags {
  base::Path config;  // empty: only the other flags
  base::Path log_directory;
  base::Path state_directory;
  base::Path key_file;
  std::optional<std::uint32_t> entries_uid;
  std::optional<std::uint32_t> trust_uid;
  std::string entries_label;
  std::string trust_label;
  bool read_whole = false;
};

struct Settings {
  base::Path log_directory;
  base::Path state_directory;
  base::Path key_file;            // PKCS#8 PEM, 0600
  std::uint32_t entries_uid = 0;  // who may write the daemon's entries
  std::uint32_t trust_uid = 0;    // who may record acts of trust
  std::string entries_label;      // security context, or its type, that writers must have; empty: nobody asks
  std::string trust_label;
  bool fips_required = false;
};

// kConfigMissing for what neither says.
[[nodiscard]] base::Result<Settings> settle(base::Env& env, const Flags& flags);

}  // namespace stargraph::auditd
