// Making an export: three readings of the log, each of which verifies it whole. The first finds the covering checkpoint
// and what belongs to the slice, the second takes the nodes and heads that its proofs need, the third gives the lines.
#include "stargraph/audit/export.hpp"

#include <algorithm>

#include "audit/digests.hpp"
#include "audit/node_collector.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

struct Place {
  LogSeq seq;
  TenantSeq tenant_seq;
};

// The heads as the checkpoint signs them: before its own entry, which is the site's.
TenantHeads heads_before(const Entry& checkpoint, const Chain& after) {
  TenantHeads heads = after.tenants();
  if (checkpoint.tenant_seq.value() == 1) {
    heads.erase(checkpoint.event.tenant);
  } else {
    heads[checkpoint.event.tenant] = {TenantSeq(checkpoint.tenant_seq.value() - 1), checkpoint.tenant_previous_hash};
  }
  return heads;
}

class Exporter {
 public:
  Exporter(const std::vector<base::Path>& paths, const crypto::PublicKey& key, const ExportRequest& request)
      : paths_(paths), key_(key), request_(request) {}

  Result<> find() {
    SG_TRY(const Report report,
           verify_log_whole(paths_, key_, [this](const Entry& entry, std::string_view line, const Chain&) -> Result<> {
             look_at(entry, line);
             return {};
           }));
    SG_TRY(checkpoint_, read_checkpoint(checkpoint_line_, key_));
    ExportHeader& header = summary_.header;
    header.checkpoint = checkpoint_.line;
    header.install_id = report.install_id;
    header.key_id = key_.key_id();
    header.run = request_.run;
    summary_.checkpoint = checkpoint_.entry.seq;
    return request_.run ? settle_run() : settle_tenant();
  }

  Result<> collect() {
    NodeCollector nodes;
    const std::uint64_t size = checkpoint_.state.size;
    if (summary_.header.kind == ExportKind::kEntries) {
      for (const Place& place : places_) nodes.want_inclusion(index_of(place), size);
    } else if (request_.run) {
      nodes.want_inclusion(index_of(places_.back()), size);
    }
    VerifyOptions options;
    options.begin = [&nodes](const Chain& chain) { nodes.begin(chain); };
    options.each = [&](const Entry& entry, std::string_view, const Chain& chain) -> Result<> {
      nodes.add(entry);
      if (entry.seq == checkpoint_.entry.seq) heads_ = heads_before(entry, chain);
      return {};
    };
    SG_TRY(const Report report, verify_log(paths_, key_, options));
    SG_TRY(check_good(report));
    return take_proofs(nodes.reader());
  }

  Result<ExportSummary> give(const LineSink& sink) {
    SG_TRY(sink(encode_export_header(summary_.header)));
    std::uint64_t given = 0;
    SG_TRY(verify_log_whole(paths_, key_, [&](const Entry& entry, std::string_view line, const Chain&) -> Result<> {
      if (!belongs(entry)) return {};
      ++given;
      return sink(line);
    }));
    if (given != summary_.header.entries) return fail(Code::kAuditFork, "audit: export: the log changed meanwhile");
    for (std::size_t i = 0; i < entry_paths_.size(); ++i)
      SG_TRY(sink(encode_entry_path(places_[i].seq, entry_paths_[i])));
    return summary_;
  }

 private:
  static std::uint64_t index_of(const Place& place) { return static_cast<std::uint64_t>(place.seq.value() - 1); }

  void look_at(const Entry& entry, std::string_view line) {
    if (entry.event.name == EventName::kAuditCheckpoint) checkpoint_line_ = line;
    if (request_.tenant && entry.event.tenant == *request_.tenant) last_of_tenant_ = entry.tenant_seq;
    if (!request_.run || entry.event.run != request_.run) return;
    // Whoever asks for another's run names it too: it belongs to the tenant it was created for, and where its creation
    // was archived, to the one its own acts name.
    const bool asked = entry.event.name == EventName::kRequest;
    const int word = entry.event.name == EventName::kRunCreated ? 2 : asked ? 0 : 1;
    if (word > best_word_) {
      best_word_ = word;
      if (entry.event.tenant != summary_.header.tenant) {
        summary_.of_other_tenants += places_.size();
        places_.clear();
      }
      summary_.header.tenant = entry.event.tenant;
    }
    if (entry.event.tenant == summary_.header.tenant) {
      places_.push_back({entry.seq, entry.tenant_seq});
    } else {
      ++summary_.of_other_tenants;
    }
  }

  Result<> settle_tenant() {
    ExportHeader& header = summary_.header;
    header.tenant = *request_.tenant;
    header.first = request_.from;
    return {};  // where it ends is known when the heads are
  }

  Result<> settle_run() {
    const auto covered = [this](const Place& place) { return index_of(place) < checkpoint_.state.size; };
    const auto end = std::ranges::partition_point(places_, covered);
    summary_.uncovered = static_cast<std::uint64_t>(places_.end() - end);
    places_.erase(end, places_.end());
    if (places_.empty()) return fail(Code::kNotFound, "audit: export: no entry of this run before the last checkpoint");
    ExportHeader& header = summary_.header;
    header.kind = request_.complete ? ExportKind::kChain : ExportKind::kEntries;
    header.first = places_.front().tenant_seq;
    header.last = places_.back().tenant_seq;
    header.entries =
        request_.complete ? static_cast<std::uint64_t>(header.last.value() - header.first.value()) + 1 : places_.size();
    return {};
  }

  Result<> take_proofs(const crypto::NodeReader& reader) {
    ExportHeader& header = summary_.header;
    const std::uint64_t size = checkpoint_.state.size;
    if (header.kind == ExportKind::kEntries) {
      for (const Place& place : places_) {
        SG_TRY(std::vector<crypto::Digest> path, crypto::inclusion_path(index_of(place), size, reader));
        entry_paths_.push_back(std::move(path));
      }
      return {};
    }
    if (request_.run) {
      SG_TRY(header.path, crypto::inclusion_path(index_of(places_.back()), size, reader));
      return {};
    }
    const auto head = heads_.find(header.tenant);
    if (head == heads_.end() || head->second.seq < header.first) {
      return fail(Code::kNotFound, "audit: export: no such entry of this tenant before the last checkpoint");
    }
    header.last = head->second.seq;
    header.entries = static_cast<std::uint64_t>(header.last.value() - header.first.value()) + 1;
    header.head = tenant_proof(heads_, header.tenant);
    summary_.uncovered = static_cast<std::uint64_t>(last_of_tenant_.value() - header.last.value());
    return {};
  }

  [[nodiscard]] bool belongs(const Entry& entry) const {
    const ExportHeader& header = summary_.header;
    if (entry.event.tenant != header.tenant) return false;
    if (header.kind == ExportKind::kChain) return entry.tenant_seq >= header.first && entry.tenant_seq <= header.last;
    return std::ranges::binary_search(places_, entry.seq, {}, &Place::seq);
  }

  const std::vector<base::Path>& paths_;
  const crypto::PublicKey& key_;
  const ExportRequest& request_;
  ExportSummary summary_;
  std::string checkpoint_line_;
  SignedCheckpoint checkpoint_;
  TenantHeads heads_;
  TenantSeq last_of_tenant_;
  int best_word_ = -1;         // of those that told whose the run is
  std::vector<Place> places_;  // of the run
  std::vector<std::vector<crypto::Digest>> entry_paths_;
};

}  // namespace

Result<ExportSummary> export_log(const std::vector<base::Path>& paths, const crypto::PublicKey& key,
                                 const ExportRequest& request, const LineSink& sink) {
  if (request.tenant.has_value() == request.run.has_value()) {
    return fail(Code::kUsage, "audit: export: either a tenant or a run");
  }
  Exporter exporter(paths, key, request);
  SG_TRY(exporter.find());
  SG_TRY(exporter.collect());
  return exporter.give(sink);
}

}  // namespace stargraph::audit
