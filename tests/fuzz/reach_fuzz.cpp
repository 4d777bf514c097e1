// A Reach document. Its hash stands in the way of most of what follows, so the hash that it should have had is taken
// from the refusal and put in: then the rules are reached, and the conversion must keep within ours.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/pack/build.hpp"
#include "stargraph/pack/reach_pack.hpp"

namespace pack = stargraph::pack;
namespace base = stargraph::base;
namespace json = stargraph::json;

namespace {

void check(const pack::ReachPack& reach, base::BytesView bytes) {
  if (pack::reach_content_hash(reach) != reach.signature_hash) std::abort();
  const auto canonical = json::parse(pack::reach_canonical(reach));  // a config may hold what nests just deeper
  if (!canonical && canonical.error().code != base::Code::kTooDeep) std::abort();
  auto converted = pack::convert_reach(reach, bytes);
  if (!converted) return;
  const pack::BuildOptions options{base::Epoch(1), base::from_micros(1'767'225'600'000'000)};
  static_cast<void>(pack::compile_files(std::move(converted->manifest), std::move(converted->files), options));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView bytes = std::as_bytes(std::span(data, size));
  static_cast<void>(pack::is_reach_pack(bytes));
  const auto first = pack::decode_reach(bytes);
  if (first) check(*first, bytes);
  if (first || first.error().code != base::Code::kDigestMismatch) return 0;
  const auto at = first.error().message.find("computed ");
  if (at == std::string::npos) return 0;
  auto value = json::parse(bytes);
  if (!value || value->object() == nullptr) std::abort();
  value->object()->set("signature_hash", first.error().message.substr(at + 9, 64));
  const std::string hashed = json::compact(*value);
  const auto second = pack::decode_reach(base::as_bytes(hashed));
  if (second) check(*second, base::as_bytes(hashed));  // numbers in a config may be written in another way now
  return 0;
}
