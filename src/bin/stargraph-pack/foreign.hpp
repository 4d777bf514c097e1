// What the two upstream systems made: Bosun directories and Reach documents, beside our own source directories.
#pragma once

#include <string>
#include <vector>

#include "commands.hpp"
#include "stargraph/pack/build.hpp"
#include "stargraph/trust/state.hpp"

namespace stargraph::packcli {

// What `build` compiled, and from what: {"format": "stargraph" | "bosun" | "reach", ...} with what is known of the
// original's own signature or hash.
struct Built {
  pack::Unsigned compiled;
  json::Object origin;
  std::string note;  // for people; empty for our own sources
};
// `path` is one of our source directories, a Bosun directory (manifest.jwt stands in it), or a Reach document (a file).
[[nodiscard]] base::Result<Built> compile_from(const std::string& path, const pack::BuildOptions& options);

// `verify DIR`. `records`: a directory of upstream's first-use records, or empty. With neither keys nor records the
// trust store decides, after signature and tree hash.
[[nodiscard]] base::Result<> verify_bosun(const Context& context, const std::string& directory,
                                          std::vector<crypto::PublicKey> keys, const std::string& records);

// The trust store as it stands. The keeper has ended again before this returns. Afterwards this process opens no file,
// unless there are some to read yet.
enum class Files : std::uint8_t { kAllRead, kToRead };
[[nodiscard]] base::Result<trust::TrustState> read_trust_state(const Context& context, Files files);

}  // namespace stargraph::packcli
