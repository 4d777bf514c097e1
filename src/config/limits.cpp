#include "stargraph/config/limits.hpp"

#include <array>

namespace stargraph::config {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

constexpr auto kLimits = std::to_array<LimitRow>({
    {"http_body_bytes", &Limits::http_body_bytes, 1024, 64 * kMiB, "longest request body"},
    {"http_header_bytes", &Limits::http_header_bytes, 1024, kMiB, "longest request line and headers together"},
    {"http_request_ms", &Limits::http_request_ms, 100, 600'000, "handshake, headers and request together"},
    {"connections_waiting", &Limits::connections_waiting, 1, 65'536, "connections that have not sent a ClientHello"},
    {"connections_waiting_per_address", &Limits::connections_waiting_per_address, 1, 65'536, "the same, one address"},
    {"connections_in_service", &Limits::connections_in_service, 1, 4096, "connections being served"},
    {"connections_per_principal", &Limits::connections_per_principal, 1, 4096, "the same, one principal"},
    {"changes_burst", &Limits::changes_burst, 1, 1'000'000, "changing requests at once, one principal"},
    {"changes_per_second", &Limits::changes_per_second, 1, 1'000'000, "changing requests a second after that"},
    {"reads_burst", &Limits::reads_burst, 1, 1'000'000, "reads and refusals at once, one principal"},
    {"reads_per_second", &Limits::reads_per_second, 1, 1'000'000, "reads and refusals a second after that"},
    {"run_steps", &Limits::run_steps, 1, 1'000'000, "steps of one run"},
    {"run_seconds", &Limits::run_seconds, 1, 31'536'000, "wall clock of one run"},
    {"run_state_bytes", &Limits::run_state_bytes, 1024, kMiB, "state of one run as canonical JSON"},
    {"run_parameter_bytes", &Limits::run_parameter_bytes, 2, 16 * kMiB, "parameters of one run as canonical JSON"},
    {"run_retention_days", &Limits::run_retention_days, 0, 36'500,
     "days that the records of a run stay after its end; 0: for ever"},
    {"tenant_record_bytes", &Limits::tenant_record_bytes, kMiB, 16LL * 1024 * 1024 * kMiB,
     "records of the runs of one tenant; at nine tenths none starts"},
    {"node_seconds", &Limits::node_seconds, 1, 86'400, "one node, leased work included"},
    {"lease_seconds", &Limits::lease_seconds, 1, 3600, "a worker's lease before it must have been renewed"},
    {"evaluation_facts", &Limits::evaluation_facts, 16, 1'000'000, "facts in one evaluation"},
    {"evaluation_firings", &Limits::evaluation_firings, 16, 10'000'000, "rule firings in one evaluation"},
    {"evaluation_ms", &Limits::evaluation_ms, 10, 60'000, "wall clock of one evaluation"},
    {"evaluation_bytes", &Limits::evaluation_bytes, 16 * kMiB, 4096 * kMiB, "address space of one evaluator"},
    {"audit_lag_entries", &Limits::audit_lag_entries, 1, 1'000'000,
     "entries not yet acknowledged before acts are refused"},
    {"audit_lag_ms", &Limits::audit_lag_ms, 10, 600'000, "age of the oldest such entry before acts are refused"},
    {"disk_free_percent", &Limits::disk_free_percent, 0, 90, "free space under which acts are refused"},
    {"disk_free_bytes", &Limits::disk_free_bytes, 0, 1024LL * 1024 * kMiB, "the same, in bytes"},
    {"scheduler_workers", &Limits::scheduler_workers, 0, 256, "threads that run graphs; 0: one a core"},
});

}  // namespace

std::span<const LimitRow> limit_table() { return kLimits; }

}  // namespace stargraph::config
