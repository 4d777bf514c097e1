#include "store/session.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <string>

#include "stargraph/base/check.hpp"

namespace stargraph::store {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr int kBusyTimeoutMs = 5000;

struct Setting {
  std::string_view name;
  std::string_view value;
  std::string_view reads_back;
};

// What the file looks like. Fixed here and not left to the library's defaults, which change between versions.
constexpr auto kCipher = std::to_array<Setting>({
    {"cipher_page_size", "4096", "4096"},
    {"cipher_use_hmac", "ON", "1"},
    {"cipher_hmac_algorithm", "HMAC_SHA512", "HMAC_SHA512"},
    {"cipher_kdf_algorithm", "PBKDF2_HMAC_SHA512", "PBKDF2_HMAC_SHA512"},
    {"cipher_plaintext_header_size", "0", "0"},
});

constexpr auto kSettings = std::to_array<Setting>({
    {"journal_mode", "WAL", "wal"},
    {"synchronous", "FULL", "2"},
    {"foreign_keys", "ON", "1"},
    {"recursive_triggers", "ON", "1"},  // else REPLACE deletes rows without asking the triggers
    {"trusted_schema", "OFF", "0"},
    {"cell_size_check", "ON", "1"},
    {"secure_delete", "ON", "1"},
    {"temp_store", "MEMORY", "2"},  // temporary files would be plain text
    {"mmap_size", "0", "0"},        // pages must pass the cipher; an I/O error must not be a SIGBUS
    // Pages of a savepoint that is rolled back must not reach the WAL first: SQLite before 3.50.2 then loses the
    // transaction at recovery (third_party/VEX.md).
    {"cache_spill", "OFF", "0"},
    {"wal_autocheckpoint", "0", "0"},  // the ledger's connection alone checkpoints: take_over_checkpoints()
    {"journal_size_limit", "67108864", "67108864"},
});
constexpr auto kReaderSettings = std::to_array<Setting>({{"query_only", "ON", "1"}});

struct Limit {
  int id;
  int value;
};
// Above what we need, below what an injected statement or a damaged schema could ask for.
constexpr auto kLimits = std::to_array<Limit>({
    {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_LENGTH, 72 * 1024 * 1024},  // a pack with 64 MiB of files, its header and signatures is one row
    {SQLITE_LIMIT_SQL_LENGTH, 256 * 1024},
    {SQLITE_LIMIT_COLUMN, 128},
    {SQLITE_LIMIT_COMPOUND_SELECT, 16},
    {SQLITE_LIMIT_FUNCTION_ARG, 32},
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 256},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 16},
    {SQLITE_LIMIT_VDBE_OP, 100'000},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
});

struct Switch {
  int id;
  int on;
};
constexpr auto kSwitches = std::to_array<Switch>({
    {SQLITE_DBCONFIG_DEFENSIVE, 1},
    {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0},
    {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
    {SQLITE_DBCONFIG_DQS_DML, 0},
    {SQLITE_DBCONFIG_DQS_DDL, 0},
    {SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 0},
    {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 1},
});

// Questions that change nothing, with any argument (ALTER TABLE asks the second); every other PRAGMA
// ends with the opening.
constexpr auto kHarmlessPragmas =
    std::to_array<std::string_view>({"integrity_check", "quick_check", "foreign_key_check", "cipher_integrity_check"});

// sqlite3_set_authorizer: asked for each action while a statement is compiled. Default deny.
int authorize(void* context, int action, const char* object, const char*, const char*, const char*) {
  const auto& session = *static_cast<const Session*>(context);
  const auto allow_if = [](bool allowed) { return allowed ? SQLITE_OK : SQLITE_DENY; };
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE: return SQLITE_OK;
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT: return allow_if(session.may_use_transactions);
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_INDEX:
    case SQLITE_CREATE_TRIGGER:
    case SQLITE_CREATE_VIEW:
    case SQLITE_DROP_TABLE:
    case SQLITE_DROP_INDEX:
    case SQLITE_DROP_TRIGGER:
    case SQLITE_DROP_VIEW:
    case SQLITE_ALTER_TABLE:
    case SQLITE_REINDEX: return allow_if(session.may_change_schema);
    case SQLITE_PRAGMA:
      return allow_if(session.may_change_settings ||
                      std::ranges::find(kHarmlessPragmas, object) != kHarmlessPragmas.end());
    default: return SQLITE_DENY;  // ATTACH, DETACH, virtual tables, temporary objects, ANALYZE
  }
}

Result<std::string> read_setting(Session& session, std::string_view name) {
  std::string_view rest;
  SG_TRY(const sqlite::Compiled query, session.compile("PRAGMA " + std::string(name), 0, &rest));
  const int result = sqlite3_step(query.get());
  if (result == SQLITE_DONE) return std::string();
  if (result != SQLITE_ROW) return std::unexpected(sqlite::error_while(name, session.handle.get(), result));
  const unsigned char* text = sqlite3_column_text(query.get(), 0);
  return text == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(text));
}

// SQLite ignores a PRAGMA it does not know or cannot obey, so each one is read back.
Result<> apply_settings(Session& session, std::span<const Setting> settings) {
  for (const Setting& setting : settings) {
    const std::string name(setting.name);
    SG_TRY(session.execute("PRAGMA " + name + " = " + std::string(setting.value)));
    SG_TRY(const std::string now, read_setting(session, setting.name));
    if (now != setting.reads_back) {
      return fail(Code::kInternal, "database: setting " + name + ": reads back as '" + now + "'");
    }
  }
  return {};
}

Result<> apply_limits(sqlite3* handle) {
  for (const Limit& limit : kLimits) sqlite3_limit(handle, limit.id, limit.value);
  for (const Switch& one : kSwitches) {
    int now = -1;
    const int result = sqlite3_db_config(handle, one.id, one.on, &now);
    if (result != SQLITE_OK || now != one.on) {
      return fail(Code::kInternal, "database: switch " + std::to_string(one.id) + ": not accepted");
    }
  }
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  return {};
}

// The raw key as SQLCipher takes it, x'<64 hex digits>': no key derivation. The text lives in guarded memory only.
Result<> apply_key(sqlite3* handle, const crypto::Secret& key) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  crypto::Secret text(key.size() * 2 + 3);
  const std::span<std::byte> out = text.writable();
  const auto put = [&](std::size_t at, char c) { out[at] = static_cast<std::byte>(c); };
  put(0, 'x');
  put(1, '\'');
  std::size_t at = 2;
  for (const std::byte byte : key.view()) {
    const auto value = std::to_integer<unsigned>(byte);
    put(at++, kDigits[value >> 4U]);
    put(at++, kDigits[value & 0xfU]);
  }
  put(at, '\'');
  const int result = sqlite3_key_v2(handle, "main", text.view().data(), static_cast<int>(text.size()));
  if (result != SQLITE_OK) return std::unexpected(sqlite::error_while("key", handle, result));
  return {};
}

// The first read of an encrypted page: here a wrong key shows.
Result<> check_key(Session& session) {
  SG_TRY(const std::string version, read_setting(session, "cipher_version"));
  if (version.empty()) return fail(Code::kInternal, "database: cipher: this SQLite has none");
  std::string_view rest;
  auto query = session.compile("SELECT count(*) FROM sqlite_schema", 0, &rest);
  const int result = query ? sqlite3_step(query->get()) : sqlite3_extended_errcode(session.handle.get());
  const int kind = result & 0xff;
  if (kind == SQLITE_ROW) return {};
  if (kind == SQLITE_NOTADB || kind == SQLITE_CORRUPT) {
    return fail(Code::kDatabaseKeyWrong, "database: open: the key is not this file's, or its first page is damaged");
  }
  return std::unexpected(sqlite::error_while("open", session.handle.get(), result));
}

}  // namespace

bool is_blank(std::string_view sql) { return sql.find_first_not_of(" \n\t\r;") == std::string_view::npos; }

Result<> Session::open(const base::Path& file, const crypto::Secret& key, Role role) {
  // Without SQLITE_OPEN_CREATE: the file was made by us, with its mode.
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE |
                         SQLITE_OPEN_EXRESCODE;
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(file.c_str(), &raw, kFlags, nullptr);
  handle.reset(raw);
  if (result != SQLITE_OK) return std::unexpected(sqlite::error_while("open", raw, result));
  SG_TRY(apply_limits(raw));
  // SQLCipher writes to stderr else; what matters comes back as our errors.
  SG_TRY(execute("PRAGMA cipher_log_level = NONE"));
  SG_TRY(apply_key(raw, key));
  SG_TRY(apply_settings(*this, kCipher));
  SG_TRY(check_key(*this));
  SG_TRY(apply_settings(*this, kSettings));
  if (role == Role::kReader) SG_TRY(apply_settings(*this, kReaderSettings));
  may_change_settings = false;
  sqlite3_set_authorizer(raw, authorize, this);
  return {};
}

void Session::take_over_checkpoints() {
  constexpr int kPages = 1000;
  SG_CHECK(sqlite3_wal_autocheckpoint(handle.get(), kPages) == SQLITE_OK);
}

Result<sqlite::Compiled> Session::compile(std::string_view sql, unsigned flags, std::string_view* rest) {
  SG_CHECK(sql.size() < static_cast<std::size_t>(std::numeric_limits<int>::max()));
  sqlite3_stmt* compiled = nullptr;
  const char* tail = nullptr;
  const int result =
      sqlite3_prepare_v3(handle.get(), sql.data(), static_cast<int>(sql.size()), flags, &compiled, &tail);
  if (result != SQLITE_OK) return std::unexpected(sqlite::error_while_compiling(handle.get(), result));
  *rest = sql.substr(static_cast<std::size_t>(tail - sql.data()));
  return sqlite::Compiled(compiled);
}

Result<> Session::execute(std::string_view sql) {
  while (!is_blank(sql)) {
    SG_TRY(const sqlite::Compiled compiled, compile(sql, 0, &sql));
    if (!compiled) continue;  // a comment
    int result = sqlite3_step(compiled.get());
    while (result == SQLITE_ROW) result = sqlite3_step(compiled.get());
    if (result != SQLITE_DONE) return std::unexpected(sqlite::error_while("execute", handle.get(), result));
  }
  return {};
}

}  // namespace stargraph::store
