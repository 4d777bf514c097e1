// The daemon's side of the protocol: an evaluator's bytes are an attacker's.
#include "rules/wire.hpp"

#include <gtest/gtest.h>

#include <random>

namespace stargraph::rules {
namespace {

using base::Code;

Outcome sample() {
  Outcome outcome;
  outcome.fired = 3;
  outcome.facts = 7;
  outcome.actions.push_back(
      {1, "r", {"stargraph_action", {{"kind", Symbol{"goto"}}, {"targets", Multifield{Symbol{"a"}, 1.5}}}}});
  outcome.violations.push_back({0, "v", {"bosun.violation", {{"severity", std::string("halt")}}}});
  outcome.provided.push_back({0, "p", {"x", {{"n", std::int64_t{-5}}, {"d", -0.25}}}});
  outcome.trace.push_back({1, "r", {{"node-id", 0}, {"x", -1}}});
  return outcome;
}

std::string body(std::string frame) { return frame.substr(4); }

TEST(Wire, ReadsAnOutcomeBack) {
  const auto read = decode_reply(body(encode_outcome(sample())), 2);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->same_decision(sample()));
}

TEST(Wire, SG_T_PACK_RefusesEveryTruncationOfAnAnswer) {
  const std::string whole = body(encode_outcome(sample()));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_EQ(decode_reply(std::string_view(whole).substr(0, length), 2).error().code, Code::kPackLimit) << length;
  EXPECT_EQ(decode_reply(whole + "x", 2).error().code, Code::kPackLimit);
}

TEST(Wire, SG_E_PACK_SurvivesAnyFlippedByte) {
  const std::string whole = body(encode_outcome(sample()));
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto read = decode_reply(bytes, 2);
    if (!read) continue;
    for (const Derived& derived : read->actions) EXPECT_LT(derived.stage, 2U);
  }
}

TEST(Wire, SG_T_PACK_RefusesStagesThatDoNotExist) {
  EXPECT_EQ(decode_reply(body(encode_outcome(sample())), 1).error().code, Code::kPackLimit);
}

TEST(Wire, SG_D_PACK_RefusesCountsLargerThanTheBytes) {
  std::string bytes(1 + 16, '\0');
  bytes += "\xff\xff\xff\x7f";
  EXPECT_EQ(decode_reply(bytes, 1).error().code, Code::kPackLimit);
}

TEST(Wire, SG_I_PACK_FailureMessagesAreCutAndPrintable) {
  const auto failed =
      decode_reply(body(encode_failure({ReplyStatus::kRuntime, "bad\x1b[31m\n" + std::string(5000, 'x')})), 1);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kRulesRuntime);
  EXPECT_LT(failed.error().message.size(), 1100U);
  EXPECT_EQ(failed.error().message.substr(0, 15), "rules: bad?[31m");
}

TEST(Wire, RefusesTextsThatAreNotUtf8) {
  Outcome outcome = sample();
  outcome.actions[0].rule = "\xc3";
  EXPECT_EQ(decode_reply(body(encode_outcome(outcome)), 2).error().code, Code::kRulesRuntime);
}

TEST(ToText, WritesValuesTheShortWay) {
  EXPECT_EQ(to_text(Symbol{"a"}), "a");
  EXPECT_EQ(to_text(std::int64_t{-3}), "-3");
  EXPECT_EQ(to_text(0.1), "0.1");
  EXPECT_EQ(to_text(2.0), "2.0");
  EXPECT_EQ(to_text(1e300), "1e+300");
  EXPECT_EQ(to_text(Multifield{Symbol{"a"}, 1.5, std::string("b c")}), "a 1.5 b c");
  EXPECT_EQ(symbol_or_string("auto_remediate"), SlotValue(Symbol{"auto_remediate"}));
  EXPECT_EQ(symbol_or_string("two words"), SlotValue(std::string("two words")));
}

}  // namespace
}  // namespace stargraph::rules
