#include "doctor_certificates.hpp"

#include <algorithm>
#include <map>

#include "process.hpp"
#include "stargraph/base/printable.hpp"
#include "stargraph/crypto/validity.hpp"

namespace stargraph::cli {
namespace {

using base::Result;
using base::Timestamp;
using crypto::Validity;
using Periods = Result<std::vector<Validity>>;
using std::chrono::days;

// The daemon reads no more of them either.
constexpr std::uint64_t kMaxPem = 1 << 20;
constexpr std::uint64_t kMaxList = 8 << 20;
// Before the end of these the detail warns: a certificate is signed at another place, a list every month.
constexpr auto kCertificateNotice = days(30);
constexpr auto kListNotice = days(7);

std::string day_of(Timestamp time) { return base::format_rfc3339(time).substr(0, 10); }
std::string whole_days(base::Duration left) {
  const auto count = std::chrono::duration_cast<days>(left).count();
  return count == 0 ? "less than a day" : std::to_string(count) + (count == 1 ? " day" : " days");
}

class Certificates {
 public:
  Certificates(const Surroundings& around, const Site& site) : around_(around), site_(site) {}
  std::vector<Wall> walls() const;

 private:
  [[nodiscard]] Result<std::string> text(std::string_view setting, const char* usual, std::uint64_t most) const;
  [[nodiscard]] Wall wall(const std::string& name, const Periods& periods, days notice, const char* after) const;
  [[nodiscard]] Wall list_wall(const Result<std::string>& authorities) const;

  const Surroundings& around_;
  const Site& site_;
};

Result<std::string> Certificates::text(std::string_view setting, const char* usual, std::uint64_t most) const {
  const std::string path = site_.setting("tls", setting, usual);
  const auto bytes = around_.env.read_file(below(around_.root, path), most);
  if (!bytes) return std::unexpected(base::Error{.code = bytes.error().code, .message = path + ": cannot be read"});
  return base::to_text(*bytes);
}

// `after`: what happens when the time is up.
Wall Certificates::wall(const std::string& name, const Periods& periods, days notice, const char* after) const {
  const auto wall = [&](WallState state, const std::string& detail) {
    return Wall{name, state, base::printable(detail)};
  };
  // Only root may read the folder, or the file is none: for root as for the daemon it cannot be read.
  if (!periods) return wall(WallState::kAbsent, periods.error().message);
  const Validity* first = nullptr;  // to end
  for (const Validity& each : *periods) {
    if (each.from > around_.now)
      return wall(WallState::kAbsent, each.name + ": not before " + base::format_rfc3339(each.from) + ": " + after);
    if (each.until && (first == nullptr || *each.until < *first->until)) first = &each;
  }
  if (first == nullptr) return wall(WallState::kHeld, "without an end");
  const std::string end = first->name + ": ends on " + day_of(*first->until);
  if (*first->until <= around_.now)
    return wall(WallState::kAbsent, first->name + ": ended on " + day_of(*first->until) + ": " + after);
  const base::Duration left = *first->until - around_.now;
  return wall(WallState::kHeld,
              left <= notice ? "WARNING: " + end + ", in " + whole_days(left) + "; then " + after : end);
}

// Of several lists of one CA the daemon takes the one that stands.
Periods newest_of_each(const Periods& lists, Timestamp now) {
  if (!lists) return lists;
  std::map<std::string, Validity> newest;
  for (const Validity& each : *lists) {
    const auto [known, first] = newest.try_emplace(each.name, each);
    const bool longer = !each.until || (known->second.until && *each.until > *known->second.until);
    if (!first && each.from <= now && (known->second.from > now || longer)) known->second = each;
  }
  std::vector<Validity> found;
  found.reserve(newest.size());
  for (auto& [name, each] : newest) found.push_back(std::move(each));
  return found;
}

Wall Certificates::list_wall(const Result<std::string>& authorities) const {
  if (site_.setting("tls", "crl", "").empty())
    return {"client-revocations", WallState::kAbsent,
            "no list is configured (tls.crl): a client's certificate stands until its end", false};
  const auto pem = text("crl", "", kMaxList);
  const Periods lists = !authorities ? Periods(std::unexpected(authorities.error()))
                        : !pem       ? Periods(std::unexpected(pem.error()))
                                     : crypto::revocation_list_validity(*pem, *authorities);
  return wall("client-revocations", newest_of_each(lists, around_.now), kListNotice, "no client gets in");
}

std::vector<Wall> Certificates::walls() const {
  if (site_.configuration() != Site::Configuration::kRead) {
    std::vector<Wall> walls;
    for (const char* name : {"server-certificate", "client-ca", "client-revocations"})
      walls.push_back({name, WallState::kUnseen, "the configuration, which names it, cannot be read"});
    return walls;
  }
  const auto read = [](const Result<std::string>& pem) {
    return pem ? crypto::certificate_validity(*pem) : Periods(std::unexpected(pem.error()));
  };
  const auto server = text("certificate", "/etc/stargraph/server.pem", kMaxPem);
  const auto authorities = text("client_ca", "/etc/stargraph/clients.ca.pem", kMaxPem);
  return {wall("server-certificate", read(server), kCertificateNotice, "no client trusts this appliance"),
          wall("client-ca", read(authorities), kCertificateNotice, "none of its clients gets in"),
          list_wall(authorities)};
}

}  // namespace

std::vector<Wall> certificate_walls(const Surroundings& around, const Site& site) {
  return Certificates(around, site).walls();
}

}  // namespace stargraph::cli
