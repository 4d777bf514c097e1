#include "stargraph/base/memory_env.hpp"

#include <unistd.h>

#include <algorithm>
#include <limits>

namespace stargraph::base {

class MemoryEnv::File {
 public:
  Bytes bytes;
  std::size_t synced = 0;  // a crash keeps this many bytes
  std::uint32_t mode = 0600;
  std::uint64_t inode = 0;
};

class MemoryEnv::Appender final : public AppendFile {
 public:
  Appender(MemoryEnv& env, std::shared_ptr<File> file, Path path)
      : env_(env), file_(std::move(file)), path_(std::move(path)), generation_(env.generation_) {}

  Result<> append(BytesView bytes) override {
    SG_TRY(usable(EnvOperation::kAppend));
    const std::scoped_lock lock(env_.mutex_);
    const std::uint64_t room = std::min<std::uint64_t>(bytes.size(), env_.room());
    const std::uint64_t written = std::min(room, env_.tear_at_.value_or(room));
    file_->bytes.insert(file_->bytes.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(written));
    const bool torn = env_.tear_at_.has_value();
    env_.tear_at_.reset();
    if (torn) return fail(Code::kIo, "write: " + path_.string() + ": cut short");
    if (written < bytes.size()) return fail(Code::kDiskLow, "write: " + path_.string() + ": no room");
    return {};
  }

  Result<> sync() override {
    SG_TRY(usable(EnvOperation::kSync));
    const std::scoped_lock lock(env_.mutex_);
    file_->synced = file_->bytes.size();
    return {};
  }

  Result<> truncate(std::uint64_t size) override {
    SG_TRY(usable(EnvOperation::kTruncate));
    const std::scoped_lock lock(env_.mutex_);
    file_->bytes.resize(size);
    file_->synced = std::min<std::size_t>(file_->synced, size);
    return {};
  }

  Result<std::uint64_t> size() override {
    const std::scoped_lock lock(env_.mutex_);
    return file_->bytes.size();
  }

  Result<FileInfo> info() override {
    SG_TRY(usable(EnvOperation::kInfo));
    const std::scoped_lock lock(env_.mutex_);
    FileInfo info;
    info.size = file_->bytes.size();
    info.mode = file_->mode;
    info.uid = ::geteuid();
    info.gid = ::getegid();
    info.inode = file_->inode;
    info.regular = true;
    info.links = static_cast<std::uint64_t>(
        std::ranges::count_if(env_.files_, [&](const auto& entry) { return entry.second == file_; }));
    return info;
  }

 private:
  Result<> usable(EnvOperation operation) {
    SG_TRY(env_.before(operation, path_));
    if (generation_ != env_.generation_) return fail(Code::kIo, "file: " + path_.string() + ": closed by a crash");
    return {};
  }

  MemoryEnv& env_;  // outlives every file it opened
  std::shared_ptr<File> file_;
  Path path_;
  std::uint64_t generation_;
};

MemoryEnv::MemoryEnv(std::uint64_t seed)
    : directories_{"/"}, generator_(seed), now_(from_micros(1'767'225'600'000'000)) {}  // 2026-01-01

MemoryEnv::~MemoryEnv() = default;

void MemoryEnv::set_now(Timestamp time) {
  const std::scoped_lock lock(mutex_);
  now_ = time;
}

void MemoryEnv::advance(Duration by) {
  const std::scoped_lock lock(mutex_);
  now_ += by;
  monotonic_ += by;
}

void MemoryEnv::crash() {
  const std::scoped_lock lock(mutex_);
  ++generation_;
  for (auto& [name, file] : files_) {
    auto kept = std::make_shared<File>(*file);
    kept->bytes.resize(std::min(kept->bytes.size(), kept->synced));
    file = std::move(kept);
  }
}

void MemoryEnv::set_fault(std::function<Result<>(EnvOperation, const Path&)> fault) {
  const std::scoped_lock lock(mutex_);
  fault_ = std::move(fault);
}

void MemoryEnv::set_capacity(std::optional<std::uint64_t> bytes) {
  const std::scoped_lock lock(mutex_);
  capacity_ = bytes;
}

void MemoryEnv::tear_next_append(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  tear_at_ = bytes;
}

void MemoryEnv::link(const Path& from, const Path& to) {
  const std::scoped_lock lock(mutex_);
  files_[to.string()] = files_.at(from.string());
}

std::uint64_t MemoryEnv::room() const {
  if (!capacity_) return std::numeric_limits<std::uint64_t>::max();
  std::uint64_t used = 0;
  for (const auto& [name, file] : files_) used += file ? file->bytes.size() : 0;
  return *capacity_ - std::min(used, *capacity_);
}

std::uint64_t MemoryEnv::operations() const {
  const std::scoped_lock lock(mutex_);
  return operations_;
}

Result<> MemoryEnv::before(EnvOperation operation, const Path& path) {
  std::function<Result<>(EnvOperation, const Path&)> fault;
  {
    const std::scoped_lock lock(mutex_);
    ++operations_;
    fault = fault_;
  }
  if (fault) return fault(operation, path);
  return {};
}

Timestamp MemoryEnv::now() {
  const std::scoped_lock lock(mutex_);
  return now_;
}

Duration MemoryEnv::monotonic() {
  const std::scoped_lock lock(mutex_);
  return monotonic_;
}

void MemoryEnv::random(std::span<std::byte> out) {
  const std::scoped_lock lock(mutex_);
  for (std::byte& byte : out) byte = static_cast<std::byte>(generator_() & 0xFF);
}

Result<Bytes> MemoryEnv::read_file(const Path& path, std::uint64_t max_bytes) {
  SG_TRY(before(EnvOperation::kRead, path));
  const std::scoped_lock lock(mutex_);
  const auto found = files_.find(path.string());
  if (found == files_.end()) return fail(Code::kNotFound, "open: " + path.string() + ": no such file");
  if (found->second->bytes.size() > max_bytes) {
    return fail(Code::kTooLarge, "read: " + path.string() + ": longer than " + std::to_string(max_bytes) + " bytes");
  }
  return found->second->bytes;
}

Result<Bytes> MemoryEnv::read_range(const Path& path, std::uint64_t offset, std::uint64_t max_bytes) {
  SG_TRY(before(EnvOperation::kRead, path));
  const std::scoped_lock lock(mutex_);
  const auto found = files_.find(path.string());
  if (found == files_.end()) return fail(Code::kNotFound, "open: " + path.string() + ": no such file");
  const Bytes& bytes = found->second->bytes;
  const std::size_t begin = std::min<std::size_t>(offset, bytes.size());
  const std::size_t count = std::min<std::size_t>(max_bytes, bytes.size() - begin);
  const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(begin);
  return Bytes(first, first + static_cast<std::ptrdiff_t>(count));
}

Result<> MemoryEnv::preallocate(const Path& path, std::uint64_t size, std::uint32_t mode) {
  SG_TRY(before(EnvOperation::kWrite, path));
  const std::scoped_lock lock(mutex_);
  auto& file = files_[path.string()];
  const std::uint64_t more = size - std::min<std::uint64_t>(size, file ? file->bytes.size() : 0);
  if (more > room()) {
    files_.erase(path.string());
    return fail(Code::kDiskLow, "fallocate: " + path.string() + ": no room");
  }
  if (!file) {
    file = std::make_shared<File>();
    file->inode = next_inode_++;
  }
  file->mode = mode;
  file->bytes.resize(file->bytes.size() + more);
  file->synced = file->bytes.size();
  return {};
}

Result<> MemoryEnv::write_file(const Path& path, BytesView bytes, std::uint32_t mode) {
  SG_TRY(before(EnvOperation::kWrite, path));
  const std::scoped_lock lock(mutex_);
  if (bytes.size() > room()) return fail(Code::kDiskLow, "create: " + path.string() + ": no room");
  auto file = std::make_shared<File>();
  file->bytes.assign(bytes.begin(), bytes.end());
  file->synced = file->bytes.size();
  file->mode = mode;
  file->inode = next_inode_++;
  files_[path.string()] = std::move(file);
  return {};
}

Result<std::unique_ptr<AppendFile>> MemoryEnv::open_append(const Path& path, std::uint32_t mode) {
  SG_TRY(before(EnvOperation::kWrite, path));
  const std::scoped_lock lock(mutex_);
  auto& file = files_[path.string()];
  if (!file) {
    file = std::make_shared<File>();
    file->mode = mode;
    file->inode = next_inode_++;
  }
  return std::make_unique<Appender>(*this, file, path);
}

Result<FileInfo> MemoryEnv::info(const Path& path) {
  SG_TRY(before(EnvOperation::kInfo, path));
  const std::scoped_lock lock(mutex_);
  FileInfo info;
  info.uid = ::geteuid();
  info.gid = ::getegid();
  if (directories_.contains(path.string())) {
    info.mode = 0700;
    info.directory = true;
    return info;
  }
  const auto found = files_.find(path.string());
  if (found == files_.end()) return fail(Code::kNotFound, "stat: " + path.string() + ": no such file");
  info.size = found->second->bytes.size();
  info.mode = found->second->mode;
  info.inode = found->second->inode;
  info.links = static_cast<std::uint64_t>(
      std::ranges::count_if(files_, [&](const auto& entry) { return entry.second == found->second; }));
  info.regular = true;
  return info;
}

Result<std::vector<std::string>> MemoryEnv::list(const Path& directory) {
  SG_TRY(before(EnvOperation::kList, directory));
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> names;
  const auto collect = [&](const std::string& name) {
    const Path path(name);
    if (path != directory && path.parent_path() == directory) names.push_back(path.filename().string());
  };
  for (const auto& [name, file] : files_) collect(name);
  for (const std::string& name : directories_) collect(name);
  std::ranges::sort(names);
  return names;
}

Result<> MemoryEnv::make_directory(const Path& path, std::uint32_t /*mode*/) {
  SG_TRY(before(EnvOperation::kWrite, path));
  const std::scoped_lock lock(mutex_);
  directories_.insert(path.string());
  return {};
}

Result<> MemoryEnv::rename(const Path& from, const Path& to) {
  SG_TRY(before(EnvOperation::kRename, from));
  const std::scoped_lock lock(mutex_);
  const auto found = files_.find(from.string());
  if (found == files_.end()) return fail(Code::kNotFound, "rename: " + from.string() + ": no such file");
  auto file = found->second;
  files_.erase(found);
  files_[to.string()] = std::move(file);
  return {};
}

Result<> MemoryEnv::remove(const Path& path) {
  SG_TRY(before(EnvOperation::kRemove, path));
  const std::scoped_lock lock(mutex_);
  if (files_.erase(path.string()) == 0) return fail(Code::kNotFound, "remove: " + path.string() + ": no such file");
  return {};
}

Result<> MemoryEnv::sync_directory(const Path& path) { return before(EnvOperation::kSync, path); }

}  // namespace stargraph::base
