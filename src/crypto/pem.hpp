// PEM (RFC 7468), the strict form: lines of base64 between one pair of markers.
#pragma once

#include <string_view>

#include "stargraph/base/bytes.hpp"

namespace stargraph::crypto {

// The label when `text` is exactly one block and nothing else but the line end after it; lines may end
// in "\n" or "\r\n". kMalformed otherwise. Looks only, copies nothing: `text` may be a secret.
[[nodiscard]] base::Result<std::string_view> pem_label(std::string_view text);
// The bytes of a text that is exactly one block of `label`, at most 64 KiB of text.
[[nodiscard]] base::Result<base::Bytes> pem_only_block(std::string_view text, std::string_view label);
// The bytes of the first block, which must have `label`; text before and after it does not matter.
[[nodiscard]] base::Result<base::Bytes> pem_first_block(std::string_view text, std::string_view label);
// 64 characters a line, "\n".
[[nodiscard]] std::string pem_text(std::string_view label, base::BytesView bytes);

}  // namespace stargraph::crypto
