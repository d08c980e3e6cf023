import Foundation

/// Checks values against the JSON Schemas of the document (2020-12), by the keywords that the document uses.
struct JSONSchemaCheck {
    let document: OpenAPIDocument

    /// The keywords that are checked.
    static let assertions: Set = [
        "$ref", "type", "required", "properties", "items", "enum", "const", "anyOf", "allOf", "pattern", "minLength",
        "maxLength", "minimum", "maximum", "maxItems", "minItems",
    ]
    /// The keywords that assert nothing.
    static let annotations: Set = ["description", "default", "examples", "format", "contentEncoding"]

    func accepts(_ schema: JSONNode, _ value: JSONNode) -> Bool {
        violations(of: schema, by: value).isEmpty
    }

    /// What is wrong with a value, each with its place; empty if nothing is.
    func violations(of schema: JSONNode, by value: JSONNode, at place: String = "$") -> [String] {
        schema.object.flatMap { keyword, rule in
            violations(of: keyword, rule, in: schema, by: value, at: place)
        }
    }

    private func violations(
        of keyword: String, _ rule: JSONNode, in schema: JSONNode, by value: JSONNode, at place: String
    ) -> [String] {
        func check(_ isMet: Bool) -> [String] { isMet ? [] : ["\(place): \(keyword) \(rule)"] }
        switch (keyword, value) {
        case ("$ref", _):
            guard let target = rule.string.flatMap(document.target) else { return check(false) }
            return violations(of: target, by: value, at: place)
        case ("type", _):
            return check((rule.string.map { [$0] } ?? rule.strings).contains { Self.is(value, $0) })
        case ("enum", _): return check(rule.array.contains(value))
        case ("const", _): return check(rule == value)
        case ("anyOf", _): return check(rule.array.contains { accepts($0, value) })
        case ("allOf", _): return rule.array.flatMap { violations(of: $0, by: value, at: place) }
        case ("required", .object(let members)): return check(rule.strings.isSubset(of: members.keys))
        case ("properties", .object(let members)):
            return rule.object.flatMap { name, schema in
                members[name].map { violations(of: schema, by: $0, at: "\(place).\(name)") } ?? []
            }
        case ("items", .array(let elements)):
            return elements.enumerated().flatMap { violations(of: rule, by: $1, at: "\(place)[\($0)]") }
        case ("maxItems", .array(let elements)): return check(Double(elements.count) <= rule.number ?? -1)
        case ("minItems", .array(let elements)): return check(Double(elements.count) >= rule.number ?? .infinity)
        case ("minLength", .string(let text)):
            return check(Double(text.unicodeScalars.count) >= rule.number ?? .infinity)
        case ("maxLength", .string(let text)): return check(Double(text.unicodeScalars.count) <= rule.number ?? -1)
        case ("pattern", .string(let text)):
            let regex = rule.string.flatMap { try? Regex($0).matchingSemantics(.unicodeScalar) }
            return check(regex.flatMap { try? $0.firstMatch(in: text) } != nil)
        case ("minimum", .number(let number)): return check(number >= rule.number ?? .infinity)
        case ("maximum", .number(let number)): return check(number <= rule.number ?? -.infinity)
        default: return []
        }
    }

    private static func `is`(_ value: JSONNode, _ type: String) -> Bool {
        switch (value, type) {
        case (.null, "null"), (.bool, "boolean"), (.number, "number"), (.string, "string"), (.array, "array"),
            (.object, "object"):
            true
        case (.number(let number), "integer"): number.rounded() == number
        default: false
        }
    }
}
