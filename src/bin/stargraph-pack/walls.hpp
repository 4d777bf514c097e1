// Walls: what each of the three processes of an act can still do once it has what it needs.
//
//   checker  takes packs apart: nobody, one socket, no file at all
//   front    talks to the person, the audit writer and the two others: nobody, no file but those it has open
//   keeper   has the database and its key: the daemon's user, one socket, no file outside the state directory
//
// Making a socket (a pair of connected ones apart, where rules are tried), starting a program and looking into another
// process end it; each other system call that is not named, and executable memory, is refused. Builds
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
// inherited from the shell is closed, it has a session of its own without a terminal, and nothing can be written on the
// admin's terminal.
[[nodiscard]] bool keep_only(int socket);
// Becomes this user when it is root, for good; nothing to do for root itself.
[[nodiscard]] bool become(std::uint32_t uid, std::uint32_t gid);
[[nodiscard]] bool become_nobody();
// While it lives, files are opened with the rights of this user when the process is root. Root's other groups are given
// up for good.
class FilesAs {
 public:
  FilesAs(std::uint32_t uid, std::uint32_t gid);
  ~FilesAs();
  FilesAs(const FilesAs&) = delete;
  FilesAs& operator=(const FilesAs&) = delete;
  [[nodiscard]] bool good() const { return good_; }

 private:
  bool changed_ = false;
  bool good_ = true;
};
// No core file, no new rights, nobody looks in. It ends with `parent` if that may signal it when it ends: the checker
// does; the keeper, another user than a front that became nobody, ends because its socket closes. After become(), which
// the kernel answers by forgetting the last two.
[[nodiscard]] bool keep_private(pid_t parent);

// The filters, each the last step of its process. False: could not be put up, do not go on.
[[nodiscard]] bool confine_checker();
[[nodiscard]] bool confine_front();  // true when it is confined already; one thread
// Where the kernel has Landlock (5.13 and later, not everywhere switched on), no file outside `state_directory` can be
// opened and no TCP port reached. Elsewhere the user and the filter are the wall.
[[nodiscard]] bool confine_keeper(const base::Path& state_directory);
[[nodiscard]] bool has_landlock();

}  // namespace stargraph::packcli
