// The commands of stargraph-audit: each prints what it found and gives the exit status.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stargraph/audit/verify.hpp"
#include "stargraph/base/env.hpp"
#include "stargraph/base/result.hpp"
#include "stargraph/crypto/signature.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::auditor {

struct Flags {
  std::vector<std::string> paths;
  std::string public_key;
  std::string anchor;
  bool json = false;
  // show
  std::string actor, run, tenant, event, since, until;
  // checkpoint
  bool words = false;
  std::string qr;
  // proof: sequence numbers, 0 for none
  std::int64_t seq = 0, of = 0, from = 0, to = 0;
  // export
  std::int64_t first = 1;
  bool complete = false;
  // verify-proof, verify-export
  std::string file;
  // archive
  std::string target;
  std::string socket;
  bool keep = false;
};

[[nodiscard]] std::vector<base::Path> paths_of(const Flags& flags);
[[nodiscard]] base::Result<crypto::PublicKey> read_key(const Flags& flags);
[[nodiscard]] base::Result<audit::VerifyOptions> options_of(const Flags& flags);  // with the anchor that was named
void print(const audit::Report& report);
// The warning UNSIGNED_TAIL, when there is such a tail.
void print_tail(std::uint64_t entries, std::uint64_t torn_bytes);
[[nodiscard]] json::Array warnings_of(std::uint64_t entries, std::uint64_t torn_bytes);

// 0: it holds; base::kExitIntegrity: it does not. An error is one of reading or usage, or the finding of a log that a
// command needed whole.
[[nodiscard]] base::Result<int> verify(const Flags& flags);
[[nodiscard]] base::Result<int> checkpoint(const Flags& flags);
[[nodiscard]] base::Result<int> show(const Flags& flags);
[[nodiscard]] base::Result<int> proof(const Flags& flags);
[[nodiscard]] base::Result<int> verify_proof(const Flags& flags);
[[nodiscard]] base::Result<int> export_slice(const Flags& flags);
[[nodiscard]] base::Result<int> verify_export(const Flags& flags);
[[nodiscard]] base::Result<int> lineage(const Flags& flags);
[[nodiscard]] base::Result<int> archive(const Flags& flags);

}  // namespace stargraph::auditor
