// The operating system behind Env. Every open carries O_CLOEXEC and O_NOFOLLOW.
#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "stargraph/base/check.hpp"
#include "stargraph/base/env.hpp"

namespace stargraph::base {
namespace {

// Leaves nothing of what passed through a buffer behind on the stack.
class Wiped {
 public:
  explicit Wiped(std::span<std::byte> buffer) : buffer_(buffer) {}
  ~Wiped() { ::explicit_bzero(buffer_.data(), buffer_.size()); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;

 private:
  std::span<std::byte> buffer_;
};

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::unexpected<Error> system_error(std::string_view operation, const Path& path, int number) {
  Code code = Code::kIo;
  if (number == ENOENT) code = Code::kNotFound;
  if (number == ENOSPC || number == EDQUOT) code = Code::kDiskLow;
  return fail(code, std::string(operation) + ": " + path.string() + ": " + std::strerror(number));
}

Result<> write_all(int fd, BytesView bytes, const Path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("write", path, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

FileInfo to_info(const struct stat& status) {
  FileInfo info;
  info.size = static_cast<std::uint64_t>(status.st_size);
  info.mode = status.st_mode & 07777U;
  info.uid = status.st_uid;
  info.gid = status.st_gid;
  info.inode = status.st_ino;
  info.links = status.st_nlink;
  info.regular = S_ISREG(status.st_mode);
  info.directory = S_ISDIR(status.st_mode);
  info.symlink = S_ISLNK(status.st_mode);
  return info;
}

class RealAppendFile final : public AppendFile {
 public:
  RealAppendFile(Descriptor fd, Path path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<> append(BytesView bytes) override { return write_all(fd_.get(), bytes, path_); }

  Result<> sync() override {
    if (::fdatasync(fd_.get()) != 0) return system_error("fdatasync", path_, errno);
    return {};
  }

  Result<> truncate(std::uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return system_error("truncate", path_, errno);
    return {};
  }

  Result<std::uint64_t> size() override {
    SG_TRY(const FileInfo now, info());
    return now.size;
  }

  Result<FileInfo> info() override {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0) return system_error("fstat", path_, errno);
    return to_info(status);
  }

 private:
  Descriptor fd_;
  Path path_;
};

class RealEnv final : public Env {
 public:
  Timestamp now() override { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

  Duration monotonic() override {
    timespec time{};
    SG_CHECK(::clock_gettime(CLOCK_MONOTONIC, &time) == 0);
    return std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec / 1000);
  }

  void random(std::span<std::byte> out) override {
    while (!out.empty()) {
      const ssize_t got = ::getrandom(out.data(), out.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      SG_CHECK(got > 0);
      out = out.subspan(static_cast<std::size_t>(got));
    }
  }

  Result<Bytes> read_file(const Path& path, std::uint64_t max_bytes) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.open()) return system_error("open", path, errno);
    Bytes bytes;
    std::array<std::byte, 65536> buffer{};
    const Wiped wiped(buffer);  // it may be a key that is read
    while (true) {
      const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error("read", path, errno);
      if (got == 0) return bytes;
      if (bytes.size() + static_cast<std::size_t>(got) > max_bytes) {
        return fail(Code::kTooLarge,
                    "read: " + path.string() + ": longer than " + std::to_string(max_bytes) + " bytes");
      }
      bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + got);
    }
  }

  Result<Bytes> read_range(const Path& path, std::uint64_t offset, std::uint64_t max_bytes) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.open()) return system_error("open", path, errno);
    Bytes bytes(max_bytes);
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t got =
          ::pread(fd.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error("read", path, errno);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
  }

  Result<> preallocate(const Path& path, std::uint64_t size, std::uint32_t mode) override {
    const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.open()) return system_error("create", path, errno);
    Result<> done;
    if (::fchmod(fd.get(), mode) != 0) done = system_error("chmod", path, errno);
    // Not posix_fallocate: where the file system cannot reserve, it would write zeros and promise nothing.
    int result = 0;
    do result = done ? ::fallocate(fd.get(), 0, 0, static_cast<off_t>(size)) : 0;
    while (result != 0 && errno == EINTR);
    if (result != 0) done = system_error("fallocate", path, errno);
    if (done && ::fsync(fd.get()) != 0) done = system_error("fsync", path, errno);
    if (!done) ::unlink(path.c_str());
    return done;
  }

  Result<> write_file(const Path& path, BytesView bytes, std::uint32_t mode) override {
    Path temporary = path;
    temporary += ".tmp-" + make_uuid7(*this);
    {
      const Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
      if (!fd.open()) return system_error("create", temporary, errno);
      Result<> written = write_all(fd.get(), bytes, temporary);
      if (written && ::fchmod(fd.get(), mode) != 0) written = system_error("chmod", temporary, errno);
      if (written && ::fsync(fd.get()) != 0) written = system_error("fsync", temporary, errno);
      if (!written) {
        ::unlink(temporary.c_str());
        return written;
      }
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
      const int number = errno;
      ::unlink(temporary.c_str());
      return system_error("rename", path, number);
    }
    return sync_directory(path.has_parent_path() ? path.parent_path() : Path("."));
  }

  Result<std::unique_ptr<AppendFile>> open_append(const Path& path, std::uint32_t mode) override {
    constexpr int kFlags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
    Descriptor created(::open(path.c_str(), kFlags | O_CREAT | O_EXCL, 0600));
    if (created.open()) {
      if (::fchmod(created.get(), mode) != 0) return system_error("chmod", path, errno);
      return std::make_unique<RealAppendFile>(std::move(created), path);
    }
    if (errno != EEXIST) return system_error("create", path, errno);
    Descriptor fd(::open(path.c_str(), kFlags));
    if (!fd.open()) return system_error("open", path, errno);
    return std::make_unique<RealAppendFile>(std::move(fd), path);
  }

  Result<FileInfo> info(const Path& path) override {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return system_error("stat", path, errno);
    return to_info(status);
  }

  Result<std::vector<std::string>> list(const Path& directory) override {
    DIR* const stream = ::opendir(directory.c_str());
    if (stream == nullptr) return system_error("list", directory, errno);
    std::vector<std::string> names;
    while (const dirent* const entry = ::readdir(stream)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(stream);
    std::ranges::sort(names);
    return names;
  }

  Result<> make_directory(const Path& path, std::uint32_t mode) override {
    if (::mkdir(path.c_str(), 0700) != 0) {
      if (errno == EEXIST) return {};
      return system_error("mkdir", path, errno);
    }
    if (::chmod(path.c_str(), mode) != 0) return system_error("chmod", path, errno);
    return {};
  }

  Result<> rename(const Path& from, const Path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_error("rename", from, errno);
    return {};
  }

  Result<> remove(const Path& path) override {
    if (::unlink(path.c_str()) != 0) return system_error("remove", path, errno);
    return {};
  }

  Result<> sync_directory(const Path& path) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.open()) return system_error("open", path, errno);
    if (::fsync(fd.get()) != 0) return system_error("fsync", path, errno);
    return {};
  }
};

}  // namespace

Env& real_env() {
  static RealEnv* const env = new RealEnv;  // never destroyed: threads may outlive statics
  return *env;
}

std::string make_uuid7(Env& env) {
  std::array<std::byte, 16> bytes{};
  env.random(bytes);
  const auto millis = static_cast<std::uint64_t>(to_micros(env.now()) / 1000);
  for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<std::byte>((millis >> (40 - 8 * i)) & 0xFF);
  bytes[6] = (bytes[6] & std::byte{0x0F}) | std::byte{0x70};
  bytes[8] = (bytes[8] & std::byte{0x3F}) | std::byte{0x80};
  std::string text = to_hex(bytes);
  for (const std::size_t at : {std::size_t{8}, std::size_t{13}, std::size_t{18}, std::size_t{23}})
    text.insert(at, 1, '-');
  return text;
}

Result<> check_private_file(Env& env, const Path& path, std::uint32_t mode) {
  SG_TRY(const FileInfo info, env.info(path));
  if (!info.regular) return fail(Code::kWrongOwner, "file: " + path.string() + ": not a regular file");
  if ((info.mode & ~mode) != 0) {
    return fail(Code::kModeTooWide, "file: " + path.string() + ": mode is wider than allowed");
  }
  if (info.uid != ::geteuid()) return fail(Code::kWrongOwner, "file: " + path.string() + ": belongs to another user");
  return {};
}

}  // namespace stargraph::base
