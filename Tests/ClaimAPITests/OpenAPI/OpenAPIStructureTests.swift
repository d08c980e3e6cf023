import Testing

@testable import ClaimAPI

/// The document by itself: references, components and examples.
@Suite struct OpenAPIStructureTests {
    private let document: OpenAPIDocument
    private let check: JSONSchemaCheck

    init() throws {
        document = try OpenAPIDocument()
        check = JSONSchemaCheck(document: document)
    }

    /// Every `$ref` with the place that it is at.
    private var references: [(place: String, target: String)] {
        document.root.descendants().compactMap { place, node in node["$ref"]?.string.map { (place, $0) } }
    }

    @Test func everyReferenceResolves() {
        #expect(!references.isEmpty)
        for (place, target) in references {
            #expect(document.target(of: target) != nil, "\(place): \(target)")
        }
    }

    @Test func everyComponentIsUsed() throws {
        let used = Set(references.map(\.target))
        let kinds = try #require(document.root["components"]?.object)
        // Operations name security schemes without a reference.
        for (kind, components) in kinds where kind != "securitySchemes" {
            for name in components.object.keys {
                #expect(used.contains("#/components/\(kind)/\(name)"), "\(kind)/\(name)")
            }
        }
    }

    @Test func operationIDsAreUniqueAndLinksNameThem() {
        let names = document.operations.compactMap { $0.node["operationId"]?.string }
        #expect(names.count == document.operations.count)
        #expect(Set(names).count == names.count)
        for operation in document.operations {
            for response in document.responses(of: operation).values {
                for link in (response["links"]?.object ?? [:]).values {
                    #expect(link["operationId"]?.string.map(names.contains) == true, "\(operation.name)")
                }
            }
        }
    }

    @Test func everyPathParameterIsDeclared() {
        for operation in document.operations {
            let named = Set(operation.path.matches(of: /\{(\w+)\}/).map { String($0.1) })
            let parameters = (operation.node["parameters"]?.array ?? []).map(document.resolved)
            let declared = parameters.filter { $0["in"] == .string("path") && $0["required"] == .bool(true) }
            #expect(Set(declared.compactMap { $0["name"]?.string }) == named, "\(operation.name)")
        }
    }

    /// Every schema: the components, those of media types, parameters and headers, and the schemas inside of them.
    private var schemas: [(place: String, schema: JSONNode)] {
        let components = document.root["components"]?["schemas"]?.object ?? [:]
        let inline = document.root.descendants().compactMap { place, node in
            node["schema"].map { ("\(place)/schema", $0) }
        }
        func withParts(_ place: String, _ schema: JSONNode) -> [(place: String, schema: JSONNode)] {
            let parts =
                (schema["properties"]?.object.map(\.value) ?? []) + (schema["items"].map { [$0] } ?? [])
                + (schema["anyOf"]?.array ?? []) + (schema["allOf"]?.array ?? [])
            return [(place, schema)] + parts.flatMap { withParts(place, $0) }
        }
        return (components.map { ("schemas/\($0)", $1) } + inline).flatMap(withParts)
    }

    @Test func everySchemaKeywordIsChecked() {
        let known = JSONSchemaCheck.assertions.union(JSONSchemaCheck.annotations)
        for (place, schema) in schemas {
            #expect(known.isSuperset(of: schema.object.keys), "\(place): \(schema.object.keys)")
        }
    }

    @Test func everyExampleMatchesItsSchema() {
        var count = 0
        func expect(_ value: JSONNode?, _ schema: JSONNode, _ place: String) {
            let violations = value.map { check.violations(of: schema, by: $0) } ?? ["no value"]
            #expect(violations.isEmpty, "\(place)")
            count += 1
        }
        for (place, node) in document.root.descendants() {
            guard let schema = node["schema"] else { continue }
            if let example = node["example"] { expect(example, schema, place) }
            for (name, example) in node["examples"]?.object ?? [:] {
                expect(document.resolved(example)["value"], schema, "\(place)/examples/\(name)")
            }
        }
        for (place, schema) in schemas {
            for example in schema["examples"]?.array ?? [] { expect(example, schema, place) }
        }
        #expect(count > 0)
    }

    @Test func everyJSONAnswerHasAnExample() {
        for operation in document.operations where operation.path != "/openapi.json" {
            for (status, response) in document.responses(of: operation) {
                for (type, content) in response["content"]?.object ?? [:] where type.hasSuffix("json") {
                    #expect(content["examples"]?.object.isEmpty == false, "\(operation.name) \(status)")
                }
            }
        }
    }
}
