#include "stargraph/store/ledger.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "stargraph/base/check.hpp"
#include "store/connection_state.hpp"

namespace stargraph::store {

using base::Code;
using base::Error;
using base::fail;
using base::Result;

struct Ledger::State {
  struct Item {
    Operation operation;
    Done done;
  };
  // Held for the ledger's life, so that no operation finds one of them in the statement cache: what it
  // compiles itself the authorizer refuses.
  struct Steps {
    Statement begin, savepoint, release, rollback_to, commit, rollback;
  };

  State(Connection connection, Steps compiled, const Limits& limit)
      : writer(std::move(connection)), steps(std::move(compiled)), limits(limit) {}

  static Result<std::unique_ptr<State>> make(Database& database, const Limits& limits);

  void loop() noexcept;
  std::vector<Item> take_batch();  // mutex held
  void process(std::vector<Item> batch);
  std::vector<Result<>> commit_batch(const std::vector<Item>& batch);
  Result<> apply(const Operation& operation);
  Result<> call(const Operation& operation);
  void abandon();
  bool in_transaction() const { return sqlite3_get_autocommit(writer.state_->handle.get()) == 0; }
  bool foreign_keys_open() const;

  // Of the thread that pumps: the ledger's own or, in manual mode, the test's.
  Connection writer;
  Steps steps;
  std::optional<Error> lost;  // the transaction of this batch cannot go on

  const Limits limits;
  bool manual = false;
  std::atomic<std::thread::id> pumping{};

  mutable std::mutex mutex;  // guards what follows
  std::condition_variable arrived;
  std::deque<Item> queue;
  bool stopping = false;
  std::optional<Error> failed;  // latched by a failed commit: its reason
  Counters counters;

  std::thread thread;
};

namespace {

Error failed_before() { return {Code::kIo, "ledger: closed: an earlier commit failed"}; }

std::vector<Result<>> all_failed(std::size_t count, const Error& error) {
  std::vector<Result<>> results;
  results.reserve(count);
  for (std::size_t i = 0; i < count; ++i) results.emplace_back(std::unexpected(error));
  return results;
}

}  // namespace

Result<std::unique_ptr<Ledger::State>> Ledger::State::make(Database& database, const Limits& limits) {
  SG_CHECK(limits.max_batch > 0 && limits.max_queue > 0);
  SG_TRY(Connection writer, database.writer());
  writer.take_over_checkpoints();
  SG_TRY(Statement begin, writer.query("BEGIN IMMEDIATE"));
  SG_TRY(Statement savepoint, writer.query("SAVEPOINT operation"));
  SG_TRY(Statement release, writer.query("RELEASE operation"));
  SG_TRY(Statement rollback_to, writer.query("ROLLBACK TO operation"));
  SG_TRY(Statement commit, writer.query("COMMIT"));
  SG_TRY(Statement rollback, writer.query("ROLLBACK"));
  Steps steps{std::move(begin),       std::move(savepoint), std::move(release),
              std::move(rollback_to), std::move(commit),    std::move(rollback)};
  return std::make_unique<State>(std::move(writer), std::move(steps), limits);
}

void Ledger::State::loop() noexcept {
  pumping = std::this_thread::get_id();
  while (true) {
    std::vector<Item> batch;
    {
      std::unique_lock lock(mutex);
      arrived.wait(lock, [this] { return stopping || !queue.empty(); });
      if (queue.empty()) return;
      batch = take_batch();
    }
    process(std::move(batch));
  }
}

std::vector<Ledger::State::Item> Ledger::State::take_batch() {
  const auto count = static_cast<std::ptrdiff_t>(std::min(queue.size(), limits.max_batch));
  const auto end = queue.begin() + count;
  std::vector<Item> batch(std::move_iterator(queue.begin()), std::move_iterator(end));
  queue.erase(queue.begin(), end);
  return batch;
}

void Ledger::State::process(std::vector<Item> batch) {
  const std::vector<Result<>> results = commit_batch(batch);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (batch[i].done) batch[i].done(results[i]);
  }
}

std::vector<Result<>> Ledger::State::commit_batch(const std::vector<Item>& batch) {
  {
    const std::scoped_lock lock(mutex);
    if (failed) return all_failed(batch.size(), failed_before());
  }
  lost.reset();
  if (const Result<> begun = steps.begin.run(); !begun) return all_failed(batch.size(), begun.error());
  std::vector<Result<>> results;
  results.reserve(batch.size());
  std::uint64_t good = 0;
  for (const Item& item : batch) {
    results.push_back(apply(item.operation));
    if (lost) {
      abandon();
      return all_failed(batch.size(), *lost);
    }
    if (results.back()) ++good;
  }
  if (good == 0) {  // nothing to make durable, no fsync
    abandon();
    return results;
  }
  const Result<> committed = steps.commit.run();
  if (!committed) abandon();
  const std::scoped_lock lock(mutex);
  if (!committed) {
    failed = base::in_context("ledger: commit", committed.error());
    return all_failed(batch.size(), *failed);
  }
  ++counters.commits;
  counters.operations += good;
  return results;
}

// One operation between SAVEPOINT and RELEASE.
Result<> Ledger::State::apply(const Operation& operation) {
  SG_TRY(steps.savepoint.run());
  Result<> result = call(operation);
  if (!in_transaction()) {
    // SQLite gave up the whole transaction (disk full, I/O error), and with it the operations before.
    lost = result ? Error{Code::kIo, "ledger: operation: the transaction was rolled back"} : result.error();
    return result;
  }
  if (result && foreign_keys_open()) {
    result = fail(Code::kInternal, "ledger: operation: leaves a foreign key open");
  }
  Result<> ended;
  if (!result) ended = steps.rollback_to.run();
  if (ended) ended = steps.release.run();
  if (!ended) lost = ended.error();
  return result;
}

Result<> Ledger::State::call(const Operation& operation) {
  writer.state_->may_use_transactions = false;
  Result<> result = operation(writer);
  writer.state_->may_use_transactions = true;
  return result;
}

void Ledger::State::abandon() {
  if (!in_transaction()) return;
  const Result<> undone = steps.rollback.run();
  // A connection that cannot even roll back would carry these changes into the next batch.
  SG_CHECK(undone.has_value() || !in_transaction());
}

// A deferred foreign key would otherwise fail the COMMIT of everybody.
bool Ledger::State::foreign_keys_open() const {
  int open = 0;
  int highest = 0;
  sqlite3_db_status(writer.state_->handle.get(), SQLITE_DBSTATUS_DEFERRED_FKS, &open, &highest, 0);
  return open != 0;
}

Ledger::Ledger(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Ledger>> Ledger::start(Database& database, const Limits& limits) {
  SG_TRY(auto state, State::make(database, limits));
  State* const running = state.get();
  std::unique_ptr<Ledger> ledger(new Ledger(std::move(state)));
  running->thread = std::thread([running] { running->loop(); });
  return ledger;
}

Result<std::unique_ptr<Ledger>> Ledger::manual(Database& database) {
  SG_TRY(auto state, State::make(database, Limits{}));
  state->manual = true;
  return std::unique_ptr<Ledger>(new Ledger(std::move(state)));
}

Ledger::~Ledger() {
  if (state_->manual) {
    while (pump()) {
    }
    return;
  }
  {
    const std::scoped_lock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->arrived.notify_one();
  state_->thread.join();
}

void Ledger::post(Operation operation, Done done) {
  SG_CHECK(operation != nullptr);
  std::optional<Error> refused;
  std::unique_lock lock(state_->mutex);
  if (state_->failed) {
    refused = failed_before();
  } else if (state_->queue.size() >= state_->limits.max_queue) {
    refused = Error{Code::kBusy, "ledger: queue: full"};
  }
  if (!refused) {
    state_->queue.push_back({std::move(operation), std::move(done)});
    lock.unlock();
    state_->arrived.notify_one();
    return;
  }
  lock.unlock();
  if (done) done(std::unexpected(*refused));
}

Result<> Ledger::run(const Operation& operation) {
  // The ledger's thread would wait for itself.
  SG_CHECK(state_->pumping.load() != std::this_thread::get_id());
  struct Wait {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<Result<>> result;
  } wait;
  post([&operation](Connection& writer) { return operation(writer); },
       [&wait](const Result<>& result) {
         // Under the lock to the end: `wait` goes as soon as the waiter sees the result.
         const std::scoped_lock lock(wait.mutex);
         wait.result = result;
         wait.came.notify_one();
       });
  if (state_->manual) {
    while (pump()) {
    }
  }
  std::unique_lock lock(wait.mutex);
  wait.came.wait(lock, [&wait] { return wait.result.has_value(); });
  return *std::move(wait.result);
}

bool Ledger::pump() {
  SG_CHECK(state_->manual && state_->pumping.load() == std::thread::id{});
  std::vector<State::Item> batch;
  {
    const std::scoped_lock lock(state_->mutex);
    if (state_->queue.empty()) return false;
    batch = state_->take_batch();
  }
  state_->pumping = std::this_thread::get_id();
  state_->process(std::move(batch));
  state_->pumping = std::thread::id{};
  return true;
}

std::optional<Error> Ledger::failure() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->failed;
}

Ledger::Counters Ledger::counters() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->counters;
}

}  // namespace stargraph::store
