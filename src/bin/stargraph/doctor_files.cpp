#include "doctor_files.hpp"

#include <optional>

#include "process.hpp"
#include "stargraph/base/printable.hpp"

namespace stargraph::cli {
namespace {

using base::Path;

constexpr std::uint32_t kRoot = 0;
constexpr std::uint32_t kChangedByOthers = 0022;

// What is wrong with the first file or folder below `directory`; "" when nothing is.
std::string wrong_below(base::Env& env, const Path& directory, std::uint32_t owner, bool top = true) {
  const auto names = env.list(directory);
  if (!names) return directory.string() + " cannot be read";
  for (const std::string& name : *names) {
    const Path path = directory / name;
    const auto info = env.info(path);
    if (!info) continue;  // gone since
    if ((info->mode & ~0600U & ~(info->directory ? 0700U : 0U)) != 0) return path.string() + " is wider than 0600";
    // The root of a file system of its own has this folder, and nobody but root enters it.
    if (top && info->directory && name == "lost+found" && info->uid == kRoot) continue;
    if (info->uid != owner) return path.string() + " is somebody else's (" + std::to_string(info->uid) + ")";
    if (info->directory) {
      if (std::string found = wrong_below(env, path, owner, false); !found.empty()) return found;
    }
  }
  return "";
}

Wall folder_wall(const Surroundings& around, const std::string& directory, const std::string& who,
                 std::optional<std::uint32_t> owner) {
  const auto wall = [&](WallState state, std::string detail) {
    return Wall{"files." + base::printable(directory), state, std::move(detail)};
  };
  const Path path = below(around.root, directory);
  const auto info = around.env.info(path);
  if (!info) return wall(WallState::kAbsent, "is not there");
  if (!info->directory) return wall(WallState::kAbsent, "is no folder");
  if ((info->mode & 0077U) != 0) return wall(WallState::kAbsent, "is wider than 0700");
  if (!owner) return wall(WallState::kUnseen, "/etc/passwd has no user " + who + ": whose it must be is not known");
  if (info->uid != *owner)
    return wall(WallState::kAbsent, "is somebody else's (" + std::to_string(info->uid) + "), not " + who + "'s");
  if (!around.env.list(path)) return wall(WallState::kUnseen, "only its user and root may look");
  if (const std::string wrong = wrong_below(around.env, path, *owner); !wrong.empty())
    return wall(WallState::kAbsent, base::printable(wrong));
  return wall(WallState::kHeld, "0700, every file 0600, all of it " + who + "'s");
}

Wall configuration_wall(const Surroundings& around, const Site& site) {
  const auto wall = [](WallState state, std::string detail) { return Wall{"configuration", state, std::move(detail)}; };
  const auto folder = around.env.info(below(around.root, "/etc/stargraph"));
  const auto file = around.env.info(below(around.root, "/etc/stargraph/stargraph.yaml"));
  if (!folder || !file) return wall(WallState::kAbsent, "/etc/stargraph/stargraph.yaml is not there");
  if (!file->regular || (file->mode & 0137U) != 0) return wall(WallState::kAbsent, "wider than 0640");
  if (file->uid != kRoot || folder->uid != kRoot || (folder->mode & kChangedByOthers) != 0)
    return wall(WallState::kAbsent, "it, or its folder, may be changed by others than root");
  const auto group = site.daemon_group();
  const bool read_by_group = (file->mode & 0040U) != 0 && file->gid != kRoot;
  if (read_by_group && !group) return wall(WallState::kUnseen, "/etc/group has no group stargraph");
  if (read_by_group && file->gid != *group)
    return wall(WallState::kAbsent, "another group reads it (" + std::to_string(file->gid) + ")");
  return wall(WallState::kHeld, "root's, at most 0640");
}

}  // namespace

std::vector<Wall> file_walls(const Surroundings& around, const Site& site) {
  return {
      folder_wall(around, site.setting("state", "directory", "/var/lib/stargraph"), "stargraph", site.daemon_user()),
      folder_wall(around, site.setting("audit", "state_directory", "/var/lib/stargraph-audit"), "stargraph-audit",
                  site.writer_user()),
      folder_wall(around, site.setting("audit", "log_directory", "/var/log/stargraph"), "stargraph-audit",
                  site.writer_user()),
      configuration_wall(around, site)};
}

}  // namespace stargraph::cli
