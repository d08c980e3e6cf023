import Foundation
import Hummingbird

@testable import ClaimAPI

/// `openapi.json` as the program serves it.
struct OpenAPIDocument {
    /// One method of one path.
    struct Operation {
        let path: String
        let method: String
        let node: JSONNode

        var name: String { "\(method.uppercased()) \(path)" }
    }

    let root: JSONNode

    /// Parsed once, because every test case begins with the document.
    private static let served = Result { try JSONNode(parsing: OperatorRoutes.openAPI.get()) }

    init() throws {
        root = try Self.served.get()
    }

    static let methods: Set = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]

    var operations: [Operation] {
        (root["paths"]?.object ?? [:]).flatMap { path, item in
            item.object.filter { Self.methods.contains($0.key) }.map { Operation(path: path, method: $0, node: $1) }
        }
    }

    /// A component, for example `component("schemas", "Claim")`.
    func component(_ kind: String, _ name: String) -> JSONNode? {
        root["components"]?[kind]?[name]
    }

    /// The value that a reference such as `#/components/schemas/Claim` points to; nil if there is none.
    func target(of reference: String) -> JSONNode? {
        guard reference.hasPrefix("#/") else { return nil }
        return reference.dropFirst(2).split(separator: "/").reduce(Optional(root)) { node, name in
            node?[String(name).replacing("~1", with: "/").replacing("~0", with: "~")]
        }
    }

    /// The value itself, or the one that it refers to.
    func resolved(_ node: JSONNode) -> JSONNode {
        guard let reference = node["$ref"]?.string, let target = target(of: reference) else { return node }
        return resolved(target)
    }

    /// The responses of an operation by their status.
    func responses(of operation: Operation) -> [String: JSONNode] {
        (operation.node["responses"]?.object ?? [:]).mapValues(resolved)
    }

    /// The properties of an object's schema, with those of the schemas that it extends.
    func properties(of schema: JSONNode) -> [String: JSONNode] {
        let schema = resolved(schema)
        let own = schema["properties"]?.object ?? [:]
        return (schema["allOf"]?.array ?? []).reduce(into: own) { all, part in
            all.merge(properties(of: part)) { first, _ in first }
        }
    }

    /// The names of the properties that an object's schema requires, with those of the schemas that it extends.
    func required(of schema: JSONNode) -> Set<String> {
        let schema = resolved(schema)
        return (schema["allOf"]?.array ?? []).reduce(schema["required"]?.strings ?? []) { $0.union(required(of: $1)) }
    }

    /// The problem codes that a response documents.
    func problemCodes(of response: JSONNode) -> Set<String> {
        guard let schema = response["content"]?["application/problem+json"]?["schema"] else { return [] }
        let parts = schema["allOf"]?.array ?? []
        return parts.reduce(into: []) { codes, part in
            let code = part["properties"]?["code"]
            codes.formUnion(code?["enum"]?.strings ?? [])
            if let only = code?["const"]?.string { codes.insert(only) }
        }
    }
}
