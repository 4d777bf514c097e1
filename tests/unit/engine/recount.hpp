// What runs and tenants hold, counted anew from every row: what the counters must say after any act.
#pragma once

#include <map>

#include "fixture.hpp"

namespace stargraph::engine {

class CountedTest : public EngineTest {
 protected:
  using Counts = std::map<std::string, std::int64_t>;

  Counts ask(const std::string& sql) {
    Counts out;
    const auto read = database_->read([&](store::Connection& db) -> base::Result<> {
      SG_TRY(store::Statement rows, db.query(sql));
      while (true) {
        SG_TRY(const bool more, rows.step());
        if (!more) return {};
        out[rows.text(0)] = rows.integer(1);
      }
    });
    EXPECT_TRUE(read.has_value()) << read.error().message;
    return out;
  }
  std::int64_t count(const std::string& table) { return ask("SELECT 'n', count(*) FROM " + table)["n"]; }
  std::int64_t used() { return engine_->use(caller_.tenant)->held; }

  // In the document's words: of each row its texts and 512 bytes.
  Counts recount_runs() {
    Counts out;
    for (const std::string part :
         {"SELECT run_id, 512+length(CAST(data AS BLOB))+length(CAST(cursor AS BLOB))+length(CAST(reason AS BLOB))+"
          "length(CAST(coalesce(error_cause,'') AS BLOB)) FROM runs",
          "SELECT run_id, sum(512+length(CAST(record AS BLOB))) FROM steps GROUP BY run_id",
          "SELECT run_id, sum(512+length(CAST(body AS BLOB))) FROM events GROUP BY run_id",
          "SELECT run_id, sum(512+length(CAST(question AS BLOB))+length(CAST(guards AS BLOB))+"
          "length(CAST(coalesce(response,'') AS BLOB))) FROM interrupts GROUP BY run_id",
          "SELECT run_id, sum(512+length(CAST(config AS BLOB))+length(CAST(input AS BLOB))) FROM work_items GROUP BY "
          "run_id",
          "SELECT run_id, sum(512+length(CAST(key AS BLOB))) FROM idempotency GROUP BY run_id",
          "SELECT run_id, sum(512) FROM revoked_runs GROUP BY run_id"}) {
      for (const auto& [run, bytes] : ask(part)) out[run] += bytes;
    }
    return out;
  }
  void expect_counted(const std::string& after) {
    EXPECT_EQ(ask("SELECT run_id, held_bytes FROM runs"), recount_runs()) << after;
    EXPECT_EQ(ask("SELECT tenant, bytes FROM tenant_use"),
              ask("SELECT tenant, sum(bytes) FROM (SELECT tenant, held_bytes AS bytes FROM runs UNION ALL "
                  "SELECT tenant, 512 FROM removed_runs) GROUP BY tenant"))
        << after;
  }

  // The budget of which nine tenths are `mark`.
  static std::int64_t budget_for(std::int64_t mark) {
    std::int64_t budget = mark;
    while (budget - budget / 10 < mark) ++budget;
    EXPECT_EQ(budget - budget / 10, mark);
    return budget;
  }
  void restart_with_budget(std::int64_t bytes) {
    limits_.tenant_bytes = bytes;
    restart();
  }
  base::Result<StartReply> try_start(const Caller& caller, const std::string& graph, json::Object params,
                                     std::optional<std::string> key = {}) {
    return engine_->start_run(caller, {base::GraphId(graph), std::move(params), std::move(key), "manual"});
  }

  Caller other_{base::ActorName("bob"), base::TenantId("lab"), "request-3"};
};

}  // namespace stargraph::engine
