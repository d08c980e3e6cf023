import HTTPTypes
import Testing

@testable import ClaimAPI

/// The security of the document against ``AccessRules``.
@Suite struct OpenAPISecurityTests {
    @Test func everyOperationSaysWhetherItNeedsAToken() throws {
        let document = try OpenAPIDocument()
        for operation in document.operations {
            let rule = try #require(
                AccessRules.all[operation.path]?.first { $0.key.rawValue == operation.method.uppercased() })
            let isOpen = rule.value == .open
            // An empty list overrides the security of the whole document.
            #expect((operation.node["security"]?.array == []) == isOpen, "\(operation.name)")
            let statuses = Set(document.responses(of: operation).keys)
            #expect(statuses.isSuperset(of: ["401", "403", "429"]) == !isOpen, "\(operation.name)")
        }
        #expect(document.root["security"]?.array.last?["token"] != nil)
        #expect(document.component("securitySchemes", "token")?["scheme"]?.string == "bearer")
    }
}
