// A pack that was made once and is kept: what we read today must be readable tomorrow, and the same
// sources must still give the same bytes. Its private key is gone.
#include <gtest/gtest.h>

#include <filesystem>

#include "sample_pack.hpp"

namespace stargraph::pack {
namespace {

const base::Path kVectors = base::Path(STARGRAPH_SOURCE_DIR) / "tests/unit/pack/vectors";

base::Bytes read(const char* name) {
  auto bytes = base::real_env().read_file(kVectors / name, 1 << 20);
  EXPECT_TRUE(bytes) << name;
  return bytes.value_or(base::Bytes());
}

TEST(PackVector, HelloVerifies) {
  const base::Bytes bytes = read("hello.sgpack");
  const auto container = parse(bytes);
  ASSERT_TRUE(container) << container.error().message;
  const auto key = crypto::PublicKey::from_pem(base::as_text(read("hello.pub.pem")));
  ASSERT_TRUE(key) << key.error().message;
  const crypto::PublicKey keys[] = {*key};
  const auto contents = verify(*container, keys);
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_EQ(container->digest.hex(),
            "281d69226daa636887f08aeac664e4be69123bca81a8fef825ed15ca9da94133554ec2c1fce1ce0a9413a9f17a732e00");
}

TEST(PackVector, HelloIsBuiltFromItsSources) {
  const base::Bytes bytes = read("hello.sgpack");
  const auto container = parse(bytes);
  ASSERT_TRUE(container);
  auto sources = read_sources(base::real_env(), kVectors / "hello");
  ASSERT_TRUE(sources) << sources.error().message;
  const auto compiled = compile(*std::move(sources), at_epoch(1));
  ASSERT_TRUE(compiled) << compiled.error().message;
  EXPECT_EQ(compiled->header_bytes, base::as_text(container->header_bytes));
}

}  // namespace
}  // namespace stargraph::pack
