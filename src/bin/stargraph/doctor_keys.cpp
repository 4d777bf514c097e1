#include "doctor_keys.hpp"

#include <algorithm>
#include <array>

#include "process.hpp"
#include "stargraph/base/printable.hpp"

namespace stargraph::cli {
namespace {

using base::Path;

constexpr const char* kStore = "/etc/credstore.encrypted";
constexpr std::uint64_t kMaxCredential =
    std::uint64_t{1024 + 128} * 1024;  // systemd's own limit of a sealed credential
constexpr std::uint32_t kRoot = 0;

enum class Seal : std::uint8_t {
  kHost,     // /var/lib/systemd/credential.secret, which lies on the same disk
  kTpm,      // the TPM alone
  kBoth,     // either does not open it without the other
  kNull,     // the fixed key of no bytes: anybody opens it
  kUser,     // of one user of this machine; no system service opens it
  kUnknown,  // a credential, of a kind that is younger than this program
  kNone,     // no sealed credential
};

struct Kind {
  std::string_view id;  // 128 bits, the first of a sealed credential
  Seal seal;
};
// systemd 252 to 257, src/shared/creds-util.h: CRED_AES256_GCM_BY_*
constexpr auto kKinds = std::to_array<Kind>({
    {"5a1c6a86df9d4096b1d5a65e0862f19a", Seal::kHost},  // HOST
    {"0c7cc07b117645919c4b0bea08bc20fe", Seal::kTpm},   // TPM2_HMAC
    {"faf7eb9341e3412ca1a436f95a29362f", Seal::kTpm},   // TPM2_HMAC_WITH_PK
    {"93a894094874449090caf2fc93cab553", Seal::kBoth},  // HOST_AND_TPM2_HMAC
    {"af4950a849134eb1a73846304ff30c05", Seal::kBoth},  // HOST_AND_TPM2_HMAC_WITH_PK
    {"058469daf6f54324800549da0f8ea2fb", Seal::kNull},  // NULL, once TPM2_ABSENT
    {"55b9ed1d38594d43a8319d2ebb332ac6", Seal::kUser},  // HOST_SCOPED
    {"ef4ac13679a9480ea7db68897f9f165d", Seal::kUser},  // HOST_AND_TPM2_HMAC_SCOPED
    {"adbc4ca3efb64201ba881b6f2e4095ea", Seal::kUser},  // HOST_AND_TPM2_HMAC_WITH_PK_SCOPED
});
// What follows the kind in all of them: AES-256-GCM's sizes of key, block, IV and tag, each 32 bits, little-endian.
constexpr std::string_view kSizes = "20000000010000000c00000010000000";
constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kHeadBytes = 32;
// Head, IV up to a multiple of 8, sealed times and length of the name (20) up to a multiple of 8, one byte, tag.
constexpr std::size_t kLeastBytes = kHeadBytes + 16 + 24 + 1 + 16;

// A sealed credential is base64, broken into lines.
Seal seal_of(std::string text) {
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; });
  const auto bytes = base::from_base64(text);
  if (!bytes || bytes->size() < kLeastBytes) return Seal::kNone;
  const base::BytesView head(bytes->data(), kHeadBytes);
  if (base::to_hex(head.subspan(kIdBytes)) != kSizes) return Seal::kNone;
  const auto* const kind = std::ranges::find(kKinds, base::to_hex(head.first(kIdBytes)), &Kind::id);
  return kind == kKinds.end() ? Seal::kUnknown : kind->seal;
}

struct Key {
  std::string name;
  Seal seal = Seal::kNone;
  std::string wrong;    // why it is not sealed
  bool unread = false;  // it may be
};

Key look_at(const Surroundings& around, const std::string& name) {
  Key key;
  key.name = base::printable(name);
  if (name.empty() || name.find('/') != std::string::npos) return key.wrong = "is no credential's name", key;
  const Path path = below(around.root, kStore) / name;
  const auto info = around.env.info(path);
  if (!info) return key.wrong = "is not there", key;
  if (!info->regular) return key.wrong = "is no file", key;
  if (info->uid != kRoot) return key.wrong = "is not root's", key;
  if ((info->mode & ~0600U) != 0) return key.wrong = "is wider than 0600", key;
  const auto bytes = around.env.read_file(path, kMaxCredential);
  key.unread = !bytes && bytes.error().code != base::Code::kTooLarge;
  if (key.unread) return key;
  key.seal = bytes ? seal_of(base::to_text(*bytes)) : Seal::kNone;
  if (key.seal == Seal::kNone) key.wrong = "is no sealed credential";
  if (key.seal == Seal::kNull) key.wrong = "is sealed with the null key, which anybody has";
  if (key.seal == Seal::kUser) key.wrong = "is sealed for a user, not for the service";
  if (key.seal == Seal::kUnknown) key.unread = true;
  return key;
}

bool by_tpm(const Key& key) { return key.seal == Seal::kTpm || key.seal == Seal::kBoth; }

// "to WHAT": of three keys the weakest tells.
std::string sealed_to(const std::vector<Key>& keys) {
  const auto each = [&](Seal seal) {
    return std::ranges::all_of(keys, [&](const Key& key) { return key.seal == seal; });
  };
  if (each(Seal::kBoth)) return "to this machine's disk and TPM together";
  if (each(Seal::kTpm)) return "to the TPM";
  if (std::ranges::all_of(keys, by_tpm)) return "to the TPM, not all to the disk as well";
  if (each(Seal::kHost)) return "to this machine's disk alone";
  return "not all to the TPM";
}

Wall sealed_wall(const std::vector<Key>& keys, const Site& site) {
  std::string wrong;
  std::string unread;
  for (const Key& key : keys) {
    if (!key.wrong.empty()) wrong += (wrong.empty() ? "" : "; ") + key.name + " " + key.wrong;
    if (key.unread) unread += (unread.empty() ? "" : ", ") + key.name;
  }
  const auto wall = [](WallState state, std::string detail) { return Wall{"sealed-keys", state, std::move(detail)}; };
  if (!wrong.empty()) return wall(WallState::kAbsent, wrong);
  if (site.configuration() == Site::Configuration::kMalformed)
    return wall(WallState::kAbsent, "the configuration cannot be read: whether it names a key file");
  if (site.names_key_file()) return wall(WallState::kAbsent, "the configuration names a key file");
  if (!unread.empty())
    return wall(WallState::kUnseen, "cannot be read, or sealed in a way that is not known here: " + unread);
  return wall(WallState::kHeld,
              "three keys, root's, sealed " + sealed_to(keys) + " (systemd-creds; their headers were read, no key)");
}

// Worth knowing, not needed: a disk that is encrypted by other means needs none.
Wall tpm_wall(const Surroundings& around, const std::vector<Key>& keys, bool seen) {
  const bool there = around.env.info(below(around.root, "/sys/class/tpm/tpm0")).has_value() ||
                     around.env.info(below(around.root, "/dev/tpmrm0")).has_value();
  const auto wall = [&](WallState state, const std::string& detail) {
    return Wall{"tpm", state, detail + (there ? "" : "; no TPM is seen here"), false};
  };
  const auto sealed = [](const Key& key) { return key.wrong.empty(); };
  const bool all_read = std::ranges::none_of(keys, &Key::unread);
  if (!seen || (!all_read && std::ranges::all_of(keys, sealed)))
    return wall(WallState::kUnseen, "to what the keys are sealed could not be read");
  if (!std::ranges::all_of(keys, sealed)) return wall(WallState::kAbsent, "the keys are not all sealed");
  if (std::ranges::all_of(keys, by_tpm))
    return wall(WallState::kHeld, "the keys are sealed " + sealed_to(keys) + ": they open on this mainboard only");
  return wall(WallState::kAbsent, "the keys are sealed " + sealed_to(keys) +
                                      ": whoever has the whole disk has them, unless it is encrypted otherwise");
}

}  // namespace

std::vector<Wall> key_walls(const Surroundings& around, const Site& site) {
  std::vector<Wall> walls;
  const auto folder = around.env.info(below(around.root, kStore));
  const bool seen =
      around.env.list(below(around.root, kStore)).has_value() && site.configuration() != Site::Configuration::kUnseen;
  std::vector<Key> keys;
  if (folder && seen) {
    for (const auto& [group, usual] :
         {std::pair{"audit", "stargraph-audit-key"}, {"state", "stargraph-state-key"}, {"tls", "stargraph-tls-key"}})
      keys.push_back(look_at(around, site.setting(group, "key_credential", usual)));
  }
  if (!folder) {
    walls.push_back({"sealed-keys", WallState::kAbsent, std::string(kStore) + " is not there"});
  } else if (folder->uid != kRoot || (folder->mode & 0022U) != 0) {
    walls.push_back({"sealed-keys", WallState::kAbsent, std::string(kStore) + " may be changed by others than root"});
  } else if (!seen) {
    walls.push_back({"sealed-keys", WallState::kUnseen, "only root may look"});
  } else {
    walls.push_back(sealed_wall(keys, site));
  }
  walls.push_back(tpm_wall(around, keys, folder && seen));
  return walls;
}

}  // namespace stargraph::cli
