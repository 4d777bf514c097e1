// Warm evaluators when the machine runs short.
#include "engine/evaluators.hpp"

#include <optional>

#include "fixture.hpp"
#include "support/descriptors.hpp"

namespace stargraph::engine {
namespace {

using base::Code;

std::string halting(const std::string& id) {
  return "ir_version: \"1.0.0\"\nid: " + id +
         "\nnodes: [{id: a, kind: echo}]\nrules: [{id: r, when: {node: a}, then: [{kind: halt}]}]\n";
}

class EvaluatorsTest : public EngineTest {};

// One descriptor is left and a new process takes two: the idle one makes room for whoever tries again.
TEST_F(EvaluatorsTest, SG_D_STATE_IdleOnesMakeRoomForOthers) {
  make_engine({halting("one"), halting("two")});
  const auto one = catalog_->find(base::GraphId("one"));
  const auto two = catalog_->find(base::GraphId("two"));
  Evaluators evaluators(shared_jail(), 1, 64);
  ASSERT_TRUE(evaluators.evaluate(*one, {}).has_value());
  std::optional<stargraph::test::OnlyDescriptors> shortage(1);
  const auto refused = evaluators.evaluate(*two, {});
  const auto again = evaluators.evaluate(*two, {});
  shortage.reset();
  EXPECT_EQ(why(refused), Code::kBusy);
  EXPECT_TRUE(again.has_value());
}

}  // namespace
}  // namespace stargraph::engine
