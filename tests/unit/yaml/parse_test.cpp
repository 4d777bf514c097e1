// YAML for people's files: core schema types, and each thing refused with its own code.
#include "stargraph/yaml/parse.hpp"

#include <gtest/gtest.h>

#include <string>

#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"
#include "support/upstream.hpp"

namespace stargraph::yaml {
namespace {

using base::Code;

// The name of the reason; "taken" when nothing was refused.
std::string refusal(std::string_view text, const ParseLimits& limits = {}) {
  const auto document = parse(text, limits);
  return document ? "taken" : std::string(document.error().name());
}

std::string name_of(Code code) { return std::string(base::reason(code).name); }

std::string message(std::string_view text) {
  const auto document = parse(text);
  return document ? "taken" : document.error().message;
}

// As JSON with types to be seen: 1 and 1.0 would look the same, so doubles carry a mark.
std::string as_json(std::string_view text) {
  const auto document = parse(text);
  if (!document) return document.error().message;
  return json::compact(document->value) + (document->value.is_double() ? "d" : "");
}

TEST(YamlParse, ReadsMappingsSequencesAndScalars) {
  EXPECT_EQ(as_json("id: soc\n"
                    "nodes:\n"
                    "  - id: a   # a comment\n"
                    "    kind: echo\n"
                    "  - {id: b, kind: halt}\n"
                    "empty: {}\n"
                    "list: [1, two, 3.5]\n"
                    "nothing:\n"
                    "text: |\n"
                    "  two\n"
                    "  lines\n"
                    "folded: >-\n"
                    "  one\n"
                    "  line\n"),
            R"({"id":"soc","nodes":[{"id":"a","kind":"echo"},{"id":"b","kind":"halt"}],"empty":{},)"
            R"("list":[1,"two",3.5],"nothing":null,"text":"two\nlines\n","folded":"one line"})");
}

TEST(YamlParse, NoDocumentIsNull) {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n", "---\n...\n", "\xEF\xBB\xBF"}) {
    EXPECT_EQ(as_json(text), "null") << text;
  }
}

TEST(YamlParse, TakesOneMarkedDocument) {
  EXPECT_EQ(as_json("%YAML 1.2\n---\na: 1\n...\n"), R"({"a":1})");
  EXPECT_EQ(as_json("--- text\n"), R"("text")");
}

struct Plain {
  std::string_view text;
  std::string_view json;
};

// YAML 1.2.2, 10.3.2, and the words and numbers of YAML 1.1 that stay text.
constexpr Plain kPlain[] = {
    {"null", "null"},
    {"Null", "null"},
    {"NULL", "null"},
    {"~", "null"},
    {"nULL", "\"nULL\""},
    {"true", "true"},
    {"True", "true"},
    {"TRUE", "true"},
    {"false", "false"},
    {"False", "false"},
    {"FALSE", "false"},
    {"tRUE", "\"tRUE\""},
    {"yes", "\"yes\""},
    {"no", "\"no\""},
    {"on", "\"on\""},
    {"off", "\"off\""},
    {"y", "\"y\""},
    {"0", "0"},
    {"-0", "0"},
    {"7", "7"},
    {"+12", "12"},
    {"-19", "-19"},
    {"0o14", "12"},
    {"0xC", "12"},
    {"0xff", "255"},
    {"0o8", "\"0o8\""},
    {"0xG", "\"0xG\""},
    {"0x", "\"0x\""},
    {"-0x1", "\"-0x1\""},
    {"0b1", "\"0b1\""},
    {"0777", "\"0777\""},
    {"-012", "\"-012\""},
    {"00", "\"00\""},
    {"01.5", "\"01.5\""},
    {"1:30", "\"1:30\""},
    {"190:20:30", "\"190:20:30\""},
    {"1_000", "\"1_000\""},
    {"1.0", "1d"},
    {"0.", "0d"},
    {"-0.0", "0d"},
    {".5", "0.5d"},
    {"+.5", "0.5d"},
    {"12e03", "12000d"},
    {"-2E+05", "-200000d"},
    {"1e3", "1000d"},
    {"1.e1", "10d"},
    {".", "\".\""},
    {"1.2.3", "\"1.2.3\""},
    {"e5", "\"e5\""},
    {"1e", "\"1e\""},
    {"1e+", "\"1e+\""},
    {"1e5.", "\"1e5.\""},
    {"+", "\"+\""},
    {"-.", "\"-.\""},
    {"--1", "\"--1\""},
    {"+-1", "\"+-1\""},
    {"inf", "\"inf\""},
    {"nan", "\"nan\""},
    {"-.nan", "\"-.nan\""},
    {"2026-01-01", "\"2026-01-01\""},
    {"1 2", "\"1 2\""},
    {"0.1", "0.1d"},
    {"9007199254740991", "9007199254740991"},
};

TEST(YamlParse, TypesPlainScalarsByTheCoreSchema) {
  for (const Plain& plain : kPlain) EXPECT_EQ(as_json(plain.text), plain.json) << plain.text;
}

TEST(YamlParse, QuotedAndBlockScalarsAreText) {
  EXPECT_EQ(as_json("'1'"), "\"1\"");
  EXPECT_EQ(as_json("\"true\""), "\"true\"");
  EXPECT_EQ(as_json("''"), "\"\"");
  EXPECT_EQ(as_json("a: |-\n  12\n"), R"({"a":"12"})");
  EXPECT_EQ(as_json(R"("\x41\u00e9\U0001F600\n")"), "\"A\xC3\xA9\xF0\x9F\x98\x80\\n\"");
}

TEST(YamlParse, SG_T_IR_RefusesNumbersThatWouldChange) {
  for (const char* bad :
       {"9007199254740992", "-9007199254740992", "0xdeadbeefdeadbeef", "0o7777777777777777777777",
        "123456789012345678901234567890", "1e309", "1e-400", "9e19", ".inf", "-.INF", "+.Inf", ".nan", ".NaN"}) {
    EXPECT_EQ(refusal(bad), name_of(Code::kNumberRange)) << bad;
  }
  EXPECT_EQ(message("a:\n  b: 9007199254740992\n"),
            "yaml: line 2, column 6: integer beyond 2^53-1, quote it to make it text");
}

TEST(YamlParse, SG_T_IR_RefusesAnchorsAndAliases) {
  for (const char* bad : {"a: &x 1\n", "a: &x [1]\n", "a: &x {b: 1}\n", "&x a: 1\n", "a: *x\n", "*x : 1\n", "- *x\n",
                          "&x\n", "? *x\n: 1\n"}) {
    EXPECT_EQ(refusal(bad), name_of(Code::kYamlAlias)) << bad;
  }
  EXPECT_EQ(message("a: 1\nb: &secret 2\n"), "yaml: line 2, column 4: anchors are refused");
}

// Nine levels of nine aliases: 10^9 items for a reader that expands them.
TEST(YamlParse, SG_D_IR_RefusesAnAliasBombAtItsFirstAnchor) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string from = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + from;
    for (int j = 1; j < 9; ++j) bomb += "," + from;
    bomb += "]\n";
  }
  EXPECT_EQ(message(bomb), "yaml: line 1, column 5: anchors are refused");
}

TEST(YamlParse, SG_E_IR_RefusesTags) {
  for (const char* bad : {"a: !!python/object/apply:os.system [id]\n", "!!str 1", "a: !local x\n", "!!map {a: 1}\n",
                          "!!seq [1]\n", "! 1\n", "a: !<tag:yaml.org,2002:int> 1\n", "!!str a: 1\n", "a: !foo!bar 1\n",
                          "%TAG ! tag:example.com,2000:\n---\na: 1\n"}) {
    EXPECT_EQ(refusal(bad), name_of(Code::kYamlTag)) << bad;
  }
}

TEST(YamlParse, SG_T_IR_RefusesASecondDocument) {
  EXPECT_EQ(refusal("a: 1\n---\nb: 2\n"), name_of(Code::kYamlMultiDocument));
  EXPECT_EQ(refusal("---\n---\n"), name_of(Code::kYamlMultiDocument));
  EXPECT_EQ(message("a: 1\n...\n---\nb: 2\n"), "yaml: line 3, column 1: a second document");
}

TEST(YamlParse, RefusesOtherVersions) {
  EXPECT_EQ(refusal("%YAML 1.1\n---\na: 1\n"), name_of(Code::kUnsupportedVersion));
  EXPECT_EQ(refusal("%YAML 1.3\n---\na: 1\n"), name_of(Code::kUnsupportedVersion));
}

TEST(YamlParse, SG_T_IR_RefusesAKeyTwice) {
  EXPECT_EQ(message("a: 1\nb: 2\na: 3\n"), "yaml: line 3, column 1: key stands twice in one mapping");
  for (const char* bad : {"{a: 1, a: 2}", "a: 1\n'a': 2\n", "a: 1\n\"\\x61\": 2\n", "1: x\n'1': y\n",
                          "o: {b: [{c: 1, c: 2}]}\n", "? a\n: 1\n? a\n: 2\n"}) {
    EXPECT_EQ(refusal(bad), name_of(Code::kDuplicateKey)) << bad;
  }
  EXPECT_EQ(refusal("a: {a: 1}\nA: 2\n"), "taken");
}

TEST(YamlParse, SG_T_IR_RefusesMergeKeys) {
  EXPECT_EQ(refusal("a: 1\n<<: {a: 2}\n"), name_of(Code::kDuplicateKey));
  EXPECT_EQ(refusal("{<<: {a: 2}}\n"), name_of(Code::kDuplicateKey));
  EXPECT_EQ(as_json("'<<': 1\n"), R"({"<<":1})");
}

TEST(YamlParse, KeysAreTheTextOfTheirScalar) {
  EXPECT_EQ(as_json("1: a\ntrue: b\n~: c\n\"\": d\non: e\n"), R"({"1":"a","true":"b","~":"c","":"d","on":"e"})");
}

TEST(YamlParse, SG_T_IR_RefusesOtherKeys) {
  for (const char* bad : {"? [a]\n: 1\n", "? {a: 1}\n: 1\n", "[a]: 1\n", "{{a: 1}: 2}\n", ": 1\n", "{: 1}\n"}) {
    EXPECT_EQ(refusal(bad), name_of(Code::kMalformed)) << bad;
  }
  EXPECT_EQ(refusal(std::string(kMaxKeyBytes, 'k') + ": 1\n"), "taken");
  EXPECT_EQ(refusal(std::string(kMaxKeyBytes + 1, 'k') + ": 1\n"), name_of(Code::kMalformed));
}

TEST(YamlParse, SG_D_IR_BoundsDepth) {
  const auto flow = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(refusal(flow(31)), "taken");
  EXPECT_EQ(refusal(flow(32)), "taken");
  EXPECT_EQ(refusal(flow(33)), name_of(Code::kTooDeep));
  const auto block = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
    return text;
  };
  EXPECT_EQ(refusal(block(32)), "taken");
  EXPECT_EQ(refusal(block(33)), name_of(Code::kTooDeep));
  EXPECT_EQ(refusal("[]", {.max_depth = 0}), name_of(Code::kTooDeep));
}

TEST(YamlParse, SG_D_IR_StopsAtTheLimitOfBombs) {
  EXPECT_EQ(refusal(std::string(1 << 20, '[')), name_of(Code::kTooDeep));
  EXPECT_EQ(refusal(std::string(1 << 20, '{')), name_of(Code::kMalformed));
  std::string dashes;
  for (int i = 0; i < 300'000; ++i) dashes += "- ";
  EXPECT_EQ(refusal(dashes), name_of(Code::kTooDeep));
}

TEST(YamlParse, SG_D_IR_BoundsTheSize) {
  const std::string text = "a: " + std::string(97, 'x');
  EXPECT_EQ(refusal(text, {.max_bytes = 101}), "taken");
  EXPECT_EQ(refusal(text, {.max_bytes = 100}), "taken");
  EXPECT_EQ(refusal(text, {.max_bytes = 99}), name_of(Code::kTooLarge));
}

TEST(YamlParse, SG_D_IR_BoundsTheNumberOfNodes) {
  // A mapping, two keys, a scalar, a sequence, two items.
  const std::string_view text = "a: 1\nb: [2, 3]\n";
  EXPECT_EQ(refusal(text, {.max_nodes = 8}), "taken");
  EXPECT_EQ(refusal(text, {.max_nodes = 7}), "taken");
  EXPECT_EQ(refusal(text, {.max_nodes = 6}), name_of(Code::kTooLarge));
  EXPECT_EQ(refusal("{a: 1}", {.max_nodes = 1}), name_of(Code::kTooLarge));
}

// 31 long keys inside each other make a pointer of 8 KiB; one for each of 100,000 items would be 800 MiB.
TEST(YamlParse, SG_D_IR_BoundsTheIndexOfLines) {
  std::string text;
  for (int i = 0; i < 31; ++i) text += "{" + std::string(kMaxKeyBytes, 'k') + ": ";
  text += "[";
  for (int i = 0; i < 100'000; ++i) text += "1,";
  text += "]" + std::string(31, '}');
  EXPECT_EQ(refusal(text), name_of(Code::kTooLarge));
}

TEST(YamlParse, SG_T_IR_RefusesWhatIsNotUtf8AndUtf16) {
  using namespace std::string_view_literals;
  EXPECT_EQ(refusal("a: \x80\n"), name_of(Code::kBadUtf8));
  EXPECT_EQ(refusal("a: \xC0\x80\n"), name_of(Code::kBadUtf8));
  EXPECT_EQ(refusal("\xFF\xFE"
                    "a\0:\0 \0b\0"sv),
            name_of(Code::kBadUtf8));
}

TEST(YamlParse, SG_T_IR_RefusesNulAndControlCharacters) {
  using namespace std::string_view_literals;
  EXPECT_EQ(refusal("a: x\0y\n"sv), name_of(Code::kMalformed));
  EXPECT_EQ(refusal("a: \"x\\0y\"\n"), name_of(Code::kMalformed));
  EXPECT_EQ(refusal("\"x\\u0000\": 1\n"), name_of(Code::kMalformed));
  EXPECT_EQ(refusal("a: \x1b[2J\n"), name_of(Code::kMalformed));
  EXPECT_EQ(refusal("a: \"\\ud83d\"\n"), name_of(Code::kMalformed));
  EXPECT_EQ(message("a: \x01\n"), "yaml: byte 3: control characters are not allowed");
}

TEST(YamlParse, RefusesWhatLibyamlCannotParse) {
  for (const char* bad : {"a: [1\n", "a: b: c\n", "a:\n\t- 1\n", "'open", "a: 1\n b: 2\n", "@x", "- a\nb: 1\n", "}"}) {
    EXPECT_EQ(refusal(bad), name_of(Code::kMalformed)) << bad;
  }
  EXPECT_EQ(message("a: 1\nb: [\n"), "yaml: line 3, column 1: did not find expected node content");
}

TEST(YamlParse, GivesTheLineOfEachMemberAndItem) {
  const auto document = parse(
      "# comment\n"
      "id: x\n"
      "nodes:\n"
      "  - id: a\n"
      "    kind:\n"
      "      echo\n"
      "  - id: b\n"
      "a/b~c: {d: 1}\n");
  ASSERT_TRUE(document.has_value()) << document.error().message;
  const std::map<std::string, int, std::less<>> expected = {
      {"", 2},         {"/id", 2},         {"/nodes", 3},   {"/nodes/0", 4},  {"/nodes/0/id", 4}, {"/nodes/0/kind", 5},
      {"/nodes/1", 7}, {"/nodes/1/id", 7}, {"/a~1b~0c", 8}, {"/a~1b~0c/d", 8}};
  EXPECT_EQ(document->lines, expected);
}

TEST(YamlParse, AReadersErrorLeadsToTheLine) {
  const auto document = parse("id: x\nlimits:\n  depth: many\n");
  ASSERT_TRUE(document.has_value()) << document.error().message;
  json::Reader outer(document->value, "config");
  static_cast<void>(outer.text("id"));
  json::Reader inner(outer.value("limits"), "config", outer.pointer_of("limits"));
  static_cast<void>(inner.integer("depth", 0, 9));
  EXPECT_FALSE(inner.finish().has_value());
  EXPECT_EQ(document->lines.find(inner.error_pointer())->second, 3);
}

TEST(YamlParse, TakesEveryUpstreamGraph) {
  SG_UPSTREAM_OR_SKIP(upstream);
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(upstream / "stargraph" / "graphs")) {
    if (entry.path().extension() != ".yaml") continue;
    const auto document = parse(support::read_upstream(entry.path()));
    ASSERT_TRUE(document.has_value()) << entry.path() << ": " << document.error().message;
    EXPECT_TRUE(document->value.is_object()) << entry.path();
    ++seen;
  }
  EXPECT_GE(seen, 1);
}

}  // namespace
}  // namespace stargraph::yaml
