import HTTPTypes
import Testing

@testable import ClaimAPI

/// The problems of the document against ``ProblemType``.
@Suite struct OpenAPIProblemTests {
    private let document: OpenAPIDocument

    init() throws {
        document = try OpenAPIDocument()
    }

    /// Every response that documents problems, with its operation and status.
    private var problemResponses: [(place: String, status: Int, response: JSONNode)] {
        document.operations.flatMap { operation in
            document.responses(of: operation).compactMap { status, response in
                guard response["content"]?["application/problem+json"] != nil else { return nil }
                return ("\(operation.name) \(status)", Int(status) ?? 0, response)
            }
        }
    }

    @Test func theDocumentHasTheProblemTypesOfTheCode() {
        let documented = problemResponses.reduce(into: Set<String>()) {
            $0.formUnion(document.problemCodes(of: $1.response))
        }
        #expect(documented == Set(ProblemType.allCases.map(\.code)))
    }

    @Test func everyErrorResponseNamesItsCodes() {
        for operation in document.operations {
            for (status, response) in document.responses(of: operation) where status >= "400" {
                #expect(!document.problemCodes(of: response).isEmpty, "\(operation.name) \(status)")
            }
        }
    }

    @Test func aCodeIsDocumentedUnderItsOwnStatusOnly() {
        for (place, status, response) in problemResponses {
            for code in document.problemCodes(of: response) {
                #expect(ProblemType(rawValue: code)?.status.code == status, "\(place): \(code)")
            }
        }
    }

    @Test func everyDocumentedCodeHasAnExampleWithTypeTitleAndStatus() {
        for (place, status, response) in problemResponses {
            let content = response["content"]?["application/problem+json"]
            let examples = (content?["examples"]?.object ?? [:]).values.map { document.resolved($0)["value"] ?? .null }
            #expect(Set(examples.compactMap { $0["code"]?.string }) == document.problemCodes(of: response), "\(place)")
            for example in examples {
                let type = example["code"]?.string.flatMap(ProblemType.init(rawValue:))
                #expect(example["type"]?.string == type?.uri, "\(place)")
                #expect(example["title"]?.string == type?.title, "\(place)")
                #expect(example["status"]?.number == Double(status), "\(place)")
            }
        }
    }

    @Test func whatIsUnavailableOrLimitedSaysWhenToRetry() {
        for (place, status, response) in problemResponses {
            #expect((response["headers"]?["Retry-After"] != nil) == [429, 503].contains(status), "\(place)")
        }
    }

    /// The names of the examples that are problems.
    private var exampleNames: Set<String> {
        let examples = document.root["components"]?["examples"]?.object ?? [:]
        return Set(examples.filter { $0.value["value"]?["code"] != nil }.keys)
    }

    @Test func everyExampleHasItsOrigin() {
        let thrown = Set(ProblemExamples.thrown.keys)
        let answered = Set(ProblemExamples.answered.map(\.example))
        #expect(exampleNames == thrown.union(answered))
        #expect(thrown.isDisjoint(with: answered))
    }

    @Test(arguments: ProblemExamples.thrown.keys.sorted())
    func anExampleIsWhatTheCodeSends(_ name: String) throws {
        let problem = try #require(ProblemExamples.thrown[name])
        let example = try #require(document.component("examples", name)?["value"])
        #expect(try JSONNode(encoding: problem.body) == example)
    }
}
