#include "audit/read_ahead.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "audit/line_scan.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kBlockBytes = std::size_t{192} * 1024;
static_assert(kBlockBytes > 2 * kMaxLineBytes, "a block holds the end of at least one line");

// Splits the block's text into lines and decodes each. Touches nothing but the block.
void decode(Block& block) {
  block.lines.clear();
  std::string_view rest = block.text;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    if (line.size() >= kMaxLineBytes) {
      block.too_long = true;
      block.torn_bytes = 0;
      return;
    }
    std::optional<Entry> plain = scan_line(line);
    block.lines.push_back({line, plain ? Result<Entry>(*std::move(plain)) : decode_entry(line)});
    if (!block.lines.back().entry) return;  // nobody looks behind the first bad line
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

Result<> BlockReader::open_next(Block& block) {
  const base::Path& path = files_[next_file_];
  file_ = base::Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file_.open()) {
    return fail(errno == ENOENT ? Code::kNotFound : Code::kIo, "open: " + path.string() + ": " + std::strerror(errno));
  }
  ++next_file_;
  block.begins_file = true;
  return {};
}

// True at the end of the file.
Result<bool> BlockReader::fill(std::string& text) const {
  std::size_t size = text.size();
  text.resize(kBlockBytes);
  while (size < kBlockBytes) {
    // Whoever waits for the mutex meanwhile waits for this block or the one after it.
    // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection)
    const ssize_t count = ::read(file_.get(), text.data() + size, kBlockBytes - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(Code::kIo, "read: " + files_[next_file_ - 1].string() + ": " + std::strerror(errno));
    size += static_cast<std::size_t>(count);
    if (count > 0) continue;
    text.resize(size);
    return true;
  }
  return false;
}

Result<bool> BlockReader::next(Block& block) {
  if (finished_ || (!file_.open() && next_file_ == files_.size())) return false;
  block.begins_file = false;
  block.too_long = false;
  block.torn_bytes = 0;
  if (!file_.open()) SG_TRY(open_next(block));
  block.file = next_file_ - 1;
  block.text.swap(rest_);
  rest_.clear();
  SG_TRY(const bool at_end, fill(block.text));
  const std::size_t lines = block.text.rfind('\n') + 1;  // npos + 1 is 0
  if (at_end) {
    block.torn_bytes = block.text.size() - lines;
    file_ = base::Descriptor();
  } else {
    rest_.assign(block.text, lines);
  }
  const std::size_t tail = block.text.size() - lines;
  block.text.resize(lines);
  // What has no end within a line's length is none, whether the file goes on or not.
  if (tail >= kMaxLineBytes) {
    block.too_long = true;
    block.torn_bytes = 0;
    finished_ = true;
  }
  return true;
}

ReadAhead::ReadAhead(std::vector<base::Path> files, unsigned threads)
    : reader_(std::move(files)), slots_(threads <= 1 ? 1 : std::size_t{2} * threads) {
  for (unsigned i = 1; i < threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

ReadAhead::~ReadAhead() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

// Reads the next block into its slot; the mutex is held and has_room(). Null at the end.
ReadAhead::Slot* ReadAhead::claim() {
  Slot& next = slot(claimed_);
  next.ready = false;
  const Result<bool> read = reader_.next(next.block);
  if (read && !*read) {
    finished_ = true;
    return nullptr;
  }
  ++claimed_;
  next.error.reset();
  if (!read) {
    next.error = read.error();
    next.block.text.clear();
    finished_ = true;
  }
  return &next;
}

Result<const Block*> ReadAhead::next() {
  std::unique_lock lock(mutex_);
  if (in_hand_) ++given_;
  in_hand_ = false;
  changed_.notify_all();
  while (given_ == claimed_ || !slot(given_).ready) {
    if (has_room()) {  // helps, with the block that is needed or a later one
      if (Slot* const mine = claim(); mine != nullptr) {
        lock.unlock();
        decode(mine->block);
        lock.lock();
        mine->ready = true;
      }
    } else if (given_ == claimed_) {
      return nullptr;
    } else {
      changed_.wait(lock);
    }
  }
  Slot& found = slot(given_);
  if (found.error) return std::unexpected(*found.error);
  in_hand_ = true;
  return &found.block;
}

void ReadAhead::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return has_room() || finished_; })) {
    if (finished_ || stop.stop_requested()) return;
    Slot* const mine = claim();
    if (mine == nullptr) break;
    lock.unlock();
    decode(mine->block);
    lock.lock();
    mine->ready = true;
    changed_.notify_all();
  }
  changed_.notify_all();
}

}  // namespace stargraph::audit
