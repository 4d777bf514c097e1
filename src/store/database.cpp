#include "stargraph/store/database.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "store/connection_state.hpp"
#include "store/state_file.hpp"

namespace stargraph::store {

using base::Code;
using base::fail;
using base::Result;

struct Database::State {
  Result<std::unique_ptr<Connection::State>> connect(Session::Role role) const {
    auto state = std::make_unique<Connection::State>();
    SG_TRY(state->open(file, key, role));
    return state;
  }
  Result<std::unique_ptr<Connection::State>> connect_migrated(std::span<const Migration> migrations) const;

  base::Path file;
  crypto::Secret key;
  std::shared_ptr<Connection::State::Pool> readers = std::make_shared<Connection::State::Pool>();
  std::mutex mutex;
  std::unique_ptr<Connection::State> first_writer;  // it migrated; the first writer() takes it
};

namespace {

constexpr std::string_view kSchemaVersion =
    "CREATE TABLE IF NOT EXISTS schema_version("
    "module TEXT NOT NULL, number INTEGER NOT NULL, applied_at INTEGER NOT NULL,"
    "PRIMARY KEY(module, number)) STRICT, WITHOUT ROWID";

using Applied = std::map<std::string, std::set<int>, std::less<>>;

Result<std::map<std::string, int, std::less<>>> highest_known(std::span<const Migration> migrations) {
  std::map<std::string, int, std::less<>> known;
  for (const Migration& migration : migrations) {
    int& highest = known[std::string(migration.module)];
    if (migration.number != highest + 1) {
      return fail(Code::kInternal,
                  "database: migrations of " + std::string(migration.module) + ": not numbered 1, 2, 3");
    }
    highest = migration.number;
  }
  return known;
}

Result<Applied> read_applied(Session& session) {
  Applied applied;
  std::string_view rest;
  SG_TRY(const sqlite::Compiled rows, session.compile("SELECT module, number FROM schema_version", 0, &rest));
  int result = sqlite3_step(rows.get());
  for (; result == SQLITE_ROW; result = sqlite3_step(rows.get())) {
    const unsigned char* module = sqlite3_column_text(rows.get(), 0);
    applied[reinterpret_cast<const char*>(module)].insert(sqlite3_column_int(rows.get(), 1));
  }
  if (result != SQLITE_DONE) return std::unexpected(sqlite::error_while("migrate", session.handle.get(), result));
  return applied;
}

// What was applied must be a beginning of what we know.
Result<> check_applied(const Applied& applied, const std::map<std::string, int, std::less<>>& known) {
  for (const auto& [module, numbers] : applied) {
    const auto ours = known.find(module);
    if (ours == known.end()) continue;
    const bool whole = *numbers.begin() == 1 && std::cmp_equal(*numbers.rbegin(), numbers.size());
    if (!whole || *numbers.rbegin() > ours->second) {
      return fail(Code::kDatabaseNewer,
                  "database: schema of " + module + ": a migration was applied that this program does not know");
    }
  }
  return {};
}

Result<> note_applied(Session& session, const Migration& migration) {
  std::string_view rest;
  SG_TRY(const sqlite::Compiled insert,
         session.compile("INSERT INTO schema_version(module, number, applied_at) VALUES (?1, ?2, ?3)", 0, &rest));
  sqlite3_bind_text(insert.get(), 1, migration.module.data(), static_cast<int>(migration.module.size()), SQLITE_STATIC);
  sqlite3_bind_int(insert.get(), 2, migration.number);
  sqlite3_bind_int64(insert.get(), 3, base::to_micros(base::real_env().now()));
  const int result = sqlite3_step(insert.get());
  if (result != SQLITE_DONE) return std::unexpected(sqlite::error_while("migrate", session.handle.get(), result));
  return {};
}

// Inside a write transaction: another process may have applied it since we looked.
Result<> apply_one(Session& session, const Migration& migration) {
  SG_TRY(const Applied applied, read_applied(session));
  const auto ours = applied.find(migration.module);
  if (ours != applied.end() && ours->second.contains(migration.number)) return {};
  session.may_use_transactions = false;
  const Result<> done = session.execute(migration.sql);
  session.may_use_transactions = true;
  SG_TRY(done);
  return note_applied(session, migration);
}

Result<> in_transaction(Session& session, const std::function<Result<>()>& work) {
  SG_TRY(session.execute("BEGIN IMMEDIATE"));
  Result<> result = work();
  if (result) result = session.execute("COMMIT");
  if (!result && sqlite3_get_autocommit(session.handle.get()) == 0) {
    const Result<> undone = session.execute("ROLLBACK");
    if (!undone) return undone;
  }
  return result;
}

Result<> migrate(Session& session, std::span<const Migration> migrations) {
  SG_TRY(const auto known, highest_known(migrations));
  session.may_change_schema = true;
  SG_TRY(session.execute(kSchemaVersion));
  SG_TRY(const Applied applied, read_applied(session));
  SG_TRY(check_applied(applied, known));
  for (const Migration& migration : migrations) {
    const auto ours = applied.find(migration.module);
    if (ours != applied.end() && ours->second.contains(migration.number)) continue;
    const Result<> done = in_transaction(session, [&] { return apply_one(session, migration); });
    if (!done) {
      const std::string name = std::string(migration.module) + " " + std::to_string(migration.number);
      return std::unexpected(base::in_context("database: migration " + name, done.error()));
    }
  }
  session.may_change_schema = false;
  return {};
}

}  // namespace

Result<std::unique_ptr<Connection::State>> Database::State::connect_migrated(
    std::span<const Migration> migrations) const {
  // Two processes that create the file at the same moment both read before they write; SQLite then tells
  // one of them at once that it is busy, so that the other can go on. It starts over.
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    auto state = connect(Session::Role::kWriter);
    Result<> migrated;
    if (state) migrated = migrate(**state, migrations);
    if (state && migrated) return state;
    base::Error error = state ? std::move(migrated).error() : std::move(state).error();
    if (error.code != Code::kBusy || attempt == kAttempts) return std::unexpected(std::move(error));
  }
}

Database::Database(std::unique_ptr<State> state) : state_(std::move(state)) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const base::Path& file, const crypto::Secret& key,
                                                 std::span<const Migration> migrations) {
  constexpr std::size_t kKeySize = 32;
  if (key.size() != kKeySize) return fail(Code::kConfigInvalid, "database: key: 32 bytes expected");
  auto state = std::make_unique<State>();
  SG_TRY(state->file, prepare_state_file(file));
  state->key = key.clone();
  SG_TRY(state->first_writer, state->connect_migrated(migrations));
  return std::unique_ptr<Database>(new Database(std::move(state)));
}

Result<Connection> Database::writer() {
  {
    const std::scoped_lock lock(state_->mutex);
    if (state_->first_writer) return Connection(std::move(state_->first_writer));
  }
  SG_TRY(auto state, state_->connect(Session::Role::kWriter));
  return Connection(std::move(state));
}

Result<Connection> Database::reader() {
  {
    const std::scoped_lock lock(state_->readers->mutex);
    auto& idle = state_->readers->idle;
    if (!idle.empty()) {
      Connection reader(std::move(idle.back()));
      idle.pop_back();
      return reader;
    }
  }
  SG_TRY(auto state, state_->connect(Session::Role::kReader));
  state->home = state_->readers;
  return Connection(std::move(state));
}

Result<> Database::read(const std::function<Result<>(Connection&)>& read) {
  SG_TRY(Connection connection, reader());
  SG_TRY(connection.execute("BEGIN"));
  Result<> result = read(connection);
  // Nothing was written; the end of the transaction only lets go of the snapshot.
  const Result<> ended = connection.execute("ROLLBACK");
  return result ? ended : result;
}

const base::Path& Database::file() const { return state_->file; }

}  // namespace stargraph::store
