// Reason codes: the one closed list of why something was refused or failed.
//
// Every Error carries a Code from this table. Kind (who must act), exit code of the command line
// programs and HTTP status follow from it, so that they cannot disagree between programs.
// Documentation and tests read the same table (`reason_table()`).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace stargraph::base {

// Who must act: the caller (Usage), an administrator who grants (Denied) or trusts (Trust), a person
// who looks at damaged or forged data (Integrity), the machine (Io), time (Busy), the sender (Limit),
// or us (Internal).
enum class Kind : std::uint8_t { kUsage, kDenied, kTrust, kIntegrity, kIo, kBusy, kLimit, kInternal, kConfig };

// Exit codes of every program.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitTrust = 3;
inline constexpr int kExitIntegrity = 4;
inline constexpr int kExitDenied = 5;
inline constexpr int kExitUnavailable = 6;
inline constexpr int kExitConfig = 7;

enum class Code : std::uint16_t {
  // usage and input form
  kUsage,
  kBadRequest,
  kMalformed,
  kNotFound,
  kConflict,
  kUnknownField,
  kDuplicateKey,
  kBadUtf8,
  kTooDeep,
  kTooLarge,
  kNumberRange,
  kTrailingBytes,
  kUnsupportedVersion,
  kUnsupportedFeature,
  kMethodNotAllowed,
  kYamlAlias,
  kYamlTag,
  kYamlMultiDocument,
  // configuration and start
  kConfigInvalid,
  kConfigMissing,
  kModeTooWide,
  kWrongOwner,
  kNetworkFileSystem,
  kSideEffectsNotChosen,
  kNoInheritedSocket,
  kFipsUnavailable,
  kClockBehind,
  kDatabaseNewer,
  kDatabaseKeyWrong,
  // identity and permission
  kUnauthenticated,
  kAmbiguousPrincipal,
  kCapabilityDenied,
  kPolicyDenied,
  kPolicyInvalid,
  kPolicyMissing,
  kPolicyMode,
  kPolicyNotYet,
  kPolicyExpired,
  kPolicyRevoked,
  kPolicyRollback,
  kSideEffectsDenied,
  kKindNotDeclared,
  // packs and trust
  kSignerNotPinned,
  kFingerprintMissing,
  kFingerprintMismatch,
  kSignerMismatch,
  kSignerRevoked,
  kDigestRevoked,
  kRoleMismatch,
  kEpochBelowFloor,
  kEpochReused,
  kReceiptMissing,
  kReceiptInvalid,
  kScopeInvalid,
  kApprovalMissing,
  kApprovalInvalid,
  kApprovalExpired,
  kApprovalUsed,
  kThresholdNotMet,
  kPackRevoked,
  kRevocationRollback,
  kSignatureInvalid,
  kSignatureMissing,
  kSignatureDuplicate,
  kKeyIdMismatch,
  kKeyUnsafe,
  kAlgorithmRefused,
  kDigestMismatch,
  kSizeMismatch,
  kPathInvalid,
  kManifestInvalid,
  kManifestMismatch,
  kSbomMismatch,
  kIncompatible,
  kHashNotApproved,
  kTreeHashMismatch,
  kHeaderUnparseable,
  kNotAPack,
  kTruncated,
  kFileMissing,
  kFileUnexpected,
  kPackUnknown,
  // rules
  kRulesConstruct,
  kRulesFunction,
  kRulesNesting,
  kRulesRecursion,
  kRulesSyntax,
  kRulesTemplate,
  kRulesRuntime,
  kWhenInvalid,
  kPackLimit,
  kJailLost,
  // graph and run
  kGraphInvalid,
  kGraphUnknown,
  kRunUnknown,
  kRunRemoved,
  kRunState,
  kRunLimit,
  kStateType,
  kStateField,
  kInterruptIdRequired,
  kInterruptUnknown,
  kApprovalStale,
  kTaskUnknown,
  kLeaseLost,
  kIdempotencyConflict,
  kNodeFailed,
  kRequestInvalid,
  // audit
  kAuditUnavailable,
  kAuditLag,
  kAuditMalformed,
  kAuditGap,
  kAuditHashMismatch,
  kAuditPreviousMismatch,
  kAuditBadSignature,
  kAuditUnknownKey,
  kAuditRootMismatch,
  kAuditTruncated,
  kAuditFork,
  kChainBroken,
  // resources
  kRateLimited,
  kBusy,
  kTimedOut,
  kUnavailable,
  kNotAvailable,
  kDiskLow,
  kTenantFull,
  kIo,
  kCrypto,
  kInternal,
};

struct Reason {
  Code code;
  std::string_view name;  // as users, logs and HTTP bodies see it
  Kind kind;
  int exit_code;
  int http_status;
};

// All reasons, in the order of the enumeration.
[[nodiscard]] std::span<const Reason> reason_table();
[[nodiscard]] const Reason& reason(Code code);
[[nodiscard]] std::optional<Code> code_from_name(std::string_view name);
[[nodiscard]] std::string_view kind_name(Kind kind);

}  // namespace stargraph::base
