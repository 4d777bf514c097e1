// The configuration file (default /etc/stargraph/stargraph.yaml): one strict YAML document, checked
// once here and then a type that cannot be wrong. Unknown keys are refused with their line
// (kConfigInvalid). config/stargraph.yaml in the source tree writes every default with a comment.
//
// Secrets never stand in it. A secret is named by a systemd credential, found under
// $CREDENTIALS_DIRECTORY, or outside systemd by a file of mode 0600.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "stargraph/base/env.hpp"
#include "stargraph/base/result.hpp"
#include "stargraph/base/strong.hpp"
#include "stargraph/config/limits.hpp"

namespace stargraph::config {

inline constexpr const char* kDefaultPath = "/etc/stargraph/stargraph.yaml";

enum class Profile : std::uint8_t { kCleared, kOssDefault };
[[nodiscard]] std::string_view profile_name(Profile profile);

enum class AuditReads : std::uint8_t { kStrict, kRelaxed };
enum class AuditFailure : std::uint8_t { kStop, kRefuse };

// Where a secret is: `credential` when systemd gave that name, else `file`. At least one is set.
struct SecretSource {
  std::string credential;
  base::Path file;
  // The path to read: kConfigMissing when the credential is not there and no file stands in.
  [[nodiscard]] base::Result<base::Path> locate() const;
};

struct Tls {
  base::Path certificate;  // PEM chain, own certificate first
  SecretSource key;
  base::Path client_ca;  // PEM
  base::Path crl;        // PEM; empty: none
};

struct State {
  base::Path directory = "/var/lib/stargraph";
  SecretSource key;  // 32 raw bytes
  [[nodiscard]] base::Path database() const { return directory / "stargraph.db"; }
};

struct Audit {
  base::Path entries_socket = "/run/stargraph/entries.sock";
  base::Path trust_socket = "/run/stargraph/trust.sock";
  base::Path public_key = "/etc/stargraph/audit.pub.pem";
  AuditFailure on_failure = AuditFailure::kStop;
  AuditReads reads = AuditReads::kStrict;
  // What follows is read by stargraph-auditd only.
  base::Path log_directory = "/var/log/stargraph";
  base::Path state_directory = "/var/lib/stargraph-audit";
  SecretSource key;                          // PKCS#8 PEM
  std::optional<std::uint32_t> entries_uid;  // who may write entries; default: user `stargraph`
  std::uint32_t trust_uid = 0;               // who may record trust acts; another than 0 is said in the log
};

// How a client certificate is recognised: exactly one of the three forms is set.
struct Match {
  std::string san_uri;
  std::string fingerprint;  // hex SHA-384 of the DER certificate
  std::string issuer;       // RFC 4514, together with `subject`
  std::string subject;
};

struct Principal {
  base::ActorName name;
  base::TenantId tenant;
  std::vector<base::TenantId> also_tenants;  // for workers that serve several
  Match match;
  std::vector<std::string> roles;
};

struct Config {
  Profile profile = Profile::kCleared;
  bool fips_required = false;
  std::optional<bool> side_effects;  // no default in `cleared`
  Tls tls;
  State state;
  Audit audit;
  std::vector<Principal> principals;
  std::map<std::string, std::vector<std::string>> roles;  // role -> capabilities, "name" or "name:scope"
  base::Path graphs_dir;                                  // empty: none; `oss-default` only
  Limits limits;
};

// Form, types, ranges and the profile's rules; not yet whether the files it names exist.
[[nodiscard]] base::Result<Config> parse(std::string_view text);
// The file must not be writable by group or others (kModeTooWide) and belong to root or to us.
[[nodiscard]] base::Result<Config> load(base::Env& env, const base::Path& path);

}  // namespace stargraph::config
