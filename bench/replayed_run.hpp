// The peer of the engine's benchmark: the rows that one real run left in the engine's database, written again for as
// many runs as wanted by SQLCipher's own API, into the same tables and indexes, in transactions as large as the
// ledger's were. What the engine adds to this (rules, JSON, hashes, checks, threads) is the difference.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "raw_database.hpp"

namespace stargraph::bench {

class ReplayedRun {
 public:
  // `source`: the engine's database; `run`: one of its runs that is at its end; `pieces`: transactions' parts the
  // engine made of one run's steps.
  ReplayedRun(const base::Path& file, const base::Path& source, const std::string& run, int pieces)
      : database_(file, ""), pieces_(pieces) {
    RawDatabase from(source, "");
    for (const Row& row : from_query(from,
                                     "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE "
                                     "'sqlite_%' ORDER BY rowid")) {
      database_.execute(std::get<std::string>(row[0]).c_str());
    }
    const std::string where = " WHERE run_id = '" + run + "'";
    run_ = run;
    const Table bases = read(from, "bases", "");
    insert(bases, 0, bases.rows.size(), run);
    runs_ = read(from, "runs", where);
    steps_ = read(from, "steps", where);
    events_ = read(from, "events", where);
    outbox_ = read(from, "audit_outbox", " WHERE instr(record, CAST('" + run + "' AS BLOB)) > 0");
    update_ = database_.prepare(
        "UPDATE runs SET state=?2, paused_state=?3, last_step_at=?4, finished_at=?5, ready_at=?6, steps=?7, node=?8, "
        "reason=?9, error_class=?10, error_cause=?11, data=?12, cursor=?13, step_hash=?14, decision_hash=?15, "
        "event_seq=?16, version=version+1 WHERE run_id=?1");
    changing_ = from_query(from,
                           "SELECT run_id, state, paused_state, last_step_at, finished_at, ready_at, steps, node, "
                           "reason, error_class, error_cause, data, cursor, step_hash, decision_hash, event_seq "
                           "FROM runs" +
                               where)
                    .at(0);
  }

  // All rows of `runs` runs, `batch` operations of the engine (a start, or a piece of a run) a transaction.
  void write(int runs, double batch) {
    const auto in_one = std::max<std::int64_t>(1, static_cast<std::int64_t>(batch + 0.5));
    std::int64_t done = 0;
    for (int piece = -1; piece < pieces_; ++piece) {
      for (int i = 0; i < runs; ++i, ++done) {
        if (done % in_one == 0) database_.execute(done == 0 ? "BEGIN IMMEDIATE" : "COMMIT; BEGIN IMMEDIATE");
        const std::string id = run_id(written_ + i);
        if (piece < 0) start(id);
        if (piece >= 0) advance(id, piece);
      }
    }
    database_.execute("COMMIT");
    written_ += runs;
  }

  [[nodiscard]] std::size_t rows() const {
    return runs_.rows.size() + steps_.rows.size() + events_.rows.size() + outbox_.rows.size();
  }

 private:
  using Cell = std::variant<std::monostate, std::int64_t, std::string, base::Bytes>;
  using Row = std::vector<Cell>;
  struct Table {
    sqlite3_stmt* insert = nullptr;
    std::vector<Row> rows;
    bool numbered = false;  // the first column is a number that rises from run to run
  };

  static std::vector<Row> from_query(RawDatabase& database, const std::string& sql) {
    sqlite3_stmt* const query = database.prepare(sql.c_str());
    std::vector<Row> out;
    while (sqlite3_step(query) == SQLITE_ROW) {
      Row row;
      for (int i = 0; i < sqlite3_column_count(query); ++i) {
        const int type = sqlite3_column_type(query, i);
        if (type == SQLITE_NULL) row.emplace_back();
        if (type == SQLITE_INTEGER) row.emplace_back(std::int64_t{sqlite3_column_int64(query, i)});
        const auto* const bytes = static_cast<const std::byte*>(sqlite3_column_blob(query, i));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(query, i));
        if (type == SQLITE_TEXT) row.emplace_back(base::to_text({bytes, size}));
        if (type == SQLITE_BLOB) row.emplace_back(base::Bytes(bytes, bytes + size));
      }
      out.push_back(std::move(row));
    }
    sqlite3_reset(query);
    return out;
  }

  Table read(RawDatabase& from, const std::string& name, const std::string& where) {
    Table table;
    table.rows = from_query(from, "SELECT * FROM " + name + where);
    SG_CHECK(!table.rows.empty());
    table.numbered = std::holds_alternative<std::int64_t>(table.rows.front().front());
    std::string places;
    for (std::size_t i = 0; i < table.rows.front().size(); ++i) places += i == 0 ? "?" : ",?";
    table.insert = database_.prepare(("INSERT INTO " + name + " VALUES(" + places + ")").c_str());
    return table;
  }

  // Later runs sort behind earlier ones, as UUIDv7 does.
  static std::string run_id(std::int64_t number) {
    std::array<char, 37> text{};
    std::snprintf(text.data(), text.size(), "019aa0c4-%04x-7000-8000-%012x",
                  static_cast<unsigned>(number >> 16) & 0xffffU, static_cast<unsigned>(number));
    return text.data();
  }

  void bind(sqlite3_stmt* statement, const Row& row, const std::string& id) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const int at = static_cast<int>(i) + 1;
      if (const auto* number = std::get_if<std::int64_t>(&row[i])) {
        sqlite3_bind_int64(statement, at, *number);
      } else if (const auto* text = std::get_if<std::string>(&row[i])) {
        const std::string& value = *text == run_ ? id : *text;
        sqlite3_bind_text(statement, at, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
      } else if (const auto* bytes = std::get_if<base::Bytes>(&row[i])) {
        sqlite3_bind_blob(statement, at, bytes->data(), static_cast<int>(bytes->size()), SQLITE_STATIC);
      } else {
        sqlite3_bind_null(statement, at);
      }
    }
  }

  void insert(const Table& table, std::size_t from, std::size_t to, const std::string& id) {
    for (std::size_t i = from; i < to; ++i) {
      bind(table.insert, table.rows[i], id);
      if (table.numbered) sqlite3_bind_int64(table.insert, 1, ++number_);
      RawDatabase::run(table.insert);
    }
  }

  // The run's row and its first audit record.
  void start(const std::string& id) {
    insert(runs_, 0, 1, id);
    insert(outbox_, 0, 1, id);
  }

  void advance(const std::string& id, int piece) {
    const auto share = [&](std::size_t count, std::size_t at) {
      return count * at / static_cast<std::size_t>(pieces_);
    };
    const auto at = static_cast<std::size_t>(piece);
    bind(update_, changing_, id);
    RawDatabase::run(update_);
    insert(steps_, share(steps_.rows.size(), at), share(steps_.rows.size(), at + 1), id);
    insert(events_, share(events_.rows.size(), at), share(events_.rows.size(), at + 1), id);
    if (piece + 1 == pieces_) insert(outbox_, 1, outbox_.rows.size(), id);
  }

  RawDatabase database_;
  int pieces_;
  std::string run_;
  Table runs_, steps_, events_, outbox_;
  Row changing_;
  sqlite3_stmt* update_ = nullptr;
  std::int64_t written_ = 0;
  std::int64_t number_ = 0;
};

}  // namespace stargraph::bench
