// Packets between a writer's clients and stargraph-auditd (docs/formats/audit-socket.md), encode and decode
// in one file. One packet is one SOCK_SEQPACKET message of canonical JSON; what the server says about the log
// ends with `,"signature":"…"}` over the bytes before it.
#pragma once

#include <string>
#include <string_view>

#include "stargraph/audit/head.hpp"
#include "stargraph/audit/part.hpp"
#include "stargraph/audit/prune.hpp"
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
// The same with the record as its text.
struct SubmittedText {
  std::string_view record;
  bool want_receipt = false;
};
[[nodiscard]] base::Result<SubmittedText> split_submission(std::string_view packet);

// client, entries.sock: {"part":"segment"|"tree","segment":n,"type":"open","v":1}
struct OpenRequest {
  LogPart part = LogPart::kSegment;
  std::uint32_t segment = 0;
};
[[nodiscard]] std::string encode_open(const OpenRequest& request);
[[nodiscard]] base::Result<OpenRequest> decode_open(std::string_view packet);
// client, trust.sock: {"digests":["…"],"first_segment":n,"type":"prune","v":1}
[[nodiscard]] std::string encode_prune(const Prune& prune);
[[nodiscard]] base::Result<Prune> decode_prune(std::string_view packet);
// What a client's packet after its hello is, by its first member.
enum class RequestKind : std::uint8_t { kRecord, kOpen, kPrune, kUnknown };
[[nodiscard]] RequestKind request_kind(std::string_view packet);

// server: {"entry_hash":…,"first_segment":n,"floors":…,"install_id":…,"last_segment":n,"nonce":…,"revocation_number":n,
//          "seq":n,"source":…,"source_seq":n,"trust_act":n,"trust_acts":n,"type":"head","v":1,"key_id":…,"alg":…,
//          "signature":…}
[[nodiscard]] base::Result<std::string> encode_head(const Head& head, Source source, std::string_view nonce,
                                                    const crypto::PrivateKey& key);
// server: {"receipt":{…},"type":"receipt","v":1}
[[nodiscard]] std::string encode_receipt_packet(const Receipt& receipt);
// server: {"code":"…","type":"refused","v":1}; the connection ends after it.
[[nodiscard]] std::string encode_refusal(base::Code code);

// server: {"first_seq":n,"part":…,"segment":n,"size":n,"type":"part","v":1} and one descriptor
[[nodiscard]] std::string encode_part(const OpenedPart& part);
// server: {"code":"…","part":…,"segment":n,"type":"unopened","v":1}; the connection goes on.
[[nodiscard]] std::string encode_unopened(const OpenRequest& request, base::Code code);
// The answer to a request, without its descriptor; the code of one that was not opened.
[[nodiscard]] base::Result<OpenedPart> decode_part(std::string_view packet, const OpenRequest& request);

// What a client got. A refusal comes out as its Error.
struct Reply {
  std::optional<Head> head;
  std::optional<Receipt> receipt;
};
[[nodiscard]] base::Result<Reply> decode_reply(std::string_view packet, Source source, std::string_view nonce,
                                               const crypto::PublicKey& key);

}  // namespace stargraph::audit
