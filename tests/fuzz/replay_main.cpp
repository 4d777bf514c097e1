// Runs a fuzz target over files and folders, without libFuzzer: the corpus is replayed by every compiler and in every
// run of the tests. The first argument that holds no file is an error, so that an empty corpus does not pass.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

int run_all(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) {
    run(path);
    return 1;
  }
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (!entry.is_regular_file()) continue;
    run(entry.path());
    ++count;
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  LLVMFuzzerTestOneInput(nullptr, 0);
  for (int i = 1; i < argc; ++i) {
    const int count = std::filesystem::exists(argv[i]) ? run_all(argv[i]) : 0;
    if (count == 0) {
      std::fprintf(stderr, "%s: no input there\n", argv[i]);
      return 1;
    }
    std::printf("%s: %d inputs\n", argv[i], count);
  }
  return 0;
}
