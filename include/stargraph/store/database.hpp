// Encrypted SQLite (SQLCipher, raw 256-bit key). No SQLite type appears outside src/store.
//
// A Database is one file in WAL mode with synchronous=FULL, foreign keys, recursive triggers,
// trusted_schema off, cell size checks, secure_delete and defensive mode on; memory temp store; mode
// 0600 whatever the umask. The cipher is pinned: AES-256-CBC pages of 4,096 bytes with HMAC-SHA-512.
// Several processes may have the same file open.
//
// Connection: one thread at a time, and not after its Database. Statement: belongs to its connection
// and must not outlive it.
//
// Only migrations change the schema: CREATE, DROP and ALTER elsewhere are kInternal, so that no code
// path can lift an append-only trigger. ATTACH, DETACH and settings (PRAGMA x = y) are kInternal too.
//
// Errors of statements: kConflict (a UNIQUE or PRIMARY KEY exists already), kBusy (another process
// held the write lock for 5 s), kDiskLow, kTooLarge, kIo (also damaged pages), kInternal (our SQL is
// wrong, another constraint or an append-only trigger refused). Messages never hold bound values.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/env.hpp"
#include "stargraph/base/result.hpp"
#include "stargraph/crypto/secret.hpp"

namespace stargraph::store {

class Connection;

// One prepared statement, cached by its text in the connection. Parameters count from 1, columns from 0.
//   SG_TRY(auto rows, connection.query("SELECT id, state FROM runs WHERE tenant = ?1"));
//   rows.bind(1, tenant.str());
//   while (true) { SG_TRY(const bool more, rows.step()); if (!more) break; use(rows.text(0)); }
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();  // resets it and gives it back to the cache

  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, const std::string& text) { return bind(parameter, std::string_view(text)); }
  Statement& bind(int parameter, const char* text) { return bind(parameter, std::string_view(text)); }
  Statement& bind(int parameter, std::int64_t number);
  Statement& bind(int parameter, int number) { return bind(parameter, static_cast<std::int64_t>(number)); }
  Statement& bind(int parameter, bool flag) { return bind(parameter, static_cast<std::int64_t>(flag)); }
  Statement& bind(int parameter, base::BytesView blob);
  Statement& bind(int parameter, std::nullptr_t);
  template <class T>
  Statement& bind(int parameter, const std::optional<T>& value) {
    return value ? bind(parameter, *value) : bind(parameter, nullptr);
  }

  // True: a row is there. After the last row and after an error it stays there until reset(). A bind
  // that failed is this call's error.
  [[nodiscard]] base::Result<bool> step();
  // Steps to the end and resets, ready for the next values.
  [[nodiscard]] base::Result<> run();
  // Back to before the first step; the bound values stay.
  void reset();

  // Columns of the current row; only after step() gave true.
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;  // "" for NULL
  [[nodiscard]] base::Bytes blob(int column) const;
  [[nodiscard]] std::optional<std::string> optional_text(int column) const;
  [[nodiscard]] std::optional<std::int64_t> optional_integer(int column) const;

 private:
  friend class Connection;
  struct State;
  explicit Statement(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// One step of a module's schema. `number` counts from 1 without gaps within a module. `sql` may hold
// several statements; it runs once, in a transaction of its own together with its row in
// schema_version(module, number, applied_at). What was applied never changes: add a number instead.
struct Migration {
  std::string_view module;
  int number;
  std::string_view sql;
};

class Connection {
 public:
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();
  [[nodiscard]] base::Result<Statement> query(std::string_view sql);  // kInternal for bad SQL: our mistake
  [[nodiscard]] base::Result<> execute(std::string_view sql);         // one or more statements, rows are dropped
  [[nodiscard]] std::int64_t changes() const;                         // rows of the last change
  [[nodiscard]] std::int64_t last_rowid() const;

 private:
  friend class Database;
  friend class Ledger;
  friend class Statement;
  // One connection of all that have the file open may checkpoint (WAL-reset race, third_party/VEX.md).
  void take_over_checkpoints();
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Database {
 public:
  // Opens or creates, and applies the migrations that are missing, in the order given. kModeTooWide
  // (the file, its -wal, -shm or -journal wider than 0600; the directory writable by others),
  // kWrongOwner, kNetworkFileSystem, kDatabaseKeyWrong (or the first page is damaged), kDatabaseNewer
  // (a number we do not know was applied; modules that `migrations` does not name are left alone, so
  // that an offline program may bring only the modules it uses). `key` is 32 bytes; a copy is kept in
  // guarded memory. The state directory must exist. Threads: any, after this returns.
  [[nodiscard]] static base::Result<std::unique_ptr<Database>> open(const base::Path& file, const crypto::Secret& key,
                                                                    std::span<const Migration> migrations);
  ~Database();
  // For the Ledger and offline programs. Without BEGIN each statement commits on its own.
  [[nodiscard]] base::Result<Connection> writer();
  [[nodiscard]] base::Result<Connection> reader();  // query_only; from the pool, and back to it when it goes
  // Runs `read` on a pooled reader connection inside one read transaction: one snapshot.
  [[nodiscard]] base::Result<> read(const std::function<base::Result<>(Connection&)>& read);
  [[nodiscard]] const base::Path& file() const;

 private:
  struct State;
  explicit Database(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Refuses NFS, SMB, FUSE and every file system that is not known to be local, with locks and syncs
// that can be trusted (statfs(2)): kNetworkFileSystem.
[[nodiscard]] base::Result<> check_local_file_system(const base::Path& directory);

}  // namespace stargraph::store
