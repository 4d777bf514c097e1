// Env for tests: files in memory with the durability of a real disk, a clock that moves only when
// told, seeded random numbers, and faults on demand.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>

#include "stargraph/base/env.hpp"

namespace stargraph::base {

// What an operation on a path is, for fault rules and counts.
enum class EnvOperation : std::uint8_t { kRead, kWrite, kAppend, kSync, kTruncate, kRename, kRemove, kList, kInfo };

class MemoryEnv final : public Env {
 public:
  explicit MemoryEnv(std::uint64_t seed = 1);
  ~MemoryEnv() override;

  // Time moves only here.
  void set_now(Timestamp time);
  void advance(Duration by);

  // A crash: appended bytes that were not synced are gone, open files stay unusable.
  void crash();
  // Called before each operation; an error from it is the operation's result and nothing happens.
  void set_fault(std::function<Result<>(EnvOperation, const Path&)> fault);
  // How many bytes all files together may have; what is beyond is kDiskLow. An append fills what room there is and
  // then fails, as write(2) does.
  void set_capacity(std::optional<std::uint64_t> bytes);
  // The next append writes only so many bytes and fails.
  void tear_next_append(std::uint64_t bytes);
  // A second name for a file.
  void link(const Path& from, const Path& to);
  // Operations done so far, faulted ones included.
  [[nodiscard]] std::uint64_t operations() const;

  Timestamp now() override;
  Duration monotonic() override;
  void random(std::span<std::byte> out) override;
  Result<Bytes> read_file(const Path& path, std::uint64_t max_bytes) override;
  Result<Bytes> read_range(const Path& path, std::uint64_t offset, std::uint64_t max_bytes) override;
  Result<> preallocate(const Path& path, std::uint64_t size, std::uint32_t mode) override;
  Result<> write_file(const Path& path, BytesView bytes, std::uint32_t mode) override;
  Result<std::unique_ptr<AppendFile>> open_append(const Path& path, std::uint32_t mode) override;
  Result<FileInfo> info(const Path& path) override;
  Result<std::vector<std::string>> list(const Path& directory) override;
  Result<> make_directory(const Path& path, std::uint32_t mode) override;
  Result<> rename(const Path& from, const Path& to) override;
  Result<> remove(const Path& path) override;
  Result<> sync_directory(const Path& path) override;

 private:
  class File;
  class Appender;
  Result<> before(EnvOperation operation, const Path& path);
  [[nodiscard]] std::uint64_t room() const;  // bytes; the mutex is held

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<File>> files_;
  std::set<std::string> directories_;
  std::function<Result<>(EnvOperation, const Path&)> fault_;
  std::mt19937_64 generator_;
  Timestamp now_;
  Duration monotonic_{0};
  std::uint64_t operations_ = 0;
  std::optional<std::uint64_t> capacity_;
  std::optional<std::uint64_t> tear_at_;
  std::uint64_t next_inode_ = 1;
  std::uint64_t generation_ = 0;
};

}  // namespace stargraph::base
