// What front and keeper say to each other (docs/formats/trust.md, "Two halves"): one request, one answer, each a frame.
// Numbers are big-endian, texts are a 32-bit size and so many bytes. Nothing is taken that was not wholly read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/audit/receipt.hpp"
#include "stargraph/base/bytes.hpp"
#include "stargraph/base/result.hpp"
#include "stargraph/base/strong.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/pack/container.hpp"
#include "stargraph/trust/trust_store.hpp"
#include "stargraph/trust/verdict.hpp"

namespace stargraph::packcli {

// The first byte of a request.
enum class Ask : std::uint8_t {
  kActs = 1,  // -> rows
  kFile,      // digest, countersigned -> its bytes; in a change, also what was put there
  kBegin,     // -> rows, as they are under the lock
  kPut,       // digest, countersigned, bytes
  kAppend,    // receipt
  kCommit,
  kAbandon,
  kVerdict,  // -> what the daemon said to the last reload
  kRuns,     // digests -> open runs that rest on them, by graph
  kReload,   // pid: SIGHUP
  kLives,    // pid -> whether there is such a process
};

inline constexpr std::size_t kMaxRequest = pack::kMaxPackBytes + 1024;
inline constexpr std::size_t kMaxKeeperAnswer = std::size_t{1} << 30;  // all receipts of a site's life
inline constexpr std::size_t kMaxRunDigests = 4096;

class Encoder {
 public:
  explicit Encoder(Ask ask) { out_.push_back(static_cast<std::byte>(ask)); }
  Encoder() = default;
  Encoder& u32(std::uint32_t value);
  Encoder& u64(std::uint64_t value);
  Encoder& text(std::string_view value);
  Encoder& digest(const crypto::Digest& value);
  [[nodiscard]] const base::Bytes& bytes() const { return out_; }

 private:
  base::Bytes out_;
};

// After the first thing that is not there everything is empty, and finish() says so.
class Decoder {
 public:
  explicit Decoder(base::BytesView bytes) : rest_(bytes) {}
  std::uint8_t u8();
  std::uint32_t u32();
  std::uint64_t u64();
  std::string text(std::size_t most);
  crypto::Digest digest();
  base::BytesView rest();                       // all that is left
  [[nodiscard]] base::Result<> finish() const;  // kMalformed unless all of it was there, and no more

 private:
  base::BytesView take(std::size_t size);
  base::BytesView rest_;
  bool good_ = true;
};

void encode(Encoder& out, const audit::Receipt& receipt);
[[nodiscard]] audit::Receipt decode_receipt(Decoder& in);

[[nodiscard]] base::Bytes encode_rows(const std::vector<trust::ActRow>& rows);
[[nodiscard]] base::Result<std::vector<trust::ActRow>> decode_rows(base::BytesView bytes);

using Runs = std::map<base::GraphId, std::int64_t>;
[[nodiscard]] base::Bytes encode_runs(const Runs& runs);
[[nodiscard]] base::Result<Runs> decode_runs(base::BytesView bytes);

[[nodiscard]] base::Bytes encode_verdict(const std::optional<trust::ReloadVerdict>& verdict);
[[nodiscard]] base::Result<std::optional<trust::ReloadVerdict>> decode_reload_verdict(base::BytesView bytes);

// An answer: 0 and what was asked for, or 1, a reason and a message.
[[nodiscard]] base::Bytes encode_answer(const base::Result<base::Bytes>& answer);
[[nodiscard]] base::Result<base::Bytes> decode_answer(base::BytesView bytes);

}  // namespace stargraph::packcli
