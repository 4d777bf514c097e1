// deliver: finished work is offered until it is taken, or until nobody can want it any more.
#include "bin/stargraph-worker/delivery.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace stargraph::worker {
namespace {

using base::Code;
using base::Duration;
using base::fail;
using base::Result;
using namespace std::chrono_literals;

// A daemon that answers offers in this order, the last one for ever, on a clock that moves only when it is waited on.
class DeliveryTest : public ::testing::Test {
 protected:
  using Answer = std::optional<Code>;  // nothing: taken
  Result<> run(std::vector<Answer> answers, Duration lasts) {
    answers_ = std::move(answers);
    const Delivery delivery{
        .offer = [this] { return offer(); }, .beat = [this] { return beat(); }, .lasts = lasts, .beat_every = 20s};
    return deliver(delivery, {[this] { return now_; },
                              [this](Duration time) {
                                waits_.push_back(time);
                                now_ += time;
                              }});
  }
  Result<> offer() {
    const Answer code = answers_[std::min(offers_++, answers_.size() - 1)];
    return code ? fail(*code, "said") : Result<>();
  }
  bool beat() {
    beats_.push_back(now_);
    return heard_;
  }

  std::vector<Answer> answers_;
  std::size_t offers_ = 0;
  std::vector<Duration> waits_;
  std::vector<Duration> beats_;
  bool heard_ = true;
  Duration now_ = 1000s;
};

TEST_F(DeliveryTest, TakenAtOnceItNeitherWaitsNorBeats) {
  EXPECT_TRUE(run({std::nullopt}, 300s));
  EXPECT_EQ(offers_, 1U);
  EXPECT_TRUE(waits_.empty());
  EXPECT_TRUE(beats_.empty());
}

// It was dropped, and the task run again after its lease.
TEST_F(DeliveryTest, SG_D_HTTP_WhatIsRefusedForTheMomentIsOfferedAgain) {
  EXPECT_TRUE(run({Code::kRateLimited, Code::kBusy, Code::kAuditLag, Code::kDiskLow, Code::kTimedOut,
                   Code::kUnavailable, Code::kAuditUnavailable, std::nullopt},
                  300s));
  EXPECT_EQ(offers_, 8U);
  EXPECT_EQ(waits_, (std::vector<Duration>{200ms, 400ms, 800ms, 1600ms, 3200ms, 5s, 5s}));
}

TEST_F(DeliveryTest, SG_D_HTTP_AFinalAnswerEndsIt) {
  for (const Code code : {Code::kLeaseLost, Code::kTaskUnknown, Code::kConflict, Code::kTooLarge, Code::kMalformed,
                          Code::kUnauthenticated, Code::kCapabilityDenied}) {
    offers_ = 0;
    const auto told = run({Code::kBusy, code}, 300s);
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().code, code);
    EXPECT_EQ(offers_, 2U);
  }
}

TEST_F(DeliveryTest, SG_D_HTTP_TheLeaseIsKeptWhileNobodyTakesTheOutput) {
  EXPECT_FALSE(run({Code::kRateLimited}, 60s));
  ASSERT_GE(beats_.size(), 3U);
  EXPECT_EQ(beats_.front(), 1000s);
  for (std::size_t i = 1; i < beats_.size(); ++i) {
    EXPECT_GE(beats_[i] - beats_[i - 1], 20s);
    EXPECT_LE(beats_[i] - beats_[i - 1], 25s);
  }
}

TEST_F(DeliveryTest, SG_D_HTTP_AHeartbeatNobodyHeardIsTriedWithTheNextOffer) {
  heard_ = false;
  EXPECT_TRUE(run({Code::kBusy, Code::kBusy, Code::kBusy, std::nullopt}, 60s));
  EXPECT_EQ(beats_.size(), 3U);
}

TEST_F(DeliveryTest, EndsAtTheDeadlineAfterALastOffer) {
  const auto told = run({Code::kUnavailable}, 60s);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, Code::kTimedOut);
  EXPECT_EQ(now_, 1060s);
  EXPECT_EQ(offers_, waits_.size() + 1);
}

TEST(TimeLeft, IsTheDeadlinesUnlessOurClockCannotBeRight) {
  const base::Timestamp leased{1'800'000'000s};
  const base::Timestamp until = leased + 60s;
  const base::Timestamp deadline = leased + 300s;
  EXPECT_EQ(time_left(leased, until, deadline), 300s);
  EXPECT_EQ(time_left(leased + 10h, until, deadline), 240s);       // ours is ahead
  EXPECT_EQ(time_left(leased - 10h, until, deadline), 240s + 1h);  // ours is behind
  EXPECT_EQ(time_left(leased, deadline, deadline), 300s);
  EXPECT_EQ(time_left(leased + 1s, deadline, leased), 0s);  // no daemon says so
}

}  // namespace
}  // namespace stargraph::worker
