// `stargraph audit`: reads the appliance's log over its API. What comes is checked with the audit public key before it
// is shown; what the key cannot vouch for is marked where it stands.
#include <fcntl.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "audit_check.hpp"
#include "commands.hpp"
#include "stargraph/audit/segment.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::cli {
namespace {

using base::Code;
using base::fail;
using base::Result;
using json::Object;
using json::Value;

constexpr std::uint64_t kMaxKeyBytes = 16'384;
constexpr std::uint32_t kFileMode = 0600;
constexpr std::uint32_t kDirectoryMode = 0700;
constexpr std::int64_t kMostLines = 1'000;
constexpr std::size_t kPageBytes = std::size_t{1} << 20;  // the most that one reply holds
// A little over its limit, where the writer ends one.
constexpr std::uint64_t kMaxSegmentBytes = audit::kSegmentBytes + (std::uint64_t{4} << 20);

struct Options {
  std::string public_key;
  std::int64_t after = 0;
  std::int64_t limit = kMostLines;
  std::int64_t entry = 0;
  std::string from;
  std::string target;
};
using Action = Result<int> (*)(const Context& context, const Options& options, client::Client& daemon);

Result<crypto::PublicKey> read_key(const Options& options) {
  SG_TRY(crypto::initialise(crypto::FipsMode::kOff));
  SG_TRY(const base::Bytes pem, base::real_env().read_file(options.public_key, kMaxKeyBytes));
  return crypto::PublicKey::from_pem(base::as_text(pem));
}

Result<audit::SignedCheckpoint> last_checkpoint(client::Client& daemon, const crypto::PublicKey& key) {
  SG_TRY(const std::string reply, daemon.get_text("/v1/audit/checkpoint"));
  return check_checkpoint(reply, key);
}

Result<TenantLines> fetch_lines(client::Client& daemon, std::int64_t after, std::int64_t limit) {
  TenantLines found{audit::TenantSeq(after)};
  do {
    const auto wanted = limit - static_cast<std::int64_t>(found.lines().size());
    std::string path = "/v1/audit/entries?after=" + std::to_string(found.last().value()) +
                       "&limit=" + std::to_string(std::min(wanted, kMostLines));
    if (!found.cursor().empty()) path += "&cursor=" + client::percent_encode(found.cursor());
    SG_TRY(const Value reply, daemon.get(path));
    SG_TRY(found.take(reply));
  } while (found.more() && static_cast<std::int64_t>(found.lines().size()) < limit);
  return found;
}

Result<audit::InclusionProof> prove(client::Client& daemon, const TenantLines& found, std::size_t line,
                                    const audit::SignedCheckpoint& checkpoint, const crypto::PublicKey& key) {
  SG_TRY(const Value reply, daemon.get("/v1/audit/proof?seq=" + std::to_string(found.seq(line).value()) +
                                       "&size=" + std::to_string(checkpoint.state.size)));
  return check_inclusion(found.lines()[line], checkpoint, reply, key);
}

Result<int> checkpoint(const Context& context, const Options& options, client::Client& daemon) {
  SG_TRY(const crypto::PublicKey key, read_key(options));
  SG_TRY(const audit::SignedCheckpoint last, last_checkpoint(daemon, key));
  context.print(Object{{"line", last.line}, {"size", static_cast<std::int64_t>(last.state.size)}}, last.line + "\n");
  return base::kExitDone;
}

Result<int> entries(const Context& context, const Options& options, client::Client& daemon) {
  SG_TRY(const crypto::PublicKey key, read_key(options));
  SG_TRY(const TenantLines found, fetch_lines(daemon, options.after, options.limit));
  SG_TRY(const audit::SignedCheckpoint last, last_checkpoint(daemon, key));
  SG_TRY(const std::size_t covered, found.signed_within(last.state.size));
  if (covered > 0) SG_TRY(prove(daemon, found, covered - 1, last, key));
  std::string text;
  json::Array proven;
  json::Array unproven;
  for (std::size_t i = 0; i < found.lines().size(); ++i) {
    const std::string& line = found.lines()[i];
    text += (i < covered ? "" : "unsigned: ") + line + "\n";
    (i < covered ? proven : unproven).emplace_back(line);
  }
  context.print(Object{{"lines", std::move(proven)},
                       {"unsigned", std::move(unproven)},
                       {"checkpoint", last.entry.seq.value()},
                       {"checkpoint_time", base::format_rfc3339(last.entry.time)}},
                text);
  std::fprintf(stderr, "stargraph: %zu entries, %zu of them under checkpoint %lld of %s%s\n", found.lines().size(),
               covered, static_cast<long long>(last.entry.seq.value()), base::format_rfc3339(last.entry.time).c_str(),
               covered < found.lines().size() ? "; the others nobody has signed" : "");
  return base::kExitDone;
}

// The first checkpoint that covers the last of these lines. The writer signs one within a second of an entry; a reader
// that comes sooner waits for it here, kUnavailable after five.
Result<audit::SignedCheckpoint> covering_checkpoint(client::Client& daemon, const TenantLines& found,
                                                    const crypto::PublicKey& key) {
  for (int tries = 0; tries < 20; ++tries) {
    if (tries > 0) std::this_thread::sleep_for(std::chrono::milliseconds(250));
    SG_TRY(audit::SignedCheckpoint last, last_checkpoint(daemon, key));
    if (found.last_within(last.state.size)) return last;
  }
  return fail(Code::kUnavailable, "audit: proof: no checkpoint covers the entry after 5 seconds");
}

Result<int> proof(const Context& context, const Options& options, client::Client& daemon) {
  SG_TRY(const crypto::PublicKey key, read_key(options));
  SG_TRY(const TenantLines found, fetch_lines(daemon, options.entry - 1, 1));
  if (found.lines().empty()) return fail(Code::kNotFound, "audit: proof: the tenant has no such entry");
  SG_TRY(const audit::SignedCheckpoint last, covering_checkpoint(daemon, found, key));
  SG_TRY(const audit::InclusionProof proof, prove(daemon, found, 0, last, key));
  const std::string text = audit::encode_proof(proof);
  context.print(Object{{"proof", text}}, text + "\n");
  return base::kExitDone;
}

Result<int> consistency(const Context& context, const Options& options, client::Client& daemon) {
  SG_TRY(const crypto::PublicKey key, read_key(options));
  SG_TRY(const base::Bytes note, base::real_env().read_file(options.from, audit::kMaxLineBytes));
  SG_TRY(const audit::SignedCheckpoint older, check_checkpoint(base::as_text(note), key));
  SG_TRY(const audit::SignedCheckpoint last, last_checkpoint(daemon, key));
  if (last.state.size < older.state.size) {
    return fail(Code::kAuditTruncated, "audit: consistency: the appliance's log ends before the note");
  }
  SG_TRY(const Value reply, daemon.get("/v1/audit/consistency?from=" + std::to_string(older.state.size) +
                                       "&to=" + std::to_string(last.state.size)));
  SG_TRY(const audit::ConsistencyProof proof, check_consistency(older, last, reply, key));
  const std::string text = audit::encode_proof(proof);
  context.print(Object{{"proof", text}}, text + "\n");
  return base::kExitDone;
}

// Up to the first page that is not full: the last segment grows, by the entries of these very requests too.
Result<> fetch_segment(client::Client& daemon, std::uint32_t number, const base::Path& directory) {
  const base::Path path = directory / audit::segment_name(number);
  SG_TRY(const auto file, base::real_env().open_append(path, kFileMode));
  SG_TRY(std::uint64_t size, file->size());
  if (size > 0) return fail(Code::kConflict, "audit: segments: " + path.string() + ": is there already");
  const std::string from = "/v1/audit/segments/" + std::to_string(number) + "?limit=" + std::to_string(kPageBytes);
  for (std::string page(kPageBytes, '\0'); page.size() == kPageBytes;) {
    SG_TRY(page, daemon.get_text(from + "&offset=" + std::to_string(size)));
    SG_TRY(file->append(base::as_bytes(page)));
    size += page.size();
    if (size > kMaxSegmentBytes) return fail(Code::kTooLarge, "audit: segments: larger than any segment");
  }
  return file->sync();
}

struct Segments {
  std::vector<std::uint32_t> numbers;
  json::Array items;  // as the daemon lists them
  std::string text;
};

Result<Segments> list_segments(client::Client& daemon) {
  Segments all;
  for (std::int64_t from = 1;;) {
    SG_TRY(const Value page, daemon.get("/v1/audit/segments?from=" + std::to_string(from)));
    const Value* const items = page.object() != nullptr ? page.object()->find("items") : nullptr;
    if (items == nullptr || items->array() == nullptr) return fail(Code::kMalformed, "reply: items: missing");
    for (const Value& item : *items->array()) {
      const Value* const number = item.object() != nullptr ? item.object()->find("segment") : nullptr;
      if (number == nullptr || number->integer() == nullptr || *number->integer() < from ||
          *number->integer() > INT32_MAX) {
        return fail(Code::kMalformed, "reply: items: segment: not a number that rises");
      }
      from = *number->integer() + 1;
      all.numbers.push_back(static_cast<std::uint32_t>(*number->integer()));
      all.text += field(item, "segment") + "  " + field(item, "name") + "\n";
      all.items.push_back(item);
    }
    if (items->array()->empty() || field(page, "next").empty()) return all;
  }
}

Result<int> segments(const Context& context, const Options& options, client::Client& daemon) {
  if (!options.target.empty() && options.public_key.empty()) {
    return fail(Code::kUsage, "audit: segments: --to needs --pubkey");
  }
  SG_TRY(Segments all, list_segments(daemon));
  if (options.target.empty()) {
    context.print(Object{{"items", std::move(all.items)}}, all.text);
    return base::kExitDone;
  }
  SG_TRY(const crypto::PublicKey key, read_key(options));
  SG_TRY(base::real_env().make_directory(options.target, kDirectoryMode));
  for (const std::uint32_t number : all.numbers) SG_TRY(fetch_segment(daemon, number, options.target));
  SG_TRY(const audit::Report report, audit::verify_log({base::Path(options.target)}, key));
  SG_TRY(audit::check_good(report));
  const auto count = static_cast<std::int64_t>(report.entries);
  const auto tail = static_cast<std::int64_t>(report.unsigned_tail);
  context.print(Object{{"entries", count}, {"unsigned_tail", tail}, {"items", std::move(all.items)}},
                all.text + "OK   " + std::to_string(count) + " entries verify, " + std::to_string(tail) +
                    " after the last checkpoint\n");
  return base::kExitDone;
}

CLI::App* add(CLI::App& group, Context& context, const char* name, const char* help,
              const std::shared_ptr<Options>& options, Action action) {
  CLI::App* const command = group.add_subcommand(name, help);
  command->add_option("--pubkey", options->public_key, "The audit public key, PEM")->type_name("FILE");
  command->callback([&context, options, action] {
    context.action = [&context, options, action]() -> Result<int> {
      SG_TRY(const auto daemon, context.connect());
      return action(context, *options, *daemon);
    };
  });
  return command;
}

}  // namespace

void add_audit_commands(CLI::App& app, Context& context) {
  CLI::App* const group = app.add_subcommand("audit", "Read the audit log; what the audit key signs is checked");
  group->require_subcommand(1);
  group->fallthrough();
  const auto options = std::make_shared<Options>();
  CLI::App* command = add(*group, context, "entries", "Entries of the own tenant; what no checkpoint signs is marked",
                          options, entries);
  command->get_option("--pubkey")->required();
  command->add_option("--after", options->after, "The last tenant_seq that is known")->check(CLI::NonNegativeNumber);
  command->add_option("--limit", options->limit, "Entries at most (1000)")->check(CLI::Range(1, 1'000'000));
  add(*group, context, "checkpoint", "The last signed checkpoint", options, checkpoint)
      ->get_option("--pubkey")
      ->required();
  command = add(*group, context, "proof", "That an entry of the own tenant is in the log", options, proof);
  command->get_option("--pubkey")->required();
  command->add_option("--entry", options->entry, "Its tenant_seq")->required()->check(CLI::PositiveNumber);
  command =
      add(*group, context, "consistency", "That the log goes on from a checkpoint carried away", options, consistency);
  command->get_option("--pubkey")->required();
  command->add_option("--from", options->from, "That checkpoint's line")->required()->type_name("FILE");
  command = add(*group, context, "segments", "The log's files; with --to copied and verified", options, segments);
  command->add_option("--to", options->target, "A new directory for the copies")->type_name("DIR");
}

}  // namespace stargraph::cli
