#include "serve/exchange.hpp"

#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "serve/tls.hpp"

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Names of header fields are ASCII and compared without case (RFC 9110 5.1), whatever the locale.
bool same_name(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

std::string_view view(const char* text) { return text == nullptr ? std::string_view() : std::string_view(text); }

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; });
}

Result<std::size_t> parse_length(std::string_view text) {
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error == std::errc::result_out_of_range) return fail(Code::kTooLarge, "request: Content-Length: too large");
  if (error != std::errc() || end != text.data() + text.size())
    return fail(Code::kBadRequest, "request: Content-Length: not a number");
  return length;
}

std::string_view status_text(int status) {
  switch (status) {
    case 200: return "OK";
    case 202: return "Accepted";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 503: return "Service Unavailable";
    case 507: return "Insufficient Storage";
    default: return status < 500 ? "Refused" : "Internal Server Error";
  }
}

}  // namespace

Exchange::Exchange(mg_connection* connection)
    : connection_(connection), info_(mg_get_request_info(connection)), key_(Tls::current_connection()) {}

std::string_view Exchange::method() const { return view(info_->request_method); }
std::string_view Exchange::path() const { return view(info_->local_uri_raw); }
std::string_view Exchange::query() const { return view(info_->query_string); }
std::string_view Exchange::remote_address() const { return view(info_->remote_addr); }

Result<std::optional<std::string_view>> Exchange::header(std::string_view name) const {
  std::optional<std::string_view> found;
  for (int i = 0; i < info_->num_headers; ++i) {
    if (!same_name(view(info_->http_headers[i].name), name)) continue;
    if (found) return fail(Code::kBadRequest, "request: header: stands twice");
    found = view(info_->http_headers[i].value);
  }
  return found;
}

void* Exchange::x509() const { return info_->client_cert == nullptr ? nullptr : info_->client_cert->peer_cert; }

Result<base::Bytes> Exchange::certificate() const {
  unsigned char* der = nullptr;
  const int size = x509() == nullptr ? -1 : i2d_X509(static_cast<X509*>(x509()), &der);
  if (size <= 0) return fail(Code::kUnauthenticated, "request: certificate: none");
  const auto* const bytes = reinterpret_cast<const std::byte*>(der);
  base::Bytes copy(bytes, bytes + size);
  OPENSSL_free(der);
  return copy;
}

Result<> Exchange::check_form() const {
  if (view(info_->http_version) != "1.1") return fail(Code::kBadRequest, "request: version: not HTTP/1.1");
  for (int i = 0; i < info_->num_headers; ++i) {
    const mg_header& header = info_->http_headers[i];
    if (!printable(view(header.name)) || !printable(view(header.value)))
      return fail(Code::kBadRequest, "request: header: not printable");
  }
  SG_TRY(const auto length, header("Content-Length"));
  SG_TRY(const auto encoding, header("Transfer-Encoding"));
  if (length && encoding) return fail(Code::kBadRequest, "request: body: two lengths");
  if (encoding && !same_name(*encoding, "chunked")) return fail(Code::kBadRequest, "request: body: unknown encoding");
  if (method() == "GET" && ((length && *length != "0") || encoding))
    return fail(Code::kBadRequest, "request: body: none expected");
  return {};
}

Result<std::string> Exchange::read_body(std::size_t limit) {
  SG_TRY(const auto stated, header("Content-Length"));
  std::size_t expected = 0;
  if (stated) {
    SG_TRY(expected, parse_length(*stated));
  }
  if (expected > limit) return fail(Code::kTooLarge, "request: body: too large");
  std::string body;
  std::array<char, 16'384> part;
  while (true) {
    const int got = mg_read(connection_, part.data(), part.size());
    if (got < 0) return fail(Code::kTimedOut, "request: body: ended early");
    if (got == 0) break;
    if (body.size() + static_cast<std::size_t>(got) > limit) return fail(Code::kTooLarge, "request: body: too large");
    body.append(part.data(), static_cast<std::size_t>(got));
  }
  if (stated && body.size() != expected) return fail(Code::kTimedOut, "request: body: ended early");
  return body;
}

void Exchange::close_after_reply() {
  closing_ = true;
  mg_disable_connection_keep_alive(connection_);
}

void Exchange::write(const Response& response, const std::string& request_id) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head.append(status_text(response.status)).append("\r\nContent-Type: ").append(response.content_type);
  head +=
      "\r\nContent-Length: " + std::to_string(response.body.size()) +
      "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'"
      "\r\nX-Request-Id: " +
      request_id;
  if (response.retry_after > 0) head += "\r\nRetry-After: " + std::to_string(response.retry_after);
  if (response.total_bytes) head += "\r\nX-Total-Bytes: " + std::to_string(*response.total_bytes);
  head += closing_ ? "\r\nConnection: close\r\n\r\n" : "\r\nConnection: keep-alive\r\n\r\n";
  const std::string bytes = head + response.body;
  if (mg_write(connection_, bytes.data(), bytes.size()) != static_cast<int>(bytes.size())) close_after_reply();
}

}  // namespace stargraph::serve
