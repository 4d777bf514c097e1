// What stands between an attacker and this appliance, looked at from outside: each wall is held, absent, or cannot be
// seen by who asks. Reads files only; opens no socket, changes nothing, unseals no key. attack.hpp tries them.
#pragma once

#include <string>
#include <vector>

#include "stargraph/base/env.hpp"

namespace stargraph::cli {

enum class WallState : std::uint8_t {
  kHeld,
  kAbsent,
  kUnseen,    // this user, or this moment, cannot tell
  kUntested,  // an attack that could not be made here
};

struct Wall {
  std::string name;  // stable, for monitoring
  WallState state;
  std::string detail;  // what was seen, for people
  bool needed = true;  // false: worth knowing, but an appliance may do without
};

// Where things are; a test puts a made-up machine below `root`.
struct Surroundings {
  base::Path root = "/";
  base::Timestamp now;
  base::Env& env = base::real_env();
};

[[nodiscard]] std::vector<Wall> examine(const Surroundings& surroundings);

// 0: every needed wall is held; 1: one is absent; 6: none is absent, but not every one could be seen or attacked.
[[nodiscard]] int doctor_exit_code(const std::vector<Wall>& walls);

[[nodiscard]] std::string_view wall_state_name(WallState state);

}  // namespace stargraph::cli
