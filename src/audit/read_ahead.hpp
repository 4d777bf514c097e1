// ReadAhead: a log's lines in their order, decoded by several threads.
//
// Reading, splitting, parsing and hashing need no other line, so threads do them ahead in blocks; what one line means
// after another stays with the one caller. Memory is bounded: some blocks of 192 KiB, however long the log is.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "stargraph/audit/entry.hpp"
#include "stargraph/base/descriptor.hpp"
#include "stargraph/base/env.hpp"

namespace stargraph::audit {

struct DecodedLine {
  std::string_view line;      // without "\n", in the block's text
  base::Result<Entry> entry;  // decode_entry's; an entry of the daemon may lack its data (line_scan.hpp)
};

struct Block {
  std::size_t file = 0;      // which of the files
  bool begins_file = false;  // its first block; an empty file has one block without lines
  std::string text;
  std::vector<DecodedLine> lines;
  std::uint64_t torn_bytes = 0;  // after the last line, at the end of the file
  bool too_long = false;         // the line after the last one here is longer than 64 KiB; nothing follows
};

// Blocks of whole lines from files, one after the other. Not for more than one thread at once.
class BlockReader {
 public:
  explicit BlockReader(std::vector<base::Path> files) : files_(std::move(files)) {}
  // False when the files are at their end. kNotFound, kIo.
  [[nodiscard]] base::Result<bool> next(Block& block);

 private:
  [[nodiscard]] base::Result<> open_next(Block& block);
  [[nodiscard]] base::Result<bool> fill(std::string& text) const;

  std::vector<base::Path> files_;
  std::size_t next_file_ = 0;
  base::Descriptor file_;
  std::string rest_;  // the beginning of the next line
  bool finished_ = false;
};

class ReadAhead {
 public:
  // `threads` decode, the caller's counted: 1 starts none.
  ReadAhead(std::vector<base::Path> files, unsigned threads);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The next block, or null at the end; it stays until the next call. kNotFound, kIo: then there are no more.
  [[nodiscard]] base::Result<const Block*> next();

 private:
  struct Slot {
    Block block;
    std::optional<base::Error> error;
    bool ready = false;
  };
  [[nodiscard]] bool has_room() const { return !finished_ && claimed_ < given_ + slots_.size(); }
  Slot& slot(std::uint64_t number) { return slots_[number % slots_.size()]; }
  Slot* claim();
  void work(const std::stop_token& stop);

  BlockReader reader_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Slot> slots_;
  std::uint64_t claimed_ = 0;          // blocks that somebody decodes or has decoded
  std::uint64_t given_ = 0;            // blocks the caller is done with
  bool in_hand_ = false;               // the caller has block number given_
  bool finished_ = false;              // nothing more to claim
  std::vector<std::jthread> threads_;  // last: they end before what they use
};

}  // namespace stargraph::audit
