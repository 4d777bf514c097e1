// Columns in and out: what every table of the engine shares. Only the files with SQL include it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tables.hpp"

namespace stargraph::engine {

[[nodiscard]] std::optional<std::int64_t> micros(const std::optional<base::Timestamp>& time);
[[nodiscard]] std::optional<base::Timestamp> time_of(const std::optional<std::int64_t>& number);

// What a row counts for the budget of its tenant: the bytes of its texts, and this for all that is short in it.
inline constexpr std::int64_t kRowBytes = 512;
[[nodiscard]] std::int64_t held_by(std::size_t text_bytes);

// Texts of a row, made once: they are counted before they are written.
struct RunText {
  std::string data;
  std::string cursor;
  std::size_t rest = 0;  // of reason and cause
  [[nodiscard]] std::int64_t held() const { return held_by(data.size() + cursor.size() + rest); }
};
[[nodiscard]] RunText text_of(const RunRow& run);
struct InterruptText {
  std::string question;
  std::string guards;
  [[nodiscard]] std::int64_t held() const { return held_by(question.size() + guards.size()); }
};
[[nodiscard]] InterruptText text_of(const InterruptRow& ask);
struct WorkText {
  std::string config;
  std::string input;
  [[nodiscard]] std::int64_t held() const { return held_by(config.size() + input.size()); }
};
[[nodiscard]] WorkText text_of(const WorkRow& work);

// kConflict when the run is not at `run.version` any more.
[[nodiscard]] base::Result<> update_run(store::Connection& db, const RunRow& run, const RunText& text);
[[nodiscard]] base::Result<> insert_interrupt(store::Connection& db, const RunRow& run, const InterruptRow& ask,
                                              const InterruptText& text);
[[nodiscard]] base::Result<> insert_work(store::Connection& db, const WorkRow& work, const WorkText& text);

// What we wrote ourselves; kInternal when it is not readable any more.
[[nodiscard]] base::Result<json::Value> stored_json(const std::string& text);
[[nodiscard]] base::Result<json::Object> stored_object(const std::string& text);
[[nodiscard]] base::Result<crypto::Digest> stored_digest(const std::string& hex);
// All rows of (tenant, run_id).
[[nodiscard]] base::Result<std::vector<RunKey>> keys(store::Statement& rows);
// "?3,?4,?5" for `count` parameters from `first` on.
[[nodiscard]] std::string places(int first, std::size_t count);

}  // namespace stargraph::engine
