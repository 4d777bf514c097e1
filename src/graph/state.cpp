#include "stargraph/graph/state.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <utility>

#include "stargraph/base/bytes.hpp"
#include "stargraph/graph/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::graph {
namespace {

using Fields = std::map<std::string, json::Value, std::less<>>;

// A field's name may be told when it is plain; anything else came from outside and is not repeated.
std::string named(std::string_view field) {
  return "state: " + (is_field_name(field) ? std::string(field) : std::string("field")) + ": ";
}

// The value as RFC 8785 would give it back. False for what JSON cannot hold or what nests too deep.
base::Result<json::Value> settle(const json::Value& value, int levels, std::string_view field) {
  if (levels == 0) return base::fail(base::Code::kTooDeep, named(field) + "nested too deep");
  if (const double* number = value.number()) {
    if (!std::isfinite(*number)) return base::fail(base::Code::kStateType, named(field) + "not a finite number");
    const bool whole = std::trunc(*number) == *number && std::fabs(*number) <= static_cast<double>(json::kMaxInteger);
    return whole ? json::Value(static_cast<std::int64_t>(*number)) : value;
  }
  if (const std::int64_t* number = value.integer()) {
    if (*number > json::kMaxInteger || *number < -json::kMaxInteger) {
      return base::fail(base::Code::kStateType, named(field) + "integer beyond 2^53 - 1");
    }
    return value;
  }
  if (const json::Array* array = value.array()) {
    json::Array out;
    out.reserve(array->size());
    for (const json::Value& item : *array) {
      SG_TRY(json::Value settled, settle(item, levels - 1, field));
      out.push_back(std::move(settled));
    }
    return json::Value(std::move(out));
  }
  if (const json::Object* object = value.object()) {
    std::map<std::string_view, const json::Value*> sorted;
    for (const auto& [name, member] : *object) sorted.emplace(name, &member);
    json::Object out;
    for (const auto& [name, member] : sorted) {
      SG_TRY(json::Value settled, settle(*member, levels - 1, field));
      out.append_new(std::string(name), std::move(settled));
    }
    return json::Value(std::move(out));
  }
  return value;
}

bool has_type(const json::Value& value, FieldType type) {
  switch (type) {
    case FieldType::kStr: return value.is_string();
    case FieldType::kInt: return value.is_integer();
    case FieldType::kBool: return value.is_bool();
    case FieldType::kFloat: return value.is_integer() || value.is_double();
    case FieldType::kList: return value.is_array();
    case FieldType::kMap: return value.is_object();
    case FieldType::kBytes: return value.is_string() && base::from_base64(*value.string()).has_value();
  }
  return false;
}

double as_double(const json::Value& value) {
  if (const double* number = value.number()) return *number;
  const std::int64_t* integer = value.integer();
  return integer == nullptr ? 0 : static_cast<double>(*integer);
}

// Settled and of the field's type.
base::Result<json::Value> admit(const StateSchema& schema, std::string_view name, const json::Value& value,
                                const StateField** declared) {
  if (!is_field_name(name)) return base::fail(base::Code::kStateField, named(name) + "not a field name");
  *declared = schema.find(name);
  if (!schema.open && *declared == nullptr) return base::fail(base::Code::kStateField, named(name) + "not declared");
  SG_TRY(json::Value settled, settle(value, kMaxStateDepth - 1, name));
  if (*declared == nullptr) return settled;
  const bool item_to_append = (*declared)->reducer == Reducer::kAppend;
  if (!item_to_append && !has_type(settled, (*declared)->type)) {
    return base::fail(base::Code::kStateType, named(name) + "expected " +
                                                  std::string(field_type_name((*declared)->type)) + ", got " +
                                                  std::string(settled.type_name()));
  }
  return settled;
}

base::Result<json::Value> reduce(const StateField* field, const json::Value* before, json::Value after) {
  if (field == nullptr || before == nullptr) return after;
  switch (field->reducer) {
    case Reducer::kLastWrite: return after;
    case Reducer::kMax: return as_double(after) > as_double(*before) ? after : *before;
    case Reducer::kMin: return as_double(after) < as_double(*before) ? after : *before;
    case Reducer::kAppend: break;
  }
  json::Array joined = before->is_array() ? *before->array() : json::Array{};
  if (json::Array* items = after.array()) {
    std::ranges::move(*items, std::back_inserter(joined));
  } else {
    joined.push_back(std::move(after));
  }
  return json::Value(std::move(joined));
}

base::Result<json::Object> finish(Fields fields, std::size_t max_bytes) {
  json::Object out;
  for (auto& [name, value] : fields) out.append_new(name, std::move(value));
  // Appending wraps an item in its list, so depth is looked at once more on the whole.
  const json::Value whole(std::move(out));
  SG_TRY(const json::Value settled, settle(whole, kMaxStateDepth, ""));
  if (json::canonical(settled).size() > max_bytes) {
    return base::fail(base::Code::kTooLarge, "state: value: larger than " + std::to_string(max_bytes) + " bytes");
  }
  return *settled.object();
}

Fields to_fields(const json::Object& state) {
  Fields out;
  for (const auto& [name, value] : state) out.emplace(name, value);
  return out;
}

// repr() of a Python float: shortest digits, exponent below 1e-4 and from 1e16 on.
std::string float_text(double value) {
  std::array<char, 64> buffer{};
  const double magnitude = std::fabs(value);
  const bool plain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format);
  std::string out(buffer.data(), end.ptr);
  if (plain && out.find('.') == std::string::npos) out += ".0";
  return out;
}

}  // namespace

const StateField* StateSchema::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(fields, name, {}, &StateField::name);
  return found != fields.end() && found->name == name ? &*found : nullptr;
}

StateSchema state_schema(const Document& document) {
  StateSchema out;
  out.open = document.open_state();
  if (out.open) return out;
  out.fields = document.state_schema;
  std::ranges::sort(out.fields, {}, &StateField::name);
  return out;
}

base::Result<json::Object> check_start_state(const StateSchema& schema, const json::Object& params,
                                             std::size_t max_bytes) {
  Fields fields;
  for (const auto& [name, value] : params) {
    const StateField* declared = nullptr;
    SG_TRY(json::Value admitted, admit(schema, name, value, &declared));
    if (declared != nullptr && !has_type(admitted, declared->type)) {
      return base::fail(base::Code::kStateType, named(name) + "expected " +
                                                    std::string(field_type_name(declared->type)) + ", got " +
                                                    std::string(admitted.type_name()));
    }
    fields.insert_or_assign(name, std::move(admitted));
  }
  for (const StateField& field : schema.fields) {
    if (fields.contains(field.name)) continue;
    if (!field.fallback)
      return base::fail(base::Code::kStateField, named(field.name) + "missing, and it has no default");
    fields.emplace(field.name, *field.fallback);
  }
  return finish(std::move(fields), max_bytes);
}

base::Result<json::Object> merge(const StateSchema& schema, const json::Object& state, const json::Object& patch,
                                 std::size_t max_bytes) {
  if (patch.empty()) return state;  // which is what merge() or check_start_state() gave
  Fields fields = to_fields(state);
  for (const auto& [name, value] : patch) {
    const StateField* declared = nullptr;
    SG_TRY(json::Value admitted, admit(schema, name, value, &declared));
    const auto before = fields.find(name);
    SG_TRY(json::Value reduced,
           reduce(declared, before == fields.end() ? nullptr : &before->second, std::move(admitted)));
    if (declared != nullptr && !has_type(reduced, declared->type)) {
      return base::fail(base::Code::kStateType,
                        named(name) + "expected " + std::string(field_type_name(declared->type)));
    }
    fields.insert_or_assign(name, std::move(reduced));
  }
  return finish(std::move(fields), max_bytes);
}

json::Value typed_value(const StateSchema& schema, std::string_view field, const json::Value& value) {
  const StateField* declared = schema.find(field);
  const std::int64_t* integer = value.integer();
  if (declared == nullptr || declared->type != FieldType::kFloat || integer == nullptr) return value;
  return static_cast<double>(*integer);
}

std::optional<std::string> text_of(const json::Value& value) {
  if (value.is_null()) return std::nullopt;
  if (const std::string* text = value.string()) return *text;
  if (const bool* boolean = value.boolean()) return *boolean ? "True" : "False";
  if (const std::int64_t* integer = value.integer()) return std::to_string(*integer);
  if (const double* number = value.number()) return float_text(*number);
  return json::canonical(value);
}

}  // namespace stargraph::graph
