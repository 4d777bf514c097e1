// Env: everything the operating system does for us behind one seam, so that a test can use memory,
// drop what was not synced, fail the n-th call, or move time. Modelled on LevelDB's Env.
//
// All implementations may be called from any thread. Paths are absolute or relative to the working
// directory; symbolic links are never followed in the last component of a path that is opened.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"

namespace stargraph::base {

using Path = std::filesystem::path;

struct FileInfo {
  std::uint64_t size = 0;
  std::uint32_t mode = 0;  // permission bits, 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t inode = 0;
  std::uint64_t links = 0;
  bool regular = false;
  bool directory = false;
  bool symlink = false;
};

// A file open for appending. One thread at a time; the destructor closes it without syncing.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  // All bytes or an error; after an error the end of the file is unknown until truncate().
  virtual Result<> append(BytesView bytes) = 0;
  virtual Result<> sync() = 0;  // fdatasync
  virtual Result<> truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() = 0;
  // The open file itself: to compare inode and link count with the name.
  virtual Result<FileInfo> info() = 0;
};

class Env {
 public:
  virtual ~Env() = default;

  virtual Timestamp now() = 0;                        // wall clock
  virtual Duration monotonic() = 0;                   // since an arbitrary point, never back
  virtual void random(std::span<std::byte> out) = 0;  // from the kernel; ids only, keys come from crypto

  // The whole file; kTooLarge when it is longer than `max_bytes`, kNotFound when absent.
  virtual Result<Bytes> read_file(const Path& path, std::uint64_t max_bytes) = 0;
  // At most `max_bytes` from `offset` on; fewer only where the file ends.
  virtual Result<Bytes> read_range(const Path& path, std::uint64_t offset, std::uint64_t max_bytes) = 0;
  // Old content or new content after a crash, never a mixture: temporary file, sync, rename, sync of
  // the directory. `mode` is exact (the umask does not apply).
  virtual Result<> write_file(const Path& path, BytesView bytes, std::uint32_t mode) = 0;
  // A file of `size` bytes whose blocks are on the disk (fallocate), synced; kDiskLow when they are not to be had,
  // and then there is no file. One that is there already only grows.
  virtual Result<> preallocate(const Path& path, std::uint64_t size, std::uint32_t mode) = 0;
  // Creates with `mode` when absent.
  virtual Result<std::unique_ptr<AppendFile>> open_append(const Path& path, std::uint32_t mode) = 0;
  virtual Result<FileInfo> info(const Path& path) = 0;                        // lstat; kNotFound when absent
  virtual Result<std::vector<std::string>> list(const Path& directory) = 0;   // names, sorted
  virtual Result<> make_directory(const Path& path, std::uint32_t mode) = 0;  // fine when it exists
  virtual Result<> rename(const Path& from, const Path& to) = 0;
  virtual Result<> remove(const Path& path) = 0;
  virtual Result<> sync_directory(const Path& path) = 0;
};

// The operating system. One object, never destroyed.
[[nodiscard]] Env& real_env();

// A UUIDv7 (RFC 9562) from env's clock and random numbers, lower case with dashes.
[[nodiscard]] std::string make_uuid7(Env& env);

// A file that holds a secret or state must be a regular file of ours and not wider than `mode`:
// kModeTooWide, kWrongOwner.
[[nodiscard]] Result<> check_private_file(Env& env, const Path& path, std::uint32_t mode = 0600);

}  // namespace stargraph::base
