// The engine on its own threads, with the ledger's: many runs at once, and people who steer them.
#include <condition_variable>
#include <future>

#include "fixture.hpp"
#include "graphs.hpp"
#include "packs.hpp"
#include "unit/policy/sample_policy.hpp"

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

// Policies are exchanged and a pack is revoked while two threads start runs of it: each run rests on one policy or the
// other, and none that rests on the revoked pack is left under way, whoever was faster.
TEST_F(Threads, SG_S_PACK_NothingStartsBehindARevocation) {
  packs_ = {make_execution("bad.line", kLine, "[]")};
  policy::Bundle bundle = policy::sample_bundle();
  bundle.not_before = base::real_env().now() - 1h;
  bundle.not_after = base::real_env().now() + 1h;
  const auto first = policy::in_force(bundle, 1);
  const auto second = policy::in_force(bundle, 2);
  policy_ = first;
  launch({});
  std::vector<std::shared_ptr<const Catalog>> catalogs;
  for (const auto& policy : {first, second}) catalogs.push_back(Catalog::make(packs_, {}, {}, policy).value());
  std::atomic<bool> over{false};
  std::atomic<int> started{0};
  std::vector<std::future<int>> starters;
  for (int i = 0; i < 2; ++i) {
    starters.push_back(std::async(std::launch::async, [&] {
      int refused = 0;
      for (int run = 0; run < 5'000 && !(over && refused > 0); ++run) {
        const auto reply = engine_->start_run(caller_, {base::GraphId("line"), {{"message", "m"}}, {}, "manual"});
        if (reply) {
          ++started;
        } else {
          ++refused;
        }
      }
      return refused;
    }));
  }
  for (int i = 0; started < 40; ++i) engine_->use_catalog(catalogs[static_cast<std::size_t>(i % 2)]);
  const auto stopped = engine_->revoke([](const trust::PackRef& ref) -> std::optional<std::string> {
    return ref.id.str() == "bad.line" ? std::optional<std::string>("digest-revoked") : std::nullopt;
  });
  ASSERT_TRUE(stopped.has_value()) << stopped.error().message;
  engine_->use_catalog(catalogs[0]);
  over = true;
  for (std::future<int>& starter : starters) EXPECT_GT(starter.get(), 0);
  engine_->stop();
  std::set<std::string> bases;
  const RunPage page =
      engine_
          ->list_runs(caller_.tenant,
                      {.status = {}, .since = {}, .until = {}, .trigger_source = {}, .limit = 1000, .offset = 0})
          .value();
  EXPECT_EQ(page.total, started);
  for (const RunView& run : page.items) {
    EXPECT_TRUE(run.state == RunState::kDone || run.state == RunState::kPaused) << run_state_name(run.state);
    bases.insert(run.basis_hash.hex());
  }
  EXPECT_LE(bases.size(), 2U);
}

}  // namespace
}  // namespace stargraph::engine
