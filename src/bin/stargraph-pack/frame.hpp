// Frames between the processes of stargraph-pack: a 32-bit size and so many bytes, over a stream socket.
#pragma once

#include <chrono>
#include <cstddef>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/result.hpp"

namespace stargraph::packcli {

// False when the other side is gone.
[[nodiscard]] bool write_frame(int fd, base::BytesView body);
// The same, of two parts that are sent one after the other.
[[nodiscard]] bool write_frame(int fd, base::BytesView head, base::BytesView rest);

// A whole frame or an error: kTooLarge, kTimedOut, kTruncated when the other side is gone before its end. No memory is
// taken for more than `most` bytes. Without `patience` it waits as long as the other side is there.
inline constexpr std::chrono::milliseconds kForEver{-1};
[[nodiscard]] base::Result<base::Bytes> read_frame(int fd, std::size_t most, std::chrono::milliseconds patience);

}  // namespace stargraph::packcli
