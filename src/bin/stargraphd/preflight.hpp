// Preflight: everything that makes the daemon refuse to start, and what it reads before it gives up system calls.
#pragma once

#include <string>
#include <vector>

#include "stargraph/base/env.hpp"
#include "stargraph/config/config.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/crypto/secret.hpp"
#include "stargraph/crypto/signature.hpp"

namespace stargraph::daemon {

struct Preflight {
  config::Config config;
  crypto::Digest config_digest;  // SHA-384 of the file
  crypto::Secret state_key;
  crypto::PublicKey audit_key;
  std::vector<std::string> graphs;  // of graphs_dir, canonical JSON
};

// Checks and reads in the order of the list in docs; the first refusal is the result.
[[nodiscard]] base::Result<Preflight> prepare(base::Env& env, const base::Path& file);

}  // namespace stargraph::daemon
