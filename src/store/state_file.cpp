#include "store/state_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "stargraph/store/database.hpp"

namespace stargraph::store {
namespace {

using base::Code;
using base::fail;
using base::Path;
using base::Result;

struct FileSystem {
  std::uint64_t magic;
  std::string_view name;
};

// f_type of statfs(2), from linux/magic.h and the file systems' own sources.
constexpr auto kLocal = std::to_array<FileSystem>({
    {0xEF53, "ext"},
    {0x58465342, "xfs"},
    {0x9123683E, "btrfs"},
    {0x2FC12FC1, "zfs"},
    {0xF2F52010, "f2fs"},
    {0xCA451A4E, "bcachefs"},
    {0x3153464A, "jfs"},
    {0x3434, "nilfs"},
    {0x01021994, "tmpfs"},
    {0x858458F6, "ramfs"},
    {0x794C7630, "overlay"},
});
// Named only for the message: what is not local above is refused.
constexpr auto kRemote = std::to_array<FileSystem>({
    {0x6969, "nfs"},        {0x517B, "smb"},        {0xFE534D42, "smb2"},   {0xFF534D42, "cifs"},
    {0x65735546, "fuse"},   {0x01021997, "9p"},     {0x00C36400, "ceph"},   {0x5346414F, "afs"},
    {0x6B414653, "afs"},    {0x0BD00BD0, "lustre"}, {0x73757245, "coda"},   {0x564C, "ncp"},
    {0x01161970, "gfs2"},   {0x7461636F, "ocfs2"},  {0x47504653, "gpfs"},   {0xAAD7AAEA, "panfs"},
    {0x19830326, "beegfs"}, {0x786F4256, "vboxsf"}, {0xBACBACBC, "vmhgfs"},
});

Result<> check_directory(const Path& directory) {
  SG_TRY(const base::FileInfo info, base::real_env().info(directory));
  // Whoever can write here can put another file in the place of ours.
  if (!info.directory) return fail(Code::kConfigInvalid, "database: " + directory.string() + ": not a directory");
  if ((info.mode & 022U) != 0)
    return fail(Code::kModeTooWide, "database: " + directory.string() + ": others may write");
  if (info.uid != ::geteuid() && info.uid != 0) {
    return fail(Code::kWrongOwner, "database: " + directory.string() + ": belongs to another user");
  }
  return {};
}

// True: it was not there and is now, empty and ours.
Result<bool> create_private(const Path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) return false;
  if (fd < 0) {
    const Code code = errno == ENOSPC || errno == EDQUOT ? Code::kDiskLow : Code::kIo;
    return fail(code, "database: " + file.string() + ": " + std::system_category().message(errno));
  }
  const bool exact = ::fchmod(fd, 0600) == 0;  // the umask may have taken more away
  ::close(fd);
  if (!exact) return fail(Code::kIo, "database: " + file.string() + ": cannot set its mode");
  SG_TRY(base::real_env().sync_directory(file.parent_path()));
  return true;
}

// By name only: opening and closing the file here would drop the POSIX locks that another
// connection of this process holds on it.
Result<> check_existing(const Path& file) {
  SG_TRY(base::check_private_file(base::real_env(), file));
  SG_TRY(const base::FileInfo info, base::real_env().info(file));
  // Under a second name it would have a second -wal, and both would be wrong.
  if (info.links != 1) return fail(Code::kConfigInvalid, "database: " + file.string() + ": has several hard links");
  return {};
}

}  // namespace

Result<> judge_file_system(std::uint64_t magic) {
  if (std::ranges::find(kLocal, magic, &FileSystem::magic) != kLocal.end()) return {};
  const auto* remote = std::ranges::find(kRemote, magic, &FileSystem::magic);
  const std::string_view name = remote == kRemote.end() ? "not known to be local" : remote->name;
  return fail(Code::kNetworkFileSystem,
              "file system: " + std::string(name) + ": its locks and syncs cannot be trusted");
}

Result<> check_local_file_system(const Path& directory) {
  struct statfs about{};
  int result = 0;
  do {
    result = ::statfs(directory.c_str(), &about);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    const Code code = errno == ENOENT || errno == ENOTDIR ? Code::kNotFound : Code::kIo;
    return fail(code, "file system: " + directory.string() + ": " + std::system_category().message(errno));
  }
  // Some kernels give the 32-bit magic sign-extended.
  auto verdict = judge_file_system(static_cast<std::uint64_t>(about.f_type) & 0xFFFF'FFFFU);
  if (!verdict) return std::unexpected(base::in_context(directory.string(), std::move(verdict).error()));
  return {};
}

Result<Path> prepare_state_file(const Path& file) {
  std::error_code error;
  const Path named = file.has_parent_path() ? file.parent_path() : Path(".");
  const Path directory = std::filesystem::canonical(named, error);
  if (error) {
    const Code code = error == std::errc::no_such_file_or_directory ? Code::kNotFound : Code::kIo;
    return fail(code, "database: " + named.string() + ": " + error.message());
  }
  SG_TRY(check_local_file_system(directory));
  SG_TRY(check_directory(directory));
  Path path = directory / file.filename();
  SG_TRY(const bool created, create_private(path));
  if (!created) SG_TRY(check_existing(path));
  for (const std::string_view suffix : {"-wal", "-shm", "-journal"}) {
    Path beside = path;
    beside += suffix;
    const auto exists = base::real_env().info(beside);
    if (!exists && exists.error().code == Code::kNotFound) continue;
    auto checked = check_existing(beside);
    // Another process may close the file's last connection, and with it these, at any time.
    if (!checked && checked.error().code != Code::kNotFound) return std::unexpected(std::move(checked).error());
  }
  return path;
}

}  // namespace stargraph::store
