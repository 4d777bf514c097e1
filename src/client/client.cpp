#include "stargraph/client/client.hpp"

#include <array>

#include "client/curl.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::client {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxReplyBytes = 32 << 20;

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;

void add(List& list, const std::string& line) {
  curl_slist* const longer = curl_slist_append(list.get(), line.c_str());
  SG_CHECK(longer != nullptr);
  static_cast<void>(list.release());
  list.reset(longer);
}

extern "C" std::size_t take_reply(char* data, std::size_t size, std::size_t count, void* to) {
  auto& reply = *static_cast<std::string*>(to);
  const std::size_t bytes = size * count;
  if (reply.size() + bytes > kMaxReplyBytes) return 0;  // curl then fails with CURLE_WRITE_ERROR
  reply.append(data, bytes);
  return bytes;
}

// TLS 1.3 tells of a refused client certificate only when the reply is read: as an alert.
bool is_alert(const std::string& detail) { return detail.find("alert") != std::string::npos; }

Code code_of(CURLcode result, const std::string& detail) {
  switch (result) {
    case CURLE_OPERATION_TIMEDOUT: return Code::kTimedOut;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR: return Code::kUnauthenticated;
    case CURLE_SSL_CONNECT_ERROR:  // a refusal, or a daemon that went away during the handshake
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: return is_alert(detail) ? Code::kUnauthenticated : Code::kUnavailable;
    case CURLE_WRITE_ERROR: return Code::kTooLarge;
    default: return Code::kUnavailable;
  }
}

bool is_done(long status) { return status >= 200 && status <= 299; }

// The error a reply outside 2xx tells of.
base::Error error_of(long status, const std::string& reply) {
  const auto body = json::parse(reply);
  const json::Object* const object = body ? body->object() : nullptr;
  const json::Value* const code = object != nullptr ? object->find("code") : nullptr;
  const json::Value* const detail = object != nullptr ? object->find("detail") : nullptr;
  base::Error error{Code::kMalformed, "reply: status " + std::to_string(status)};
  if (code != nullptr && code->string() != nullptr)
    error.code = base::code_from_name(*code->string()).value_or(Code::kMalformed);
  if (detail != nullptr && detail->string() != nullptr) error.message = *detail->string();
  return error;
}

Result<json::Value> document_of(const std::string& reply) {
  json::ParseLimits limits;
  limits.max_bytes = kMaxReplyBytes;
  auto value = json::parse(reply, limits);
  if (!value) return fail(Code::kMalformed, "reply: " + value.error().message);
  return value;
}

}  // namespace

struct Client::State {
  Curl handle;
  std::string url;

  struct Reply {
    long status = 0;
    std::string body;
  };
  // One exchange, whatever the status.
  Result<Reply> exchange(const std::string& path, const std::string* body, const Headers& headers,
                         base::Duration timeout);
  // The body of a reply within 2xx.
  Result<std::string> perform(const std::string& path, const std::string* body, const Headers& headers,
                              base::Duration timeout);
};

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::make(const Endpoint& endpoint) {
  SG_TRY(check_endpoint(endpoint));
  auto state = std::make_unique<State>();
  SG_TRY(state->handle, make_curl());
  state->url = endpoint.url;
  CURL* const curl = state->handle.get();
  set(curl, CURLOPT_SSLCERT, endpoint.certificate.c_str());
  set(curl, CURLOPT_SSLKEY, endpoint.key.c_str());
  set(curl, CURLOPT_CAINFO, endpoint.ca.c_str());
  set(curl, CURLOPT_CAPATH, nullptr);  // the given CA alone, not the system's
  set(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  set(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  set(curl, CURLOPT_WRITEFUNCTION, &take_reply);
  return std::unique_ptr<Client>(new Client(std::move(state)));
}

Result<Client::State::Reply> Client::State::exchange(const std::string& path, const std::string* body,
                                                     const Headers& headers, base::Duration timeout) {
  SG_CHECK(path.starts_with('/'));
  CURL* const curl = handle.get();
  Reply reply;
  List lines;
  add(lines, "Accept: application/json");
  add(lines, "Expect:");  // no 100-continue round trip
  for (const auto& [name, value] : headers) {
    if (value.find_first_of("\r\n") != std::string::npos)
      return fail(Code::kUsage, "header: " + name + ": holds a line break");
    std::string line = name;
    line.append(": ").append(value);
    add(lines, line);
  }
  if (body != nullptr) {
    add(lines, "Content-Type: application/json");
    set(curl, CURLOPT_POST, 1L);
    set(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
    set(curl, CURLOPT_POSTFIELDS, body->c_str());
  } else {
    set(curl, CURLOPT_HTTPGET, 1L);
  }
  set(curl, CURLOPT_URL, (url + path).c_str());
  set(curl, CURLOPT_HTTPHEADER, lines.get());
  set(curl, CURLOPT_WRITEDATA, &reply.body);
  std::array<char, CURL_ERROR_SIZE> detail{};
  set(curl, CURLOPT_ERRORBUFFER, detail.data());
  set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count() / 1000));
  const CURLcode result = curl_easy_perform(curl);
  set(curl, CURLOPT_HTTPHEADER, nullptr);
  set(curl, CURLOPT_ERRORBUFFER, nullptr);
  if (result != CURLE_OK)
    return fail(code_of(result, detail.data()), "daemon: " + url + ": " + curl_easy_strerror(result));
  SG_CHECK(curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status) == CURLE_OK);
  return reply;
}

Result<std::string> Client::State::perform(const std::string& path, const std::string* body, const Headers& headers,
                                           base::Duration timeout) {
  SG_TRY(Reply reply, exchange(path, body, headers, timeout));
  if (!is_done(reply.status)) return std::unexpected(error_of(reply.status, reply.body));
  return std::move(reply.body);
}

Result<json::Value> Client::get(const std::string& path, base::Duration timeout) {
  SG_TRY(const std::string reply, state_->perform(path, nullptr, {}, timeout));
  return document_of(reply);
}

Result<json::Value> Client::get_health(base::Duration timeout) {
  constexpr long kUnhealthy = 503;  // also busy, late or out of its rate: those have a code
  SG_TRY(const State::Reply reply, state_->exchange("/health", nullptr, {}, timeout));
  if (is_done(reply.status)) return document_of(reply.body);
  auto health = document_of(reply.body);
  const bool told = reply.status == kUnhealthy && health && health->object() != nullptr &&
                    health->object()->find("components") != nullptr;
  if (!told) return std::unexpected(error_of(reply.status, reply.body));
  return health;
}

Result<std::string> Client::get_text(const std::string& path, base::Duration timeout) {
  return state_->perform(path, nullptr, {}, timeout);
}

Result<json::Value> Client::post(const std::string& path, const json::Value& body, const Headers& headers,
                                 base::Duration timeout) {
  const std::string text = json::canonical(body);
  SG_TRY(const std::string reply, state_->perform(path, &text, headers, timeout));
  return document_of(reply);
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kUnreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 0x0F]);
  }
  return out;
}

}  // namespace stargraph::client
