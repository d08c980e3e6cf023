import Foundation
import HTTPTypes
import Hummingbird

/// How long a request may be held until the claim is no longer pending.
struct Wait {
    /// Seconds.
    static let longest = 30.0

    let time: Duration
    /// The value of `Preference-Applied` (RFC 7240); nil if the time does not come from a preference.
    let applied: String?

    /// Reads `?wait=SECONDS`, else `Prefer: wait=SECONDS`.
    ///
    /// - Throws: ``Problem`` `invalid_parameter`.
    init(_ request: Request) throws {
        if let text = request.queryParameter("wait") {
            guard let seconds = Double(text), (0...Self.longest).contains(seconds) else {
                throw Problem.invalidParameter("wait", "a number of seconds from 0 to \(Int(Self.longest))")
            }
            time = .seconds(seconds)
            applied = nil
        } else if let seconds = Self.preferred(request.headers[.prefer]) {
            time = .seconds(min(seconds, Int(Self.longest)))
            applied = "wait=\(min(seconds, Int(Self.longest)))"
        } else {
            time = .zero
            applied = nil
        }
    }

    /// Returns the preferred wait in seconds. An invalid preference is ignored, as RFC 7240 requires.
    private static func preferred(_ field: String?) -> Int? {
        for preference in field?.split(separator: ",") ?? [] {
            let parts = preference.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2, parts[0].lowercased() == "wait", let seconds = Int(parts[1]), seconds >= 0 {
                return seconds
            }
        }
        return nil
    }
}
