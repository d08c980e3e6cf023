import Claims
import DeadLetters
import Foundation
import RuntimeSupport

/// A long operation that an operator has started, with its progress. Encodes as JSON.
struct OperatorJob: Encodable, Hashable, Sendable {
    enum State: String, Encodable, Hashable, Sendable {
        /// Another job runs first.
        case waiting
        case running, done, failed
    }

    /// Why a job failed.
    struct Failure: Encodable, Hashable, Sendable {
        /// A stable word.
        let code: String
        let message: String
    }

    let id: String
    /// A word such as `replay`.
    let action: String
    /// What the action is applied to, in one line.
    let subject: String
    /// The operator.
    let startedBy: String
    let createdAt: Timestamp
    var state = State.waiting
    var activity: OperatorSession.Progress.Activity?
    var done = 0
    var total = 0
    /// What delays or limits the operation, in sentences.
    var notices: [String] = []
    /// The report of the operation; nil while it runs.
    var result: JSONValue?
    var failure: Failure?
    var endedAt: Timestamp?

    /// The most notices that are kept.
    private static let noticeLimit = 20

    init(id: String, action: String, subject: String, startedBy: String, createdAt: Timestamp = .now()) {
        self.id = id
        self.action = action
        self.subject = subject
        self.startedBy = startedBy
        self.createdAt = createdAt
    }

    mutating func note(_ notice: String) {
        if notices.count < Self.noticeLimit { notices.append(notice) }
    }

    mutating func advance(_ progress: OperatorSession.Progress) {
        activity = progress.activity
        done = progress.done
        total = progress.total
    }

    private enum CodingKeys: String, CodingKey {
        case id, action, state, activity, done, total, notices, result
        case subject = "on"
        case startedBy = "started_by"
        case createdAt = "created_at"
        case endedAt = "ended_at"
        case failure = "error"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(action, forKey: .action)
        try container.encode(subject, forKey: .subject)
        try container.encode(state, forKey: .state)
        try container.encode(startedBy, forKey: .startedBy)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(endedAt, forKey: .endedAt)
        try container.encode(activity?.rawValue, forKey: .activity)
        try container.encode(done, forKey: .done)
        try container.encode(total, forKey: .total)
        try container.encode(notices, forKey: .notices)
        try container.encode(result, forKey: .result)
        try container.encode(failure, forKey: .failure)
    }
}
