// Walls: what each of the three processes of an act can still do once it has what it needs.
//
//   checker  takes packs apart: nobody, one socket, no file at all
//   front    talks to the person, the audit writer and the two others: nobody, no file but those it has open
//   keeper   has the database and its key: the daemon's user, one socket, no file outside the state directory
//
// None can make a socket, start a program, look into another process or make memory executable; that ends it. Builds
// with a sanitizer, or that count coverage, have no system-call filter.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "stargraph/base/env.hpp"
#include "stargraph/base/result.hpp"

namespace stargraph::packcli {

// Where a forked process finds its one socket.
inline constexpr int kOwnSocket = 3;
// The socket becomes kOwnSocket and the only descriptor besides the standard streams, which lead nowhere: whatever was
// inherited from the shell is closed, and nothing can be written on the admin's terminal.
[[nodiscard]] bool keep_only(int socket);
// Becomes this user when it is root, for good; nothing to do for root itself.
[[nodiscard]] bool become(std::uint32_t uid, std::uint32_t gid);
[[nodiscard]] bool become_nobody();
// No core file, no new rights, nobody looks in, and it ends with `parent`. After become(), which the kernel answers by
// forgetting the last two.
[[nodiscard]] bool keep_private(pid_t parent);

// The filters, each the last step of its process. False: could not be put up, do not go on.
[[nodiscard]] bool confine_checker();
[[nodiscard]] bool confine_front();  // true when it is confined already; one thread
// Where the kernel has Landlock (5.13 and later, not everywhere switched on), no file outside `state_directory` can be
// opened and no TCP port reached. Elsewhere the user and the filter are the wall.
[[nodiscard]] bool confine_keeper(const base::Path& state_directory);
[[nodiscard]] bool has_landlock();

}  // namespace stargraph::packcli
