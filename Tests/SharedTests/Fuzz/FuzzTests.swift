import Testing

/// Parsers of what comes from outside: they never trap, accept nothing that the rules forbid, and read back what was
/// written. See ``FuzzRun`` for the settings.
@Suite(.serialized) struct FuzzTests {
    @Test(arguments: FuzzTarget.all.map(\.name)) func noInputBreaksAParser(_ name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let failure = FuzzRun(targets: FuzzTarget.all.count).firstFailure(name, target.check)
        #expect(failure == nil, "\(failure ?? "")")
    }

    @Test func aFailureNamesItsSeedAndItsInput() throws {
        let failure = FuzzRun(targets: 1).firstFailure("example") { input in
            _ = input.text(from: ["abc"])
            try input.expect(false, "is refused")
        }
        let text = try #require(failure)
        #expect(text.hasPrefix("is refused\nfuzz target example, CLAIMS_FUZZ_SEED="))
        #expect(text.contains("\nbase64: "))
    }
}

/// A parser with the properties that must hold for any input.
struct FuzzTarget: Sendable {
    let name: String
    let check: @Sendable (inout FuzzInput) throws -> Void

    static let all = names + messages + deadLetters
}
