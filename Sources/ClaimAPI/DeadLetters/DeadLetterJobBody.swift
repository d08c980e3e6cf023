import Claims
import DeadLetters
import Foundation

/// A change of the dead-letter queue: the body of `POST /dlq/jobs`.
struct DeadLetterJobBody: Decodable, Sendable {
    /// What to do.
    enum Action: String, Decodable, Sendable {
        case replay, discard, restore, edit
    }

    let action: Action
    /// The digest of a plan, for a replay or a discard.
    let plan: String?
    /// What to restore.
    let ids: [String]?
    /// The message to edit.
    let id: String?
    /// Its new body.
    let body: JSONValue?
    /// The claims' new reason, for a discard.
    let note: String?
    /// Messages per second, for a replay.
    let rate: Double?
    /// Whether a replay grows in steps.
    let ramp: Bool?
    /// The longest wait for the outcomes, in seconds.
    let wait_seconds: Double?

    /// - Throws: ``Problem`` `invalid_body`, naming the field.
    func job() throws(Problem) -> DeadLetterJob {
        let wait = wait_seconds ?? 60
        guard (0...3600).contains(wait) else { throw .invalidBody("wait_seconds must be from 0 to 3600.") }
        switch action {
        case .replay:
            if let rate, !(0.01...1_000_000).contains(rate) {
                throw .invalidBody("rate must be from 0.01 to 1000000.")
            }
            if ramp == true, wait == 0 { throw .invalidBody("wait_seconds must not be 0 with ramp.") }
            return .replay(
                plan: try required(plan, "plan"),
                Replayer.Options(rate: rate, isRamp: ramp == true, patience: .seconds(wait)))
        case .discard:
            if let note, note.isEmpty || note.unicodeScalars.count > 1000 || note.unicodeScalars.contains("\0") {
                throw .invalidBody("note must be 1 to 1000 characters.")
            }
            return .discard(plan: try required(plan, "plan"), note: note)
        case .restore:
            let ids = ids ?? []
            guard (1...SelectionBody.idLimit).contains(ids.count) else {
                throw .invalidBody("ids must have 1 to \(SelectionBody.idLimit) elements.")
            }
            return .restore(ids)
        case .edit:
            let body = try required(body, "body")
            guard case .object = body, let data = try? JSONEncoder().encode(body) else {
                throw .invalidBody("body must be an object.")
            }
            return .edit(id: try required(id, "id"), body: Array(data), wait: .seconds(wait))
        }
    }

    private func required<Value>(_ value: Value?, _ name: String) throws(Problem) -> Value {
        guard let value else { throw .invalidBody("\(name) is missing.") }
        return value
    }
}
