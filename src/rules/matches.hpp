// (sg-matches TEXT PATTERN), also known as fathom-matches: does the regular expression occur in the text?
#pragma once

namespace stargraph::rules {

// Defines both names in a CLIPS environment. The pattern has at most 4,096 bytes (RE2 syntax); one that RE2 refuses
// is an evaluation error of the rule.
void define_matches(void* clips);

}  // namespace stargraph::rules
