#include "attack_files.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "stargraph/base/descriptor.hpp"
#include "stargraph/base/printable.hpp"

namespace stargraph::cli {
namespace {

using base::Path;
using Kind = Outcome::Kind;

constexpr std::size_t kMaxPaths = 20'000;  // of one folder tree; each is tried by each stranger

struct Listing {
  std::vector<Path> paths;
  bool whole = true;  // nothing that is there is missing
};

// The folders and what lies in them, as root sees it.
Listing everything_in(const std::vector<Path>& places) {
  Listing found;
  for (const Path& place : places) {
    std::error_code error;
    const auto type = std::filesystem::symlink_status(place, error).type();
    if (type == std::filesystem::file_type::not_found) continue;
    found.paths.push_back(place);
    if (type != std::filesystem::file_type::directory) continue;
    std::filesystem::recursive_directory_iterator at(place, error);
    for (const std::filesystem::recursive_directory_iterator end; !error && at != end; at.increment(error)) {
      if (found.paths.size() >= kMaxPaths) return found.whole = false, found;
      found.paths.push_back(at->path());
    }
    if (error) found.whole = false;
  }
  return found;
}

// Opens for reading; for writing it only asks. 0, EACCES, or the errno of a path that could not be tried.
int try_to_touch(const Path& path) {
  const base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  const int error = file.open() ? 0 : errno;
  if (error == 0 || ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0) return 0;
  // Gone since, a link and a socket are no files to read.
  return error == ENOENT || error == ELOOP || error == ENXIO ? EACCES : error;
}

}  // namespace

Tried attack_files(const std::vector<Path>& places, const std::string& stranger, const Identity& as) {
  const auto [paths, whole] = everything_in(places);
  if (paths.empty()) return {WallState::kUntested, "there is nothing to open"};
  // The child tells by shared memory which one it could open.
  void* const shared = ::mmap(nullptr, sizeof(std::size_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return {WallState::kUntested, "no memory"};
  auto* const found = static_cast<volatile std::size_t*>(shared);
  const Outcome tried = attempt([&] { return become(as); },
                                [&] {
                                  int odd = 0;
                                  for (std::size_t i = 0; i < paths.size(); ++i) {
                                    const int error = try_to_touch(paths[i]);
                                    if (error == 0 || odd == 0) *found = i;
                                    if (error == 0) return 0;
                                    if (error != EACCES) odd = error;
                                  }
                                  return odd == 0 ? EACCES : odd;
                                });
  const std::size_t last = *found;
  const std::string at = base::printable(paths.at(last).string());
  ::munmap(shared, sizeof(std::size_t));
  if (tried.kind == Kind::kDone) return {WallState::kAbsent, stranger + " could open " + at};
  if (!tried.is(EACCES)) return {WallState::kUntested, "could not be tried, or not in time: " + at};
  const std::string none =
      stranger + " could open none of " + std::to_string(paths.size()) + (paths.size() == 1 ? " path" : " paths");
  if (!whole) return {WallState::kUntested, none + ", but there are others that were not tried"};
  return {WallState::kHeld, none};
}

}  // namespace stargraph::cli
