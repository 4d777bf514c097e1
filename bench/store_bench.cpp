// The ledger beside a raw SQLCipher loop: the same two INSERTs of about 1 KiB together, the same key
// and page format, WAL and synchronous=FULL, the same number of them in a transaction.
#include <array>
#include <cstdint>
#include <latch>
#include <string>

#include "figure.hpp"
#include "raw_database.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/store/ledger.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace stargraph;

constexpr const char* kTables =
    "CREATE TABLE steps(run TEXT NOT NULL, number INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY(run, number)) "
    "STRICT, WITHOUT ROWID;"
    "CREATE TABLE events(seq INTEGER PRIMARY KEY, run TEXT NOT NULL, body BLOB NOT NULL) STRICT;";
constexpr const char* kInsertStep = "INSERT INTO steps(run, number, record) VALUES (?1, ?2, ?3)";
constexpr const char* kInsertEvent = "INSERT INTO events(run, body) VALUES (?1, ?2)";
constexpr const char* kRun = "019aa0c4-7f6b-7000-8000-0123456789ab";
constexpr std::array<std::byte, 832> kRecord{};
constexpr std::array<std::byte, 192> kBody{};

class OurLedger {
 public:
  explicit OurLedger(const base::Path& file)
      : database_(open(file)), ledger_(store::Ledger::start(*database_, {}).value()) {}

  // `count` operations, each time `batch` queued together and waited for.
  void write(std::size_t count, std::size_t batch) {
    for (std::size_t done = 0; done < count; done += batch) {
      std::latch durable(static_cast<std::ptrdiff_t>(batch));
      for (std::size_t i = 0; i < batch; ++i) {
        ledger_->post([number = ++number_](store::Connection& writer) { return insert(writer, number); },
                      [&durable](const base::Result<>& result) {
                        SG_CHECK(result.has_value());
                        durable.count_down();
                      });
      }
      durable.wait();
    }
  }

 private:
  static std::unique_ptr<store::Database> open(const base::Path& file) {
    static constexpr auto kMigrations = std::to_array<store::Migration>({{"bench", 1, kTables}});
    return store::Database::open(file, crypto::Secret::copy(bench::kKey), kMigrations).value();
  }
  static base::Result<> insert(store::Connection& writer, std::int64_t number) {
    SG_TRY(store::Statement step, writer.query(kInsertStep));
    SG_TRY(step.bind(1, kRun).bind(2, number).bind(3, base::BytesView(kRecord)).run());
    SG_TRY(store::Statement event, writer.query(kInsertEvent));
    return event.bind(1, kRun).bind(2, base::BytesView(kBody)).run();
  }

  std::unique_ptr<store::Database> database_;
  std::unique_ptr<store::Ledger> ledger_;
  std::int64_t number_ = 0;
};

class RawLoop {
 public:
  explicit RawLoop(const base::Path& file) : database_(file, kTables) {}

  void write(std::size_t count, std::size_t batch) {
    for (std::size_t done = 0; done < count; done += batch) {
      run(begin_);
      for (std::size_t i = 0; i < batch; ++i) {
        sqlite3_bind_text(step_, 1, kRun, -1, SQLITE_STATIC);
        sqlite3_bind_int64(step_, 2, ++number_);
        sqlite3_bind_blob(step_, 3, kRecord.data(), static_cast<int>(kRecord.size()), SQLITE_STATIC);
        run(step_);
        sqlite3_bind_text(event_, 1, kRun, -1, SQLITE_STATIC);
        sqlite3_bind_blob(event_, 2, kBody.data(), static_cast<int>(kBody.size()), SQLITE_STATIC);
        run(event_);
      }
      run(commit_);
    }
  }

 private:
  static void run(sqlite3_stmt* statement) { bench::RawDatabase::run(statement); }

  bench::RawDatabase database_;
  sqlite3_stmt* begin_ = database_.prepare("BEGIN IMMEDIATE");
  sqlite3_stmt* commit_ = database_.prepare("COMMIT");
  sqlite3_stmt* step_ = database_.prepare(kInsertStep);
  sqlite3_stmt* event_ = database_.prepare(kInsertEvent);
  std::int64_t number_ = 0;
};

void compare(const std::string& name, std::size_t count, std::size_t batch) {
  const test::TempDir directory;
  OurLedger ours(directory / "ours.db");
  RawLoop raw(directory / "raw.db");
  bench::compare(
      name, "ops/s", [&] { return bench::per_second(count, [&] { ours.write(count, batch); }); }, "raw-sqlcipher",
      [&] { return bench::per_second(count, [&] { raw.write(count, batch); }); });
}

}  // namespace

int main() {
  if (bench::wanted("ledger-batch-1")) compare("ledger-batch-1", 200, 1);
  if (bench::wanted("ledger-batch-64")) compare("ledger-batch-64", 64 * 40, 64);
  return 0;
}
