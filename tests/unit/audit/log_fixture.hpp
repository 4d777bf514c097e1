// A log in memory: an environment, a key, a writer that can be restarted, and the verifier over what is on disk.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "stargraph/audit/verify.hpp"
#include "stargraph/audit/writer.hpp"
#include "stargraph/base/memory_env.hpp"
#include "stargraph/crypto/fips.hpp"

namespace stargraph::audit::test {

inline const base::Path kLogDirectory = "/log";
inline const base::Path kStateDirectory = "/state";
inline constexpr std::string_view kRunText = "018f0000-0000-7000-8000-000000000001";

// One key for a whole test program; its private half is copied by PEM.
inline const crypto::Secret& audit_key_pem() {
  static const crypto::Secret pem = [] {
    EXPECT_TRUE(crypto::initialise(crypto::FipsMode::kOff).has_value());
    auto key = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
    auto text = key->to_pem(crypto::Secret());
    return std::move(*text);
  }();
  return pem;
}
inline crypto::PrivateKey audit_key() {
  return std::move(*crypto::PrivateKey::from_pem(audit_key_pem(), crypto::Secret()));
}

inline const crypto::PublicKey& audit_public_key() {
  static const crypto::PublicKey key = audit_key().public_key();
  return key;
}

inline Event make_event(EventName name = EventName::kRunStarted, std::string tenant = "soc", json::Object data = {}) {
  Event event;
  event.name = name;
  event.actor = base::ActorName("alice");
  event.tenant = base::TenantId(std::move(tenant));
  event.run = base::RunId(std::string(kRunText));
  event.data = std::move(data);
  return event;
}

inline Record make_record(std::int64_t source_seq, Event event = make_event()) {
  return Record{std::move(event), SourceSeq(source_seq), base::from_micros(1'767'225'600'000'000)};
}

// What somebody with the disk, but without the key, can write behind `chain`: numbered and chained like the writer's
// own entries, with hashes that anybody can compute (encode_entry()), and signed by nobody.
inline Entry unsigned_entry(const Chain& chain, EventName name, json::Object data) {
  Entry entry;
  entry.event.name = name;
  entry.event.actor = base::ActorName("stargraph-auditd");
  entry.event.tenant = site_tenant();
  entry.event.data = std::move(data);
  entry.source_seq = chain.last_of(Source::kWriter).next();
  entry.time = chain.last_time();
  chain.place(entry, chain.last_time());
  return entry;
}

inline std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

struct Log {
  Log() {
    EXPECT_TRUE(env.make_directory(kLogDirectory, 0700).has_value());
    EXPECT_TRUE(env.make_directory(kStateDirectory, 0700).has_value());
  }

  Writer::Options options() const {
    Writer::Options result;
    result.log_directory = kLogDirectory;
    result.state_directory = kStateDirectory;
    result.build_id = "test";
    result.segment_bytes = segment_bytes;
    return result;
  }
  base::Result<std::unique_ptr<Writer>> open() { return Writer::open(env, audit_key(), options()); }

  // The n-th segment as it is now.
  std::string segment(std::uint32_t number = 1) {
    const auto bytes = env.read_file(kLogDirectory / segment_name(number), 1ULL << 30U);
    return bytes ? base::to_text(*bytes) : std::string();
  }
  void replace_segment(std::string_view text, std::uint32_t number = 1) {
    EXPECT_TRUE(env.write_file(kLogDirectory / segment_name(number), base::as_bytes(text), 0600).has_value());
  }
  std::string whole(std::uint32_t first = 1) {
    std::string text;
    for (std::uint32_t number = first;; ++number) {
      const std::string part = segment(number);
      if (part.empty()) return text;
      text += part;
    }
  }

  base::MemoryEnv env;
  std::uint64_t segment_bytes = kSegmentBytes;
};

// As verify_log reads a file, from memory; from where `verifier` already is.
inline Report feed_text(LogVerifier verifier, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      verifier.torn(text.size());
      break;
    }
    if (!verifier.line(text.substr(0, end))) break;
    text.remove_prefix(end + 1);
  }
  return verifier.finish();
}
inline LogVerifier make_verifier(const crypto::PublicKey& key, std::optional<std::string> anchor = {}) {
  auto verifier = LogVerifier::make(key, std::move(anchor));
  EXPECT_TRUE(verifier.has_value());
  verifier->begin_file("audit-00000001.jsonl");
  return *verifier;
}
inline Report verify_text(std::string_view text, const crypto::PublicKey& key, std::optional<std::string> anchor = {}) {
  return feed_text(make_verifier(key, std::move(anchor)), text);
}
inline Report verify_text(std::string_view text) { return verify_text(text, audit_public_key()); }

inline std::string join(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

inline std::string_view reason_of(const Report& report) {
  return report.bad ? base::reason(report.bad->code).name : std::string_view("good");
}

}  // namespace stargraph::audit::test
