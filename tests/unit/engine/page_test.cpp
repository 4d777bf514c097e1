// Pages of steps and events: bounded in bytes, whatever a run recorded.
#include "fixture.hpp"

namespace stargraph::engine {
namespace {

constexpr std::size_t kMiB = 1 << 20;
constexpr const char* kLine = "ir_version: \"1.0.0\"\nid: line\nnodes: [{id: a, kind: echo}, {id: b, kind: halt}]\n";

// A run that has ended, and behind its own steps and events some of chosen sizes, numbered from 1000.
class PageTest : public EngineTest {
 protected:
  void SetUp() override {
    make_engine({kLine});
    run_ = start("line", {});
    run_all();
  }
  void record(const std::vector<std::size_t>& sizes) {
    const auto wrote = ledger_->run([&](store::Connection& db) -> base::Result<> {
      std::int64_t number = 1000;
      for (const std::size_t size : sizes) {
        const std::string text = '"' + std::string(size - 2, 'x') + '"';
        SG_TRY(store::Statement step,
               db.query("INSERT INTO steps SELECT tenant, run_id, ?1, node, ?2, step_hash, decision_hash FROM steps "
                        "WHERE run_id=?3 ORDER BY number LIMIT 1"));
        step.bind(1, number).bind(2, text).bind(3, run_.str());
        SG_TRY(step.run());
        SG_TRY(store::Statement event,
               db.query("INSERT INTO events SELECT tenant, run_id, ?1, ?2 FROM events WHERE run_id=?3 LIMIT 1"));
        event.bind(1, number++).bind(2, text).bind(3, run_.str());
        SG_TRY(event.run());
      }
      return {};
    });
    ASSERT_TRUE(wrote.has_value()) << wrote.error().message;
  }
  std::size_t steps_from(std::int64_t from, std::int64_t limit = 1000) {
    return engine_->steps(caller_.tenant, run_, base::StepNumber(from), limit)->size();
  }
  std::size_t events_after(std::int64_t after, std::int64_t limit = 1000) {
    return engine_->events(caller_.tenant, run_, base::EventSeq(after), limit)->size();
  }

  base::RunId run_;
};

// A thousand records of megabytes in one reply were the end of the daemon.
TEST_F(PageTest, SG_D_HTTP_APageEndsAtFourMiBOfRecords) {
  record(std::vector<std::size_t>(10, kMiB));
  EXPECT_EQ(steps_from(1000), 4U);
  EXPECT_EQ(steps_from(1004), 4U);
  EXPECT_EQ(steps_from(1008), 2U);
  EXPECT_EQ(steps_from(1010), 0U);
  EXPECT_EQ(events_after(999), 4U);
  EXPECT_EQ(events_after(1003), 4U);
  EXPECT_EQ(events_after(1007), 2U);
  EXPECT_EQ(steps_from(1000, 3), 3U);
  EXPECT_EQ(events_after(999, 3), 3U);
}

TEST_F(PageTest, SG_D_HTTP_ARowThatFitsComesBesides) {
  record({kMiB, kMiB, kMiB, kMiB - 1, kMiB, kMiB});
  EXPECT_EQ(steps_from(1000), 5U);
  EXPECT_EQ(events_after(999), 5U);
}

TEST_F(PageTest, SG_D_HTTP_ARowOverTheCapStandsAlone) {
  record({6 * kMiB, 10, 10});
  EXPECT_EQ(steps_from(1000), 1U);
  EXPECT_EQ(events_after(999), 1U);
  EXPECT_EQ(steps_from(1001), 2U);
}

}  // namespace
}  // namespace stargraph::engine
