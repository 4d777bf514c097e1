// What the kernel knows of processes and descriptors, for tests that nothing is left behind.
#pragma once

#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace stargraph::rules {

inline std::size_t open_descriptors(int pid) {
  std::error_code error;
  std::size_t count = 0;
  for (auto it = std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    ++count;
  }
  return error ? 0 : count;
}

// Processes whose parent is `pid`, zombies too.
inline std::set<int> children_of(int pid) {
  std::set<int> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream stat(entry.path() / "stat");
    std::string line;
    std::getline(stat, line);
    const std::size_t after_name = line.rfind(')');
    if (after_name == std::string::npos) continue;
    std::istringstream rest(line.substr(after_name + 2));
    std::string state;
    int parent = 0;
    rest >> state >> parent;
    if (parent == pid) children.insert(std::atoi(name.c_str()));
  }
  return children;
}

}  // namespace stargraph::rules
