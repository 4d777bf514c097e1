// CMocka's manner for GoogleTest: C seams replaced with -Wl,--wrap=<function> (stargraph_unit_tests(...
// WRAP function)), mocks that give queued values and check the arguments they get.
//
//   extern "C" int __real_fdatasync(int fd);
//   extern "C" int __wrap_fdatasync(int fd) {
//     if (!mock_active("fdatasync")) return __real_fdatasync(fd);
//     check_expected("fdatasync", "fd", fd);
//     return static_cast<int>(mock_value("fdatasync"));
//   }
//   TEST_F(Log, EndsWhenSyncFails) {
//     will_return("fdatasync", -1);
//     expect_value("fdatasync", "fd", 3);
//     ...
//   }
//
// Use CmockaTest as the fixture: its teardown fails the test when queued values were left over.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace stargraph::testing {

struct CmockaQueues {
  std::map<std::string, std::deque<std::int64_t>> returns;
  std::map<std::string, std::deque<std::int64_t>> expectations;  // "function.parameter"
};

inline CmockaQueues& cmocka_queues() {
  static CmockaQueues queues;
  return queues;
}

// Queues `value` for the next `count` calls of mock_value(function).
inline void will_return(const std::string& function, std::int64_t value, int count = 1) {
  for (int i = 0; i < count; ++i) cmocka_queues().returns[function].push_back(value);
}

inline bool mock_active(const std::string& function) {
  const auto found = cmocka_queues().returns.find(function);
  return found != cmocka_queues().returns.end() && !found->second.empty();
}

inline std::int64_t mock_value(const std::string& function) {
  auto& queue = cmocka_queues().returns[function];
  if (queue.empty()) {
    ADD_FAILURE() << "mock " << function << ": no value queued";
    return 0;
  }
  const std::int64_t value = queue.front();
  queue.pop_front();
  return value;
}

inline void expect_value(const std::string& function, const std::string& parameter, std::int64_t value) {
  cmocka_queues().expectations[function + "." + parameter].push_back(value);
}

template <class T>
void check_expected(const std::string& function, const std::string& parameter, T actual) {
  auto& queue = cmocka_queues().expectations[function + "." + parameter];
  if (queue.empty()) return;
  EXPECT_EQ(static_cast<std::int64_t>(actual), queue.front()) << function << "(" << parameter << ")";
  queue.pop_front();
}

class CmockaTest : public ::testing::Test {
 protected:
  void SetUp() override { cmocka_queues() = {}; }
  void TearDown() override {
    for (const auto& [function, queue] : cmocka_queues().returns)
      EXPECT_TRUE(queue.empty()) << function << ": values left over";
    for (const auto& [parameter, queue] : cmocka_queues().expectations)
      EXPECT_TRUE(queue.empty()) << parameter << ": never checked";
    cmocka_queues() = {};
  }
};

}  // namespace stargraph::testing
