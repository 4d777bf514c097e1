// Again: how an importer asks for the receipt of an entry that it, or one before it, made already
// (docs/formats/audit-socket.md). A receipt that was lost between the writer and the trust store is not made up for by
// another act: it is given again, for the line that stands in the log. trust.sock only.
#pragma once

#include <string>
#include <string_view>

#include "stargraph/audit/record.hpp"

namespace stargraph::audit {

// client: {"source_seq":n,"type":"again","v":1}. The answer is the receipt of that record of the connection's source,
// then a head; for 0 a head alone, which says where the log stands now.
[[nodiscard]] std::string encode_again(SourceSeq number);
[[nodiscard]] bool is_again(std::string_view packet);  // looks like one; decode_again() says whether it is
[[nodiscard]] base::Result<SourceSeq> decode_again(std::string_view packet);

}  // namespace stargraph::audit
