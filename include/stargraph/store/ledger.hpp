// Ledger: the single writer. Operations queued by any thread are gathered into one transaction, a
// SAVEPOINT each, one fsync for all (group commit).
//
// An operation that returns an error is rolled back alone; the others commit. `done` runs after the
// commit is on disk (or with the error), on the ledger thread, in queue order: law 2, durable before
// visible. When the commit itself fails every operation of the batch gets that error, and whether it is
// on disk is only known after a restart. A ledger whose commit failed stays failed: each later call
// gets kIo.
//
// An operation changes rows and nothing else: BEGIN, COMMIT, ROLLBACK and SAVEPOINT inside it are
// kInternal, and it must leave no foreign key open (kInternal). Each runs once.
// Operations and `done` run without any lock of the ledger; `done` may post(), it must not run().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "stargraph/base/result.hpp"
#include "stargraph/store/database.hpp"

namespace stargraph::store {

class Ledger {
 public:
  using Operation = std::function<base::Result<>(Connection&)>;
  using Done = std::function<void(const base::Result<>&)>;

  struct Limits {
    std::size_t max_batch = 256;     // operations in one transaction
    std::size_t max_queue = 65'536;  // more than that waiting: kBusy
  };
  struct Counters {
    std::uint64_t commits = 0;     // transactions on disk
    std::uint64_t operations = 0;  // operations in them
  };

  // `database` must outlive the ledger. Starts the ledger thread.
  [[nodiscard]] static base::Result<std::unique_ptr<Ledger>> start(Database& database, const Limits& limits);
  // Without a thread of its own: operations run when pump() is called, for tests under a seed.
  [[nodiscard]] static base::Result<std::unique_ptr<Ledger>> manual(Database& database);
  ~Ledger();  // finishes what is queued

  // Queues; `done` may be empty. Any thread. What cannot be queued (kBusy: the queue is full; kIo: the
  // ledger failed) is told to `done` at once, on the caller's thread.
  void post(Operation operation, Done done);
  // Queues and waits until it is on disk. In manual mode it pumps. Any thread but the ledger's own.
  [[nodiscard]] base::Result<> run(const Operation& operation);
  // Manual mode: one batch; false when nothing was queued.
  bool pump();
  [[nodiscard]] Counters counters() const;
  // Why a commit failed, once one has. Any thread.
  [[nodiscard]] std::optional<base::Error> failure() const;

 private:
  struct State;
  explicit Ledger(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace stargraph::store
