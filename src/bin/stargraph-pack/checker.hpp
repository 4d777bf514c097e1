// Checker: a process that looks at packs and has nothing to lose.
//
// It is forked before any key is read, becomes nobody when it was root, keeps one socket, and loads a system-call
// filter without files, network and programs. In it a pack is parsed, its signatures and contents are checked, its
// rules are tried in a jail of its own, its graphs and its policy are read. What it says is a verdict on form and
// meaning; whether the signers are trusted is decided elsewhere, by the process that holds the database key and
// checks every signature again itself.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/result.hpp"
#include "stargraph/base/strong.hpp"
#include "stargraph/rules/jail.hpp"
#include "stargraph/trust/importer.hpp"

namespace stargraph::packcli {

// How far a pack came: what could not be taken apart, its files and manifest, what they mean.
enum class Stage : std::uint8_t { kContainer, kContents, kMeaning, kDone };

struct Verdict {
  Stage stage = Stage::kDone;
  std::optional<base::Error> refused;  // nothing at kDone
  std::vector<base::KeyId> claimed;    // the signature block's key ids, when it could be read
  trust::Findings findings;
};

class Checker {
 public:
  // Call while this process has neither keys nor threads. `fips_required` is for the checker's own signature
  // checks. kIo when a wall cannot be put up.
  [[nodiscard]] static base::Result<std::unique_ptr<Checker>> start(bool fips_required);
  ~Checker();  // ends the process
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  // kJailLost when the process ended or answered nonsense, kTimedOut after a minute.
  [[nodiscard]] base::Result<Verdict> check(base::BytesView pack);

 private:
  Checker(int socket, int pid) : socket_(socket), pid_(pid) {}
  int socket_;
  int pid_;
  bool broken_ = false;  // an answer that comes too late is never taken for the next one's
};

// What the checker's process does with one pack: for it, and for its tests.
[[nodiscard]] Verdict look_at(rules::Jail* jail, base::BytesView pack);
// The answer on the socket. kMalformed for anything that encode_verdict did not write.
[[nodiscard]] std::string encode_verdict(const Verdict& verdict);
[[nodiscard]] base::Result<Verdict> decode_verdict(std::string_view text);

}  // namespace stargraph::packcli
