// Tokens and forms: the strict scanner, and that what it writes reads back the same.
#include "stargraph/clp/token.hpp"

#include <gtest/gtest.h>

#include "stargraph/clp/form.hpp"

namespace stargraph::clp {
namespace {

using base::Code;

std::vector<TokenKind> kinds(std::string_view text) {
  std::vector<TokenKind> out;
  const auto tokens = tokenize(text);
  if (!tokens) return out;
  for (const Token& token : *tokens) out.push_back(token.kind);
  return out;
}

Code refusal(std::string_view text) {
  const auto forms = read_forms(text);
  EXPECT_FALSE(forms.has_value()) << text;
  return forms ? Code::kInternal : forms.error().code;
}

TEST(Tokenize, ReadsEveryKindOfToken) {
  using enum TokenKind;
  EXPECT_EQ(kinds("( ) \"s\" sym 12 -1.5e3 ?x $?y ?*g* ? $? & | ~"),
            (std::vector{kOpen, kClose, kString, kSymbol, kInteger, kFloat, kVariable, kMultiVariable, kGlobal,
                         kWildcard, kMultiWildcard, kAnd, kOr, kNot}));
}

TEST(Tokenize, SplitsConstraintsWhereClipsDoes) {
  const auto tokens = tokenize("?x&:(>= ?x 2)|~a<-b");
  ASSERT_TRUE(tokens);
  std::vector<std::string> texts;
  for (const Token& token : *tokens) texts.push_back(token.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"x", "", ":", "", ">=", "x", "2", "", "", "", "a", "<-b"}));
}

TEST(Tokenize, TellsNumbersFromSymbols) {
  using enum TokenKind;
  EXPECT_EQ(kinds("1 +1 -1 1. .5 1e5 1e+5"),
            (std::vector{kInteger, kInteger, kInteger, kFloat, kFloat, kFloat, kFloat}));
  EXPECT_EQ(kinds("+ - . 1e 1x 1.2.3 -- e5"), std::vector(8, kSymbol));
}

TEST(Tokenize, ResolvesEscapesInStrings) {
  const auto tokens = tokenize(R"("a \"b\" \\ ; ( not a comment")");
  ASSERT_TRUE(tokens);
  ASSERT_EQ(tokens->size(), 1U);
  EXPECT_EQ(tokens->front().text, R"(a "b" \ ; ( not a comment)");
}

TEST(Tokenize, CountsLines) {
  const auto tokens = tokenize("a ; comment\n\"two\nlines\" b");
  ASSERT_TRUE(tokens);
  EXPECT_EQ((*tokens)[0].line, 1U);
  EXPECT_EQ((*tokens)[1].line, 2U);
  EXPECT_EQ((*tokens)[2].line, 3U);
}

TEST(Tokenize, SG_T_PACK_EndsCommentsAtCarriageReturnLikeClips) {
  const auto tokens = tokenize("; harmless\r(open \"x\")");
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->size(), 4U);
}

TEST(Tokenize, SG_T_PACK_RefusesBytesThatClipsReadsAsEndOfFile) {
  EXPECT_EQ(refusal(std::string_view("(a)\0(open \"x\")", 14)), Code::kRulesSyntax);
  EXPECT_EQ(refusal("(a)\x03(open \"x\")"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("\"\x01\""), Code::kRulesSyntax);
  EXPECT_EQ(refusal("(a \xff)"), Code::kBadUtf8);
}

TEST(Tokenize, SG_D_PACK_RefusesNestingBeyondSixtyFour) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '(') + std::string(depth, ')'); };
  EXPECT_TRUE(read_forms(nested(63)));
  EXPECT_TRUE(read_forms(nested(64)));
  EXPECT_EQ(refusal(nested(65)), Code::kRulesNesting);
  EXPECT_EQ(refusal(nested(100'000)), Code::kRulesNesting);
}

TEST(Tokenize, SG_D_PACK_RefusesTextOverOneMebibyte) {
  EXPECT_TRUE(tokenize(std::string(kMaxSourceBytes, ' ')));
  EXPECT_EQ(refusal(std::string(kMaxSourceBytes + 1, ' ')), Code::kTooLarge);
}

TEST(Tokenize, RefusesWhatIsNoToken) {
  EXPECT_EQ(refusal("\"open"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("\"open\\"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("(a"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("a)"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("9223372036854775808"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("1e999"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("MAIN::a"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("?*x"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("$?*x*"), Code::kRulesSyntax);
  EXPECT_EQ(refusal("?a:b"), Code::kRulesSyntax);
}

TEST(WriteForm, ReadsBackTheSame) {
  const std::string source =
      "(defrule r \"say \\\"hi\\\"\\\\\" ?f<-(a (b ?x&~c|:(> ?x 1)) (d $?)) => (bind ?*g* -1.50))";
  const auto forms = read_forms(source);
  ASSERT_TRUE(forms);
  const std::string written = write_forms(*forms);
  EXPECT_EQ(written,
            "(defrule r \"say \\\"hi\\\"\\\\\" ?f <- (a (b ?x & ~ c | : (> ?x 1)) (d $?)) => (bind ?*g* -1.50))");
  const auto again = read_forms(written);
  ASSERT_TRUE(again);
  EXPECT_EQ(write_forms(*again), written);
}

TEST(QuoteString, SG_T_IR_KeepsQuotesAndParenthesesInside) {
  const std::string hostile = "x\") (system \"rm\\";
  const auto quoted = quote_string(hostile);
  ASSERT_TRUE(quoted);
  const auto tokens = tokenize(*quoted);
  ASSERT_TRUE(tokens);
  ASSERT_EQ(tokens->size(), 1U);
  EXPECT_EQ(tokens->front().text, hostile);
  EXPECT_FALSE(quote_string(std::string_view("a\0b", 3)));
}

TEST(QuoteSymbolOrString, QuotesWhatIsNoPlainSymbol) {
  EXPECT_EQ(quote_symbol_or_string("node_b.1-x").value(), "node_b.1-x");
  EXPECT_EQ(quote_symbol_or_string("1a").value(), "\"1a\"");
  EXPECT_EQ(quote_symbol_or_string("").value(), "\"\"");
  EXPECT_EQ(quote_symbol_or_string("a b").value(), "\"a b\"");
  EXPECT_EQ(quote_symbol_or_string("?x").value(), "\"?x\"");
}

}  // namespace
}  // namespace stargraph::clp
