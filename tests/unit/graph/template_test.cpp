#include "stargraph/graph/template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "documents.hpp"

namespace stargraph::graph {
namespace {

using base::Code;
using ::testing::ElementsAre;

json::Object state() {
  return *value_of(R"({"name": "Ada", "n": 3, "ok": true, "l": [1, "x"], "evil": "{name} {{", "none": null})").object();
}

TEST(Render, PutsFieldsIntoPlaces) {
  EXPECT_EQ(render("Hi {name}, {n} {ok} {l} {none}!", state()), "Hi Ada, 3 true [1,\"x\"] null!");
  EXPECT_EQ(render("", state()), "");
  EXPECT_EQ(render("{{n}} is {n}", state()), "{n} is 3");
}

TEST(Render, SG_T_STATE_WhatAValueBringsIsNotATemplate) { EXPECT_EQ(render("{evil}", state()), "{name} {{"); }

TEST(Render, MissingFieldIsAnError) {
  const auto text = render("{gone}", state());
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::kStateField);
}

TEST(Render, SG_D_STATE_OutputIsCapped) {
  json::Object big;
  big.set("b", std::string(kMaxRenderedBytes / 2, 'x'));
  EXPECT_TRUE(render("{b}{b}", big));
  EXPECT_EQ(render("{b}{b}.", big).error().code, Code::kTooLarge);
}

TEST(TemplateFields, AreNamedOnceInOrder) {
  const auto fields = template_fields("{b} {a} {b} {{c}}");
  ASSERT_TRUE(fields);
  EXPECT_THAT(*fields, ElementsAre("b", "a"));
}

TEST(TemplateFields, RefusesBracesThatAreNoPlace) {
  for (const char* text :
       {"{", "}", "{}", "{a", "a}", "{a b}", "{a.b()}", "{_run_id}", "{a!r}", "{0}", "{a}}", "{{a}", "{\"a\": 1}"}) {
    EXPECT_FALSE(template_fields(text)) << text;
    EXPECT_FALSE(render(text, state())) << text;
  }
}

TEST(TemplateFields, SG_D_IR_PlacesAreCounted) {
  std::string text;
  for (std::size_t i = 0; i < kMaxPlaces; ++i) text += "{f" + std::to_string(i) + "}";
  EXPECT_TRUE(template_fields(text + "{f0}"));
  EXPECT_FALSE(template_fields(text + "{more}"));
}

}  // namespace
}  // namespace stargraph::graph
