#include "stargraph/yaml/parse.hpp"

#include <yaml.h>

#include <set>
#include <utility>

#include "core_schema.hpp"
#include "stargraph/base/bytes.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"

namespace stargraph::yaml {
namespace {

using base::Code;
using base::Result;

// Long keys times many nodes could make the index of lines far larger than the text.
constexpr std::size_t kMaxIndexBytes = std::size_t{32} << 20;

std::unexpected<base::Error> fail_at(const yaml_mark_t& mark, Code code, std::string_view why) {
  return base::fail(code, "yaml: line " + std::to_string(mark.line + 1) + ", column " +
                              std::to_string(mark.column + 1) + ": " + std::string(why));
}

// libyaml's parser and the one event that stands.
class Events {
 public:
  // `text` must outlive the object.
  explicit Events(std::string_view text) {
    SG_CHECK(yaml_parser_initialize(&parser_) == 1);  // fails only without memory
    // The pointer must not be null, even for no bytes.
    const char* bytes = text.empty() ? "" : text.data();
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(bytes), text.size());
  }
  ~Events() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  [[nodiscard]] const yaml_event_t& now() const { return event_; }
  [[nodiscard]] std::unexpected<base::Error> refuse(Code code, std::string_view why) const {
    return fail_at(event_.start_mark, code, why);
  }

  Result<> next() {
    yaml_event_delete(&event_);
    event_ = {};
    if (yaml_parser_parse(&parser_, &event_) == 1) return {};
    // libyaml's reasons are fixed texts and never hold input.
    const std::string_view why = parser_.problem == nullptr ? "cannot be parsed" : parser_.problem;
    Code code = Code::kMalformed;
    if (why == "found undefined tag handle") code = Code::kYamlTag;
    if (why == "found incompatible YAML document") code = Code::kUnsupportedVersion;
    if (parser_.error == YAML_READER_ERROR) {
      return base::fail(code, "yaml: byte " + std::to_string(parser_.problem_offset) + ": " + std::string(why));
    }
    return fail_at(parser_.problem_mark, code, why);
  }

 private:
  yaml_parser_t parser_{};
  yaml_event_t event_{};
};

class Composer {
 public:
  Composer(std::string_view text, const ParseLimits& limits) : events_(text), limits_(limits) {}

  Result<Document> run() {
    SG_TRY(events_.next());  // start of the stream
    SG_TRY(events_.next());
    if (events_.now().type == YAML_STREAM_END_EVENT) return std::move(document_);
    SG_TRY(check_directives());
    SG_TRY(events_.next());
    SG_TRY(remember_line());
    SG_TRY(document_.value, node(0));
    SG_TRY(events_.next());  // end of the document
    SG_TRY(events_.next());
    if (events_.now().type != YAML_STREAM_END_EVENT) {
      return events_.refuse(Code::kYamlMultiDocument, "a second document");
    }
    return std::move(document_);
  }

 private:
  [[nodiscard]] Result<> check_directives() const {
    const auto& start = events_.now().data.document_start;
    if (start.tag_directives.start != start.tag_directives.end)
      return events_.refuse(Code::kYamlTag, "%TAG is refused");
    const yaml_version_directive_t* version = start.version_directive;
    if (version != nullptr && (version->major != 1 || version->minor != 2)) {
      return events_.refuse(Code::kUnsupportedVersion, "only %YAML 1.2 is known");
    }
    return {};
  }

  // The node whose first event stands; afterwards its last event stands.
  Result<json::Value> node(int depth) {
    SG_TRY(count_node());
    const yaml_event_t& event = events_.now();
    switch (event.type) {
      case YAML_SCALAR_EVENT:
        SG_TRY(check_properties(event.data.scalar.anchor, event.data.scalar.tag));
        return scalar();
      case YAML_SEQUENCE_START_EVENT:
        SG_TRY(check_properties(event.data.sequence_start.anchor, event.data.sequence_start.tag));
        return sequence(depth + 1);
      case YAML_MAPPING_START_EVENT:
        SG_TRY(check_properties(event.data.mapping_start.anchor, event.data.mapping_start.tag));
        return mapping(depth + 1);
      default:  // what is left is an alias
        return events_.refuse(Code::kYamlAlias, "aliases are refused");
    }
  }

  Result<> count_node() {
    if (++nodes_ <= limits_.max_nodes) return {};
    return events_.refuse(Code::kTooLarge, "more than " + std::to_string(limits_.max_nodes) + " nodes");
  }

  Result<> check_properties(const yaml_char_t* anchor, const yaml_char_t* tag) const {
    if (anchor != nullptr) return events_.refuse(Code::kYamlAlias, "anchors are refused");
    if (tag != nullptr) return events_.refuse(Code::kYamlTag, "tags are refused");
    return {};
  }

  [[nodiscard]] Result<> check_depth(int depth) const {
    if (depth <= limits_.max_depth) return {};
    return events_.refuse(Code::kTooDeep, "nested deeper than " + std::to_string(limits_.max_depth));
  }

  // Lives until the next event.
  [[nodiscard]] Result<std::string_view> scalar_text() const {
    const auto& scalar = events_.now().data.scalar;
    const std::string_view text(reinterpret_cast<const char*>(scalar.value), scalar.length);
    if (text.contains('\0')) return events_.refuse(Code::kMalformed, "NUL is not allowed");
    return text;
  }

  [[nodiscard]] Result<json::Value> scalar() const {
    SG_TRY(const std::string_view text, scalar_text());
    if (events_.now().data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return json::Value(text);
    Result<json::Value> value = plain_value(text);
    if (!value) return events_.refuse(value.error().code, value.error().message);
    return value;
  }

  Result<json::Value> sequence(int depth) {
    SG_TRY(check_depth(depth));
    json::Array items;
    const std::size_t parent = path_.size();
    for (;;) {
      SG_TRY(events_.next());
      if (events_.now().type == YAML_SEQUENCE_END_EVENT) return items;
      path_ += json::pointer_step(items.size());
      SG_TRY(remember_line());
      SG_TRY(json::Value item, node(depth));
      items.push_back(std::move(item));
      path_.resize(parent);
    }
  }

  Result<json::Value> mapping(int depth) {
    SG_TRY(check_depth(depth));
    json::Object members;
    std::set<std::string, std::less<>> keys;
    const std::size_t parent = path_.size();
    for (;;) {
      SG_TRY(events_.next());
      if (events_.now().type == YAML_MAPPING_END_EVENT) return members;
      SG_TRY(std::string name, key());
      if (!keys.insert(name).second) return events_.refuse(Code::kDuplicateKey, "key stands twice in one mapping");
      path_ += json::pointer_step(name);
      SG_TRY(remember_line());
      SG_TRY(events_.next());
      SG_TRY(json::Value value, node(depth));
      members.append_new(std::move(name), std::move(value));
      path_.resize(parent);
    }
  }

  Result<std::string> key() {
    const yaml_event_t& event = events_.now();
    if (event.type == YAML_ALIAS_EVENT) return events_.refuse(Code::kYamlAlias, "aliases are refused");
    if (event.type != YAML_SCALAR_EVENT) return events_.refuse(Code::kMalformed, "a key must be a scalar");
    SG_TRY(count_node());
    SG_TRY(check_properties(event.data.scalar.anchor, event.data.scalar.tag));
    SG_TRY(const std::string_view text, scalar_text());
    if (text.size() > kMaxKeyBytes) {
      return events_.refuse(Code::kMalformed, "key longer than " + std::to_string(kMaxKeyBytes) + " bytes");
    }
    if (event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
      if (text == "<<") return events_.refuse(Code::kDuplicateKey, "merge keys are refused");
      if (text.empty()) return events_.refuse(Code::kMalformed, "a key is missing");
    }
    return std::string(text);
  }

  Result<> remember_line() {
    index_bytes_ += path_.size();
    if (index_bytes_ > kMaxIndexBytes) return events_.refuse(Code::kTooLarge, "keys too long for so many nodes");
    document_.lines.emplace(path_, static_cast<int>(events_.now().start_mark.line) + 1);
    return {};
  }

  Events events_;
  const ParseLimits& limits_;
  Document document_;
  std::string path_;  // RFC 6901 pointer of the node at hand
  std::size_t nodes_ = 0;
  std::size_t index_bytes_ = 0;
};

}  // namespace

Result<Document> parse(std::string_view text, const ParseLimits& limits) {
  SG_CHECK(limits.max_depth >= 0 && limits.max_depth <= json::kMaxDepth);
  if (text.size() > limits.max_bytes) {
    return base::fail(Code::kTooLarge, "yaml: document: longer than " + std::to_string(limits.max_bytes) + " bytes");
  }
  if (!base::is_utf8(text)) return base::fail(Code::kBadUtf8, "yaml: document: not UTF-8");
  return Composer(text, limits).run();
}

}  // namespace stargraph::yaml
