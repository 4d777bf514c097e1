// YAML for people's files only (configuration, graph and manifest sources): libyaml's events become a
// json::Value.
//
// Refused: anchors and aliases (kYamlAlias), explicit tags and %TAG (kYamlTag), more than one document
// (kYamlMultiDocument), a %YAML other than 1.2 (kUnsupportedVersion), merge keys and duplicate keys
// (kDuplicateKey), invalid UTF-8 (kBadUtf8), nesting over `max_depth` (kTooDeep), more than `max_bytes`
// or `max_nodes` (kTooLarge), keys that are not scalars or are longer than kMaxKeyBytes, NUL, and what
// libyaml cannot parse (kMalformed). Messages give line and column, never the text.
//
// Plain scalars follow the YAML 1.2 core schema: null/~/nothing, true/false, integers (also 0x, 0o),
// floats; "yes", "on", 0777 and 1:30 are strings. Integers beyond +-(2^53-1), .inf and .nan are
// refused (kNumberRange). Quoted and block scalars are strings. A key is the text of its scalar,
// whatever type that would be as a value. No document at all is null.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "stargraph/base/result.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::yaml {

inline constexpr std::size_t kMaxKeyBytes = 256;

struct ParseLimits {
  std::size_t max_bytes = std::size_t{1} << 20;
  std::size_t max_nodes = 200'000;  // scalars, keys among them, sequences and mappings
  int max_depth = 32;               // sequences and mappings inside each other
};

struct Document {
  json::Value value;
  // RFC 6901 pointer of the document (""), each member and each item -> line (from 1), so that a
  // later check can name the line.
  std::map<std::string, int, std::less<>> lines;
};

[[nodiscard]] base::Result<Document> parse(std::string_view text, const ParseLimits& limits = {});

}  // namespace stargraph::yaml
