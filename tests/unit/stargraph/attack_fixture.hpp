// Targets of an attack in a folder of the test's own, of which none is there yet.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bin/stargraph/attack.hpp"
#include "stargraph/base/descriptor.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::cli {

inline const Wall& find(const std::vector<Wall>& walls, const std::string& name) {
  static const Wall kNone{"none", WallState::kUnseen, "", false};
  for (const Wall& wall : walls) {
    if (wall.name == name) return wall;
  }
  ADD_FAILURE() << "no wall " << name;
  return kNone;
}

class Attack : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root attacks";
    nothing_.entries_socket = dir_ / "entries.sock";
    nothing_.trust_socket = dir_ / "trust.sock";
    nothing_.patience = std::chrono::milliseconds(50);  // only for writers that never send anybody away
    nothing_.of_daemon = nothing_.of_writer = nothing_.of_root = {dir_ / "absent"};
    ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  }
  // What is attacked must still stand there as it did.
  static void expect(const std::vector<Wall>& walls, const std::string& name, WallState state,
                     const std::string& detail = "") {
    const Wall& wall = find(walls, name);
    EXPECT_EQ(wall_state_name(wall.state), wall_state_name(state)) << name << ": " << wall.detail;
    EXPECT_NE(wall.detail.find(detail), std::string::npos) << name << ": " << wall.detail;
  }
  [[nodiscard]] base::Descriptor listen(const std::string& name, mode_t mode) const {
    base::Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = (dir_ / name).string();
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_EQ(::listen(socket.get(), 8), 0);
    return socket;
  }
  void file(const std::string& name, mode_t mode) const {
    static_cast<void>(dir_.write(name, "secret"));
    ASSERT_EQ(::chmod((dir_ / name).c_str(), mode), 0);
  }

  test::TempDir dir_;
  Targets nothing_;  // none of it is there
};

}  // namespace stargraph::cli
