#include "crypto/x509.hpp"

#include <openssl/asn1.h>

#include <chrono>
#include <ctime>

namespace stargraph::crypto {
namespace {

std::unexpected<base::Error> malformed(const char* reason) {
  return base::fail(base::Code::kMalformed, std::string("certificate: ") + reason);
}

}  // namespace

base::Result<std::string> rfc4514(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  // RFC 2253's flags also write RFC 4514; everything outside printable ASCII comes out as \XX.
  if (bio == nullptr || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0)
    return malformed("unreadable name");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

base::Result<base::Timestamp> instant(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return malformed("validity unreadable");
  namespace chrono = std::chrono;
  const chrono::year_month_day date{chrono::year(fields.tm_year + 1900),
                                    chrono::month(static_cast<unsigned>(fields.tm_mon) + 1),
                                    chrono::day(static_cast<unsigned>(fields.tm_mday))};
  return base::Timestamp(chrono::sys_days(date) + chrono::hours(fields.tm_hour) + chrono::minutes(fields.tm_min) +
                         chrono::seconds(fields.tm_sec));
}

}  // namespace stargraph::crypto
