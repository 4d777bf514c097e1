// kill -9 in the middle of commits: what was acknowledged is there, and what is there is whole.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "stargraph/store/ledger.hpp"
#include "store_fixture.hpp"

namespace stargraph::store {
namespace {

using base::Result;

class Crash : public StoreTest {
 protected:
  // Posts operations for ever; each acknowledged one writes its number to `out`.
  [[noreturn]] void write_until_killed(std::int64_t first, int out) const {
    auto database = open();
    if (!database) ::_exit(2);
    auto ledger = Ledger::start(**database, {.max_batch = 16, .max_queue = 64});
    if (!ledger) ::_exit(3);
    for (std::int64_t number = first;; ++number) {
      const auto operation = [number](Connection& writer) -> Result<> {
        SG_TRY(Statement insert, writer.query("INSERT INTO notes(id, text) VALUES (?1, ?2)"));
        SG_TRY(insert.bind(1, number).bind(2, std::to_string(number)).run());
        SG_TRY(Statement reply, writer.query("INSERT INTO replies(note) VALUES (?1)"));
        return reply.bind(1, number).run();
      };
      const auto done = [number, out](const Result<>& result) {
        if (result && ::write(out, &number, sizeof number) != sizeof number) ::_exit(4);
      };
      // Mostly queued, so that commits are groups; each eighth waited for, so that the queue stays short.
      if (number % 8 != 0) {
        (*ledger)->post(operation, done);
      } else {
        done((*ledger)->run(operation));
      }
    }
  }

  // The numbers that a child acknowledged before it was killed, after at least `wanted` of them.
  [[nodiscard]] std::set<std::int64_t> run_and_kill(std::int64_t first, std::size_t wanted) const {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      write_until_killed(first, ends[1]);
    }
    ::close(ends[1]);
    std::set<std::int64_t> acknowledged;
    bool killed = false;
    std::int64_t number = 0;
    while (::read(ends[0], &number, sizeof number) == sizeof number) {
      acknowledged.insert(number);
      if (!killed && acknowledged.size() >= wanted) {
        ::kill(child, SIGKILL);  // what is in the pipe already was acknowledged as well
        killed = true;
      }
    }
    ::close(ends[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "status " << status;
    return acknowledged;
  }
};

TEST_F(Crash, SG_D_STATE_KillLosesNothingAcknowledged) {
  std::set<std::int64_t> acknowledged;
  std::int64_t next = 1;
  for (std::size_t round = 0; round < 20; ++round) {
    acknowledged.merge(run_and_kill(next, 1 + round * 7));
    auto database = must_open();
    ASSERT_NE(database, nullptr) << "round " << round;
    auto reader = database->reader().value();
    std::set<std::int64_t> found;
    auto rows =
        reader.query("SELECT n.id, count(r.note) FROM notes n LEFT JOIN replies r ON r.note = n.id GROUP BY n.id")
            .value();
    while (rows.step().value()) {
      found.insert(rows.integer(0));
      EXPECT_EQ(rows.integer(1), 1) << "half an operation: " << rows.integer(0);
    }
    EXPECT_TRUE(std::ranges::includes(found, acknowledged)) << "round " << round << ": an acknowledged one is missing";
    next = *found.rbegin() + 1;
  }
  auto database = must_open();
  auto reader = database->reader().value();
  auto check = reader.query("PRAGMA integrity_check").value();
  ASSERT_TRUE(check.step().value());
  EXPECT_EQ(check.text(0), "ok");
}

}  // namespace
}  // namespace stargraph::store
