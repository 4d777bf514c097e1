// The tree hash of a Bosun directory (docs/formats/bosun.md): one SHA-256 over every file's path, size and
// content. An upstream format: SHA-256 is used here only to read and write it.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "stargraph/base/bytes.hpp"

namespace stargraph::pack {

struct SourceFile {
  std::string path;  // relative, as in a header
  base::Bytes bytes;
};

// Not in the hash: manifest.jwt at the root, and *.pub.pem anywhere. A key beside a pack is therefore under no
// signature, and nothing but its own digest may name it.
[[nodiscard]] bool is_in_tree_hash(std::string_view path);

// In the order of path components ("a/b" before "a.b"), whatever order `files` has.
[[nodiscard]] std::array<std::byte, 32> tree_hash_sha256(std::span<const SourceFile> files);

}  // namespace stargraph::pack
