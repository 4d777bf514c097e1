// The two ends of the jail's protocol. What an evaluator answers is hostile; what it is sent must not break it either.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "rules/wire.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stargraph::rules;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto outcome = decode_reply(bytes, 4)) {
    const std::string frame = encode_outcome(*outcome);
    const auto again = decode_reply(std::string_view(frame).substr(4), 4);
    if (!again || !again->same_decision(*outcome)) std::abort();
  }
  static_cast<void>(decode_request(bytes));
  return 0;
}
