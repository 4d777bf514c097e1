#include <utility>

#include "stargraph/base/check.hpp"
#include "store/statement_state.hpp"

namespace stargraph::store {
namespace {

// Our programs have a few hundred different statements; what comes after that is compiled each time.
constexpr std::size_t kCachedStatements = 512;
constexpr std::size_t kIdleReaders = 16;

}  // namespace

Connection::State::~State() { SG_CHECK(statements_out == 0); }

void Connection::State::retire(std::unique_ptr<State> state) noexcept {
  if (!state) return;
  const std::shared_ptr<Pool> pool = state->home.lock();
  const bool clean = state->statements_out == 0 && sqlite3_get_autocommit(state->handle.get()) != 0;
  if (!pool || !clean) return;
  const std::scoped_lock lock(pool->mutex);
  if (pool->idle.size() < kIdleReaders) pool->idle.push_back(std::move(state));
}

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&& other) noexcept {
  State::retire(std::exchange(state_, std::move(other.state_)));
  return *this;
}
Connection::~Connection() { State::retire(std::move(state_)); }

base::Result<Statement> Connection::query(std::string_view sql) {
  auto found = state_->cache.find(sql);
  if (found != state_->cache.end() && !found->second.in_use) {
    return Statement(std::make_unique<Statement::State>(*state_, found->second));
  }
  const bool keep = found == state_->cache.end() && state_->cache.size() < kCachedStatements;
  std::string_view rest;
  SG_TRY(sqlite::Compiled compiled, state_->compile(sql, keep ? SQLITE_PREPARE_PERSISTENT : 0, &rest));
  if (!compiled || !is_blank(rest)) {
    return base::fail(base::Code::kInternal, "database: prepare: exactly one statement expected");
  }
  if (!keep) return Statement(std::make_unique<Statement::State>(*state_, std::move(compiled)));
  State::Cached& cached = state_->cache[std::string(sql)];
  cached.compiled = std::move(compiled);
  return Statement(std::make_unique<Statement::State>(*state_, cached));
}

base::Result<> Connection::execute(std::string_view sql) { return state_->execute(sql); }
std::int64_t Connection::changes() const { return sqlite3_changes64(state_->handle.get()); }
std::int64_t Connection::last_rowid() const { return sqlite3_last_insert_rowid(state_->handle.get()); }

void Connection::take_over_checkpoints() { state_->take_over_checkpoints(); }

}  // namespace stargraph::store
