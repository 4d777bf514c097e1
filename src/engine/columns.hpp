// Columns in and out: what every table of the engine shares. Only the files with SQL include it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tables.hpp"

namespace stargraph::engine {

[[nodiscard]] std::optional<std::int64_t> micros(const std::optional<base::Timestamp>& time);
[[nodiscard]] std::optional<base::Timestamp> time_of(const std::optional<std::int64_t>& number);
// What we wrote ourselves; kInternal when it is not readable any more.
[[nodiscard]] base::Result<json::Value> stored_json(const std::string& text);
[[nodiscard]] base::Result<json::Object> stored_object(const std::string& text);
[[nodiscard]] base::Result<crypto::Digest> stored_digest(const std::string& hex);
// All rows of (tenant, run_id).
[[nodiscard]] base::Result<std::vector<RunKey>> keys(store::Statement& rows);
// "?3,?4,?5" for `count` parameters from `first` on.
[[nodiscard]] std::string places(int first, std::size_t count);

}  // namespace stargraph::engine
