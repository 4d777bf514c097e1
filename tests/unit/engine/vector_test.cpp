// The worked example of docs/formats/run.md, byte for byte. The digests were computed with another implementation
// (Python's json and hashlib) from the graph's nodes and the parameters; only the basis hash is taken as given.
#include "fixture.hpp"
#include "graphs.hpp"

namespace stargraph::engine {
namespace {

class Vectors : public EngineTest {};

constexpr auto kRecords = std::to_array<std::string_view>({
    R"({"basis":"dcba438314bff2099fa984f6d0fafe07b1ffece0a85500a41410fb52f15341aaa5b70768a2176258e3e28bf1de324ca3","decision":{"class":"continue"},"input_digest":"3bf900ed14175ac8ddcc962cc6b86542d93dfc1ce9b83428bd49ee82f30985a6b8bdef4875c105fa98e635e95e2a4afb","kind":"echo","node":"a","number":0,"patch":{},"previous":"b463684147abe6b9e034880c277afd941ffae2c5baafd385fd77cfda5798afd433504fe874ab13b95a85e038c3aff62a","ts":"2026-01-01T00:00:00.000000Z"})",
    R"({"basis":"dcba438314bff2099fa984f6d0fafe07b1ffece0a85500a41410fb52f15341aaa5b70768a2176258e3e28bf1de324ca3","decision":{"class":"continue"},"input_digest":"6b52ee57d036908f8d0ee0266b817b006d992cdd0b532f6a94ebb36d80c897410b79a7b5185497648115727623296e34","kind":"template","node":"b","number":1,"patch":{"message":"<hi>"},"previous":"84fb97d47129dc2b456d7502435fcc15d9849df4bbf324584589d9851568dc435d17e1a67b43ec58ad1ea80cd40fead9","ts":"2026-01-01T00:00:00.000000Z"})",
    R"({"basis":"dcba438314bff2099fa984f6d0fafe07b1ffece0a85500a41410fb52f15341aaa5b70768a2176258e3e28bf1de324ca3","decision":{"class":"continue"},"input_digest":"a8b7262be74b424511ec0f2b4975b4f8e6ae0cbdd1e65a005c98ffaa74e4b6ca5f90836749611ed261d3cbec2520abdb","kind":"halt","node":"c","number":2,"patch":{},"previous":"15b9723f8d0bb6edc40f48df09106a8ce8895d80c41a43f1c21f5441c228ee235fb7011d6b06f0092937ac29735454c1","ts":"2026-01-01T00:00:00.000000Z"})",
});
constexpr auto kStepHashes = std::to_array<std::string_view>({
    "84fb97d47129dc2b456d7502435fcc15d9849df4bbf324584589d9851568dc435d17e1a67b43ec58ad1ea80cd40fead9",
    "15b9723f8d0bb6edc40f48df09106a8ce8895d80c41a43f1c21f5441c228ee235fb7011d6b06f0092937ac29735454c1",
    "c9c277b202c94617e97d38dadfcca629b53598a990455bc442a69d5b77b7f28bb9970f6f3d1e0aa68cd07bf657fd07a4",
});
constexpr auto kDecisionHashes = std::to_array<std::string_view>({
    "67aea080ae21021be6fd1d234d1dff1cafe046f50f5775721e8b3a2210f38853ff2757da38d1697b1a738d330afbaf33",
    "3d267c41d953cc84bb509af1e97411f5607db81910889fbafd5e9fe7c825d58a134b5230f4739840847d0bd3c9622388",
    "7cc4922e3ad957dc046fa01ab20f4cffa3572a0f825261b6a8cd1c9a10f70871dff3fffd581c25e353079edfaa26d15f",
});
constexpr std::string_view kBasis =
    "dcba438314bff2099fa984f6d0fafe07b1ffece0a85500a41410fb52f15341aaa5b70768a2176258e3e28bf1de324ca3";

TEST_F(Vectors, TheExampleOfTheDocument) {
  env_.set_now(base::from_micros(1'767'225'600'000'000));  // 2026-01-01
  make_engine({kLine});
  const base::RunId run = start("line", {{"message", "hi"}});
  run_all();
  EXPECT_EQ(view(run).basis_hash.hex(), kBasis);
  const std::vector<StepView> all = steps(run);
  ASSERT_EQ(all.size(), kRecords.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(json::canonical(all[i].record), kRecords[i]);
    EXPECT_EQ(all[i].step_hash.hex(), kStepHashes[i]);
    EXPECT_EQ(all[i].decision_hash.hex(), kDecisionHashes[i]);
  }
}

}  // namespace
}  // namespace stargraph::engine
