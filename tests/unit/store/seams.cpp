#include "seams.hpp"

#include <sys/vfs.h>

#include <atomic>
#include <cerrno>

#include "support/cmocka.hpp"

namespace {
std::atomic<std::uint64_t> g_syncs{0};
}

namespace stargraph::store {
std::uint64_t syncs() { return g_syncs; }
}  // namespace stargraph::store

using stargraph::testing::mock_active;
using stargraph::testing::mock_value;

// The names are the linker's.
extern "C" {
int __real_fdatasync(int fd);                             // NOLINT
int __real_statfs(const char* path, struct statfs* out);  // NOLINT

int __wrap_fdatasync(int fd) {  // NOLINT
  ++g_syncs;
  if (!mock_active("fdatasync")) return __real_fdatasync(fd);
  const auto value = mock_value("fdatasync");
  if (value == 0) return __real_fdatasync(fd);
  errno = static_cast<int>(value);
  return -1;
}

int __wrap_statfs(const char* path, struct statfs* out) {  // NOLINT
  const int result = __real_statfs(path, out);
  if (mock_active("statfs")) out->f_type = static_cast<decltype(out->f_type)>(mock_value("statfs"));
  return result;
}
}
