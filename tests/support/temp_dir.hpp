// TempDir: a directory of its own for one test, removed with everything in it when the test ends.
#pragma once

#include <stdlib.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace stargraph::test {

class TempDir {
 public:
  // A new directory, mode 0700, under std::filesystem::temp_directory_path().
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "stargraph-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), pattern);
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // A name inside the directory.
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  // Writes a file inside the directory, replacing it, and gives its path. The umask decides its mode.
  std::filesystem::path write(std::string_view name, std::string_view content) const {
    const std::filesystem::path file = path_ / name;
    std::ofstream stream(file, std::ios::binary | std::ios::trunc);
    stream.write(content.data(), static_cast<std::streamsize>(content.size()));
    stream.close();
    if (!stream) throw std::system_error(EIO, std::generic_category(), file.string());
    return file;
  }
  std::filesystem::path write(std::string_view name, std::span<const std::byte> content) const {
    return write(name, std::string_view(reinterpret_cast<const char*>(content.data()), content.size()));
  }
  // The whole file.
  [[nodiscard]] std::string read(std::string_view name) const {
    std::ifstream stream(path_ / name, std::ios::binary);
    if (!stream) throw std::system_error(ENOENT, std::generic_category(), (path_ / name).string());
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }

 private:
  std::filesystem::path path_;
};

}  // namespace stargraph::test
