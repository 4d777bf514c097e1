// Who is on the other side of a Unix socket, by the kernel's word.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stargraph::audit {

[[nodiscard]] std::optional<std::uint32_t> peer_uid(int descriptor);  // SO_PEERCRED
// SO_PEERSEC: the security context at the time of connect(2); empty where no security module gives one.
[[nodiscard]] std::string peer_label(int descriptor);
// `wanted` is a whole context, or a type alone ("stargraphd_t"), which is the third part of a context.
[[nodiscard]] bool label_fits(std::string_view label, std::string_view wanted);

}  // namespace stargraph::audit
