#include "stargraph/trust/verdict.hpp"

namespace stargraph::trust {
namespace {

using base::Result;

constexpr std::size_t kMaxMessageBytes = 4096;

}  // namespace

Result<> put_verdict(store::Connection& connection, const ReloadVerdict& verdict) {
  SG_TRY(store::Statement row,
         connection.query("INSERT INTO reload_verdict (id, serial, acts, reason, message, time) "
                          "VALUES (1, 1, ?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET serial = serial + 1, "
                          "acts = excluded.acts, reason = excluded.reason, message = excluded.message, "
                          "time = excluded.time"));
  row.bind(1, verdict.acts);
  row.bind(2, verdict.reason ? std::string(base::reason(*verdict.reason).name) : std::string());
  row.bind(3, verdict.message.substr(0, kMaxMessageBytes));
  row.bind(4, base::to_micros(verdict.time));
  return row.run();
}

Result<std::optional<ReloadVerdict>> get_verdict(store::Connection& connection) {
  SG_TRY(store::Statement row,
         connection.query("SELECT acts, serial, reason, message, time FROM reload_verdict WHERE id = 1"));
  SG_TRY(const bool found, row.step());
  if (!found) return std::optional<ReloadVerdict>();
  ReloadVerdict verdict;
  verdict.acts = row.integer(0);
  verdict.serial = row.integer(1);
  const std::string reason = row.text(2);
  // A reason of a newer daemon is still a refusal.
  if (!reason.empty()) verdict.reason = base::code_from_name(reason).value_or(base::Code::kInternal);
  verdict.message = row.text(3);
  verdict.time = base::from_micros(row.integer(4));
  return std::optional(std::move(verdict));
}

Result<std::int64_t> last_act_number(store::Connection& connection) {
  SG_TRY(store::Statement row, connection.query("SELECT max(number) FROM trust_acts"));
  SG_TRY(row.step());
  return row.integer(0);
}

}  // namespace stargraph::trust
