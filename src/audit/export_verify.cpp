#include "audit/digests.hpp"
#include "stargraph/audit/export.hpp"
#include "stargraph/audit/segment.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr json::ParseLimits kParse{.max_bytes = kMaxLineBytes, .max_depth = 4};

struct EntryPath {
  LogSeq seq;
  std::vector<crypto::Digest> path;
};

Result<EntryPath> read_path(std::string_view line) {
  SG_TRY(const json::Value value, json::parse(line, kParse));
  json::Reader in(value, "audit: export: path");
  EntryPath found;
  const std::vector<std::string> path = in.texts("path", kMaxPath);
  found.seq = LogSeq(in.integer("seq", 1, json::kMaxInteger));
  SG_TRY(in.finish());
  SG_TRY(found.path, digests_from_hex(path));
  if (encode_entry_path(found.seq, found.path) != line) return fail(Code::kMalformed, "not in canonical form");
  return found;
}

bool is_end(EventName name) {
  return name == EventName::kRunCompleted || name == EventName::kRunFailed || name == EventName::kRunCancelled ||
         name == EventName::kRunExpired;
}

bool is_covered(const SignedCheckpoint& checkpoint, LogSeq seq, const crypto::Digest& hash,
                const std::vector<crypto::Digest>& path) {
  return crypto::verify_inclusion(crypto::merkle_leaf(hash.bytes()), static_cast<std::uint64_t>(seq.value() - 1),
                                  checkpoint.state.size, path, checkpoint.state.root);
}

}  // namespace

Result<> ExportVerifier::take_header(std::string_view line) {
  SG_TRY(report_.header, decode_export_header(line));
  if (report_.header.key_id != key_.key_id()) {
    return fail(Code::kAuditUnknownKey, "audit: export: names another key");
  }
  SG_TRY(checkpoint_, read_checkpoint(report_.header.checkpoint, key_));
  report_.checkpoint = checkpoint_->entry.seq;
  report_.covered_until = checkpoint_->entry.time;
  return {};
}

Result<> ExportVerifier::take_chained(const Entry& entry) {
  const TenantSeq expected = last_ ? last_tenant_seq_.next() : report_.header.first;
  if (entry.tenant_seq != expected) {
    return fail(Code::kAuditGap, "audit: export: tenant_seq is " + std::to_string(entry.tenant_seq.value()) +
                                     ", expected " + std::to_string(expected.value()));
  }
  const crypto::Digest genesis = genesis_hash(report_.header.install_id, key_.key_id());
  const bool from_start = !last_ && expected.value() == 1;
  const crypto::Digest before =
      last_        ? last_->hash
      : from_start ? tenant_genesis_hash(genesis, entry.event.tenant)
                   : entry.tenant_previous_hash;  // a named start: what comes before it is not in question
  if (entry.tenant_previous_hash != before) {
    return fail(Code::kAuditPreviousMismatch, "audit: export: tenant_previous_hash: not of the tenant's entry before");
  }
  if (from_start) report_.whole_log_named = true;
  last_tenant_seq_ = entry.tenant_seq;
  return {};
}

void ExportVerifier::look_at_run(const Entry& entry) {
  if (!report_.header.run || entry.event.run != report_.header.run) return;
  ++report_.of_run;
  if (!last_ && entry.event.name == EventName::kRunCreated) report_.run_created = true;
  if (is_end(entry.event.name)) report_.run_ended = true;
}

Result<> ExportVerifier::take_entry(std::string_view line) {
  SG_TRY(const Entry entry, decode_entry(line));
  // Its hash does not cover a checkpoint's signature, so that is asked for itself.
  if (entry.event.name == EventName::kAuditCheckpoint) SG_TRY(verify_line_signature(line, entry, key_));
  const ExportHeader& header = report_.header;
  if (entry.event.tenant != header.tenant) {
    return fail(Code::kAuditMalformed, "audit: export: an entry of another tenant");
  }
  const bool chain = header.kind == ExportKind::kChain;
  const bool at_end = !last_ || entries_ + 1 == header.entries;
  if (header.run && entry.event.run != header.run && (!chain || at_end)) {
    return fail(Code::kAuditMalformed, "audit: export: an entry of another run");
  }
  if (chain) SG_TRY(take_chained(entry));
  if (last_ && entry.seq <= last_->seq) return fail(Code::kAuditGap, "audit: export: seq does not rise");
  look_at_run(entry);
  last_ = Listed{entry.seq, entry.entry_hash};
  if (!chain) listed_.push_back(*last_);
  ++entries_;
  return chain && entries_ == header.entries ? check_end_of_chain() : Result<>();
}

// What binds the chain to the checkpoint, and with its last entry all those before it.
Result<> ExportVerifier::check_end_of_chain() const {
  const ExportHeader& header = report_.header;
  const bool bound = header.head ? verify_tenant_proof(header.tenant, {last_tenant_seq_, last_->hash}, *header.head,
                                                       checkpoint_->state.tenants)
                                 : is_covered(*checkpoint_, last_->seq, last_->hash, header.path);
  if (bound) return {};
  return fail(Code::kAuditRootMismatch, "audit: export: the chain does not end in what the checkpoint signs");
}

Result<> ExportVerifier::take_path(std::string_view line) {
  const Result<EntryPath> found = read_path(line);
  if (!found) return fail(Code::kAuditMalformed, "audit: export: not an entry's path");
  const Listed& entry = listed_.at(paths_);
  if (found->seq != entry.seq) return fail(Code::kAuditMalformed, "audit: export: the path of another entry");
  if (!is_covered(*checkpoint_, entry.seq, entry.hash, found->path)) {
    return fail(Code::kAuditRootMismatch, "audit: export: an entry that is not in the checkpoint's log");
  }
  ++paths_;
  return {};
}

bool ExportVerifier::line(std::string_view line) {
  if (report_.bad) return false;
  ++line_number_;
  Result<> taken;
  if (line_number_ == 1) {
    taken = take_header(line);
  } else if (entries_ < report_.header.entries) {
    taken = take_entry(line);
  } else if (paths_ < listed_.size()) {
    taken = take_path(line);
  } else {
    taken = fail(Code::kAuditMalformed, "audit: export: lines after its end");
  }
  if (!taken) report_.bad = Finding{taken.error().code, "", line_number_, taken.error().message};
  return taken.has_value();
}

void ExportVerifier::torn() {
  if (report_.bad) return;
  report_.bad = Finding{Code::kAuditMalformed, "", line_number_ + 1, "audit: export: a line without its end"};
}

ExportReport ExportVerifier::finish() {
  if (!report_.bad && (!checkpoint_ || entries_ < report_.header.entries || paths_ < listed_.size())) {
    report_.bad = Finding{Code::kAuditTruncated, "", line_number_, "audit: export: ends before what it promised"};
  }
  return report_;
}

Result<ExportReport> verify_export(const base::Path& file, const crypto::PublicKey& key) {
  SG_TRY(LineReader reader, LineReader::open(file));
  ExportVerifier verifier(key);
  while (true) {
    std::string_view line;
    SG_TRY(const LineReader::What what, reader.next(line));
    if (what == LineReader::What::kEnd) break;
    if (what != LineReader::What::kLine) {
      verifier.torn();
      break;
    }
    if (!verifier.line(line)) break;
  }
  ExportReport report = verifier.finish();
  if (report.bad) report.bad->file = file.string();
  return report;
}

}  // namespace stargraph::audit
