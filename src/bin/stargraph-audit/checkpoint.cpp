#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "bin/stargraph-audit/commands.hpp"
#include "bin/stargraph-audit/qr.hpp"
#include "stargraph/audit/proof.hpp"
#include "stargraph/crypto/fingerprint.hpp"

namespace stargraph::auditor {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kWordsInARow = 8;
constexpr std::size_t kGroupsInARow = 6;  // of four digits

// `text` with a new line in place of the last space of each row.
std::vector<std::string> rows_of(const std::string& text, std::size_t groups) {
  std::vector<std::string> rows(1);
  std::size_t in_row = 0;
  for (const char c : text) {
    if (c != ' ' || ++in_row % groups != 0) {
      rows.back() += c;
    } else {
      rows.emplace_back();
    }
  }
  return rows;
}

std::string title_of(const audit::SignedCheckpoint& checkpoint) {
  return "checkpoint " + std::to_string(checkpoint.entry.seq.value()) + " of " +
         base::format_rfc3339(checkpoint.entry.time);
}

// For paper: what a person writes down or reads aloud, and types into an anchor file years later.
void print_words(const audit::SignedCheckpoint& checkpoint) {
  std::printf("%s: the %llu entries before it\n", title_of(checkpoint).c_str(),
              static_cast<unsigned long long>(checkpoint.state.size));
  for (const std::string& row : rows_of(crypto::fingerprint_words(checkpoint.entry.entry_hash), kWordsInARow)) {
    std::printf("%s\n", row.c_str());
  }
  std::printf("%s\n", crypto::fingerprint_hex(checkpoint.entry.entry_hash).c_str());
}

// A code that is wider than the terminal breaks at its edge and cannot be read.
Result<bool> fits_terminal(const QrSymbol& symbol) {
  winsize window{};
  if (::isatty(STDOUT_FILENO) == 0) return false;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 && window.ws_col < symbol.width()) {
    return fail(Code::kUsage, "checkpoint: --qr text: it needs a window of " + std::to_string(symbol.width()) +
                                  " columns; --qr svg makes a file, with --words it is smaller");
  }
  return true;
}

// The checkpoint that was asked for: by its number, else the last one, or the last one that a code holds.
class Chooser {
 public:
  explicit Chooser(const Flags& flags) : flags_(flags) {}

  void see(const audit::Entry& entry, std::string_view line) {
    if (flags_.seq > 0 ? entry.seq.value() == flags_.seq : entry.event.name == audit::EventName::kAuditCheckpoint) {
      last_seq_ = entry.seq;
      if (flags_.seq == 0 && is_whole_code() && line.size() > QrSymbol::kMaxBytes) return;
      line_ = line;
      seq_ = entry.seq;
    }
  }
  [[nodiscard]] Result<audit::SignedCheckpoint> chosen(const crypto::PublicKey& key) const {
    auto found = audit::read_checkpoint(line_, key);
    if (!found) return fail(Code::kNotFound, "checkpoint: the log has none of this number that a code holds");
    if (seq_ != last_seq_) {
      std::fprintf(stderr,
                   "stargraph-audit: checkpoint %lld is longer than a code holds: this is %lld (--words: its hash)\n",
                   static_cast<long long>(last_seq_.value()), static_cast<long long>(seq_.value()));
    }
    return found;
  }

 private:
  [[nodiscard]] bool is_whole_code() const { return !flags_.qr.empty() && !flags_.words; }

  const Flags& flags_;
  audit::LogSeq last_seq_;
  audit::LogSeq seq_;
  std::string line_;
};

// The line as it stands, so that what a reader gives is the anchor; or its hash alone, as typed by hand.
Result<> print_code(const audit::SignedCheckpoint& checkpoint, const Flags& flags) {
  const std::string digits = crypto::fingerprint_hex(checkpoint.entry.entry_hash);
  SG_TRY(const QrSymbol symbol, QrSymbol::encode(flags.words ? digits : checkpoint.line));
  std::string drawn;
  if (flags.qr == "svg") {
    std::vector<std::string> caption = rows_of(digits, kGroupsInARow);
    caption.insert(caption.begin(), title_of(checkpoint));
    drawn = qr_svg(symbol, caption);
  } else if (flags.qr == "pbm") {
    drawn = qr_pbm(symbol);
  } else {
    SG_TRY(const bool coloured, fits_terminal(symbol));
    drawn = qr_text(symbol, coloured);
  }
  std::fwrite(drawn.data(), 1, drawn.size(), stdout);
  return {};
}

}  // namespace

Result<int> checkpoint(const Flags& flags) {
  SG_TRY(const crypto::PublicKey key, read_key(flags));
  SG_TRY(audit::VerifyOptions options, options_of(flags));
  Chooser chooser(flags);
  options.each = [&](const audit::Entry& entry, std::string_view line, const audit::Chain&) -> Result<> {
    chooser.see(entry, line);
    return {};
  };
  SG_TRY(const audit::Report report, audit::verify_log(paths_of(flags), key, options));
  if (!report.good()) {
    print(report);
    return base::kExitIntegrity;
  }
  SG_TRY(const audit::SignedCheckpoint found, chooser.chosen(key));
  if (!flags.qr.empty()) {
    SG_TRY(print_code(found, flags));
  } else if (flags.words) {
    print_words(found);
  } else {
    std::printf("%s\n", found.line.c_str());
  }
  return base::kExitDone;
}

}  // namespace stargraph::auditor
