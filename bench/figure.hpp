// One figure of a benchmark beside its peer, measured in the same run in turns, as the median of
// several rounds. The line's form is what scripts/bench looks for:
//   BENCH <name> value=<n> unit=<u> peer=<name> peer_value=<n> ratio=<n>
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace stargraph::bench {

// False when STARGRAPH_BENCH_FILTER names other figures.
[[nodiscard]] inline bool wanted(std::string_view name) {
  const char* filter = std::getenv("STARGRAPH_BENCH_FILTER");
  return filter == nullptr || name.find(filter) != std::string_view::npos;
}

[[nodiscard]] inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// `work` does `count` things; gives things a second.
[[nodiscard]] inline double per_second(std::size_t count, const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return static_cast<double>(count) / took.count();
}

inline void print(const std::string& name, double value, const std::string& unit, const std::string& peer,
                  double peer_value, double ratio) {
  std::printf("BENCH %s value=%.1f unit=%s peer=%s peer_value=%.1f ratio=%.3f\n", name.c_str(), value, unit.c_str(),
              peer.c_str(), peer_value, ratio);
  std::fflush(stdout);
}

// Measures both in turns, who is first changing every round, after one round that does not count; the
// ratio is the median of the rounds' own ratios, which a slow moment of the machine moves least.
inline void compare(const std::string& name, const std::string& unit, const std::function<double()>& ours,
                    const std::string& peer, const std::function<double()>& theirs, int rounds = 7) {
  if (!wanted(name)) return;
  std::vector<double> values;
  std::vector<double> peer_values;
  std::vector<double> ratios;
  for (int round = -1; round < rounds; ++round) {
    const bool we_first = round % 2 == 0;
    const double first = we_first ? ours() : theirs();
    const double second = we_first ? theirs() : ours();
    if (round < 0) continue;
    values.push_back(we_first ? first : second);
    peer_values.push_back(we_first ? second : first);
    ratios.push_back(values.back() / peer_values.back());
  }
  print(name, median(values), unit, peer, median(peer_values), median(ratios));
}

}  // namespace stargraph::bench
