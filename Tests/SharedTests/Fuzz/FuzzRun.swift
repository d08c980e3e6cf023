import Foundation
import SeededRandom

/// How long a fuzz target runs, and from which seed.
///
/// Without settings, each target gets the same short series of inputs in every run. `deploy/test --fuzz` sets a time and a
/// random seed. To repeat one failed input, set `CLAIMS_FUZZ_SEED` to the seed that the failure names.
struct FuzzRun {
    private static let environment = ProcessInfo.processInfo.environment
    private static let defaultCount = 1500

    /// The first seed. Each input has the next one.
    let seed: Int
    /// The number of inputs; nil for as many as fit into the time.
    let count: Int?
    let time: Duration

    /// - Parameter targets: the number of targets that share the time.
    init(targets: Int) {
        let seed = Self.environment["CLAIMS_FUZZ_SEED"].flatMap { Int($0) }
        let seconds = Self.environment["CLAIMS_FUZZ_SECONDS"].flatMap { Double($0) }
        self.seed = seed ?? 0
        time = .seconds((seconds ?? 0) / Double(targets))
        count = seconds != nil ? nil : seed != nil ? 1 : Self.defaultCount
    }

    /// Runs a check on one random input after the other, until one fails.
    ///
    /// - Returns: the description of the failure; nil if there is none.
    func firstFailure(_ name: String, _ check: (inout FuzzInput) throws -> Void) -> String? {
        let end = ContinuousClock.now + time
        var done = 0
        while count.map({ done < $0 }) ?? (.now < end) {
            var input = FuzzInput(target: name, seed: seed &+ done)
            do {
                try check(&input)
            } catch {
                return "\(error)\n\(input.description)"
            }
            done += 1
        }
        return nil
    }
}

/// A violation of a property.
struct FuzzFailure: Error, CustomStringConvertible {
    let description: String
}

/// One random input. It is written down before it is used, so that it is known after a trap too.
struct FuzzInput {
    let target: String
    let seed: Int
    var random: SeededGenerator
    private(set) var bytes: [UInt8] = []
    /// The file to which each input is written: `CLAIMS_FUZZ_FILE`.
    private static let file: Int32? = ProcessInfo.processInfo.environment["CLAIMS_FUZZ_FILE"].map { path in
        open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    }

    init(target: String, seed: Int) {
        self.target = target
        self.seed = seed
        // Targets with the same seed get different inputs.
        random = SeededGenerator(seed: target.utf8.reduce(seed) { ($0 &* 31) &+ Int($1) })
    }

    var description: String {
        let text = String(validating: bytes, as: UTF8.self).map { "\ntext: \($0.debugDescription)" } ?? ""
        return "fuzz target \(target), CLAIMS_FUZZ_SEED=\(seed)\(text)\nbase64: \(Data(bytes).base64EncodedString())\n"
    }

    /// Writes the input down.
    mutating func use(_ bytes: [UInt8]) -> [UInt8] {
        self.bytes = bytes
        if let file = Self.file {
            let text = Array(description.utf8)
            _ = pwrite(file, text, text.count, 0)
            _ = ftruncate(file, off_t(text.count))
        }
        return bytes
    }

    /// Returns a mutation of one of the valid inputs.
    mutating func bytes(from corpus: [[UInt8]]) -> [UInt8] {
        use(Mutator.mutate(corpus, using: &random))
    }

    /// Returns a mutation of one of the valid inputs as text.
    mutating func text(from corpus: [String]) -> String {
        String(decoding: bytes(from: corpus.map { Array($0.utf8) }), as: UTF8.self)
    }

    /// Throws a failure unless a property holds.
    func expect(_ holds: Bool, _ property: @autoclosure () -> String) throws(FuzzFailure) {
        if !holds { throw FuzzFailure(description: property()) }
    }
}
