#include "frame.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <limits>
#include <span>

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;
using Clock = std::chrono::steady_clock;

bool write_all(int fd, base::BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

Result<> wait_readable(int fd, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return fail(Code::kTimedOut, "frame: no answer in time");
    pollfd wait{fd, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(Code::kIo, "frame: poll: failed");
  }
}

Result<> read_all(int fd, std::span<std::byte> out, const Clock::time_point* deadline) {
  while (!out.empty()) {
    if (deadline != nullptr) SG_TRY(wait_readable(fd, *deadline));
    const ssize_t got = ::read(fd, out.data(), out.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(Code::kTruncated, "frame: the other side has ended");
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

}  // namespace

bool write_frame(int fd, base::BytesView body) { return write_frame(fd, body, {}); }

bool write_frame(int fd, base::BytesView head, base::BytesView rest) {
  if (head.size() + rest.size() > std::numeric_limits<std::uint32_t>::max()) return false;
  base::Bytes front;
  front.reserve(4 + head.size());
  base::append_u32_be(front, static_cast<std::uint32_t>(head.size() + rest.size()));
  front.insert(front.end(), head.begin(), head.end());
  return write_all(fd, front) && write_all(fd, rest);
}

Result<base::Bytes> read_frame(int fd, std::size_t most, std::chrono::milliseconds patience) {
  const Clock::time_point end = Clock::now() + patience;
  const Clock::time_point* const deadline = patience == kForEver ? nullptr : &end;
  std::array<std::byte, 4> size{};
  SG_TRY(read_all(fd, size, deadline));
  const std::size_t bytes = base::read_u32_be(size);
  if (bytes > most) return fail(Code::kTooLarge, "frame: larger than any that is sent here");
  base::Bytes body(bytes);
  SG_TRY(read_all(fd, body, deadline));
  return body;
}

}  // namespace stargraph::packcli
