#include "stargraph/base/reason.hpp"

#include <algorithm>
#include <array>

#include "stargraph/base/check.hpp"

namespace stargraph::base {
namespace {

constexpr auto kReasons = std::to_array<Reason>({
    {Code::kUsage, "usage", Kind::kUsage, kExitUsage, 400},
    {Code::kBadRequest, "bad-request", Kind::kUsage, kExitUsage, 400},
    {Code::kMalformed, "malformed", Kind::kUsage, kExitIntegrity, 400},
    {Code::kNotFound, "not-found", Kind::kUsage, kExitFailed, 404},
    {Code::kConflict, "conflict", Kind::kUsage, kExitFailed, 409},
    {Code::kUnknownField, "unknown-field", Kind::kUsage, kExitIntegrity, 400},
    {Code::kDuplicateKey, "duplicate-key", Kind::kUsage, kExitIntegrity, 400},
    {Code::kBadUtf8, "bad-utf8", Kind::kUsage, kExitIntegrity, 400},
    {Code::kTooDeep, "too-deep", Kind::kLimit, kExitIntegrity, 400},
    {Code::kTooLarge, "too-large", Kind::kLimit, kExitIntegrity, 413},
    {Code::kNumberRange, "number-range", Kind::kUsage, kExitIntegrity, 400},
    {Code::kTrailingBytes, "trailing-bytes", Kind::kUsage, kExitIntegrity, 400},
    {Code::kUnsupportedVersion, "unsupported-version", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kUnsupportedFeature, "unsupported-feature", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kMethodNotAllowed, "method-not-allowed", Kind::kUsage, kExitFailed, 405},
    {Code::kYamlAlias, "yaml-alias", Kind::kUsage, kExitIntegrity, 400},
    {Code::kYamlTag, "yaml-tag", Kind::kUsage, kExitIntegrity, 400},
    {Code::kYamlMultiDocument, "yaml-multi-document", Kind::kUsage, kExitIntegrity, 400},
    {Code::kConfigInvalid, "config-invalid", Kind::kConfig, kExitConfig, 500},
    {Code::kConfigMissing, "config-missing", Kind::kConfig, kExitConfig, 500},
    {Code::kModeTooWide, "mode-too-wide", Kind::kConfig, kExitConfig, 500},
    {Code::kWrongOwner, "wrong-owner", Kind::kConfig, kExitConfig, 500},
    {Code::kNetworkFileSystem, "network-file-system", Kind::kConfig, kExitConfig, 500},
    {Code::kSideEffectsNotChosen, "side-effects-not-chosen", Kind::kConfig, kExitConfig, 500},
    {Code::kNoInheritedSocket, "no-inherited-socket", Kind::kConfig, kExitConfig, 500},
    {Code::kFipsUnavailable, "fips-unavailable", Kind::kConfig, kExitConfig, 500},
    {Code::kClockBehind, "clock-behind", Kind::kConfig, kExitConfig, 500},
    {Code::kDatabaseNewer, "database-newer", Kind::kConfig, kExitConfig, 500},
    {Code::kDatabaseKeyWrong, "database-key-wrong", Kind::kConfig, kExitConfig, 500},
    {Code::kUnauthenticated, "unauthenticated", Kind::kDenied, kExitDenied, 401},
    {Code::kAmbiguousPrincipal, "ambiguous-principal", Kind::kDenied, kExitDenied, 401},
    {Code::kCapabilityDenied, "capability-denied", Kind::kDenied, kExitDenied, 403},
    {Code::kPolicyDenied, "policy-denied", Kind::kDenied, kExitDenied, 403},
    {Code::kPolicyInvalid, "policy-invalid", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kPolicyMissing, "policy-missing", Kind::kConfig, kExitConfig, 403},
    {Code::kPolicyMode, "policy-mode", Kind::kDenied, kExitDenied, 403},
    {Code::kPolicyNotYet, "policy-not-yet", Kind::kDenied, kExitDenied, 403},
    {Code::kPolicyExpired, "policy-expired", Kind::kDenied, kExitDenied, 403},
    {Code::kPolicyRevoked, "policy-revoked", Kind::kTrust, kExitTrust, 403},
    {Code::kPolicyRollback, "policy-rollback", Kind::kTrust, kExitTrust, 403},
    {Code::kSideEffectsDenied, "side-effects-denied", Kind::kDenied, kExitDenied, 403},
    {Code::kKindNotDeclared, "kind-not-declared", Kind::kDenied, kExitDenied, 403},
    {Code::kSignerNotPinned, "signer-not-pinned", Kind::kTrust, kExitTrust, 403},
    {Code::kFingerprintMissing, "fingerprint-missing", Kind::kTrust, kExitTrust, 403},
    {Code::kFingerprintMismatch, "fingerprint-mismatch", Kind::kTrust, kExitTrust, 403},
    {Code::kSignerMismatch, "signer-mismatch", Kind::kTrust, kExitTrust, 403},
    {Code::kSignerRevoked, "signer-revoked", Kind::kTrust, kExitTrust, 403},
    {Code::kDigestRevoked, "digest-revoked", Kind::kTrust, kExitTrust, 403},
    {Code::kRoleMismatch, "role-mismatch", Kind::kTrust, kExitTrust, 403},
    {Code::kEpochBelowFloor, "epoch-below-floor", Kind::kTrust, kExitTrust, 403},
    {Code::kEpochReused, "epoch-reused", Kind::kTrust, kExitTrust, 403},
    {Code::kReceiptMissing, "receipt-missing", Kind::kTrust, kExitTrust, 403},
    {Code::kReceiptInvalid, "receipt-invalid", Kind::kTrust, kExitTrust, 403},
    {Code::kScopeInvalid, "scope-invalid", Kind::kTrust, kExitTrust, 403},
    {Code::kApprovalMissing, "approval-missing", Kind::kTrust, kExitTrust, 403},
    {Code::kApprovalInvalid, "approval-invalid", Kind::kTrust, kExitTrust, 403},
    {Code::kApprovalExpired, "approval-expired", Kind::kTrust, kExitTrust, 403},
    {Code::kApprovalUsed, "approval-used", Kind::kTrust, kExitTrust, 403},
    {Code::kThresholdNotMet, "threshold-not-met", Kind::kTrust, kExitTrust, 403},
    {Code::kPackRevoked, "pack-revoked", Kind::kTrust, kExitTrust, 403},
    {Code::kRevocationRollback, "revocation-rollback", Kind::kTrust, kExitTrust, 403},
    {Code::kSignatureInvalid, "signature-invalid", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kSignatureMissing, "signature-missing", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kSignatureDuplicate, "signature-duplicate", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kKeyIdMismatch, "key-id-mismatch", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kKeyUnsafe, "key-unsafe", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kAlgorithmRefused, "algorithm-refused", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kDigestMismatch, "digest-mismatch", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kSizeMismatch, "size-mismatch", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kPathInvalid, "path-invalid", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kManifestInvalid, "manifest-invalid", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kManifestMismatch, "manifest-mismatch", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kSbomMismatch, "sbom-mismatch", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kIncompatible, "incompatible", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kHashNotApproved, "hash-not-approved", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kTreeHashMismatch, "tree-hash-mismatch", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kHeaderUnparseable, "header-unparseable", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kNotAPack, "not-a-pack", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kTruncated, "truncated", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kFileMissing, "file-missing", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kFileUnexpected, "file-unexpected", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kPackUnknown, "pack-unknown", Kind::kUsage, kExitFailed, 404},
    {Code::kRulesConstruct, "rules-construct", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kRulesFunction, "rules-function", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kRulesNesting, "rules-nesting", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kRulesRecursion, "rules-recursion", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kRulesSyntax, "rules-syntax", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kRulesTemplate, "rules-template", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kRulesRuntime, "rules-runtime", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kWhenInvalid, "when-invalid", Kind::kIntegrity, kExitIntegrity, 422},
    {Code::kPackLimit, "pack-limit", Kind::kLimit, kExitFailed, 422},
    {Code::kJailLost, "jail-lost", Kind::kInternal, kExitFailed, 500},
    {Code::kGraphInvalid, "graph-invalid", Kind::kUsage, kExitIntegrity, 422},
    {Code::kGraphUnknown, "graph-unknown", Kind::kUsage, kExitFailed, 404},
    {Code::kRunUnknown, "run-unknown", Kind::kUsage, kExitFailed, 404},
    {Code::kRunRemoved, "run-removed", Kind::kUsage, kExitFailed, 410},
    {Code::kRunState, "run-state", Kind::kUsage, kExitFailed, 409},
    {Code::kRunLimit, "run-limit", Kind::kLimit, kExitFailed, 422},
    {Code::kStateType, "state-type", Kind::kUsage, kExitIntegrity, 422},
    {Code::kStateField, "state-field", Kind::kUsage, kExitIntegrity, 422},
    {Code::kInterruptIdRequired, "interrupt-id-required", Kind::kUsage, kExitFailed, 409},
    {Code::kInterruptUnknown, "interrupt-unknown", Kind::kUsage, kExitFailed, 404},
    {Code::kApprovalStale, "approval-stale", Kind::kUsage, kExitFailed, 409},
    {Code::kTaskUnknown, "task-unknown", Kind::kUsage, kExitFailed, 404},
    {Code::kLeaseLost, "lease-lost", Kind::kUsage, kExitFailed, 409},
    {Code::kIdempotencyConflict, "idempotency-conflict", Kind::kUsage, kExitFailed, 409},
    {Code::kNodeFailed, "node-failed", Kind::kIo, kExitFailed, 500},
    {Code::kRequestInvalid, "request-invalid", Kind::kUsage, kExitIntegrity, 422},
    {Code::kAuditUnavailable, "audit-unavailable", Kind::kBusy, kExitUnavailable, 503},
    {Code::kAuditLag, "audit-lag", Kind::kBusy, kExitUnavailable, 503},
    {Code::kAuditMalformed, "MALFORMED", Kind::kIntegrity, kExitIntegrity, 500},
    {Code::kAuditGap, "GAP", Kind::kIntegrity, kExitIntegrity, 500},
    {Code::kAuditHashMismatch, "HASH_MISMATCH", Kind::kIntegrity, kExitIntegrity, 500},
    {Code::kAuditPreviousMismatch, "PREVIOUS_MISMATCH", Kind::kIntegrity, kExitIntegrity, 500},
    {Code::kAuditBadSignature, "BAD_SIGNATURE", Kind::kIntegrity, kExitIntegrity, 500},
    {Code::kAuditUnknownKey, "UNKNOWN_KEY", Kind::kIntegrity, kExitIntegrity, 500},
    {Code::kAuditRootMismatch, "ROOT_MISMATCH", Kind::kIntegrity, kExitIntegrity, 500},
    {Code::kAuditTruncated, "TRUNCATED", Kind::kIntegrity, kExitIntegrity, 500},
    {Code::kAuditFork, "FORK", Kind::kIntegrity, kExitIntegrity, 500},
    {Code::kChainBroken, "chain-broken", Kind::kIntegrity, kExitIntegrity, 500},
    {Code::kRateLimited, "rate-limited", Kind::kLimit, kExitUnavailable, 429},
    {Code::kBusy, "busy", Kind::kBusy, kExitUnavailable, 503},
    {Code::kTimedOut, "timed-out", Kind::kBusy, kExitUnavailable, 503},
    {Code::kUnavailable, "unavailable", Kind::kBusy, kExitUnavailable, 503},
    {Code::kNotAvailable, "not-available", Kind::kBusy, kExitUnavailable, 503},
    {Code::kDiskLow, "disk-low", Kind::kBusy, kExitUnavailable, 503},
    {Code::kTenantFull, "tenant-full", Kind::kBusy, kExitUnavailable, 507},
    {Code::kIo, "io", Kind::kIo, kExitFailed, 500},
    {Code::kCrypto, "crypto", Kind::kInternal, kExitFailed, 500},
    {Code::kInternal, "internal", Kind::kInternal, kExitFailed, 500},
});

constexpr bool in_order() {
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    if (static_cast<std::size_t>(kReasons[i].code) != i) return false;
  }
  return true;
}
static_assert(in_order(), "the reason table follows the enumeration");

}  // namespace

std::span<const Reason> reason_table() { return kReasons; }

const Reason& reason(Code code) {
  const auto index = static_cast<std::size_t>(code);
  SG_CHECK(index < kReasons.size());
  return kReasons[index];
}

std::optional<Code> code_from_name(std::string_view name) {
  const auto* found = std::ranges::find(kReasons, name, &Reason::name);
  if (found == kReasons.end()) return std::nullopt;
  return found->code;
}

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::kUsage: return "usage";
    case Kind::kDenied: return "denied";
    case Kind::kTrust: return "trust";
    case Kind::kIntegrity: return "integrity";
    case Kind::kIo: return "io";
    case Kind::kBusy: return "busy";
    case Kind::kLimit: return "limit";
    case Kind::kInternal: return "internal";
    case Kind::kConfig: return "config";
  }
  return "internal";
}

}  // namespace stargraph::base
