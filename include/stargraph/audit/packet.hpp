// Packets between a writer's clients and stargraph-auditd (docs/formats/audit-socket.md), encode and decode
// in one file. One packet is one SOCK_SEQPACKET message of canonical JSON; what the server says about the log
// ends with `,"signature":"…"}` over the bytes before it.
#pragma once

#include <string>
#include <string_view>

#include "stargraph/audit/head.hpp"
#include "stargraph/audit/receipt.hpp"
#include "stargraph/crypto/signature.hpp"

namespace stargraph::audit {

inline constexpr std::string_view kHeadDomain = "stargraph.audit.head.v1";
inline constexpr std::size_t kNonceBytes = 32;
// A receipt holds a line as a JSON string, at worst six bytes for one.
inline constexpr std::size_t kMaxPacketBytes = kMaxRecordBytes + 256;
inline constexpr std::size_t kMaxReplyBytes = 2 * kMaxLineBytes + 2'048;

// client: {"nonce":"<64 hex>","source":"stargraphd","type":"hello","v":1}
struct Hello {
  Source source = Source::kDaemon;
  std::string nonce;
};
[[nodiscard]] std::string encode_hello(const Hello& hello);
[[nodiscard]] base::Result<Hello> decode_hello(std::string_view packet);

// client: {"receipt":true|false,"record":{…},"type":"record","v":1}
[[nodiscard]] std::string encode_submission(std::string_view record, bool want_receipt);
struct Submission {
  Record record;
  bool want_receipt = false;
};
[[nodiscard]] base::Result<Submission> decode_submission(std::string_view packet);

// server: {"entry_hash":…,"floors":…,"install_id":…,"nonce":…,"revocation_number":n,"seq":n,"source":…,"source_seq":n,
//          "trust_act":n,"trust_acts":n,"type":"head","v":1,"key_id":…,"alg":…,"signature":…}
[[nodiscard]] base::Result<std::string> encode_head(const Head& head, Source source, std::string_view nonce,
                                                    const crypto::PrivateKey& key);
// server: {"receipt":{…},"type":"receipt","v":1}
[[nodiscard]] std::string encode_receipt_packet(const Receipt& receipt);
// server: {"code":"…","type":"refused","v":1}; the connection ends after it.
[[nodiscard]] std::string encode_refusal(base::Code code);

// What a client got. A refusal comes out as its Error.
struct Reply {
  std::optional<Head> head;
  std::optional<Receipt> receipt;
};
[[nodiscard]] base::Result<Reply> decode_reply(std::string_view packet, Source source, std::string_view nonce,
                                               const crypto::PublicKey& key);

}  // namespace stargraph::audit
