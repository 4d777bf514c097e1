// Limits: every bound an administrator may set, in one table that the configuration parser, the
// documentation and the tests read. Group `limits:` of the configuration file.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace stargraph::config {

struct Limits {
  std::int64_t http_body_bytes = 1 << 20;
  std::int64_t http_header_bytes = 16 << 10;
  std::int64_t http_request_ms = 10'000;    // handshake, headers and request together
  std::int64_t connections_waiting = 4096;  // before a ClientHello
  std::int64_t connections_waiting_per_address = 32;
  std::int64_t connections_in_service = 512;
  std::int64_t connections_per_principal = 64;
  std::int64_t changes_burst = 60;  // requests at once, a principal
  std::int64_t changes_per_second = 10;
  std::int64_t reads_burst = 600;
  std::int64_t reads_per_second = 200;
  std::int64_t run_steps = 10'000;
  std::int64_t run_seconds = 86'400;
  std::int64_t run_state_bytes = 1 << 20;
  std::int64_t run_parameter_bytes = 256 << 10;
  std::int64_t run_retention_days = 0;           // 0: for ever
  std::int64_t tenant_record_bytes = 8LL << 30;  // docs/formats/run.md says what counts
  std::int64_t node_seconds = 300;
  std::int64_t lease_seconds = 60;
  std::int64_t evaluation_facts = 10'000;
  std::int64_t evaluation_firings = 100'000;
  std::int64_t evaluation_ms = 1000;
  std::int64_t evaluation_bytes = 64 << 20;  // address space of one evaluator beyond its start
  std::int64_t audit_lag_entries = 1000;
  std::int64_t audit_lag_ms = 2000;
  std::int64_t disk_free_percent = 5;
  std::int64_t disk_free_bytes = 512LL << 20;
  std::int64_t scheduler_workers = 0;  // 0: one a core
};

struct LimitRow {
  std::string_view name;
  std::int64_t Limits::* member;
  std::int64_t least;
  std::int64_t most;
  std::string_view meaning;
};

[[nodiscard]] std::span<const LimitRow> limit_table();

}  // namespace stargraph::config
