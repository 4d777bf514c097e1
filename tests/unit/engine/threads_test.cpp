// The engine on its own threads, with the ledger's: many runs at once, and people who steer them.
#include <condition_variable>
#include <future>

#include "fixture.hpp"
#include "graphs.hpp"

namespace stargraph::engine {
namespace {

using namespace std::chrono_literals;

class Threads : public EngineTest {
 protected:
  void launch(const std::vector<std::string>& graphs) {
    make_engine(graphs);
    engine_.reset();
    ledger_.reset();
    ledger_ = store::Ledger::start(*database_, {}).value();
    limits_.workers = 2;
    const EngineServices services{base::real_env(), *database_, *ledger_, shared_jail(), {}, {}, {}, true};
    engine_ = Engine::make(services, limits_, catalog_).value();
    engine_->on_events([this](const base::RunId&) {
      const std::scoped_lock lock(mutex_);
      ++told_;
      changed_.notify_all();
    });
    ASSERT_TRUE(engine_->start().has_value());
  }
  // Until `run` is in `state`, told by events.
  bool reaches(const base::RunId& run, RunState state) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    std::unique_lock lock(mutex_);
    while (std::chrono::steady_clock::now() < deadline) {
      const std::uint64_t seen = told_;
      lock.unlock();
      if (view(run).state == state) return true;
      lock.lock();
      changed_.wait_until(lock, deadline, [&] { return told_ != seen; });
    }
    return false;
  }
  void TearDown() override { engine_.reset(); }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t told_ = 0;
};

TEST_F(Threads, ManyRunsShareCommits) {
  launch({kLine, kGate});
  std::vector<base::RunId> runs;
  for (int i = 0; i < 64; ++i) runs.push_back(start("line", {{"message", std::to_string(i)}}));
  for (const base::RunId& run : runs) ASSERT_TRUE(reaches(run, RunState::kDone));
  for (const base::RunId& run : runs) {
    EXPECT_EQ(visited(run).size(), 3U);
    EXPECT_TRUE(verify_steps(view(run).basis_hash, steps(run)).has_value());
  }
}

TEST_F(Threads, ALongPollWakesForATask) {
  launch({kWork});
  auto worker = std::async(std::launch::async, [this]() -> std::optional<WorkItem> {
    while (true) {
      auto item = engine_->lease(worker_, {worker_.tenant}, {"test:Act"}).value();
      if (item) return item;
      if (!engine_->wait_for_work(60s)) return std::nullopt;
    }
  });
  const base::RunId run = start("work", {});
  const auto item = worker.get();
  ASSERT_TRUE(item.has_value());
  ASSERT_TRUE(engine_->complete(worker_, {worker_.tenant}, item->id, item->lease, {{"result", 1}}).has_value());
  EXPECT_TRUE(reaches(run, RunState::kDone));
}

TEST_F(Threads, StoppingWakesALongPoll) {
  launch({kWork});
  EXPECT_FALSE(engine_->lease(worker_, {worker_.tenant}, {"test:Act"}).value().has_value());
  auto worker = std::async(std::launch::async, [this] { return engine_->wait_for_work(60s); });
  engine_->stop();
  EXPECT_FALSE(worker.get());
}

TEST_F(Threads, CancelWinsOrComesTooLateButNeverBoth) {
  launch({kGate});
  for (int i = 0; i < 20; ++i) {
    const base::RunId run = start("gate", {{"what", "it"}});
    const auto cancelled = engine_->cancel(caller_, run);
    ASSERT_TRUE(cancelled.has_value()) << cancelled.error().message;
    EXPECT_EQ(view(run).state, RunState::kCancelled);
  }
  engine_->stop();
  const RunPage page = engine_->list_runs(caller_.tenant, {}).value();
  ASSERT_EQ(page.items.size(), 20U);
  for (const RunView& run : page.items) {
    EXPECT_EQ(run.state, RunState::kCancelled);
    EXPECT_EQ(event_types(run.id).back(), "run_cancelled");
  }
}

}  // namespace
}  // namespace stargraph::engine
