// YAML for people's files only (configuration, graph and manifest sources): libyaml's events become a
// json::Value.
//
// Refused: anchors and aliases (kYamlAlias), explicit tags (kYamlTag), more than one document
// (kYamlMultiDocument), merge keys and duplicate keys (kDuplicateKey), invalid UTF-8, nesting over
// `max_depth` (kTooDeep), more than `max_bytes` or `max_nodes` (kTooLarge). Plain scalars follow the
// YAML 1.2 core schema: null/~, true/false, integers, floats; "yes", "on", 0777 and 1:30 are strings.
// Quoted scalars are strings. Messages give line and column.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "stargraph/base/result.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::yaml {

struct ParseLimits {
  std::size_t max_bytes = std::size_t{1} << 20;
  std::size_t max_nodes = 200'000;
  int max_depth = 32;
};

struct Document {
  json::Value value;
  // RFC 6901 pointer of each member and item -> line (from 1), so that a later check can name the line.
  std::map<std::string, int, std::less<>> lines;
};

[[nodiscard]] base::Result<Document> parse(std::string_view text, const ParseLimits& limits = {});

}  // namespace stargraph::yaml
